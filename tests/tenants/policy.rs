//! What `export vault-policy` prints, applied to a real Vault.

use serde_json::json;

use super::{config, export, job, platform, rig};
use crate::support::{Rig, Test, Vault, rig_hook, vault_hook};

#[test]
fn what_is_printed_for_a_group_is_a_script() {
    let test = Test::new().config(&config("team-a", ""));
    let arguments = ["export", "vault-policy", "team-a", "--audience", "https://vault.example"];
    test.hydrant(&arguments).code(0).stderr("").stdout(
        r#"# For projects of the group team-a, on protected branches. With OpenBao the same commands are `bao`'s.
set -e

vault policy write hydrant-team-a - <<'EOF'
# certificates
path "kv-certificates/data/certs/team-a/*" { capabilities = ["create", "read", "update", "patch"] }
path "kv-certificates/metadata/certs/team-a/" { capabilities = ["list"] }
path "kv-certificates/metadata/certs/team-a/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "kv-certificates/detailed-metadata/certs/team-a/" { capabilities = ["list"] }
# what hydrant remembers, where no reader of certificates reaches
path "hydrant/data/hydrant-state/team-a/*" { capabilities = ["create", "read", "update"] }
path "hydrant/metadata/hydrant-state/team-a/" { capabilities = ["list"] }
path "hydrant/metadata/hydrant-state/team-a/*" { capabilities = ["create", "read", "update", "list"] }
path "hydrant/destroy/hydrant-state/team-a/*" { capabilities = ["update"] }
# the rules of tenants: to be read, and not to be changed
path "hydrant/data/hydrant-state/team-a/tenants" { capabilities = ["read"] }
path "hydrant/metadata/hydrant-state/team-a/tenants" { capabilities = ["deny"] }
path "hydrant/delete/hydrant-state/team-a/tenants" { capabilities = ["deny"] }
path "hydrant/undelete/hydrant-state/team-a/tenants" { capabilities = ["deny"] }
path "hydrant/destroy/hydrant-state/team-a/tenants" { capabilities = ["deny"] }
EOF

vault write auth/jwt/role/hydrant-team-a - <<'EOF'
{
  "role_type": "jwt",
  "user_claim": "project_path",
  "bound_audiences": [
    "https://vault.example"
  ],
  "bound_claims": {
    "ref_protected": "true",
    "namespace_path": "team-a"
  },
  "claim_mappings": {
    "namespace_path": "namespace_path",
    "project_path": "project_path"
  },
  "token_policies": [
    "hydrant-team-a"
  ],
  "token_ttl": "10m",
  "token_max_ttl": "2h"
}
EOF

# In the job: `id_tokens: {VAULT_ID_TOKEN: {aud: https://vault.example}}`, and VAULT_AUTH_ROLE=hydrant-team-a.
"#,
    );
    test.hydrant(&["export", "vault-policy", "a\"b"]).code(2).stderr_contains("it is no path of a group");
    let nothing = Test::new().config("challenge: dns-01\nhooks: /bin/true\n");
    nothing.hydrant(&["export", "vault-policy", "team-a"]).code(2).stderr(
        "error: nothing is kept in Vault, so there is nothing that a policy could allow\n\
         hint: set `store: vault`, or VAULT_SECRET_BASE for hydrant-hook-vault, or name the folder with --folder\n",
    );
}

#[test]
fn no_policy_is_made_where_readers_of_certificates_would_read_records() {
    let export = |vault: &str, more: &[&str]| {
        let test = Test::new().config(&format!("store: vault\nvault: {{{vault}}}\n"));
        test.hydrant(&[&["export", "vault-policy", "team-a"], more].concat())
    };
    let inside = "mount: kv, prefix: certs, state_mount: kv, state_prefix: certs/state";
    export(inside, &[]).code(2).stdout("").stderr_contains(
        "error: who may read `kv/certs` may read hydrant's records in `kv/certs/state` as well, with keys of certificates to \
         come\nhint: set `state_mount` to another mount, or `state_prefix` to a folder outside of it\n",
    );
    let beside = "mount: kv, prefix: certs, state_mount: kv, state_prefix: certs-state";
    export(beside, &[]).code(0).stderr("");
    export(beside, &["--folder", "kv"])
        .code(2)
        .stderr_contains("who may read `kv` may read hydrant's records");
    // Through lecertvend's door they are there by default.
    let nothing = Test::new().config("challenge: dns-01\nhooks: /bin/true\n");
    let lecertvend = ["export", "vault-policy", "team-a", "--folder", "secret/lecertvend"];
    nothing.hydrant(&lecertvend).code(0).stdout_contains("secret/data/lecertvend/team-a/*").stderr(
        "warning: if certificates get into `secret/lecertvend` by lecertvend's command line, hydrant's records are beside \
         them in `hydrant-state/`, with keys of certificates to come: let readers read the folders of zones alone, or set \
         HYDRANT_STATE_MOUNT\n",
    );
    nothing.env("HYDRANT_STATE_MOUNT", "hydrant").hydrant(&lecertvend).code(0).stderr("");
}

