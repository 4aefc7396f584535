use super::{PLACE, RULES, anybody, config, export, job, rig};
use crate::support::{Test, Vault};
use serde_json::json;

#[test]
fn a_team_gets_its_own_names_and_no_others() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let test = job(&rig, "team-a", "hydrant-team-a", "").domains("www.team-a.example\nwww.team-b.example\n");
    test.hydrant(&["plan"])
        .code(1)
        .stdout(
            "issue   www.team-a.example  nothing is stored\n\
             refuse  www.team-b.example  the tenant `team-a` may not ask for `www.team-b.example`\n\
             2 certificates: 1 to issue, 1 to refuse\n",
        )
        .stderr("");
    test.run().code(1).stderr(
        "error: www.team-b.example: the tenant `team-a` may not ask for `www.team-b.example`\n\
         hint: `team-a` may ask for names of `team-a.example`\n\
         hint: the rules are in kv-certificates/platform/tenants\n",
    );
    assert!(Vault::new(&rig).read("kv-certificates/certs/team-a/www.team-a.example")["key"].is_string());
    assert_eq!(Vault::new(&rig).list("kv-certificates"), json!(["certs/", "platform/"]));
}

#[test]
fn a_merge_request_that_widens_the_rules_changes_nothing_and_one_that_narrows_them_counts() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let run = |more: &str, domains: &str| {
        job(&rig, "team-a", "hydrant-team-a", more).domains(domains).hydrant(&["run", "--only", "*"])
    };
    let refused = "the tenant `team-a` may not ask for `www.team-b.example`";
    for more in [
        "tenants: [{name: all, domains: '*'}]\n",
        "tenants: [{name: team-b, claims: {namespace_path: team-a}, domains: team-b.example}]\n",
    ] {
        run(more, "www.team-b.example\n").code(1).stderr_contains(refused);
    }
    run("tenants: [{name: own, domains: api.team-a.example}]\n", "api.team-a.example\nwww.team-a.example\n")
        .code(1)
        .stderr(
            "error: www.team-a.example: the tenant `own` may not ask for `www.team-a.example`\n\
             hint: `own` may ask for names of `api.team-a.example`\nhint: the rules are in `[DIR]/hydrant.yml`\n",
        );
    run("tenants: []\n", "api.team-a.example\n").code(1).stderr_contains("is meant for this certificate");
}

#[test]
fn a_merge_request_that_moves_the_store_reaches_no_other_team() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let vault = Vault::new(&rig);
    vault.write("kv-certificates/certs/team-b/www.team-b.example", &json!({ "key": "theirs" }));
    let test = job(&rig, "team-a", "hydrant-team-a", "")
        .config(&config("team-b", "").replace("hydrant-state/team-b", "hydrant-state/team-a"))
        .domains("www.team-a.example\n");
    test.run().code(1).stderr_contains(
        "the policy of the token denies `read` on `kv-certificates/data/certs/team-b/www.team-a.example`",
    );
    let test = test.config(&config("team-b", ""));
    test.run().code(1).stderr_contains("on `hydrant/metadata/hydrant-state/team-b/`");
    assert_eq!(vault.versions("kv-certificates/certs/team-b/www.team-b.example"), 1);
}

#[test]
fn whom_vault_does_not_know_gets_nothing() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let vault = Vault::new(&rig);
    // The role of another group: Vault refuses the login.
    let other = job(&rig, "team-b", "hydrant-team-a", "").domains("www.team-b.example\n");
    other
        .run()
        .code(2)
        .stderr_contains("claim \"namespace_path\" does not match any associated bound claim values");
    // A branch that anybody can push to.
    let jwt = vault.jwt(&["project_path=team-a/site", "ref_protected=false"]);
    let branch = job(&rig, "team-a", "hydrant-team-a", "").env("VAULT_ID_TOKEN", jwt);
    branch.domains("www.team-a.example\n").run().code(2).stderr_contains("claim \"ref_protected\"");
    // What a token that was made with another says of itself is its maker's word.
    let body = json!({
        "policies": ["hydrant-team-a"], "ttl": "10m", "metadata": {}, "meta": { "namespace_path": "team-a" },
    });
    let made = vault.ask("POST", "auth/token/create", Some(&body))["auth"]["client_token"].clone();
    let test = anybody(&rig)
        .config(&config("team-a", ""))
        .domains("www.team-a.example\n")
        .env("VAULT_TOKEN", made.as_str().unwrap());
    test.hydrant(&["run"]).code(1).stderr(
        "error: www.team-a.example: no rule in kv-certificates/platform/tenants is meant for this certificate\n\
         hint: nothing is known of the job that a rule with `claims` could be meant for\n\
         hint: the rules are in kv-certificates/platform/tenants\n",
    );
}

