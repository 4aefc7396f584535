//! The CA is told to look when there is something to see.

use crate::support::{NSUPDATE_HOOK, Nameserver, Rig, Test, assert_good_pair};

const LIST: &str = "a.example *.a.example\nb.example\n";
const EVERYWHERE: &str = "challenge: dns-01\npropagation: authoritative";
const IN_A_SECOND: &str = "challenge: dns-01\npropagation: authoritative\npropagation_timeout: 1s";

/// Whether the CA was told to look.
fn was_answered(rig: &Rig) -> bool {
    rig.requests_at_ca().iter().any(|request| request.starts_with("POST /chalZ/"))
}

#[test]
fn the_ca_is_told_when_every_name_server_has_the_records() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    let test = servers.test(LIST, EVERYWHERE).args(["run", "-v"]);
    let mut running = test.start();
    let lacking = |name: &str| {
        format!(
            "{name}: not visible yet: `_acme-challenge.{name}` is not at `ns2.example` ({})",
            servers.secondary()
        )
    };
    for name in ["a.example", "b.example"] {
        running.wait_for_stderr(&lacking(name));
    }
    assert!(!was_answered(&rig));
    servers.tell_secondary();
    running.wait().code(0);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["*.a.example", "a.example"]);
    assert_good_pair(&rig, &test.path("certs/b.example"), &["b.example"]);
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn a_record_that_one_name_server_lacks_fails_its_certificate_and_spends_nothing() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    let test = servers.test("a.example\n", IN_A_SECOND);
    let failed = test.run().code(1);
    failed.stderr(&format!(
        "error: a.example: not visible in DNS after 1 s: `_acme-challenge.a.example` is not at `ns2.example` ({})\n\
         hint: raise `propagation_timeout:` if the name servers are known to be slow\n",
        servers.secondary()
    ));
    assert!(!was_answered(&rig));
    assert!(rig.challenges("a.example").is_empty());

    // The order is as good as new.
    let test = test.env("HYDRANT_PROPAGATION", "no");
    test.hydrant(&["run", "--ignore-backoff"]).code(0);
    assert_eq!(rig.orders_made(), 1);
}

#[test]
fn a_signal_ends_the_wait_and_what_was_deployed_is_cleaned() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    let test = servers.test("a.example\n", EVERYWHERE).args(["run", "-v"]);
    let mut running = test.start();
    running.wait_for_stderr("not visible yet");
    running.signal("TERM");
    running.wait().code(143);
    assert!(!was_answered(&rig));
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn a_record_behind_a_cname_is_looked_for_where_it_is() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    servers.update("update add _acme-challenge.a.example 60 CNAME a.validation.example");
    servers.tell_secondary();
    let test = servers.test("a.example\n", IN_A_SECOND);
    test.run().code(1).stderr_contains(
        "`_acme-challenge.a.example` (by CNAME `a.validation.example`) is not at `ns2.example`",
    );
    let test = test.env("HYDRANT_PROPAGATION_TIMEOUT", "1m").args(["run", "-v", "--ignore-backoff"]);
    let mut running = test.start();
    running.wait_for_stderr("not visible yet");
    servers.tell_secondary();
    running.wait().code(0);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
}

#[test]
fn hooks_that_return_when_records_are_visible_are_believed() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    let hook = format!(
        r#"case $1 in
        this_hookscript_*) echo '{{"hydrant": 1, "operations": ["deploy_challenge", "clean_challenge"], "visible_on_return": true}}' ;;
        *) exec {NSUPDATE_HOOK} "$@" ;;
        esac"#
    );
    let settings =
        format!("accept_terms: true\nhooks: [{{command: ./hook}}]\nresolvers: {}\n", rig.address());
    let test = Test::new().rig(&rig).domains("a.example\n").config(&settings).hook_script("hook", &hook);
    let test = servers.hook_settings(test).env("HYDRANT_CHALLENGE", "dns-01").args(["run"]);
    let test = test.env("HYDRANT_PROPAGATION", "authoritative");
    test.run().code(0);

    // What resolvers see no provider knows.
    let test = test.env("HYDRANT_PROPAGATION", "resolvers").env("HYDRANT_RESOLVERS", servers.secondary());
    let test = test.env("HYDRANT_PROPAGATION_TIMEOUT", "1s").domains("b.example\n");
    test.run()
        .code(1)
        .stderr_contains(&format!("`_acme-challenge.b.example` is not at `{}`\nhint: ", servers.secondary()));
}

#[test]
fn dehydrateds_door_waits_too_where_a_variable_says_so() {
    let rig = Nameserver::with_secondary();
    let servers = Nameserver::of(&rig);
    let config =
        format!("CA={}\nCHALLENGETYPE=dns-01\nHOOK={NSUPDATE_HOOK}\nKEY_ALGO=prime256v1\n", rig.ca());
    let test = servers.hook_settings(Test::new().rig(&rig).domains("a.example\n").write("config", config));
    let test = test
        .env("HYDRANT_PROPAGATION", "authoritative")
        .env("HYDRANT_PROPAGATION_TIMEOUT", "1s")
        .env("HYDRANT_RESOLVERS", rig.address());
    test.as_dehydrated(&["--config", "config", "--register", "--accept-terms"]).code(0);
    let failed = test.as_dehydrated(&["--config", "config", "--cron"]).code(1);
    let failed = failed.stdout_contains(" + Waiting until the challenges are visible in DNS...\n");
    failed.stderr_contains("is not at `ns2.example`");
    let test = test.without_env("HYDRANT_PROPAGATION");
    test.as_dehydrated(&["--config", "config", "--cron"]).code(0);
}

#[test]
fn without_a_resolver_that_answers_the_settings_for_one_are_named() {
    let rig = Nameserver::alone();
    let settings = format!("{IN_A_SECOND}\nresolvers: \"{}:1\"", rig.address());
    let test = Nameserver::of(&rig).test("a.example\n", "challenge: dns-01");
    let test =
        test.config(&format!("accept_terms: true\nhooks: [{{command: {NSUPDATE_HOOK}}}]\n{settings}\n"));
    test.run().code(1).stderr(
        "error: a.example: not visible in DNS after 1 s: `_acme-challenge.a.example`: nobody answered\n\
         hint: name resolvers that can be asked from here with `resolvers:`\n",
    );
}
