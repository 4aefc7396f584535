//! Where rules are read from, and that nobody can choose another place.

use std::os::unix::fs::chown;

use serde_json::json;

use super::{RULES, anybody, config, rig};
use crate::support::{Output, Test, Vault, hydrant};

/// Runs `hydrant plan` where `/etc/hydrant/tenants.yml` is `tenants.yml`. `prepare` is what is done in `/etc/hydrant`
/// beforehand.
#[track_caller]
fn with_file(test: &Test, prepare: &str) -> Output {
    with_file_for(test, prepare, "plan")
}

/// The same for any command: in a mount namespace, which goes with it.
#[track_caller]
pub(crate) fn with_file_for(test: &Test, prepare: &str, command: &str) -> Output {
    let script = format!(
        "set -e\nmount -t tmpfs tmpfs /etc\nmkdir -m 755 /etc/hydrant\ncp tenants.yml /etc/hydrant\n\
         chmod 644 /etc/hydrant/tenants.yml\ncd /etc/hydrant\n{prepare}\ncd \"$OLDPWD\"\nexec {} {command}\n",
        hydrant()
    );
    test.put("inside.sh", &script);
    test.program("unshare", &["--map-root-user", "--mount", "sh", "inside.sh"])
}

fn with_rules(rules: &str) -> Test {
    Test::new()
        .config("challenge: dns-01\nhooks: [{command: /bin/true, operations: [deploy_challenge, clean_challenge]}]\n")
        .domains("www.team-a.example\nwww.team-b.example\n")
        .write("tenants.yml", rules)
}

const ANYBODY: &str = "tenants: [{name: site, domains: team-a.example}]\n";

#[test]
fn the_file_of_the_machine_counts_before_what_the_environment_names() {
    let test = with_rules(ANYBODY).env("HYDRANT_TENANTS", "secret/nowhere");
    with_file(&test, "").code(1).stderr("").stdout(
        "issue   www.team-a.example  nothing is stored\n\
         refuse  www.team-b.example  the tenant `site` may not ask for `www.team-b.example`\n\
         2 certificates: 1 to issue, 1 to refuse\n",
    );
}

#[test]
fn a_file_that_the_job_could_change_is_an_error() {
    let test = with_rules(ANYBODY);
    let refused = |path: &str| {
        format!(
            "error: `{path}` has the rules of tenants, and this job could change it: it must be root's alone to write\n"
        )
    };
    let file = refused("/etc/hydrant/tenants.yml");
    with_file(&test, "chmod 664 tenants.yml").code(2).stdout("").stderr(&file);
    with_file(&test, "chmod 646 tenants.yml").code(2).stderr(&file);
    with_file(&test, "chmod 777 .").code(2).stderr(&refused("/etc/hydrant"));
}

#[test]
fn a_file_of_anybody_but_root_is_an_error_also_for_root() {
    let test = with_rules(ANYBODY);
    // Root gives a file away; for anybody else one of root itself has an owner whom the namespace does not know.
    let theirs = test.path("tenants.yml");
    let given_away = chown(&theirs, Some(65_533), None).is_ok();
    let theirs = if given_away { theirs.display().to_string() } else { "/usr/bin/env".to_owned() };
    with_file(&test, &format!("mount --bind {theirs} tenants.yml")).code(2).stdout("").stderr(
        "error: `/etc/hydrant/tenants.yml` has the rules of tenants, and does not belong to root: it must be root's \
         alone to write\n",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let test = with_rules(ANYBODY);
    with_file(&test, "rm tenants.yml; mkdir tenants.yml").code(2).stderr(
        "error: cannot read the rules of tenants in /etc/hydrant/tenants.yml: Is a directory (os error 21)\n",
    );
    with_file(&test, "printf '\\377' > tenants.yml")
        .code(2)
        .stderr("error: cannot read the rules of tenants in /etc/hydrant/tenants.yml: it is not UTF-8\n");
}

#[test]
fn faults_in_the_rules_are_shown_where_they_are() {
    let test = with_rules("tenants:\n  - name: a\n    domain: a.example\n");
    with_file(&test, "").code(2).stdout("").stderr(
        "error[unknown-key]: `tenants[0].domain` is not a setting\n \
         --> /etc/hydrant/tenants.yml:3:5\n  |\n3 |     domain: a.example\n  |     ^^^^^^\n  |\n  \
         = help: did you mean `domains`?\n\
         error: the rules of tenants in /etc/hydrant/tenants.yml have faults\n",
    );
}

#[test]
fn a_secret_that_the_job_could_change_is_an_error() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let plan = |policy: &str| {
        let test =
            anybody(&rig).config("challenge: dns-01\nhooks: /bin/true\n").domains("www.team-a.example\n");
        test.env("VAULT_TOKEN", vault.token(policy, "10m")).hydrant(&["plan"])
    };
    let read = "path \"kv-certificates/data/platform/tenants\" { capabilities = [\"read\"] }\n";
    plan(read)
        .code(1)
        .stdout_contains("no rule in kv-certificates/platform/tenants is meant for this certificate");
    for (path, capability) in [
        ("data/platform/tenants", "update"),
        ("metadata/platform/*", "delete"),
        ("destroy/platform/*", "update"),
        ("undelete/platform/*", "update"),
    ] {
        let more =
            format!("path \"kv-certificates/{path}\" {{ capabilities = [\"read\", \"{capability}\"] }}");
        let shown = format!("kv-certificates/{}", path.replace('*', "tenants"));
        plan(&if path.starts_with("data") { more } else { format!("{read}{more}") }).code(2).stdout("").stderr(&format!(
            "error: `kv-certificates/platform/tenants` has the rules of tenants, and this job could change it: its token \
             has `{capability}` on `{shown}`\n"
        ));
    }
}

