//! Who may ask for which name, through lecertvend's command line as through any other.

use serde_json::{Value, json};

use super::tenancy::policy;
use super::{RENEW, VEND, ZONE, ZONES, assert_vended, place, put_aged, rig};
use crate::support::{Cloudflare, Output, Rig, Test, Vault};
use crate::tenants::places::with_file_for;

/// What a platform allows a team whose token reaches the folder of more zones.
const RULES: &str = "\
tenants:
  - name: team
    prefix: secret/lecertvend/team
    domains: [myapp.teamdomain.com, other.example]
    wildcards: false
";

/// Where it says so.
const PLACE: &str = "secret/platform/tenants";

/// What a job needs for that beside the policy of its team.
const MAY_READ: &str = "path \"secret/data/platform/tenants\" { capabilities = [\"read\"] }\n";

/// A place of a job with the token of its team, which may read the rules.
fn job(rig: &Rig, cloudflare: &Cloudflare) -> Test {
    let vault = Vault::new(rig);
    vault.write(PLACE, &json!({ "tenants": RULES }));
    let token = vault.token(&format!("{MAY_READ}{}", policy()), "10m");
    place(rig, cloudflare).env("VAULT_TOKEN", token).env("HYDRANT_TENANTS", PLACE)
}

/// What is in the folder of a team, and its secret.
fn written(rig: &Rig) -> Value {
    let vault = Vault::new(rig);
    let folder = vault.ask("GET", "secret/metadata/lecertvend/team/?list=true", None);
    json!([folder["data"]["keys"], vault.version(super::TEAM)])
}

#[track_caller]
fn assert_refused(rig: &Rig, before: &Value, output: Output, why: &str) {
    output.code(1).stderr_contains(why);
    assert_eq!((rig.orders_made(), &written(rig)), (0, before));
}

const OTHER_NAME: &str = "the tenant `team` may not ask for `www.teamdomain.com`";

#[test]
fn a_name_that_the_rules_do_not_allow_is_refused_before_anything_is_ordered_or_written() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = job(&rig, &cloudflare);
    let before = written(&rig);
    let strange = VEND.replace("-names myapp", "-names www");
    test.lecertvend(&strange)
        .code(1)
        .stdout("Vending cert for www.teamdomain.com\n")
        .stderr(
            "error: lecertvend/team/teamdomain.com/myapp: the tenant `team` may not ask for `www.teamdomain.com`\n\
             hint: `team` may ask for names of `myapp.teamdomain.com` and `other.example`\n\
             hint: the rules are in secret/platform/tenants\n",
        );
    assert_eq!((rig.orders_made(), written(&rig)), (0, before.clone()));
    // One of several, a wildcard, and the same words of hydrant's own.
    assert_refused(
        &rig,
        &before,
        test.lecertvend(&VEND.replace("-names myapp", "-names myapp,www")),
        OTHER_NAME,
    );
    let wildcard = test.lecertvend(&VEND.replace("-names myapp", "-names *.myapp"));
    assert_refused(
        &rig,
        &before,
        wildcard,
        "the tenant `team` may not ask for wildcards: `*.myapp.teamdomain.com`",
    );
    let words = "vend --mount secret --prefix lecertvend/team/teamdomain.com --secret www --names www";
    assert_refused(&rig, &before, test.hydrant(&words.split(' ').collect::<Vec<_>>()), OTHER_NAME);
    // What is allowed is still to be had.
    test.lecertvend(VEND).code(0).stderr("");
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"]);
    assert_eq!(rig.orders_made(), 1);
}

