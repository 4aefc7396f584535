//! What a hook sees: which calls, with which arguments, in which order, in which environment.

mod several;

use std::collections::BTreeMap;
use std::fs;

use crate::support::{Call, DNS_HOOK, RECORD_HOOK, Rig, TIMESTAMP, Test, dehydrated};

/// The environment that `src/hook/mod.rs` has a table of.
const FACTS: &str = "HYDRANT_.*|alias|altnames|CHALLENGETYPE|KEY_ALGO|PRIVATE_KEY_ROLLOVER|\
                     WELLKNOWN|BASEDIR|CERTDIR|ALPNCERTDIR|CONFIG|COMMAND";

/// The recording hook, which lets the rig's bash hook do the work; `settings` are lines of its entry in `hooks:`.
fn recorded(test: &Test, settings: &str) -> String {
    let record = test.path("record").display().to_string();
    format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: recorder\n    command: {RECORD_HOOK}\n    \
         env: {{RECORD: {record}, RECORD_THEN: {DNS_HOOK}}}\n{settings}"
    )
}

/// The calls for one certificate.
fn calls_for(test: &Test, record: &str, name: &str) -> Vec<String> {
    let of_it = |call: &Call| call.environment.get("HYDRANT_CERTIFICATE").is_some_and(|kept| kept == name);
    test.calls(record).iter().filter(|call| of_it(call)).map(|call| test.line(call)).collect()
}

/// The calls for the run as a whole.
fn calls_of_run(test: &Test, record: &str) -> Vec<String> {
    let of_run = |call: &Call| !call.environment.contains_key("HYDRANT_CERTIFICATE");
    test.calls(record).iter().filter(|call| of_run(call)).map(|call| test.line(call)).collect()
}

fn operations(test: &Test, record: &str) -> Vec<String> {
    test.calls(record).into_iter().map(|call| call.operation).collect()
}

const ONE_NAME: [&str; 5] = [
    "generate_csr <one.example> <[DIR]/certs/one.example> <one.example >",
    "deploy_challenge <one.example> <TOKEN> <VALUE>",
    "clean_challenge <one.example> <TOKEN> <VALUE>",
    "sync_cert <[DIR]/certs/one.example/privkey-TIME.pem> <[DIR]/certs/one.example/cert-TIME.pem> \
     <[DIR]/certs/one.example/fullchain-TIME.pem> <[DIR]/certs/one.example/chain-TIME.pem> \
     <[DIR]/certs/one.example/cert-TIME.csr>",
    "deploy_cert <one.example> <[DIR]/certs/one.example/privkey.pem> <[DIR]/certs/one.example/cert.pem> \
     <[DIR]/certs/one.example/fullchain.pem> <[DIR]/certs/one.example/chain.pem> <TIME>",
];

const UNCHANGED: [&str; 2] = [
    ONE_NAME[0],
    "unchanged_cert <one.example> <[DIR]/certs/one.example/privkey.pem> <[DIR]/certs/one.example/cert.pem> \
     <[DIR]/certs/one.example/fullchain.pem> <[DIR]/certs/one.example/chain.pem>",
];

const CSR_OF_THREE: &str =
    "generate_csr <three.example> <[DIR]/certs/kept> <three.example *.three.example www.three.example>";
const SYNC_OF_THREE: &str = "sync_cert <[DIR]/certs/kept/privkey-TIME.pem> <[DIR]/certs/kept/cert-TIME.pem> \
     <[DIR]/certs/kept/fullchain-TIME.pem> <[DIR]/certs/kept/chain-TIME.pem> <[DIR]/certs/kept/cert-TIME.csr>";
const DEPLOY_OF_THREE: &str = "deploy_cert <three.example> <[DIR]/certs/kept/privkey.pem> <[DIR]/certs/kept/cert.pem> \
     <[DIR]/certs/kept/fullchain.pem> <[DIR]/certs/kept/chain.pem> <TIME>";

const LIST: &str = "one.example\nthree.example *.three.example www.three.example > kept\n";