#[test]
fn a_named_place_that_cannot_be_read_is_an_error() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let nothing = "path \"kv-certificates/data/other\" { capabilities = [\"read\"] }\n";
    let test = anybody(&rig)
        .config("challenge: dns-01\nhooks: /bin/true\n")
        .domains("www.team-a.example\n")
        .env("VAULT_TOKEN", vault.token(nothing, "10m"));
    test.hydrant(&["plan"]).code(2).stdout("").stderr(
        "error: cannot read the rules of tenants in kv-certificates/platform/tenants: the policy of the token denies \
         `read` on `kv-certificates/data/platform/tenants`\n\
         hint: allow it: path \"kv-certificates/data/platform/tenants\" { capabilities = [\"read\"] }\n",
    );
    let test = test.env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"]);
    let plan = |place: &str, test: Test| test.env("HYDRANT_TENANTS", place).hydrant(&["plan"]).code(2);
    let named = |test: &Test| {
        anybody(&rig)
            .config(&test.read("hydrant.yml"))
            .domains("a.example\n")
            .env("VAULT_TOKEN", vault.token("path \"*\" { capabilities = [\"read\"] }", "10m"))
    };
    plan("kv-certificates/nowhere", named(&test)).stderr(
        "error: there are no rules of tenants at `kv-certificates/nowhere`, which HYDRANT_TENANTS names\n",
    );
    plan("kv-certificates", named(&test))
        .stderr("error: HYDRANT_TENANTS is to name a mount and a path, not `kv-certificates`\n");
    vault.write("kv-certificates/other", &json!({ "rules": RULES }));
    plan("kv-certificates/other", named(&test))
        .stderr("error: the secret `kv-certificates/other` has no field `tenants` with rules of tenants\n");
    // A place in hydrant.yml is none: this is the address that counts.
    let led = named(&test).config(
        "store: vault\nvault: {address: 'https://vault.example:1'}\nchallenge: dns-01\nhooks: /bin/true\n",
    );
    led.hydrant(&["plan"]).code(1).stdout_contains("no rule in kv-certificates/platform/tenants");
}

#[test]
fn without_a_named_place_the_record_beside_the_store_counts() {
    let rig = rig();
    let vault = Vault::new(&rig);
    super::export(&rig, Some("team-a"));
    let test = |team: &str| {
        let token = vault.token(&own_policy(team), "10m");
        Test::new()
            .rig(&rig)
            .env("NO_PROXY", "*")
            .config(&config(team, ""))
            .domains("www.team-b.example\n")
            .env("VAULT_TOKEN", token)
    };
    // There is none, so there are no rules.
    test("team-a").hydrant(&["plan"]).code(0).stdout_contains("1 to issue");
    let own = "tenants: [{name: team-a, domains: team-a.example}]";
    vault.write("hydrant/hydrant-state/team-a/tenants", &json!({ "tenants": own }));
    test("team-a")
        .hydrant(&["plan"])
        .code(1)
        .stdout_contains("the tenant `team-a` may not ask for `www.team-b.example`");
    // One that it could have written itself.
    let root = test("team-a").env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"]);
    root.hydrant(&["plan"]).code(2).stderr_contains("this job could change it");
}

/// The policy that is printed where no secret is named.
fn own_policy(team: &str) -> String {
    let test = Test::new().config(&config(team, ""));
    let printed = test.hydrant(&["export", "vault-policy", team, "--format", "json"]).code(0).json();
    printed["policy"]["hcl"].as_str().unwrap().to_owned()
}
