//! Who may ask for which name, before a real CA and a real OpenBao: rules that a job cannot change, policies that keep
//! teams apart, and what `lint --online` says beforehand.

mod examples;
mod inc;
mod online;
pub(crate) mod places;
mod policy;
mod rules;

use serde_json::json;

use crate::support::{Output, Rig, Test, Vault, part, rig_hook};

/// Two teams, each with names of its own.
const RULES: &str = "\
tenants:
  - name: team-a
    claims: {namespace_path: team-a}
    domains: team-a.example
  - name: team-b
    claims: {namespace_path: team-b}
    domains: team-b.example
";

/// Where the platform keeps them.
const PLACE: &str = "kv-certificates/platform/tenants";

/// What is there in the repository of a team.
fn config(team: &str, more: &str) -> String {
    format!(
        "accept_terms: true\nchallenge: dns-01\nstore: vault\n\
         vault: {{mount: kv-certificates, prefix: certs/{team}, state_prefix: hydrant-state/{team}}}\n\
         hooks: [{{command: {}, operations: [deploy_challenge, clean_challenge]}}]\n{more}",
        rig_hook().display()
    )
}

/// A CA and a Vault with the rules.
#[track_caller]
fn rig() -> Rig {
    let rig = Rig::with(&["--nonce-reject", "0", "--vault"]);
    Vault::new(&rig).write(PLACE, &json!({ "tenants": RULES }));
    rig
}

/// A place in which nobody has logged in yet.
fn anybody(rig: &Rig) -> Test {
    Test::new().rig(rig).env("NO_PROXY", "*").env("HYDRANT_TENANTS", PLACE)
}

/// The platform's: with Vault's own command line, and its root token.
fn platform(rig: &Rig) -> Test {
    let bao = part("python/bin/bao");
    let path = std::env::var("PATH").unwrap();
    let test = anybody(rig).hook_script("bin/vault", &format!("exec {} \"$@\"", bao.display()));
    let bin = test.path("bin");
    test.env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", "/nonexistent")
        .env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"])
}

/// A job of a team's project, which logs in to a role with its id token.
fn job(rig: &Rig, team: &str, role: &str, more: &str) -> Test {
    let jwt = Vault::new(rig).jwt(&[&format!("project_path={team}/site")]);
    anybody(rig)
        .config(&config(team, more))
        .env("VAULT_ID_TOKEN", jwt)
        .env("VAULT_AUTH_ROLE", role)
        .args(["run"])
}

/// Prints policy and role for a group, or for all, and applies what is printed, as the help says.
#[track_caller]
fn export(rig: &Rig, group: Option<&str>) -> Output {
    let test =
        platform(rig).config(&config("", "").replace("certs/,", "certs,").replace("state/}", "state}"));
    let arguments = ["export", "vault-policy", "--audience", "https://vault.example"];
    let arguments: Vec<&str> = arguments.into_iter().chain(group).collect();
    let printed = test.hydrant(&arguments).code(0).stderr("");
    let applied = test.write("apply.sh", &printed.stdout).program("sh", &["apply.sh"]).code(0);
    assert_eq!(applied.stderr, "");
    printed
}