#[test]
fn a_silent_hook_gets_dehydrateds_calls_for_each_certificate_in_order() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains(LIST);
    let yaml = recorded(&test, "");
    let test = test.config(&yaml).args(["run"]);
    test.run().code(0);
    assert_eq!(calls_of_run(&test, "record"), ["probe", "startup_hook", "exit_hook"]);
    assert_eq!(calls_for(&test, "record", "one.example"), ONE_NAME);
    // The CA lists the authorizations; a wildcard goes by its base name.
    let three = calls_for(&test, "record", "kept");
    assert_eq!(three[0], CSR_OF_THREE);
    for (operation, calls) in [("deploy_challenge", &three[1..4]), ("clean_challenge", &three[4..7])] {
        let mut calls = calls.to_vec();
        calls.sort();
        let call = |name: &str| format!("{operation} <{name}> <TOKEN> <VALUE>");
        assert_eq!(calls, [call("three.example"), call("three.example"), call("www.three.example")]);
    }
    assert_eq!(three[7..], [SYNC_OF_THREE, DEPLOY_OF_THREE]);
    // What was deployed is what is cleaned, in the same order.
    let all = test.calls("record");
    let of = |operation: &str| -> Vec<Vec<String>> {
        let of_three = all
            .iter()
            .filter(|call| call.environment.get("HYDRANT_CERTIFICATE").is_some_and(|n| n == "kept"));
        of_three.filter(|call| call.operation == operation).map(|call| call.arguments.clone()).collect()
    };
    assert_eq!(of("deploy_challenge"), of("clean_challenge"));

    // Nothing is due: so says every pass.
    for _ in 0..2 {
        test.forget("record");
        test.run().code(0);
        assert_eq!(calls_of_run(&test, "record"), ["probe", "startup_hook", "exit_hook"]);
        assert_eq!(calls_for(&test, "record", "one.example"), UNCHANGED);
    }
    // One time in a hundred Pebble takes a former authorization, whatever it is told; hardly three times in a row.
    let renew = |_| {
        test.forget("record");
        test.hydrant(&["run", "--force", "--only", "one.example"]).code(0);
        assert_eq!(calls_of_run(&test, "record"), ["probe", "startup_hook", "exit_hook"]);
        calls_for(&test, "record", "one.example")
    };
    let asked = |calls: &Vec<String>| calls.iter().any(|call| call.starts_with("deploy_challenge"));
    let renewal = (0..3).map(renew).find(asked).expect("the CA asks for a challenge");
    assert_eq!(renewal, ONE_NAME, "a renewal is called as a first issue is");
}

#[test]
fn chain_yes_puts_the_challenges_of_a_certificate_into_one_call() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains(LIST);
    let yaml = recorded(&test, "    chain: yes\n");
    let test = test.config(&yaml).args(["run"]);
    test.run().code(0);
    assert_eq!(calls_for(&test, "record", "one.example"), ONE_NAME);
    let three = calls_for(&test, "record", "kept");
    assert_eq!(three.len(), 5, "{three:#?}");
    for (call, operation) in three[1..3].iter().zip(["deploy_challenge", "clean_challenge"]) {
        let mut words: Vec<&str> = call.split(' ').collect();
        assert_eq!(words.remove(0), operation);
        assert!(words.chunks(3).all(|triple| triple[1..] == ["<TOKEN>", "<VALUE>"]), "{call}");
        let mut names: Vec<&str> = words.chunks(3).map(|triple| triple[0]).collect();
        names.sort_unstable();
        assert_eq!(names, ["<three.example>", "<three.example>", "<www.three.example>"]);
    }
    assert_eq!([&three[0], &three[3], &three[4]], [CSR_OF_THREE, SYNC_OF_THREE, DEPLOY_OF_THREE]);
}

