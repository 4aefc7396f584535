//! A job's token reaches its own team's prefix and nothing else.

use serde_json::json;

use super::{RENEW, VEND, ZONE, ZONES, assert_vended, place, put_aged, rig};
use crate::support::{Cloudflare, Test, Vault};

const README: &str = include_str!("../../README.md");

/// What jobs of a team may do, as the README has it.
pub(super) fn policy() -> &'static str {
    let behind = README.split("The policy of a team").nth(1).unwrap().split("```hcl\n").nth(1).unwrap();
    behind.split("```").next().unwrap()
}

/// A place whose jobs log in with a token for this policy, instead of the root's.
fn limited(rig: &crate::support::Rig, cloudflare: &Cloudflare, policy: &str) -> Test {
    let token = Vault::new(rig).token(policy, "10m");
    place(rig, cloudflare).env("VAULT_TOKEN", token)
}

#[test]
fn a_policy_for_the_teams_prefix_alone_is_enough() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let least = policy().replace(r#""create", "update", "list""#, r#""list""#);
    assert_ne!(least, policy());
    for (policy, name) in [(policy(), "one"), (&least, "two")] {
        let test = limited(&rig, &cloudflare, policy);
        let vault = Vault::new(&rig);
        let old = format!("{ZONE}/old-{name}");
        put_aged(&rig, &test, &old, &["old.teamdomain.com"], 80, 10);
        test.lecertvend(&VEND.replace("myapp", name)).code(0).stderr("");
        test.lecertvend(RENEW).code(0).stderr("");
        assert_vended(&rig, &test, &format!("{ZONE}/{name}"), &[&format!("{name}.teamdomain.com")]);
        assert_vended(&rig, &test, &old, &["old.teamdomain.com"]);
        // Where that is allowed, keys are in one version of a record, and then in none.
        let keys = vault.ask("GET", "secret/metadata/lecertvend/team/hydrant-state/?list=true", None);
        for key in keys["data"]["keys"].as_array().unwrap() {
            let path = format!("secret/metadata/lecertvend/team/hydrant-state/{}", key.as_str().unwrap());
            let kept = vault.ask("GET", &path, None)["data"]["versions"].as_object().unwrap().len();
            assert!(name == "two" || kept == 1, "{path}: {kept}");
        }
    }
    assert_eq!(rig.certificates_issued(), 4);
}

#[test]
fn the_prefix_of_another_team_is_denied_and_named() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = limited(&rig, &cloudflare, policy());
    let vault = Vault::new(&rig);
    vault.write("secret/lecertvend/others/lecertvend", &super::team(&cloudflare));
    let (vend, renew) = (VEND.replace("/team/", "/others/"), RENEW.replace("/team", "/others"));
    test.lecertvend(&vend).code(1).stderr_contains("the policy of the token denies `read` on");
    let output = test.lecertvend(&renew).code(1);
    let output = output.stderr_contains(
        "error: the policy of the token denies `list` on `secret/metadata/lecertvend/others/`\n\
         hint: allow it: path \"secret/metadata/lecertvend/others/\" { capabilities = [\"list\"] }\n",
    );
    assert!(!output.stdout.contains("renewals complete.\n"), "{}", output.stdout);
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn what_the_policy_of_ones_own_prefix_lacks_is_named() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let read_only = policy().replace(r#"["create", "read", "update"]"#, r#"["read"]"#);
    let test = limited(&rig, &cloudflare, &read_only);
    test.lecertvend(VEND).code(1).stderr_contains("the policy of the token denies `create` or `update` on");
    assert_eq!(rig.orders_made(), 0);
    let test = test.env("VAULT_TOKEN", "hvs.of-nobody");
    test.lecertvend(VEND).code(1).stderr_contains("Vault does not take the token");
    let test = test.env("VAULT_TOKEN", "");
    test.lecertvend(VEND).code(1);
}

#[test]
fn a_secret_that_may_not_be_read_is_not_taken_for_one_with_nothing_to_renew() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let denied = format!(
        "{}\npath \"secret/data/lecertvend/team/teamdomain.com/hidden\" {{ capabilities = [\"deny\"] }}\n",
        policy()
    );
    let test = limited(&rig, &cloudflare, &denied);
    put_aged(&rig, &test, &format!("{ZONE}/hidden"), &["hidden.teamdomain.com"], 80, 10);
    put_aged(&rig, &test, &format!("{ZONE}/old"), &["old.teamdomain.com"], 80, 10);
    test.lecertvend(RENEW)
        .code(1)
        .stderr_contains("denies `read` on `secret/data/lecertvend/team/teamdomain.com/hidden`")
        .stdout_contains("Newly issued certificate and key written to lecertvend/team/teamdomain.com/old\n");
    assert_eq!(Vault::new(&rig).read(super::TEAM)["contact"], json!("ops@teamdomain.com"));
}