#[test]
fn renewing_refuses_only_what_the_rules_do_not_allow() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = job(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let pots = "secret/lecertvend/team/other.example/pots";
    put_aged(&rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"], 80, 10);
    put_aged(&rig, &test, &format!("{ZONE}/www"), &["www.teamdomain.com"], 80, 10);
    put_aged(&rig, &test, &format!("{ZONE}/later"), &["later.teamdomain.com"], 10, 80);
    put_aged(&rig, &test, pots, &["pots.other.example"], 80, 10);
    for commands in [RENEW, "renew"] {
        let output = match commands {
            "renew" => test.hydrant(&[
                "renew",
                "--min-days",
                "28",
                "--mount",
                "secret",
                "--prefix",
                "lecertvend/team",
            ]),
            line => test.lecertvend(line),
        };
        let output = output.code(1).stderr_contains(
            "error: lecertvend/team/teamdomain.com/www: the tenant `team` may not ask for `www.teamdomain.com`\n",
        );
        assert!(output.stdout.ends_with("renewals complete, but not all is well.\n"), "{}", output.stdout);
        assert!(
            !output.stdout.contains("written to lecertvend/team/teamdomain.com/www"),
            "{}",
            output.stdout
        );
        assert_eq!(rig.certificates_issued(), 2);
    }
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"]);
    assert_vended(&rig, &test, pots, &["pots.other.example"]);
    for untouched in ["www", "later"] {
        assert_eq!(vault.versions(&format!("{ZONE}/{untouched}")), 1, "{untouched}");
    }
    assert_eq!(rig.orders_made(), 2);
}

#[test]
fn what_a_job_says_itself_can_only_narrow_the_rules() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let mut test = job(&rig, &cloudflare);
    let before = written(&rig);
    let strange = VEND.replace("-names myapp", "-names www");
    for yaml in [
        "tenants: [{name: all, domains: '*'}]\n",
        "tenants: [{name: team, domains: teamdomain.com}]\nvault: {state_prefix: lecertvend/team/x}\n",
    ] {
        test = test.config(yaml);
        assert_refused(&rig, &before, test.lecertvend(&strange), OTHER_NAME);
    }
    test = test.config("tenants: [{name: own, domains: x.teamdomain.com}]\n");
    let refused = "the tenant `own` may not ask for `myapp.teamdomain.com`";
    assert_refused(&rig, &before, test.lecertvend(VEND), refused);
    // Rules that the job's own token could change are none.
    let writable = format!("{}{}", MAY_READ.replace("\"read\"", "\"read\", \"update\""), policy());
    test = test.env("VAULT_TOKEN", Vault::new(&rig).token(&writable, "10m"));
    assert_refused(
        &rig,
        &before,
        test.lecertvend(VEND),
        "its token has `update` on `secret/data/platform/tenants`",
    );
}

#[test]
fn the_record_beside_the_teams_secret_counts_wherever_the_job_has_its_own() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let vault = Vault::new(&rig);
    let record = "secret/lecertvend/team/hydrant-state/tenants";
    vault.write(record, &json!({ "tenants": RULES }));
    let test = place(&rig, &cloudflare).env("VAULT_TOKEN", vault.token(policy(), "10m"));
    let strange = VEND.replace("-names myapp", "-names www");
    // Its token could have written them.
    test.lecertvend(VEND)
        .code(1)
        .stderr_contains(&format!("`{record}` has the rules of tenants, and this job could change it"));
    let fenced = format!(
        "{}\npath \"secret/data/lecertvend/team/hydrant-state/tenants\" {{ capabilities = [\"read\"] }}\n\
         path \"secret/metadata/lecertvend/team/hydrant-state/tenants\" {{ capabilities = [\"deny\"] }}\n\
         path \"kv-certificates/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"list\"] }}\n",
        policy()
    );
    let test = test.env("VAULT_TOKEN", vault.token(&fenced, "10m"));
    test.lecertvend(&strange)
        .code(1)
        .stderr_contains(OTHER_NAME)
        .stderr_contains(&format!("hint: the rules are in {record}\n"));
    for (variable, value) in
        [("HYDRANT_STATE_MOUNT", "kv-certificates"), ("HYDRANT_VAULT_STATE_PREFIX", "lecertvend/team/x")]
    {
        let moved =
            place(&rig, &cloudflare).env("VAULT_TOKEN", vault.token(&fenced, "10m")).env(variable, value);
        moved.lecertvend(&strange).code(1).stderr_contains(OTHER_NAME);
    }
    assert_eq!(rig.orders_made(), 0);
    test.lecertvend(VEND).code(0).stderr("");
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"]);
}

#[test]
fn the_file_of_the_machine_counts_before_what_a_job_names() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = job(&rig, &cloudflare)
        .write("tenants.yml", RULES.replace("myapp.teamdomain.com", "x.teamdomain.com"));
    let before = written(&rig);
    let vended = with_file_for(&test, "", &format!("lecertvend {VEND}"));
    assert_refused(&rig, &before, vended, "the tenant `team` may not ask for `myapp.teamdomain.com`");
    let writable = with_file_for(&test, "chmod 666 tenants.yml", &format!("lecertvend {VEND}"));
    assert_refused(&rig, &before, writable, "and this job could change it");
}
