//! How `store: vault` is told where things are, and what it says when it cannot get there.

use serde_json::json;

use super::{STORE, place, rig};
use crate::support::{Test, Vault};

#[test]
fn settings_of_vault_are_checked_and_shown() {
    let test = Test::new().config(&format!("{STORE}hooks: /bin/true\n"));
    test.hydrant(&["config", "check"]).code(0).stdout("ok: [DIR]/hydrant.yml\n").stderr("");
    let shown = test.hydrant(&["config", "show", "--format", "json"]).code(0).json();
    assert_eq!(
        shown["settings"]["vault"]["value"],
        json!({
            "mount": "kv-certificates", "prefix": "team/certs", "state_mount": "hydrant",
            "state_prefix": "hydrant-state", "layout": "numberly", "lease": "1m",
        })
    );
    let test = test.config("store: vault\nvault: {mount: kv, prefix: '', state_mount: kv, layout: a=key}\n");
    test.hydrant(&["config", "check"])
        .code(2)
        .stderr_contains("`layout` has no field for the whole chain or for the key")
        .stderr_contains("who may read all certificates may read the keys of those to come as well");
    test.config("store: vaultt\n")
        .hydrant(&["config", "check"])
        .code(2)
        .stderr_contains("did you mean `vault`?");
}

#[test]
fn the_environment_alone_is_enough() {
    let rig = rig();
    let hook = crate::support::rig_hook();
    let test = Test::new()
        .in_vault(&rig)
        .domains("a.example\n")
        .env("HYDRANT_STORE", "vault")
        .env("HYDRANT_VAULT_MOUNT", "secret")
        .env("HYDRANT_ACCEPT_TERMS", "true")
        .env("HYDRANT_CHALLENGE", "dns-01")
        .env("HYDRANT_HOOKS", hook)
        .args(["run"]);
    test.run().code(0).stderr("");
    assert!(Vault::new(&rig).read("secret/certificates/a.example")["key"].is_string());
    test.hydrant(&["status", "--store", "files"]).code(0).stdout_contains("nothing is stored");
}

#[test]
fn the_policies_of_the_readme_are_enough_and_readers_of_certificates_reach_no_record() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## Certificates in Vault\n").nth(1).unwrap();
    let policy = section.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    let test = place(&rig, "a.example\n").env("VAULT_TOKEN", vault.token(policy, "10m"));
    test.run().code(0).stderr("");
    test.hydrant(&["run", "--force"]).code(0).stderr("");

    let reader = vault.token("path \"kv-certificates/data/*\" { capabilities = [\"read\"] }", "10m");
    let test = test.env("VAULT_TOKEN", reader);
    test.run().code(2).stderr_contains("Vault shows no secrets engine at `hydrant`");
}

#[test]
fn a_vault_that_cannot_be_used_is_told_apart() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n").env("VAULT_MAX_RETRIES", "0");
    vault.seal();
    test.run().code(75).stderr(
        "error: Vault is sealed\nhint: `vault operator unseal` opens it; nothing is lost: run again then\n",
    );
    vault.unseal();
    test.run().code(0);

    let test = test.env("VAULT_ADDR", format!("https://{}:9", rig.address()));
    test.run().code(75).stderr_contains("no answer from Vault at https://");
    for (name, value, code, said) in [
        ("VAULT_ADDR", "nonsense", 2, "VAULT_ADDR: "),
        ("VAULT_TOKEN", "nonsense", 1, "Vault does not take the token"),
        ("HYDRANT_VAULT_MOUNT", "nowhere", 2, "Vault shows no secrets engine at `nowhere`"),
        ("HYDRANT_VAULT_MOUNT", "old", 2, "is version 1 of kv, not version 2 of kv"),
    ] {
        let test = place(&rig, "a.example\n").env(name, value);
        test.run().code(code).stderr_contains(said);
        test.hydrant(&["lint"]).code(0);
    }
}
