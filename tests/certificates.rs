//! What is on a certificate and under it, and when it is renewed: settings, keys, chains, names, windows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{CertificateFacts, Rig, Test, assert_good_pair, rig_hook};

/// An instant as people are told it.
const INSTANT: &str = "0000-00-00 00:00:00Z";

/// The start of a configuration: dns-01 by the compiled hook.
fn by_dns(settings: &str) -> String {
    let hook = rig_hook();
    format!("accept_terms: true\nchallenge: dns-01\nhooks: [{{command: {}}}]\n{settings}", hook.display())
}

fn prepared(rig: &Rig, list: &str, settings: &str) -> Test {
    Test::new()
        .filter(INSTANT, "[INSTANT]")
        .rig(rig)
        .domains(list)
        .config(&by_dns(settings))
        .env("RIG_HOOK_LOG", "calls")
        .args(["run"])
}

fn certificate(test: &Test, name: &str) -> CertificateFacts {
    CertificateFacts::of(&test.path("certs").join(name).join("cert.pem"))
}

/// Every file below a directory and what is in it.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn keys_are_of_the_type_that_is_set_for_all_for_a_glob_or_for_a_name() {
    let rig = Rig::start();
    let list = "p256.example\np384.example\np521.example\na.rsa.example\nb.rsa.example\nbig.rsa.example\n";
    let settings = "certificates:\n  p384.example: {key_type: p384}\n  big.rsa.example: {key_type: rsa4096}\n  \
                    p521.example: {key_type: p521}\n  '*.rsa.example': {key_type: rsa2048}\n  \
                    b.rsa.example: {key_type: rsa3072}\n";
    let test = prepared(&rig, list, settings);
    test.run().code(0).stderr("");
    for (name, key) in [
        ("p256.example", "ASN1 OID: prime256v1"),
        ("p384.example", "ASN1 OID: secp384r1"),
        ("p521.example", "ASN1 OID: secp521r1"),
        ("a.rsa.example", "(2048 bit, 2 primes)"),
        ("b.rsa.example", "(3072 bit, 2 primes)"),
        ("big.rsa.example", "(4096 bit, 2 primes)"),
    ] {
        let directory = test.path("certs").join(name);
        assert_good_pair(&rig, &directory, &[name]);
        let file = directory.join("privkey.pem").display().to_string();
        test.program("openssl", &["pkey", "-noout", "-text", "-in", &file]).code(0).stdout_contains(key);
    }
}

#[test]
fn a_key_is_kept_over_renewals_only_where_that_is_set() {
    let rig = Rig::start();
    let settings = "certificates: {kept.example: {reuse_key: true}}\n";
    let test = prepared(&rig, "kept.example\nfresh.example\n", settings);
    let keys = || ["kept.example", "fresh.example"].map(|name| certificate(&test, name).public_key);
    test.run().code(0);
    let [kept, fresh] = keys();
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("2 certificates: 2 renewed\n");
    let [kept_again, fresh_again] = keys();
    assert_eq!(kept, kept_again);
    assert_ne!(fresh, fresh_again);
    for name in ["kept.example", "fresh.example"] {
        assert_good_pair(&rig, &test.path("certs").join(name), &[name]);
    }
}

#[test]
fn profile_and_must_staple_are_asked_for_where_they_are_set() {
    let rig = Rig::with(&["--nonce-reject", "0", "--profile", "long=7776000", "--profile", "short=518400"]);
    let settings = "profile: long\ncertificates:\n  short.example: {profile: short}\n  \
                    stapled.example: {must_staple: true}\n";
    let test = prepared(&rig, "long.example\nshort.example\nstapled.example\n", settings);
    let run = test.args(["run", "--format", "json"]);
    let report = run.run().code(0).json();
    let days_left = |index: usize| {
        let not_after = report["certificates"][index]["not_after"].as_str().unwrap();
        let date = |text: &str| {
            run.program("date", &["-d", text, "+%s"]).code(0).stdout.trim().parse::<i64>().unwrap()
        };
        (date(not_after) - date("now")) / 86400
    };
    assert_eq!([0, 1, 2].map(days_left), [89, 5, 89]);
    for (name, is_stapled) in [("long.example", false), ("stapled.example", true)] {
        let request = run.path("certs").join(name).join("cert.csr").display().to_string();
        let text = run.program("openssl", &["req", "-noout", "-text", "-in", &request]).code(0).stdout;
        assert_eq!(text.contains("TLS Feature"), is_stapled, "{text}");
    }
}