#[test]
fn a_group_touches_only_its_own_folder() {
    let rig = rig();
    for team in ["team-a", "team-b"] {
        export(&rig, Some(team));
    }
    for team in ["team-a", "team-b"] {
        works(&rig, &format!("hydrant-{team}"), team);
    }
    reaches_nothing_of_others(&rig, "hydrant-team-a");
}

#[test]
fn one_policy_for_all_groups_keeps_them_apart_with_their_subgroups() {
    let rig = rig();
    export(&rig, None);
    for team in ["team-a", "team-b", "team-c/sub"] {
        works(&rig, "hydrant-groups", team);
    }
    reaches_nothing_of_others(&rig, "hydrant-groups");
}

/// The token of a job of team A can do nothing with what is not team A's.
fn reaches_nothing_of_others(rig: &Rig, role: &str) {
    let vault = Vault::new(rig);
    let login = json!({ "role": role, "jwt": vault.jwt(&["project_path=team-a/site"]) });
    let token = vault.ask("POST", "auth/jwt/login", Some(&login))["auth"]["client_token"].clone();
    for (mount, folder) in [("kv-certificates", "certs"), ("hydrant", "hydrant-state"), ("secret", "certs")] {
        for part in ["data", "metadata", "destroy", "delete", "undelete"] {
            let at = |name: &str| format!("{mount}/{part}/{folder}/{name}");
            let others = ["team-b/x", "team-b/", "team-ab/x", "x", ""].map(at);
            let body = json!({ "token": token, "paths": others.iter().chain([&at("team-a/x")]).collect::<Vec<_>>() });
            let answer = vault.ask("POST", "sys/capabilities", Some(&body))["data"].clone();
            for other in &others {
                assert_eq!(answer[other], json!(["deny"]), "{other}");
            }
            let is_ours = match part {
                "data" | "metadata" => mount != "secret",
                "destroy" => mount == "hydrant",
                _ => false,
            };
            assert_eq!(answer[at("team-a/x")] != json!(["deny"]), is_ours, "{}", at("team-a/x"));
        }
    }
    let body =
        json!({ "token": token, "paths": ["hydrant/data/hydrant-state/team-a/tenants", super::PLACE] });
    let answer = vault.ask("POST", "sys/capabilities", Some(&body))["data"].clone();
    assert_eq!(answer[super::PLACE], json!(["deny"]));
}

/// A team's job issues, renews and delivers with what its policy allows.
fn works(rig: &Rig, role: &str, group: &str) {
    let (dns, delivery) = (rig_hook(), vault_hook());
    let hooks = format!(
        "hooks:\n  - {{command: {}, operations: [deploy_challenge, clean_challenge]}}\n  - command: {}\n    \
         env: {{VAULT_SECRET_BASE: kv-certificates/data/certs/{group}/delivered}}\n    pass_env: [VAULT_ID_TOKEN]\n",
        dns.display(),
        delivery.display()
    );
    let vault = Vault::new(rig);
    vault.write(super::PLACE, &json!({ "tenants": "tenants: [{name: all, domains: '*'}]" }));
    let name = format!("www.{}.example", group.replace('/', "."));
    let yaml = config(group, "");
    let yaml = yaml.split("hooks:").next().unwrap();
    let test = job(rig, group, role, "").config(&format!("{yaml}{hooks}")).domains(&format!("{name}\n"));
    test.hydrant(&["lint", "--online"]).stderr("").stdout_contains(", no findings").code(0);
    test.run().code(0).stdout_contains("1 issued");
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("1 renewed");
    test.hydrant(&["dns", "gc"]).code(0);
    test.hydrant(&["status"]).code(0).stdout_contains(&name);
    let stored = format!("kv-certificates/certs/{group}/{name}");
    assert_eq!(vault.versions(&stored), 2);
    let delivered = vault.read(&format!("kv-certificates/certs/{group}/delivered/{name}"));
    assert_eq!(delivered["cert"], vault.read(&stored)["cert"]);
}

#[test]
fn programs_get_the_same_as_json() {
    let rig = rig();
    let test = platform(&rig).config(&config("team-a", ""));
    let printed = test.hydrant(&["export", "vault-policy", "team-a", "--format", "json"]).code(0).json();
    assert_eq!(printed["policy"]["name"], "hydrant-team-a");
    assert_eq!(printed["role"]["path"], "auth/jwt/role/hydrant-team-a");
    assert_eq!(printed["role"]["settings"]["bound_claims"]["namespace_path"], "team-a");
    let hcl = printed["policy"]["hcl"].as_str().unwrap();
    let last = "# the rules of tenants\npath \"kv-certificates/data/platform/tenants\" { capabilities = [\"read\"] }\n";
    assert!(hcl.ends_with(last), "{hcl}");
    assert!(printed["commands"].as_str().unwrap().contains(hcl));
}