#[test]
fn a_call_has_the_facts_in_its_environment_and_a_quiet_place_to_run_in() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("").write("etc/domains.txt", "*.a.example a.example > kept\n");
    let yaml = recorded(&test, "owner: platform\nkey_type: p384\n");
    let config = test.path("etc/hydrant.yml");
    let test = test
        .write("etc/hydrant.yml", yaml)
        .env("HYDRANT_CONFIG", &config)
        .env("RECORD_ENVIRONMENT", FACTS)
        // What belongs to another run is not handed on.
        .env("HYDRANT_BATCH", "stale")
        .stdin("not for hooks\n")
        .args(["run"]);
    test.run().code(0);

    let directory = test.path("").display().to_string();
    let shown = |call: &Call| -> BTreeMap<String, String> {
        let value = |value: &String| value.replace(rig.ca(), "[CA]").replace(&directory, "[DIR]/");
        let shown = call.environment.iter().map(|(name, found)| (name.clone(), value(found)));
        shown.filter(|(name, _)| name != "HYDRANT_CA_ROOTS").collect()
    };
    let expected = |of_run: &[(&str, &str)], more: &[(&str, &str)]| -> BTreeMap<String, String> {
        let all = of_run.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let of_run = [
        ("BASEDIR", "[DIR]/etc"),
        ("CERTDIR", "[DIR]/etc/certs"),
        ("ALPNCERTDIR", "[DIR]/etc/alpn-certs"),
        ("CONFIG", "[DIR]/etc/hydrant.yml"),
        ("COMMAND", "sign_domains"),
        ("HYDRANT_CONFIG", "[DIR]/etc/hydrant.yml"),
        ("HYDRANT_CA", "[CA]"),
        ("HYDRANT_HOOK", "recorder"),
        ("HYDRANT_PROTOCOL", "1"),
    ];
    let of_certificate = [
        ("alias", "kept"),
        ("altnames", "*.a.example a.example"),
        ("CHALLENGETYPE", "dns-01"),
        ("KEY_ALGO", "secp384r1"),
        ("PRIVATE_KEY_ROLLOVER", "no"),
        ("HYDRANT_CERTIFICATE", "kept"),
        ("HYDRANT_NAMES", "*.a.example a.example"),
        ("HYDRANT_CHALLENGE", "dns-01"),
        ("HYDRANT_ATTEMPT", "1"),
        ("HYDRANT_OWNER", "platform"),
    ];
    let calls = test.calls("record");
    for call in &calls {
        let more: Vec<(&str, &str)> = match call.operation.as_str() {
            "probe" | "startup_hook" => Vec::new(),
            "exit_hook" => vec![("HYDRANT_CHANGED", "kept")],
            "deploy_challenge" | "clean_challenge" => {
                let record = "_acme-challenge.a.example";
                let records = [("HYDRANT_RECORD_NAME", record), ("HYDRANT_RECORD_NAMES", record)];
                [&of_certificate[..], &records].concat()
            }
            _ => of_certificate.to_vec(),
        };
        assert_eq!(shown(call), expected(&of_run, &more), "{}", call.operation);
        let place = (call.directory.as_str(), call.umask.as_str(), call.stdin.as_str());
        assert_eq!(place, (directory.trim_end_matches('/'), "0077", "empty"), "{}", call.operation);
    }
    assert_eq!(calls.len(), 10, "{:?}", operations(&test, "record"));
}

#[test]
fn request_failure_is_called_once_for_an_attempt_that_failed() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("bad.blocked-domain.example\n");
    let yaml = recorded(&test, "");
    let test = test.config(&yaml).args(["run"]);
    test.run().code(1);
    assert_eq!(
        operations(&test, "record"),
        ["probe", "startup_hook", "generate_csr", "request_failure", "exit_hook"]
    );
    let told = test.calls("record").remove(3);
    assert_eq!(told.arguments.len(), 4, "{told:?}");
    assert_eq!([&told.arguments[0], &told.arguments[2]], ["400", "post"]);
    let problem: serde_json::Value = serde_json::from_str(&told.arguments[1]).unwrap();
    assert_eq!(problem["type"], "urn:ietf:params:acme:error:rejectedIdentifier");
    assert!(told.arguments[3].contains("content-type: application/problem+json"), "{}", told.arguments[3]);
    // It was this certificate's.
    assert_eq!(told.environment["HYDRANT_CERTIFICATE"], "bad.blocked-domain.example");
}

