//! `lint --online`: what a run would stumble over, before it orders anything.

use serde_json::{Value, json};

use super::{RULES, anybody, config, export, job, rig};
use crate::support::{Output, Rig, Test, Vault};

/// What was found by a rule.
#[track_caller]
pub(super) fn found(linted: &Output, rule: &str) -> Vec<Value> {
    let all = linted.json()["findings"].as_array().unwrap().clone();
    all.into_iter().filter(|one| one["rule"] == rule).collect()
}

pub(super) fn messages(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["message"].as_str().unwrap()).collect()
}

/// Team A with a token of this policy, and rules that allow everything.
#[track_caller]
fn with_policy(rig: &Rig, policy: &str) -> Test {
    let vault = Vault::new(rig);
    vault.write(super::PLACE, &json!({ "tenants": "tenants: [{name: all, domains: '*'}]" }));
    let rules = "path \"kv-certificates/data/platform/tenants\" { capabilities = [\"read\"] }\n";
    anybody(rig)
        .config(&config("team-a", ""))
        .domains("www.team-a.example\n")
        .env("VAULT_TOKEN", vault.token(&format!("{rules}{policy}"), "10m"))
        .args(["lint", "--online", "--format", "json"])
}

#[test]
fn what_the_policy_lacks_is_said_before_anything_is_ordered() {
    let rig = rig();
    let test = with_policy(
        &rig,
        "path \"kv-certificates/data/certs/team-a/*\" { capabilities = [\"read\", \"update\"] }\n\
         path \"hydrant/data/hydrant-state/team-a/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
         path \"hydrant/destroy/*\" { capabilities = [\"update\"] }\n",
    );
    test.hydrant(&["lint"]).code(0);
    let linted = test.run().code(2).stderr("");
    let lacking = found(&linted, "vault-policy");
    let messages = messages(&lacking);
    let denied = |what: &str, path: &str| format!("the policy of the token denies {what} on `{path}");
    for (message, start) in messages.iter().zip([
        denied("`create`", "kv-certificates/data/certs/team-a/www.team-a.example`"),
        denied("`create`, `read` and `update`", "hydrant/metadata/hydrant-state/team-a/certificate-"),
        denied("`create` and `update`", "hydrant/metadata/hydrant-state/team-a/account-"),
        denied("`list`", "hydrant/metadata/hydrant-state/team-a/`"),
    ]) {
        assert!(message.starts_with(&start), "{message}");
    }
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn names_of_others_are_found_where_they_are_written() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let test = job(&rig, "team-a", "hydrant-team-a", "").domains("www.team-a.example\nwww.team-b.example\n");
    let linted = test.hydrant(&["lint", "--online", "--format", "json"]).code(2).stderr("");
    let refused = found(&linted, "tenant");
    assert_eq!(messages(&refused), ["the tenant `team-a` may not ask for `www.team-b.example`"]);
    assert_eq!(refused[0]["line"], 2);
}

#[test]
fn a_policy_of_readers_that_reaches_records_is_refused() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = with_policy(
        &rig,
        "path \"kv-certificates/data/certs/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
         path \"hydrant/*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }\n\
         path \"sys/policies/acl/*\" { capabilities = [\"read\"] }\n\
         path \"sys/policies/acl\" { capabilities = [\"list\"] }\n",
    );
    vault.policy("loadbalancer", "path \"kv-certificates/data/*\" { capabilities = [\"read\"] }");
    assert!(found(&test.run(), "vault-state").is_empty());
    vault.policy("loadbalancer", "path \"+/data/*\" { capabilities = [\"read\"] }");
    assert_eq!(
        messages(&found(&test.run().code(2), "vault-state")),
        [
            "the policy `loadbalancer` can read hydrant's records in `hydrant`, with keys of certificates to come"
        ]
    );
    // Records in the folder of the certificates themselves.
    let inside = "state_mount: kv-certificates, state_prefix: certs/team-a/state";
    test.put("hydrant.yml", &config("team-a", "").replace("state_prefix: hydrant-state/team-a", inside));
    assert_eq!(
        messages(&found(&test.run().code(2), "vault-state")),
        ["who may read all certificates may read hydrant's records as well, with keys of those to come"]
    );
}

#[test]
fn a_ca_that_is_not_there_and_a_profile_that_it_has_not_are_found() {
    let rig = rig();
    Vault::new(&rig).write(super::PLACE, &json!({ "tenants": RULES }));
    let test = Test::new()
        .rig(&rig)
        .env("NO_PROXY", "*")
        .config("challenge: dns-01\nhooks: /bin/true\nprofile: nonesuch\n")
        .domains("www.team-a.example\n");
    test.hydrant(&["lint", "--online"]).code(2).stdout_contains("has no profile `nonesuch`");
    let test = test.env("HYDRANT_CA", "https://127.0.0.1:1/directory");
    test.hydrant(&["lint", "--online"]).code(2).stdout_contains("https://127.0.0.1:1/directory");
    assert_eq!(rig.orders_made(), 0);
}
