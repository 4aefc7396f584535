//! What the CA says of an order, late or never.

use super::*;

/// Calls the rig's hook with a wrong value for names with `bad` in them, and notes what `invalid_challenge` is told.
const LIAR: &str = r#"
case $1 in
deploy_challenge | clean_challenge)
    arguments=("$@")
    for ((i = 1; i < $#; i += 3)); do
        case ${arguments[i]} in *bad*) arguments[i + 2]=wrong ;; esac
    done
    exec "$RIG_HOOK" "${arguments[@]}" ;;
invalid_challenge)
    printf '%s\n' "$2 $HYDRANT_PROBLEM" >>invalid
    printf '%s\n' "$3" >>flattened ;;
esac
"#;

#[test]
fn cleans_up_when_the_ca_says_invalid() {
    let rig = Rig::start();
    let test = prepared(
        &rig,
        "first.example\nmain.example bad.example *.bad.example www.main.example\nlast.example\n",
        "",
    )
    .hook_script("liar", LIAR)
    .env("RIG_HOOK", rig_hook())
    .config("accept_terms: true\nchallenge: dns-01\nhooks: [{command: ./liar, chain: yes}]\n");
    let problem = r#"{"type":"urn:ietf:params:acme:error:unauthorized","detail":"Correct value not found for DNS challenge","status":403}"#;
    let refused = |name: &str| {
        format!("`{name}` could not be validated: unauthorized: Correct value not found for DNS challenge")
    };

    let output = test.run().code(1).stdout_contains("3 certificates: 2 issued, 1 failed\n");
    // The CA lists authorizations in the order it likes.
    let either = [["bad.example", "*.bad.example"], ["*.bad.example", "bad.example"]]
        .map(|names| format!("error: main.example: {}; {}\n", refused(names[0]), refused(names[1])));
    assert!(either.contains(&output.stderr), "{}", output.stderr);
    let mut told: Vec<String> = test.read("invalid").lines().map(str::to_owned).collect();
    told.sort();
    let detail = "[\"error\",\"detail\"]\t\"Correct value not found for DNS challenge\"\n";
    assert_eq!(test.read("flattened").matches(detail).count(), 2);
    assert_eq!(told, [format!("*.bad.example {problem}"), format!("bad.example {problem}")]);
    for name in ["first.example", "main.example", "bad.example", "www.main.example", "last.example"] {
        assert!(rig.challenges(name).is_empty(), "{name}");
    }
    assert!(!test.path("certs/main.example/cert.pem").exists());
    for name in ["first.example", "last.example"] {
        assert_good_pair(&rig, &test.path("certs").join(name), &[name]);
    }

    // Held back by ourselves, which is no limit of the CA's.
    test.run().code(1).stdout_contains("main.example: waiting, failed once, next attempt from [INSTANT]: `");
    assert_eq!(rig.orders_made(), 3);
}

#[test]
fn a_verdict_is_waited_for_no_longer_than_allowed_and_the_order_is_continued() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "slow.example\n", "validation_timeout: 1s\n");
    // The CA never learns that there is an answer.
    let looks_taken = json!({ "type": "application/json", "body": r#"{"type":"dns-01","url":"https://ca/","status":"processing"}"# });
    rig.faults(&json!([answer("challenge", 200, &looks_taken)]));
    test.run().code(1).stderr(
        "error: slow.example: the CA did not validate `slow.example` within 1 s\n\
         hint: raise `validation_timeout:` if the CA is known to be slow\n",
    );
    assert!(rig.challenges("slow.example").is_empty());
    test.hydrant(&["run", "--ignore-backoff"])
        .code(0)
        .stdout_contains("going on with the order of an earlier run");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
}

#[test]
fn what_was_issued_is_fetched_by_a_later_run_and_never_ordered_again() {
    let rig = Rig::with_faults();
    let chain = |body: &str| json!({ "type": "application/pem-certificate-chain", "body": body });
    let key = include_str!("../fixtures/keys/p256.pkcs8.pem");
    for (name, fault, said) in [
        (
            "gone.example",
            answer("certificate", 404, &json!({ "problem": "malformed", "detail": "no such certificate" })),
            "the certificate was issued and cannot be downloaded: malformed: no such certificate (HTTP 404)",
        ),
        (
            "lost.example",
            answer(
                "order",
                404,
                &json!({ "after": "finalize", "problem": "malformed", "detail": "No order" }),
            ),
            "the order was finalized, and what became of it cannot be learned: malformed: No order (HTTP 404)",
        ),
        (
            "key.example",
            answer("certificate", 200, &chain(key)),
            "the certificate from the CA cannot be used: the chain has a block `PRIVATE KEY`, where only certificates may be",
        ),
        (
            "garbled.example",
            answer("certificate", 200, &chain("<html>hello</html>")),
            "the certificate from the CA cannot be used: there is no certificate in the text",
        ),
    ] {
        let (orders, issued) = (rig.orders_made(), rig.certificates_issued());
        let test = prepared(&rig, name, "");
        rig.faults(&json!([fault]));
        test.run().code(1).stderr(&format!("error: {name}: {said}\n"));
        assert!(!test.path("certs").join(name).join("privkey.pem").exists());
        test.hydrant(&["run", "--ignore-backoff"]).code(0).stderr("");
        assert_eq!((rig.orders_made() - orders, rig.certificates_issued() - issued), (1, 1), "{name}");
        assert_good_pair(&rig, &test.path("certs").join(name), &[name]);
    }
}

#[test]
fn an_order_survives_trouble_in_the_ca_and_is_placed_anew_when_the_ca_forgot_it() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "");
    let trouble = json!({ "problem": "serverInternal", "detail": "a disk is full", "times": null });
    rig.faults(&json!([answer("finalize", 500, &trouble)]));
    test.run().code(1).stderr("error: a.example: serverInternal: a disk is full (HTTP 500)\n");
    let finalized = of_kind(&rig.requests(), "finalize").iter().map(|request| request.at).collect::<Vec<_>>();
    assert_eq!(finalized.len(), 3);
    assert!(
        finalized.windows(2).all(|pair| pair[1] - pair[0] >= 0.2),
        "tried again without a breath: {finalized:?}"
    );
    assert_eq!(rig.orders_made(), 1);

    rig.faults(&json!([answer("order", 404, &json!({ "problem": "malformed" }))]));
    test.hydrant(&["run", "--ignore-backoff"]).code(0).stderr("");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 1));
}
