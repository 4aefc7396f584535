//! From dehydrated to hydrant and back, on the same files.

use super::installed::Installed;
use crate::support::{DNS_HOOK, RECORD_HOOK, Rig, assert_good_pair};

const LIST: &str = "a.example www.a.example\n*.b.example > star\n";

fn good(rig: &Rig, installed: &Installed) {
    assert_good_pair(rig, &installed.test.path("certs/a.example"), &["a.example", "www.a.example"]);
    assert_good_pair(rig, &installed.test.path("certs/star"), &["*.b.example"]);
}

fn registrations(rig: &Rig) -> usize {
    rig.requests_at_ca().iter().filter(|request| *request == "POST /sign-me-up").count()
}

#[test]
fn an_installation_goes_over_to_hydrant_and_back_and_nothing_is_issued_for_it() {
    let rig = Rig::start();
    let installed = Installed::new(&rig, LIST, &format!("HOOK={RECORD_HOOK}")).env("RECORD_THEN", DNS_HOOK);
    installed.theirs(&["--register", "--accept-terms"]).code(0);
    installed.theirs(&["--cron"]).code(0);
    let (account, registered) = (installed.account(), registrations(&rig));
    assert_eq!((rig.orders_made(), account.len()), (2, 3));
    installed.calls();

    // hydrant in its place has nothing to do; nobody is told of a certificate a second time.
    let unchanged = [
        "startup_hook",
        "generate_csr",
        "unchanged_cert a.example",
        "generate_csr",
        "unchanged_cert *.b.example",
        "exit_hook",
    ];
    installed.ours(&["--cron"]).code(0);
    assert_eq!(installed.calls(), unchanged);

    // Nor has hydrant with what `import` writes.
    let test = &installed.test;
    test.hydrant(&["import", "dehydrated", "--config", "config", "--output", "hydrant.yml"])
        .code(0)
        .stdout("[DIR]/hydrant.yml: 2 certificates kept as they are\n")
        .stderr("");
    test.hydrant(&["plan", "-q"]).code(0).stdout("2 certificates: 2 to keep\n").stderr("");
    test.hydrant(&["run"]).code(0);
    let mut calls = installed.calls();
    calls.sort();
    assert_eq!(
        calls,
        [
            "exit_hook",
            "generate_csr",
            "generate_csr",
            "startup_hook",
            "unchanged_cert *.b.example",
            "unchanged_cert a.example"
        ]
    );
    assert_eq!(rig.orders_made(), 2);

    // Both renew on demand, by the same account.
    installed.ours(&["--cron", "--force"]).code(0);
    good(&rig, &installed);
    test.hydrant(&["run", "--only", "star", "--force"]).code(0);
    good(&rig, &installed);
    let calls = installed.calls();
    let delivered = calls.iter().filter(|call| call.starts_with("deploy_cert"));
    assert_eq!(
        delivered.collect::<Vec<_>>(),
        ["deploy_cert a.example", "deploy_cert *.b.example", "deploy_cert *.b.example"]
    );
    test.hydrant(&["plan", "-q"]).code(0).stdout("2 certificates: 2 to keep\n");
    assert_eq!(rig.orders_made(), 5);

    // The way back needs nothing.
    installed.theirs(&["--cron"]).code(0);
    assert_eq!(installed.calls(), unchanged);
    installed.theirs(&["--cron", "--force"]).code(0).stderr("");
    good(&rig, &installed);
    assert_eq!(rig.orders_made(), 7);
    installed.ours(&["--cron"]).code(0);
    test.hydrant(&["plan", "-q"]).code(0).stdout("2 certificates: 2 to keep\n");
    assert_eq!((rig.orders_made(), registrations(&rig)), (7, registered));
    assert!(installed.account() == account, "the account has changed");
}

#[test]
fn import_keeps_the_rule_of_a_single_certificate_and_names_what_it_cannot_keep() {
    let rig = Rig::start();
    let installed = Installed::new(&rig, "a.example\n", &format!("HOOK={DNS_HOOK}"));
    installed.ours(&["--register", "--accept-terms"]).code(0);
    installed.ours(&["--cron"]).code(0);
    // All but this one are due at once.
    let config = installed.test.read("config");
    let test = installed.test.write("config", format!("{config}RENEW_DAYS=100\n"));
    let test = test.write("certs/a.example/config", "RENEW_DAYS=-1\n");
    let import = ["import", "dehydrated", "--config", "config"];
    test.hydrant(&import).code(0).stderr_contains("RENEW_DAYS=-1: the latest that can be said is one second");
    // Left to the program under dehydrated, which here cannot be said behind a rule for all.
    let test = test.write("certs/a.example/config", "RENEW_DAYS=32\nMAILTO=ops\n");
    test.hydrant(&import).code(0).stdout_contains("    renew_before: 32d\n").stderr_contains("MAILTO");
}