#[test]
fn the_chain_ends_at_the_preferred_issuer_if_the_ca_offers_one_and_else_as_it_likes() {
    let rig = Rig::with(&["--nonce-reject", "0", "--alternate-roots", "2", "--faults"]);
    let roots = fs::read_to_string(rig.roots()).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let issuers: Vec<String> = roots
        .split_inclusive(end)
        .filter(|root| root.ends_with(end))
        .map(|root| {
            let file = rig.directory().join("one-root.pem");
            fs::write(&file, root).unwrap();
            CertificateFacts::of(&file).issuer.strip_prefix("CN=").unwrap().to_owned()
        })
        .collect();
    assert_eq!(issuers.len(), 3);
    let test = |name: &str, issuer: &str| prepared(&rig, name, &format!("preferred_chain: {issuer}\n"));
    let ends_at = |test: &Test, name: &str| {
        let directory = test.path("certs").join(name);
        assert_good_pair(&rig, &directory, &[name]);
        CertificateFacts::of(&directory.join("chain.pem")).issuer
    };
    for (index, issuer) in issuers.iter().enumerate() {
        let name = format!("chain{index}.example");
        let test = test(&name, issuer);
        test.run().code(0).stderr("");
        assert_eq!(ends_at(&test, &name), format!("CN={issuer}"));
    }

    let unknown = test("unknown.example", "Nobody");
    let output = unknown.run().code(0);
    let said = "warning: unknown.example: no chain ends at `Nobody`, only at `Pebble Root CA ";
    assert!(output.stderr.starts_with(said), "{}", output.stderr);
    output.stderr_contains("; the default chain is used\n");
    assert_eq!(ends_at(&unknown, "unknown.example"), format!("CN={}", issuers[0]));

    // Named by the CA, and not there.
    let missing = json!({
        "path": "/alternate/", "times": null, "do": "answer", "status": 404, "problem": "malformed",
    });
    rig.faults(&json!([missing]));
    let test = test("missing.example", &issuers[2]);
    test.run().code(0).stderr(&format!(
        "warning: missing.example: no chain ends at `{}`, only at `{}`; the default chain is used\n",
        issuers[2], issuers[0],
    ));
    assert_eq!(ends_at(&test, "missing.example"), format!("CN={}", issuers[0]));
}

#[test]
fn a_certificate_whose_names_changed_is_replaced_and_says_so() {
    let rig = Rig::start();
    let test = prepared(&rig, "a.example old.example\n", "");
    test.run().code(0);
    // Another order of the same names is no change.
    let test = test.domains("old.example a.example > a.example\n");
    test.run().code(0).stdout("1 certificate: 1 unchanged\n");
    let test = test.domains("a.example new.example\n");
    test.run()
        .code(0)
        .stdout_contains("a.example: issue: names were added: `new.example`, and removed: `old.example`\n");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "new.example"]);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn capitals_and_other_alphabets_are_the_names_that_certificates_carry() {
    let rig = Rig::start();
    let test = prepared(&rig, "BÜCHER.example WWW.Capital.EXAMPLE *.straße.example\n", "");
    test.run().code(0).stderr("");
    let names = ["xn--bcher-kva.example", "www.capital.example", "*.xn--strae-oqa.example"];
    assert_good_pair(&rig, &test.path("certs/xn--bcher-kva.example"), &names);
    test.run().code(0).stdout("1 certificate: 1 unchanged\n");
}

/// A renewal window, as a CA gives it.
fn window(start: &str, end: &str) -> String {
    json!({ "suggestedWindow": { "start": start, "end": end } }).to_string()
}

#[test]
fn a_certificate_is_renewed_once_when_its_window_is_open_and_replaces_the_old_one() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\n", "");
    test.run().code(0);
    let past = json!({
        "suggestedWindow": { "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" },
        "explanationURL": "https://ca.example/why",
    });
    rig.set_renewal_info(&test.read("certs/a.example/cert.pem"), &past.to_string());
    fs::rename(test.path("certs/a.example"), test.path("old")).unwrap();
    test.program("cp", &["-a", "old", "certs/a.example"]).code(0);

    test.run().code(0).stderr("").stdout_contains(
        "a.example: renew: the CA's renewal window: chosen instant [INSTANT], explained at https://ca.example/why\n",
    );
    assert_eq!(rig.certificates_issued(), 3);
    test.run().code(0).stdout("2 certificates: 2 unchanged\n");

    // The CA knows that the first certificate has its successor, so it was told.
    fs::remove_dir_all(test.path("certs/a.example")).unwrap();
    fs::rename(test.path("old"), test.path("certs/a.example")).unwrap();
    rig.forget_requests();
    test.hydrant(&["run", "--force", "--only", "a.example"]).code(0).stderr("");
    let orders: Vec<_> = rig.requests().into_iter().filter(|request| request.kind == "newOrder").collect();
    assert_eq!(orders.iter().map(|order| order.status).collect::<Vec<_>>(), [Some(409), Some(201)]);
}

#[test]
fn a_run_asks_nobody_where_renewal_information_is_fresh_and_asks_for_nothing_else_where_it_is_not() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\n", "");
    test.run().code(0);
    rig.forget_requests();
    test.run().code(0).stdout("2 certificates: 2 unchanged\n");
    let kinds: Vec<_> = rig.requests().into_iter().map(|request| request.kind).collect();
    assert_eq!(kinds, ["directory", "renewalInfo", "renewalInfo"]);

    let (output, trace) = test.run_traced("connect");
    output.code(0).stdout("2 certificates: 2 unchanged\n");
    let connections: Vec<_> = trace.lines().filter(|line| line.contains("AF_INET")).collect();
    assert_eq!(connections, [""; 0]);
}

