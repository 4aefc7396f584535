//! A token that came of a login is given back, however a command ends; one that somebody gave us is his.

use std::time::Duration;

use serde_json::json;

use super::{assert_stored, place, place_with, rig, rig_with_faults};
use crate::support::{Rig, Test, Vault};

/// May do all that a run does.
const ALL: &str = r#"
path "kv-certificates/*" { capabilities = ["create", "read", "update", "list"] }
path "hydrant/*"         { capabilities = ["create", "read", "update", "list"] }
"#;

/// Logs in to a role, instead of being root.
pub(super) fn with_role(test: Test, rig: &Rig) -> Test {
    let role = Vault::new(rig).approle(ALL, &json!({ "token_ttl": "10m" }));
    test.without_env("VAULT_TOKEN").env("VAULT_ROLE_ID", role.role_id).env("VAULT_SECRET_ID", role.secret_id)
}

#[test]
fn every_command_gives_back_the_token_of_its_login() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let test = with_role(place(&rig, "a.example\n"), &rig);
    let before = Vault::new(&rig).tokens();
    for line in [
        "run",
        "run --force",
        "plan",
        "status",
        "deliver",
        "lint --online",
        "dns gc",
        "account show",
        "revoke a.example",
    ] {
        vault.forget_requests();
        test.hydrant(&line.split(' ').collect::<Vec<_>>()).code(0).stderr("");
        assert_eq!(Vault::new(&rig).tokens(), before, "{line}");
        let mut requests = vault.requests();
        requests.retain(|request| request.contains(" auth/") && !request.contains("lookup"));
        assert_eq!(requests, ["POST auth/approle/login 200", "POST auth/token/revoke-self 204"], "{line}");
    }
    // Nothing was asked for, so there was no login.
    vault.forget_requests();
    test.hydrant(&["lint"]).code(0);
    assert_eq!(vault.requests(), [""; 0]);
}

#[test]
fn a_token_is_given_back_after_a_failure_too() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = with_role(
        place_with(
            &rig,
            r#"[ "$1" != deploy_challenge ]"#,
            "deploy_challenge, clean_challenge",
            "a.example\n",
        ),
        &rig,
    );
    let before = Vault::new(&rig).tokens();
    test.run().code(1).stderr_contains("a.example");
    assert_eq!(Vault::new(&rig).tokens(), before);
    // What ends the run as a whole.
    vault.ask("DELETE", "sys/mounts/hydrant", None);
    test.run().code(2).stderr_contains("Vault shows no secrets engine at `hydrant`");
    assert_eq!(Vault::new(&rig).tokens(), before);
    let rules = test.env("HYDRANT_TENANTS", "kv-certificates/nowhere");
    rules.run().code(2).stderr_contains("there are no rules of tenants");
    assert_eq!(Vault::new(&rig).tokens(), before);
}

#[test]
fn a_signal_keeps_no_token_alive() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let hook = r#"
        "$RIG_HOOK" "$@" || exit
        [ "$1" = deploy_challenge ] || exit 0
        touch lingering
        while [ -e linger ]; do sleep 0.02; done
    "#;
    let test = place_with(&rig, hook, "deploy_challenge, clean_challenge", "a.example\n");
    let test = with_role(test, &rig).write("linger", "");
    let before = Vault::new(&rig).tokens();
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut run = test.start();
        run.wait_until("the hook lingers", || test.path("lingering").exists());
        assert_ne!(Vault::new(&rig).tokens(), before);
        run.signal(signal);
        let output = run.wait().code(code);
        assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
        assert_eq!(Vault::new(&rig).tokens(), before);
        std::fs::remove_file(test.path("lingering")).unwrap();
    }
    // In the middle of a request that Vault does not answer.
    vault.faults(
        &json!([{ "method": "GET", "path": "/v1/kv-certificates/data/", "times": null, "do": "hang" }]),
    );
    for line in ["run", "status", "plan"] {
        vault.forget_requests();
        let mut run = test.start_in_group(&[line]);
        run.wait_until("a request hangs", || {
            vault.requests().iter().any(|one| one.contains("/data/team/certs/"))
        });
        run.signal("TERM");
        let output = run.wait().code(143);
        assert!(output.elapsed < Duration::from_secs(20), "{line}: {:?}", output.elapsed);
        assert_eq!(Vault::new(&rig).tokens(), before, "{line}");
    }
}

#[test]
fn a_token_that_was_given_is_left_as_it_is() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let token = vault.token(ALL, "10m");
    let by_variable = place(&rig, "a.example\n").env("VAULT_TOKEN", &token);
    let by_file = place(&rig, "b.example\n").without_env("VAULT_TOKEN").write("token", &token);
    let path = by_file.path("token");
    let by_file = by_file.env("VAULT_TOKEN_FILE", path);
    let before = Vault::new(&rig).tokens();
    for test in [by_variable, by_file] {
        test.run().code(0);
        test.hydrant(&["status"]).code(0);
        assert_eq!(Vault::new(&rig).tokens(), before);
    }
    let facts = vault.ask("POST", "auth/token/lookup", Some(&json!({ "token": token })));
    assert_eq!(facts["data"]["policies"], json!(["default", "test"]));
}

#[test]
fn tokens_that_were_replaced_in_the_middle_of_a_run_are_given_back_as_well() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    // They cannot be renewed, so that another one is taken when two thirds of their life are over.
    let hook = r#"
        "$RIG_HOOK" "$@" || exit
        [ "$1" = deploy_challenge ] || exit 0
        until [ "$(curl -s "$RIG_VAULT_FAULTS/requests" | grep -o auth/approle/login | wc -l)" -ge 2 ]; do sleep 0.1; done
    "#;
    let test = place_with(&rig, hook, "deploy_challenge, clean_challenge", "a.example\n");
    let test = with_role(test, &rig).env("HYDRANT_VAULT_LEASE", "1s");
    let batch = json!({ "token_policies": ["role"], "token_ttl": "6s", "token_max_ttl": "6s" });
    vault.ask("POST", "auth/approle/role/pusher", Some(&batch));
    let before = Vault::new(&rig).tokens();
    vault.forget_requests();
    test.run().code(0).stderr("");
    assert_eq!(Vault::new(&rig).tokens(), before);
    assert_stored(&rig, &test, "a.example", &["a.example"]);
    let count = |what: &str| vault.requests().iter().filter(|one| *one == what).count();
    assert!(count("POST auth/approle/login 200") >= 2, "{:?}", vault.requests());
}
