//! The pipelines in `examples`, with a job's own token.

use serde_json::json;

use super::{ZONES, assert_vended, place, put_aged, rig};
use crate::support::{Cloudflare, Test, Vault};

const PIPELINE: &str = include_str!("../../examples/gitlab-ci-lecertvend.yml");

/// The command lines of the jobs, with the pipeline's variables in them.
fn jobs() -> [String; 2] {
    let slug = PIPELINE.lines().find_map(|line| line.trim().strip_prefix("PROJECT_SLUG: ")).unwrap();
    let lines: Vec<String> = PIPELINE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- lecertvend "))
        .map(|line| line.replace("${PROJECT_SLUG}", slug))
        .collect();
    lines.try_into().unwrap()
}

/// A place whose jobs log in by GitLab's token, for the policy of their group.
fn group(rig: &crate::support::Rig, cloudflare: &Cloudflare) -> Test {
    let vault = Vault::new(rig);
    vault.write("secret/lecertvend/teamname/lecertvend", &super::team(cloudflare));
    let policy = super::tenancy::policy().replace("/team/", "/teamname/");
    vault.jwt_role(&policy, &json!({ "namespace_path": "teamname", "ref_protected": "true" }));
    let token = vault.jwt(&["project_path=teamname/myapp"]);
    let test = place(rig, cloudflare).without_env("VAULT_TOKEN");
    test.env("VAULT_ID_TOKEN", token).env("VAULT_AUTH_ROLE", "job")
}

#[test]
fn the_jobs_of_the_story_run_as_they_are_written_with_a_groups_token() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = group(&rig, &cloudflare);
    let [vend, renew] = jobs();
    assert_eq!(
        vend,
        "-vend -mount secret -prefix lecertvend/teamname/teamdomain.com -secret myapp -names myapp"
    );
    assert_eq!(renew, "-renew -mindays 28 -mount secret -prefix lecertvend/teamname");
    let zone = "secret/lecertvend/teamname/teamdomain.com";
    put_aged(&rig, &test, &format!("{zone}/pots"), &["pots.teamdomain.com"], 48, 42);
    put_aged(&rig, &test, &format!("{zone}/desk"), &["desk.teamdomain.com"], 63, 27);
    let tokens = Vault::new(&rig).tokens();
    test.lecertvend(&vend).code(0).stderr("");
    assert_vended(&rig, &test, &format!("{zone}/myapp"), &["myapp.teamdomain.com"]);
    test.lecertvend(&renew).code(0).stderr("").stdout(
        "Renewing certs in prefix lecertvend/teamname if less than 28 days validity remain.\n\
         lecertvend/teamname does not end in zone, looking for zones within...\n\
         ignoring secret lecertvend in non-zone prefix lecertvend/teamname\n\
         Renewing certs in prefix lecertvend/teamname/teamdomain.com if less than 28 days validity remain.\n\
         cert in secret lecertvend/teamname/teamdomain.com/myapp has 89 days of validity remaining, taking no action.\n\
         cert in secret lecertvend/teamname/teamdomain.com/pots has 42 days of validity remaining, taking no action.\n\
         renewals started, waiting for completion...\n\
         cert in secret lecertvend/teamname/teamdomain.com/desk has 27 days of validity remaining, less than asked for, \
         issuing new...\n\
         Newly issued certificate and key written to lecertvend/teamname/teamdomain.com/desk\n\
         renewals complete.\n",
    );
    assert_vended(&rig, &test, &format!("{zone}/desk"), &["desk.teamdomain.com"]);
    assert_eq!(rig.certificates_issued(), 2);
    // Both have given back the token of their login.
    assert_eq!(Vault::new(&rig).tokens(), tokens);
    // A job of another group, or of a branch that anybody may push to, gets nothing.
    for claims in
        [["project_path=others/myapp", "ref=main"], ["project_path=teamname/myapp", "ref_protected=false"]]
    {
        let test = group(&rig, &cloudflare).env("VAULT_ID_TOKEN", Vault::new(&rig).jwt(&claims));
        test.lecertvend(&vend).code(1).stderr_contains("error: Vault refuses the login at `auth/jwt`: ");
    }
}