#[test]
fn of_an_approle_its_own_name_counts_and_nothing_that_a_secret_id_says() {
    let rig = rig();
    let vault = Vault::new(&rig);
    // It may make secret ids of its own role, as jobs do that hand one on.
    let mut role = vault.approle(
        "path \"kv-certificates/data/platform/tenants\" { capabilities = [\"read\"] }\n\
         path \"auth/approle/role/pusher/secret-id\" { capabilities = [\"update\"] }\n",
        &json!({}),
    );
    let metadata = json!({ "namespace_path": "team-b", "role_name": "loadbalancer" }).to_string();
    let body = json!({ "metadata": metadata });
    let made = vault.ask("POST", "auth/approle/role/pusher/secret-id", Some(&body));
    made["data"]["secret_id"].as_str().unwrap().clone_into(&mut role.secret_id);
    let login = json!({ "role_id": role.role_id, "secret_id": role.secret_id });
    let token = vault.ask("POST", "auth/approle/login", Some(&login))["auth"].take();
    assert_eq!(token["metadata"], json!({ "namespace_path": "team-b", "role_name": "pusher" }));
    let test =
        || anybody(&rig).config("challenge: dns-01\nhooks: /bin/true\n").domains("www.team-b.example\n");
    let by_login = || test().env("VAULT_ROLE_ID", &role.role_id).env("VAULT_SECRET_ID", &role.secret_id);
    // The token says nowhere that it is of an AppRole.
    let by_token = || test().env("VAULT_TOKEN", token["client_token"].as_str().unwrap());
    let refused = "no rule in kv-certificates/platform/tenants is meant for this certificate";
    let rules = |claims: &str| {
        let text = format!("tenants: [{{name: team-b, claims: {claims}, domains: team-b.example}}]");
        vault.write(PLACE, &json!({ "tenants": text }));
    };
    for claims in ["{namespace_path: team-b}", "{role_name: loadbalancer}"] {
        rules(claims);
        by_login().hydrant(&["plan"]).code(1).stdout_contains(refused);
        by_token().hydrant(&["plan"]).code(1).stdout_contains(refused);
    }
    rules("{role_name: pusher}");
    by_login().hydrant(&["plan"]).code(0).stdout_contains("1 to issue");
    by_token().hydrant(&["plan"]).code(0).stdout_contains("1 to issue");
}

#[test]
fn every_way_to_order_is_bound_by_the_rules() {
    let rig = rig();
    export(&rig, Some("team-a"));
    let test = job(&rig, "team-a", "hydrant-team-a", "").domains("www.team-a.example\n");
    test.hydrant(&["issue", "www.team-b.example"])
        .code(1)
        .stderr_contains("the tenant `team-a` may not ask for `www.team-b.example`");
    let request = request(&test, "www.team-b.example");
    test.hydrant(&["sign-csr", &request])
        .code(1)
        .stderr_contains("the tenant `team-a` may not ask for `www.team-b.example`");
    // A hook that asks for other names than the list.
    let script = r#"[ "$1" != generate_csr ] || cat request.pem"#;
    let test =
        test.hook_script("csr", script).config(&config("team-a", "").replace("hooks: [", "hooks: [./csr, "));
    test.run().code(1).stderr_contains("the tenant `team-a` may not ask for `www.team-b.example`");
    // dehydrated's command line.
    let files = anybody(&rig)
        .domains("www.team-b.example\n")
        .env("VAULT_TOKEN", "none")
        .env("HYDRANT_TENANTS", PLACE);
    files
        .as_dehydrated(&["--cron", "--accept-terms", "--challenge", "dns-01", "--hook", "/bin/true"])
        .code(1)
        .stderr_contains("cannot read the rules of tenants in kv-certificates/platform/tenants");
    assert_eq!(rig.orders_made(), 0);
}

/// A request for this name.
fn request(test: &Test, name: &str) -> String {
    let subject = format!("/CN={name}");
    let names = format!("subjectAltName=DNS:{name}");
    let command =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", &subject];
    test.put("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n");
    let out = ["-addext", &names, "-keyout", "request.key", "-out", "request.pem", "-config", "openssl.cnf"];
    test.program("openssl", &[&command[..], &out[..]].concat()).code(0);
    "request.pem".to_owned()
}

#[test]
fn ca_profile_and_account_are_bound_as_well() {
    let rig = rig();
    let vault = Vault::new(&rig);
    export(&rig, Some("team-a"));
    let rules = |allowed: &str| {
        let text =
            RULES.replacen("domains: team-a.example", &format!("domains: team-a.example\n    {allowed}"), 1);
        vault.write(PLACE, &json!({ "tenants": text }));
    };
    let test = job(&rig, "team-a", "hydrant-team-a", "").domains("www.team-a.example\n");
    rules("ca: letsencrypt");
    test.run().code(1).stderr_contains("the tenant `team-a` may not ask the CA [CA]");
    rules("profile: shortlived");
    test.run().code(1).stderr_contains("the tenant `team-a` may not leave the profile to the CA");
    rules("account: https://acme.example/acct/1");
    test.run().code(1).stderr_contains("the tenant `team-a` may not use the account https://");
    assert_eq!(rig.orders_made(), 0);
    rules("wildcards: false");
    test.run().code(0).stderr("");
}