#[test]
fn a_failed_startup_hook_ends_the_run_before_it_begins() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example\n");
    let yaml = recorded(&test, "");
    let test = test.config(&yaml).env("RECORD_EXIT_startup_hook", "4").args(["run"]);
    let message = "hook `recorder` ended with exit code 4 at `startup_hook`";
    test.run().code(1).stdout("").stderr(&format!("error: {message}\n"));
    assert_eq!(test.transcript("record"), ["probe", "startup_hook", &format!("exit_hook <{message}>")]);
    assert_eq!(rig.requests_at_ca().len(), 0);
    assert!(!test.path("certs/a.example").exists());
}

/// The written differences to dehydrated: the probe comes once a run rather than also for every line, certificates are in
/// work side by side, and the names that `generate_csr` gets end in a blank only when there is one (under dehydrated also
/// before ` > alias`). Pebble lists the authorizations of an order as it likes: challenges are compared in a fixed order.
#[test]
fn dehydrated_calls_the_same_hook_in_the_same_way() {
    const LIST: &str = "a.example\n*.b.example b.example > both\nC.example www.c.example\n";
    let rig = Rig::start();
    let per_certificate = |test: &Test| -> BTreeMap<String, Vec<String>> {
        let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for mut call in test.calls("record") {
            let of_run = ["startup_hook", "exit_hook"].contains(&call.operation.as_str());
            let kept = match call.operation.as_str() {
                "probe" => continue,
                _ if of_run => "",
                _ => &call.environment["alias"],
            };
            let kept = kept.to_owned();
            if call.operation == "generate_csr" && call.arguments[2].trim_end().contains(' ') {
                let trimmed = call.arguments[2].trim_end().to_owned();
                call.arguments[2] = trimmed;
            }
            if call.operation.ends_with("_challenge") {
                let mut triples: Vec<Vec<String>> =
                    call.arguments.chunks(3).map(<[String]>::to_vec).collect();
                triples.sort();
                call.arguments = triples.concat();
            }
            calls.entry(kept).or_default().push(test.line(&call));
        }
        for calls in calls.values_mut() {
            for alike in calls.chunk_by_mut(|a, b| a.split(' ').next() == b.split(' ').next()) {
                alike.sort();
            }
        }
        calls
    };
    for chain in ["no", "yes"] {
        let theirs = Test::new().rig(&rig).domains(LIST);
        let config = format!(
            "CA={}\nCURL_OPTS='--cacert {} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=prime256v1\n\
             CHALLENGETYPE=dns-01\nHOOK_CHAIN={chain}\nHOOK={RECORD_HOOK}\nBASEDIR={}\n",
            rig.ca(),
            rig.environment()["HYDRANT_CA_ROOTS"],
            theirs.path("").display().to_string().trim_end_matches('/'),
        );
        let record = theirs.path("record");
        let theirs = theirs
            .write("config", config)
            .env("RECORD", record)
            .env("RECORD_THEN", DNS_HOOK)
            .env("RECORD_ENVIRONMENT", "alias");
        let ours = Test::new().rig(&rig).domains(LIST).env("RECORD_ENVIRONMENT", "alias").args(["run"]);
        let yaml = recorded(&ours, &format!("    chain: {chain}\n"));
        let ours = ours.config(&yaml);
        for pass in ["a fresh issue", "unchanged"] {
            let cron = ["--config", "config", "--accept-terms", "--cron"];
            theirs.program(dehydrated(), &cron).code(0);
            ours.run().code(0);
            let called = per_certificate(&ours);
            assert_eq!(called, per_certificate(&theirs), "{pass}, chain {chain}");
            assert_eq!(called.len(), 4, "three certificates and the run");
            theirs.forget("record");
            ours.forget("record");
        }
    }
}
