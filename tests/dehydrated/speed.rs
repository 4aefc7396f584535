//! What hydrant does better in dehydrated's place, where nobody relies on the old way.

use std::fs;

use super::place::{cron, place, run, start, told};
use crate::support::{Rig, Test, rig_hook};

const FOUR: &str = "a.example\nb.example\nc.example\nd.example\n";

#[test]
fn certificates_overlap_with_an_old_hook_when_the_person_says_how_many() {
    let rig = Rig::start();
    let test = place(&rig, FOUR, "").env("HYDRANT_JOBS", "4").write("gate", "").env("GATE_AT", "sync_cert");
    let mut issuing = start(&test, &["--cron"]);
    issuing.wait_until("a certificate waits in its hook", || test.path("at-the-gate").exists());
    // Calls of one hook never overlap, but the others' orders are on their way meanwhile.
    issuing.wait_until("the others are ordered", || rig.orders_made() == 4);
    fs::remove_file(test.path("gate")).unwrap();
    issuing.wait().code(0);
    let calls = told(&test);
    assert_eq!(calls[..2], ["probe", "startup_hook"]);
    assert_eq!(calls.last().unwrap(), "exit_hook");
    for name in ["a.example", "b.example", "c.example", "d.example"] {
        let of_it: Vec<&str> =
            calls.iter().filter_map(|call| call.strip_suffix(&format!(" {name}"))).collect();
        assert_eq!(of_it, ["generate_csr", "deploy_challenge", "clean_challenge", "deploy_cert"], "{name}");
    }
}

/// The rig's hook, which announces what `capabilities` say.
fn announcing(rig: &Rig, list: &str, capabilities: &str) -> Test {
    let test = place(rig, list, &format!("HOOK={}", rig_hook().display()));
    let log = test.path("log");
    test.env("RIG_HOOK_CAPABILITIES", capabilities).env("RIG_HOOK_LOG", log)
}

#[test]
fn a_hook_that_announces_batches_gets_the_challenges_of_all_lines_in_one_call() {
    let rig = Rig::start();
    let test = announcing(&rig, FOUR, r#"{"hydrant":1,"challenges":"batch","parallel":true}"#);
    cron(&test, &[]).code(0);
    let log = test.read("log");
    assert_eq!(log.matches("deploy_challenge").count(), 1, "{log}");
    assert_eq!(log.matches("deploy_cert").count(), 4, "{log}");
    assert_eq!(rig.certificates_issued(), 4);
}

#[test]
fn a_run_without_a_hook_and_with_nothing_due_asks_nobody_and_starts_nothing_but_the_configuration() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let settings = "HOOK=\nCHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR\nRENEW_DAYS=30";
    let test = place(&rig, FOUR, settings);
    cron(&test, &[]).code(0);
    let asked = rig.requests_at_ca().len();
    let config = test.path("config").display().to_string();
    let test = test.args(["dehydrated", "--config", &config, "--cron"]);
    let (output, trace) = test.run_traced("execve");
    output.code(0);
    assert_eq!(rig.requests_at_ca().len(), asked);
    let started: Vec<&str> =
        trace.lines().filter(|line| line.contains("execve(") && line.ends_with("= 0")).collect();
    // hydrant itself, and the bash that reads the configuration.
    assert_eq!(started.len(), 2, "{trace}");
    assert!(started[1].contains("bash"), "{trace}");
}

#[test]
fn a_run_with_an_old_hook_and_nothing_due_asks_for_the_directory_alone() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\n", "RENEW_DAYS=30");
    cron(&test, &[]).code(0);
    let asked = rig.requests_at_ca().len();
    cron(&test, &[]).code(0);
    assert_eq!(rig.requests_at_ca()[asked..], ["GET /dir"]);
    run(&test, &["--env"]).code(0);
    assert_eq!(rig.requests_at_ca().len(), asked + 1);
}