#[test]
fn renewal_information_that_cannot_be_had_holds_up_nothing() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\n", "");
    test.run().code(0);
    for answer in ["no JSON", &window("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"), "{}"] {
        rig.set_renewal_info(&test.read("certs/a.example/cert.pem"), answer);
        test.run().code(0).stderr("").stdout("2 certificates: 2 unchanged\n");
        // To be asked again at once.
        fs::remove_dir_all(test.path(".hydrant")).unwrap();
    }
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_dry_run_proves_names_at_the_staging_ca_and_leaves_everything_as_it_was() {
    let (rig, staging) = (Rig::start(), Rig::start());
    let test = prepared(&rig, "kept.example\n", "").hook_script("note", r#"printf '%s\n' "$1" >>noted"#);
    let hooks = format!(
        "accept_terms: true\nchallenge: dns-01\nhooks: [{{command: {}}}, {{command: ./note}}]\n",
        rig_hook().display()
    );
    let test = test.config(&hooks);
    test.run().code(0);
    fs::remove_file(test.path("noted")).unwrap();

    let roots = ["HYDRANT_CA_ROOTS"; 2].map(str::to_owned);
    let roots =
        [&rig, &staging].map(|rig| fs::read_to_string(&rig.environment()[&roots[0]]).unwrap()).concat();
    let test = test.write("both.pem", roots).domains("kept.example\nnew.example *.new.example\n");
    let roots = test.path("both.pem");
    let mut test = test.env("HYDRANT_CA_ROOTS", roots).env("HYDRANT_STAGING_CA", staging.ca());
    for name in ["RIG_DNS", "RIG_DNS_API", "RIG_DIR"] {
        test = test.env(name, &staging.environment()[name]);
    }
    let (certificates, asked) = (contents(&test.path("certs")), rig.requests_at_ca().len());
    test.hydrant(&["run", "--dry-run"]).code(0).stderr("");
    assert_eq!((staging.orders_made(), staging.certificates_issued()), (1, 1));
    assert!(staging.challenges("new.example").is_empty());
    assert_eq!(contents(&test.path("certs")), certificates);
    assert_eq!(rig.requests_at_ca().len(), asked, "the real CA was asked");
    let noted = test.read("noted");
    let told: Vec<&str> =
        noted.lines().filter(|operation| ["sync_cert", "deploy_cert"].contains(operation)).collect();
    assert_eq!(told, [""; 0]);

    // Nor does the rehearsal count: the certificate is still to be got.
    test.hydrant(&["plan"])
        .code(0)
        .stdout("issue  new.example  nothing is stored\n2 certificates: 1 to issue, 1 to keep\n");

    // The staging CA itself is another world with files of its own.
    test.hydrant(&["run", "--staging"]).code(0).stderr("");
    assert_eq!(contents(&test.path("certs")), certificates);
    assert_good_pair(&staging, &test.path("certs-staging/new.example"), &["new.example", "*.new.example"]);
}

#[test]
fn a_request_that_a_hook_makes_decides_names_and_key() {
    let rig = Rig::start();
    let hook = r#"
case $1 in
generate_csr)
    [ -e own.key ] || openssl ecparam -name secp384r1 -genkey -noout -out own.key
    openssl req -new -key own.key -subj / -addext subjectAltName=DNS:"$2",DNS:extra.example ;;
deploy_challenge | clean_challenge) exec "$RIG_HOOK" "$@" ;;
esac
"#;
    let test = prepared(&rig, "a.example\n", "")
        .hook_script("requests", hook)
        .env("RIG_HOOK", rig_hook())
        .config("accept_terms: true\nchallenge: dns-01\nhooks: [{command: ./requests}]\n");
    test.run().code(0).stderr("");
    let facts = certificate(&test, "a.example");
    assert_eq!(facts.names.iter().collect::<Vec<_>>(), ["a.example", "extra.example"]);
    let key = test.program("openssl", &["pkey", "-pubout", "-in", "own.key"]).code(0).stdout;
    assert_eq!(facts.public_key, key);
    assert!(!test.path("certs/a.example/privkey.pem").exists(), "the key is the hook's");
    test.run().code(0).stdout("1 certificate: 1 unchanged\n");
    test.hydrant(&["plan", "--with-hooks"]).code(0).stdout("1 certificate: 1 to keep\n");
    // Nor is it missed where nothing tells of the issue any more.
    fs::remove_dir_all(test.path(".hydrant")).unwrap();
    test.run().code(0).stdout("1 certificate: 1 unchanged\n");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn the_report_for_machines_says_what_became_of_each_certificate() {
    let rig = Rig::start();
    let test = prepared(&rig, "a.example\nb.blocked-domain.example\n", "").args(["run", "--format", "json"]);
    let report = test.run().code(1).json();
    let outcomes: Vec<&Value> = report["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|certificate| &certificate["outcome"])
        .collect();
    assert_eq!(outcomes, ["issued", "failed"]);
    let refused = &report["certificates"][1];
    assert!(refused["problem"].as_str().unwrap().starts_with("rejectedIdentifier: "), "{refused}");
    assert!(refused["next_attempt"].is_string());
}
