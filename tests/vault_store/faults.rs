//! Whatever goes wrong between hydrant and Vault: nothing is lost, nothing is issued twice, and no run says that all is
//! well before it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::{STATE, assert_stored, place_with, rig, rig_with_faults};
use crate::support::{Rig, Test, Vault};

const NAMES: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];

fn faulty(rig: &Rig) -> Test {
    let hook = r#"
        case $1 in
        deploy_cert) echo "$2" >>delivered ;;
        *_challenge) exec "$RIG_HOOK" "$@" ;;
        esac
    "#;
    let operations = "deploy_challenge, clean_challenge, deploy_cert";
    place_with(
        rig,
        hook,
        operations,
        &format!(
            "{}
",
            NAMES.join(
                "
"
            )
        ),
    )
    .env("HYDRANT_VAULT_LEASE", "1s")
    .args(["run", "--ignore-backoff"])
    .deadline(Duration::from_mins(2))
}

/// Runs until one says that all is well. Only then everything is delivered; and there is one certificate a name.
#[track_caller]
fn comes_right(rig: &Rig, test: &Test, faults: &Value) {
    let vault = Vault::new(rig);
    vault.faults(faults);
    for run in 1.. {
        let output = test.run();
        eprintln!("--- run {run}: {:?}\n{}{}", output.whole().0, output.stdout, output.stderr);
        if output.whole().0 == Some(0) {
            break;
        }
        assert!(run < 30, "it does not come right");
        if run == 8 {
            vault.faults(&json!([]));
        }
    }
    vault.faults(&json!([]));
    for name in NAMES {
        assert_stored(rig, test, name, &[name]);
        assert!(test.read("delivered").lines().any(|line| line == name), "{name} was not delivered");
        assert!(rig.challenges(name).is_empty(), "{name} is not clean");
    }
    assert_eq!(rig.certificates_issued(), NAMES.len());
    test.run().code(0).stdout("4 certificates: 4 unchanged\n").stderr("");
    for key in vault.records(STATE) {
        assert!(vault.read(&format!("hydrant/{STATE}/{key}"))["lease"].is_null());
    }
}

#[test]
fn half_of_the_writes_fail() {
    for action in ["reset-before", "reset-after", "truncate"] {
        let rig = rig_with_faults();
        let test = faulty(&rig).env("VAULT_MAX_RETRIES", "0");
        let rule = json!([{ "method": "POST", "every": 2, "times": null, "do": action }]);
        comes_right(&rig, &test, &rule);
    }
}

#[test]
fn half_of_the_requests_are_answered_with_an_error() {
    for (status, body) in [
        (429, json!({ "errors": ["rate limit quota exceeded"] })),
        (500, json!({ "errors": ["internal error"] })),
        (503, json!({ "errors": ["Vault is sealed"] })),
        (403, json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] })),
    ] {
        let rig = rig_with_faults();
        let test = faulty(&rig).env("VAULT_MAX_RETRIES", "1");
        let rule = json!([{
            "path": "/data/", "skip": 8, "every": 2, "times": null, "do": "answer", "status": status,
            "body": body.to_string(), "type": "application/json",
        }]);
        comes_right(&rig, &test, &rule);
    }
}

#[test]
fn answers_are_slow() {
    let rig = rig_with_faults();
    let test = faulty(&rig).env("VAULT_CLIENT_TIMEOUT", "1").env("VAULT_MAX_RETRIES", "1");
    let rules = json!([
        { "method": "POST", "path": "/data/", "every": 5, "times": 12, "do": "delay", "seconds": 1.3 },
        { "every": 3, "times": 30, "do": "delay", "seconds": 0.1 },
    ]);
    comes_right(&rig, &test, &rules);
}

#[test]
fn vault_is_sealed_in_the_middle_of_a_run() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let hook = r#"
        if [ "$1" = deploy_challenge ] && mkdir sealing 2>/dev/null; then
            while [ ! -e sealed ]; do sleep 0.02; done
        fi
        case $1 in
        deploy_cert) echo "$2" >>delivered ;;
        *_challenge) exec "$RIG_HOOK" "$@" ;;
        esac
    "#;
    let test = faulty(&rig).hook_script("hook", hook).env("VAULT_MAX_RETRIES", "0");
    let mut run = test.start();
    run.wait_until("the hook was called", || test.path("sealing").exists());
    vault.seal();
    test.put("sealed", "");
    let output = run.wait();
    assert!([1, 75].contains(&output.whole().0.unwrap()), "{}", output.stderr);
    output.stderr_contains("Vault is sealed");
    test.run().code(75).stderr_contains("`vault operator unseal` opens it");
    vault.unseal();
    comes_right(&rig, &test, &json!([]));
}

#[test]
fn what_cannot_be_looked_through_at_the_end_costs_neither_the_report_nor_the_reload() {
    let rig = rig();
    let policy = r#"
        path "kv-certificates/data/*" { capabilities = ["create", "read", "update"] }
        path "hydrant/data/*"         { capabilities = ["create", "read", "update"] }
        path "hydrant/metadata/*"     { capabilities = ["create", "read", "update"] }
        path "hydrant/destroy/*"      { capabilities = ["update"] }"#;
    let hook = r#"case $1 in
        this_*) ;;
        exit_hook) echo "$HYDRANT_CHANGED" >reloaded ;;
        *) exec "$RIG_HOOK" "$@" ;;
        esac"#;
    let test =
        place_with(&rig, hook, "deploy_challenge, clean_challenge, exit_hook", "a.example\nb.example\n");
    let test = test.env("VAULT_TOKEN", Vault::new(&rig).token(policy, "10m"));
    let denied = test.run().code(1);
    denied.stdout_contains("2 certificates: 2 issued\n").stderr_contains("hydrant/metadata/hydrant-state");
    let mut reloaded: Vec<String> = test.read("reloaded").split_whitespace().map(str::to_owned).collect();
    reloaded.sort();
    assert_eq!(reloaded, ["a.example", "b.example"]);
    let document = test.hydrant(&["run", "--format", "json"]).code(1).json();
    assert_eq!(document["certificates"].as_array().unwrap().len(), 2);
}
