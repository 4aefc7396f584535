//! `hydrant lint --online --prefix`: what `-vend` and `-renew` would stumble over.

use serde_json::{Value, json};

use super::tenancy::policy;
use super::{TEAM, ZONE, ZONES, place, put_aged, rig};
use crate::support::{Cloudflare, Output, Rig, Test, Vault};

const LINT: [&str; 7] =
    ["lint", "--online", "--mount", "secret", "--prefix", "lecertvend/team", "--format=json"];

/// May look at policies as well, as a platform's own token may.
const LOOKS: &str = "path \"sys/policies/acl/*\" { capabilities = [\"read\"] }\n\
                     path \"sys/policies/acl\" { capabilities = [\"list\"] }\n";

/// A team with a certificate, and a token with its policy and these rules.
fn team(rig: &Rig, cloudflare: &Cloudflare, more: &str) -> Test {
    let test = place(rig, cloudflare);
    put_aged(rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"], 10, 80);
    let token = Vault::new(rig).token(&format!("{}{more}", policy()), "10m");
    test.env("VAULT_TOKEN", token)
}

/// What was found: severity, rule, message.
#[track_caller]
fn found(linted: &Output) -> Vec<[String; 3]> {
    let of = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = linted.json()["findings"].as_array().unwrap().clone();
    all.iter().map(|one| ["severity", "rule", "message"].map(|key| of(one, key))).collect()
}

#[test]
fn readers_that_reach_the_records_are_a_warning() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let vault = Vault::new(&rig);
    let test = team(&rig, &cloudflare, LOOKS);
    vault.policy(
        "servers",
        "path \"secret/data/lecertvend/team/teamdomain.com/*\" { capabilities = [\"read\"] }",
    );
    test.hydrant(&LINT[..6]).code(0).stdout("1 certificate, no findings\n").stderr("");

    vault.policy("servers", "path \"secret/data/lecertvend/*\" { capabilities = [\"read\"] }");
    let warning = "the policy `servers` can read hydrant's records in `secret/lecertvend/team/hydrant-state`, with keys of \
                   certificates to come";
    let linted = test.hydrant(&LINT).code(0).stderr("");
    assert_eq!(found(&linted), [["warning", "vault-state", warning]]);
    test.hydrant(&LINT[..6])
        .code(0)
        .stdout_contains("warning[vault-state]: the policy `servers`")
        .stdout_contains("HYDRANT_STATE_MOUNT puts them into another mount");
    test.hydrant(&[&LINT[..], &["--deny-warnings"]].concat()).code(2);
    // Elsewhere they are out of that reader's reach.
    let moved = format!(
        "{LOOKS}path \"kv-certificates/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"list\"] }}\n"
    );
    let test = team(&rig, &cloudflare, &moved).env("HYDRANT_STATE_MOUNT", "kv-certificates");
    test.hydrant(&LINT[..6]).code(0).stdout("1 certificate, no findings\n");
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn a_token_that_may_not_look_at_policies_is_told_what_is_not_known() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let linted = team(&rig, &cloudflare, "").hydrant(&LINT).code(0).stderr("");
    let unknown = "this token may not look at policies: whether readers of certificates can read hydrant's records in \
                   `secret/lecertvend/team/hydrant-state` as well, with keys of certificates to come, is not known";
    assert_eq!(found(&linted), [["warning", "vault-state", unknown]]);
}

#[test]
fn what_a_vend_or_a_renewal_would_stumble_over_is_said_beforehand() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let vault = Vault::new(&rig);
    let test = team(&rig, &cloudflare, LOOKS);
    let read_only = policy().replace(r#"["create", "read", "update"]"#, r#"["read"]"#);
    let reader =
        team(&rig, &cloudflare, "").env("VAULT_TOKEN", vault.token(&format!("{read_only}{LOOKS}"), "10m"));
    let lacking = found(&reader.hydrant(&LINT).code(2));
    let about = |path: &str| {
        lacking.iter().any(|[severity, rule, message]| {
            severity == "error"
                && rule == "vault-policy"
                && message.starts_with("the policy of the token denies `create` and `update` on")
                && message.contains(path)
        })
    };
    assert!(about("`secret/data/lecertvend/team/teamdomain.com/myapp`"), "{lacking:?}");
    assert!(about("`secret/data/lecertvend/team/hydrant-state/certificate-"), "{lacking:?}");

    // What is to be vended need not be there yet.
    let zone = "lecertvend/team/teamdomain.com";
    let vend =
        |names| ["lint", "--online", "--prefix", zone, "--secret", "new", "--names", names, "--format=json"];
    let test = test.env("VAULT_TOKEN", vault.token(&format!("{}{LOOKS}", policy()), "10m"));
    assert_eq!(found(&test.hydrant(&vend("new,*.new")).code(0)), [[""; 3]; 0]);
    assert_eq!(
        found(&test.hydrant(&vend("a b")).code(2))[0][2],
        "`a b` in zone `teamdomain.com`: ` ` cannot be part of a DNS name"
    );
    let rules = "tenants: [{name: team, prefix: secret/lecertvend/team, domains: myapp.teamdomain.com}]";
    vault.write("secret/platform/tenants", &json!({ "tenants": rules }));
    let may_read = "path \"secret/data/platform/tenants\" { capabilities = [\"read\"] }\n";
    let token = vault.token(&format!("{}{LOOKS}{may_read}", policy()), "10m");
    let bound = test.env("HYDRANT_TENANTS", "secret/platform/tenants").env("VAULT_TOKEN", token);
    let refused = "the tenant `team` may not ask for `new.teamdomain.com`";
    assert_eq!(found(&bound.hydrant(&vend("new")).code(2)), [["error", "tenant", refused]]);

    // A team's secret that cannot be used.
    vault.write(TEAM, &json!({ "contact": "ops@teamdomain.com" }));
    let linted = bound.hydrant(&LINT).code(2);
    assert!(found(&linted)[0][2].contains("has no cfToken"), "{}", linted.stdout);
    bound.hydrant(&["lint", "--prefix", zone]).code(2).stderr_contains("--online");
    assert_eq!((rig.orders_made(), vault.versions(&format!("{ZONE}/myapp"))), (0, 2));
}

#[test]
fn a_secret_of_one_team_that_is_of_no_use_hides_nothing_of_the_others() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let vault = Vault::new(&rig);
    let reads = "path \"secret/data/lecertvend/*\" { capabilities = [\"read\"] }\n\
                 path \"secret/metadata/lecertvend/*\" { capabilities = [\"list\"] }\n";
    let test = team(&rig, &cloudflare, "").env("VAULT_TOKEN", vault.token(reads, "10m"));
    vault.write("secret/lecertvend/beta/lecertvend", &json!({ "cftoken": "x" }));
    for name in ["a", "b"] {
        let secret = format!("secret/lecertvend/beta/teamdomain.com/{name}");
        put_aged(&rig, &test, &secret, &[&format!("{name}.teamdomain.com")], 10, 80);
    }
    let all = LINT.map(|word| if word == "lecertvend/team" { "lecertvend" } else { word });
    let findings = found(&test.hydrant(&all).code(2));
    let about = |text: &str| findings.iter().filter(|[_, _, message]| message.contains(text)).count();
    assert_eq!(about("`secret/lecertvend/beta/lecertvend` has no cfToken"), 1, "{findings:?}");
    assert_eq!(about("on `secret/data/lecertvend/team/teamdomain.com/myapp`"), 1, "{findings:?}");
}
