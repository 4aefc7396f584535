//! What is there to be copied: `examples/terraform`, and the same as a script, which is run before a real Vault.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{config, platform};
use crate::support::{Output, Rig, Test, Vault, part};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/terraform").join(name)
}

/// `main.tf` as JSON, by a parser that is nobody's of ours.
#[track_caller]
fn terraform() -> Value {
    let script = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))";
    let file = example("main.tf");
    let python = part("python/bin/python3");
    Test::new().program(python, &["-c", script, file.to_str().unwrap()]).code(0).json()
}

/// The policies of a text, as lines with `TEAM` for the team.
fn rules(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("path \""));
    lines.map(|line| line.replace("${each.key}", "TEAM").replace("$team", "TEAM")).collect()
}

#[test]
fn the_terraform_example_says_what_the_script_does() {
    let document = terraform();
    let mut resources: Vec<String> = Vec::new();
    for resource in document["resource"].as_array().unwrap() {
        for (kind, named) in resource.as_object().unwrap() {
            let names = named.as_object().unwrap().keys();
            resources.extend(names.map(|name| format!("{kind}.{name}").replace('"', "")));
        }
    }
    assert_eq!(
        resources,
        [
            "vault_mount.certificates",
            "vault_mount.records",
            "vault_kv_secret_v2.tenants",
            "vault_jwt_auth_backend.gitlab",
            "vault_policy.team",
            "vault_jwt_auth_backend_role.team",
            "vault_auth_backend.approle",
            "vault_policy.loadbalancer",
            "vault_approle_auth_backend_role.loadbalancer",
        ]
    );
    let (main, script) = (fs::read_to_string(example("main.tf")), fs::read_to_string(example("vault.sh")));
    let (main, script) = (rules(&main.unwrap()), rules(&script.unwrap()));
    assert_eq!(main.len(), 10);
    assert_eq!(main, script);
}

#[test]
fn the_policy_of_the_example_is_the_one_that_is_exported() {
    let yaml =
        config("TEAM", "").replace("certs/TEAM", "certs").replace("hydrant-state/TEAM", "hydrant-state");
    let test = Test::new().config(&yaml).env("HYDRANT_TENANTS", "hydrant/platform/tenants");
    let exported = test.hydrant(&["export", "vault-policy", "TEAM", "--format", "json"]).code(0).json();
    let script = rules(&fs::read_to_string(example("vault.sh")).unwrap());
    assert_eq!(rules(exported["policy"]["hcl"].as_str().unwrap()), script[..9]);
}

#[test]
fn after_the_script_a_job_of_gitlab_gets_its_certificate_and_a_load_balancer_reads_it() {
    let rig = Rig::with(&["--nonce-reject", "0", "--vault"]);
    let vault = Vault::new(&rig);
    for path in ["sys/mounts/kv-certificates", "sys/mounts/hydrant", "sys/auth/jwt", "sys/auth/approle"] {
        vault.ask("DELETE", path, None);
    }
    let key = rig.directory().join("issuer.pub");
    let apply = || {
        let test = platform(&rig).env("GITLAB_KEY", &key);
        test.program("openssl", &["pkey", "-in", &rig_key(&rig), "-pubout", "-out", key.to_str().unwrap()])
            .code(0);
        test.program("sh", &[example("vault.sh").to_str().unwrap()]).code(0)
    };
    apply();
    // What is there already stays.
    apply();

    let run = |team: &str, domains: &str| -> Output {
        let test = super::job(&rig, team, &format!("hydrant-{team}"), "");
        test.env("HYDRANT_TENANTS", "hydrant/platform/tenants").domains(domains).run()
    };
    run("team-a", "www.team-a.example\n").code(0).stderr("");
    run("team-b", "www.team-b.example\n").code(0).stderr("");
    run("team-b", "www.team-a.example\n").code(1).stderr_contains("the tenant `team-b` may not ask for");

    let role = vault.ask("GET", "auth/approle/role/loadbalancer/role-id", None)["data"]["role_id"].clone();
    let secret = vault.ask("POST", "auth/approle/role/loadbalancer/secret-id", Some(&json!({})));
    let login = json!({ "role_id": role, "secret_id": secret["data"]["secret_id"] });
    let login = vault.ask("POST", "auth/approle/login", Some(&login));
    assert_eq!(login["auth"]["lease_duration"], 600);
    let token = login["auth"]["client_token"].as_str().unwrap();
    let reader = platform(&rig).env("VAULT_TOKEN", token);
    let get = |mount: &str, path: &str| {
        let bin = reader.path("bin/vault");
        reader.program(bin, &["kv", "get", "-format=json", &format!("-mount={mount}"), path])
    };
    let read = get("kv-certificates", "certs/team-a/www.team-a.example").code(0).json();
    assert!(read["data"]["data"]["key"].as_str().unwrap().contains("PRIVATE KEY"));
    get("hydrant", "platform/tenants").code(2).stderr_contains("Code: 403");
}

fn rig_key(rig: &Rig) -> String {
    rig.directory().join("issuer.key").display().to_string()
}
