//! `lint --online` where the hook for Vault has its settings in a `vault.inc`: its paths are asked about with its login.

use serde_json::json;

use super::online::{found, messages};
use super::places::with_file_for;
use crate::support::{AppRole, PUSHER, Rig, Test, Vault, rig_hook, vault_hook};

/// May not write what is not there yet.
const LESS: &str = "path \"kv-certificates/data/*\" { capabilities = [\"read\", \"update\"] }\n\
                    path \"kv-certificates/metadata/*\" { capabilities = [\"patch\"] }\n";

const LACKING: &str = "the policy of the token denies `create` on `kv-certificates/data/www.a.example`";

fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault"])
}

/// Files are the store; the hook has a file with its settings, and the environment says nothing of Vault.
fn place(rig: &Rig, role: &AppRole, env: &str) -> Test {
    let yaml = format!(
        "challenge: dns-01\nhooks:\n  - {{command: {}, operations: [deploy_challenge, clean_challenge]}}\n  \
         - {{command: {}, env: {{{env}}}}}\n",
        rig_hook().display(),
        vault_hook().display()
    );
    let test = Test::new().rig(rig).without_env("VAULT_").env("NO_PROXY", "*");
    test.config(&yaml)
        .domains("www.a.example\n")
        .write("vault.inc", Vault::new(rig).inc(role))
        .args(["lint", "--online", "--format", "json"])
}

#[test]
fn what_the_role_in_a_vault_inc_may_not_do_is_said_beforehand() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(LESS, &json!({}));
    let test = place(&rig, &role, "");
    let path = test.path("vault.inc");
    let test = test.env("HYDRANT_VAULT_INC", &path);
    let linted = test.run().code(2).stderr("");
    let lacking = found(&linted, "vault-policy");
    assert_eq!(messages(&lacking), [LACKING]);
    assert_eq!(lacking[0]["line"], 1);
    // The same file, named for the hook alone; and with the policy that it needs there is nothing to say.
    let named = place(&rig, &role, &format!("HYDRANT_VAULT_INC: {}", path.display()));
    assert_eq!(messages(&found(&named.run().code(2), "vault-policy")), [LACKING]);
    vault.policy("role", PUSHER);
    named.hydrant(&["lint", "--online"]).code(0).stdout("1 certificate, no findings\n").stderr("");
    // The tokens of all these logins were given back.
    assert_eq!(vault.tokens().as_array().unwrap().len(), 1);
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn what_a_delivery_only_warns_about_is_a_warning() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(
        "path \"kv-certificates/data/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n",
        &json!({}),
    );
    let test = place(&rig, &role, "HYDRANT_VAULT_INC: vault.inc");
    let lacking = found(&test.run().code(0).stderr(""), "vault-policy");
    assert_eq!(
        messages(&lacking),
        ["the policy of the token denies `patch` on `kv-certificates/metadata/www.a.example`"]
    );
    assert_eq!(lacking[0]["severity"], "warning");
}

#[test]
fn the_usual_vault_inc_is_read_without_being_named() {
    let rig = rig();
    let role = Vault::new(&rig).approle(LESS, &json!({}));
    let test = place(&rig, &role, "").write("tenants.yml", "tenants: [{name: all, domains: '*'}]\n");
    let prepare = "mkdir /etc/dehydrated; cp \"$OLDPWD/vault.inc\" /etc/dehydrated";
    let linted = with_file_for(&test, prepare, "lint --online --format json").code(2).stderr("");
    assert_eq!(messages(&found(&linted, "vault-policy")), [LACKING]);
}

#[test]
fn a_vault_inc_that_is_of_no_use_is_a_finding() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(PUSHER, &json!({}));
    let test = place(&rig, &role, "HYDRANT_VAULT_INC: vault.inc");
    test.put("vault.inc", &vault.inc(&role).replace(&role.secret_id, "wrong"));
    assert_eq!(
        messages(&found(&test.run().code(2), "vault")),
        ["Vault refuses the login at `auth/approle`: invalid role or secret ID"]
    );
    test.put("vault.inc", &vault.inc(&role).replace("VAULT_SECRET_BASE=kv", "VAULT_SECRET_BASE=data/kv"));
    assert_eq!(
        messages(&found(&test.run().code(2), "vault")),
        ["VAULT_SECRET_BASE: `data/kv-certificates/data` has no mount before `data`"]
    );
    std::fs::remove_file(test.path("vault.inc")).unwrap();
    let linted = test.run().code(2);
    assert!(messages(&found(&linted, "vault"))[0].starts_with("vault.inc: "), "{}", linted.stdout);
    // A policy is made for what the file says.
    test.put("vault.inc", &vault.inc(&role));
    test.hydrant(&["export", "vault-policy", "team"])
        .code(0)
        .stdout_contains("path \"kv-certificates/data/team/*\"");
}
