//! Where the hook's settings come from.

use serde_json::json;

use super::rig;
use crate::support::{AppRole, Output, PUSHER, Test, Vault, vault_hook};

/// A place whose settings are in a file alone, which `vault.inc` is to be.
fn place(vault: &Vault, inc: &str) -> Test {
    let test = Test::new().vault(vault).without_env("VAULT_SECRET_BASE").certificate("certs", &["a.example"]);
    let path = test.path("vault.inc");
    test.env("HYDRANT_VAULT_INC", path).write("vault.inc", inc)
}

/// The file of Numberly's hook.
fn numberly(role: &AppRole) -> String {
    format!(
        "#!/bin/bash\n# Vault\nVAULT_ROLE_ID=\"{}\"\nVAULT_SECRET_ID='{}'\nVAULT_ADDRESS=$RIG_VAULT\n\
         VAULT_SECRET_BASE=kv-certificates/data\n",
        role.role_id, role.secret_id
    )
}

fn deploy(test: &Test) -> Output {
    let files = ["privkey", "cert", "fullchain", "chain"].map(|name| format!("certs/{name}.pem"));
    let [key, cert, fullchain, chain] = files.each_ref().map(String::as_str);
    test.program(vault_hook(), &["deploy_cert", "a.example", key, cert, fullchain, chain, "1700000000"])
}

const STORED: &str = "vault: kv-certificates/a.example stored (version 1)\n";

#[test]
fn the_file_of_numberlys_hook_is_taken_as_it_is() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(PUSHER, &json!({}));
    let test = place(&vault, &numberly(&role)).without_env("VAULT_");
    deploy(&test).code(0).stdout(STORED).stderr("");
    assert_eq!(vault.read("kv-certificates/a.example")["owner"], "");
    let held = vault.tokens().as_array().unwrap().len();
    // The root token alone: that of the login was given back.
    assert_eq!(held, 1);
}

#[test]
fn a_file_that_only_bash_understands_is_given_to_bash() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(PUSHER, &json!({}));
    let inc = numberly(&role).replace('\'', "")
        + "secret() { cat \"${BASH_SOURCE%/*}/secret-id\"; }\nVAULT_SECRET_ID=$(secret)\nVAULT_OWNER=${OWNER:-team}\n";
    let test = place(&vault, &inc).without_env("VAULT_").write("secret-id", &role.secret_id);
    deploy(&test).code(0).stdout(STORED).stderr("");
    assert_eq!(vault.read("kv-certificates/a.example")["owner"], "team");
    // Without bash it is refused at its place.
    let test = test.env("PATH", "/nonexistent");
    deploy(&test).code(1).stdout("").stderr(
        "vault: a.example: [DIR]/vault.inc: this is no plain assignment, and bash is not there to run it\n",
    );
}

#[test]
fn the_environment_counts_more_and_what_is_missing_is_named() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let token = vault.token(PUSHER, "60s");
    let test = place(&vault, "VAULT_ADDRESS=https://vault.invalid\nVAULT_OWNER=file\n");
    deploy(&test)
        .code(1)
        .stdout("")
        .stderr("vault: a.example: VAULT_SECRET_BASE: it is not set: MOUNT/data[/FOLDER]\n");
    let test = test.env("VAULT_SECRET_BASE", "kv-certificates/data").env("VAULT_OWNER", "caller");
    // Without any way to log in: as behind an agent that adds the token.
    deploy(&test).code(1).stdout("").stderr(
        "vault: a.example: Vault shows no secrets engine at `kv-certificates`: there is none, or the token has no right \
         there; hint: `vault secrets enable -path=kv-certificates -version=2 kv` makes one; check VAULT_NAMESPACE as \
         well\n",
    );
    let test = test.env("VAULT_TOKEN", token);
    deploy(&test).code(0).stdout(STORED).stderr("");
    assert_eq!(vault.read("kv-certificates/a.example")["owner"], "caller");
    let test = test.env("HYDRANT_VAULT_INC", "/nowhere/vault.inc");
    deploy(&test).code(1).stderr_contains("vault: a.example: /nowhere/vault.inc: ");
}

#[test]
fn secrets_come_from_files_wrapping_tokens_and_jobs() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(PUSHER, &json!({}));
    vault.jwt_role(PUSHER, &json!({ "project_path": "team/site", "ref_protected": "true" }));
    let test = || Test::new().vault(&vault).certificate("certs", &["a.example"]);
    let file = test().env("VAULT_ROLE_ID", &role.role_id).write("secret-id", &role.secret_id);
    let path = file.path("secret-id");
    deploy(&file.env("VAULT_SECRET_ID_FILE", path)).code(0).stdout(STORED);
    let wrapped = vault.wrapped("auth/approle/role/pusher/secret-id");
    let wrapped = test().env("VAULT_ROLE_ID", &role.role_id).env("VAULT_WRAPPED_SECRET_ID", wrapped);
    deploy(&wrapped).code(0).stdout("vault: kv-certificates/a.example stored (version 2)\n");
    deploy(&wrapped).code(1).stderr(
        "vault: a.example: the wrapped secret id was unwrapped already, or has expired; hint: if no other job of yours \
         has used it, somebody else holds the secret id: revoke it\n",
    );
    let job = test().env("VAULT_ID_TOKEN", vault.jwt(&[])).env("VAULT_AUTH_ROLE", "job");
    deploy(&job).code(0).stdout("vault: kv-certificates/a.example stored (version 3)\n");
    let branch = job.env("VAULT_ID_TOKEN", vault.jwt(&["ref_protected=false", "ref=try"]));
    deploy(&branch).code(1).stderr(
        "vault: a.example: Vault refuses the login at `auth/jwt`: error validating claims: claim \"ref_protected\" does \
         not match any associated bound claim values\n",
    );
}
