//! A signal ends a run by that signal, after what was deployed is cleaned.

use std::fs;

use serde_json::json;

use super::place::{cron, operations, place, start, told};
use crate::support::{Rig, Test, hydrant};

const SIGNALS: [(&str, i32); 3] = [("INT", 2), ("TERM", 15), ("HUP", 1)];

const BEGUN: [&str; 4] = ["probe", "startup_hook", "probe", "generate_csr a.example"];
const CLEANED: [&str; 2] = ["deploy_challenge a.example", "clean_challenge a.example"];

/// `exit_hook` came once, as the last call; nothing is deployed or locked any more; nothing was issued or delivered.
#[track_caller]
fn assert_in_good_order(rig: &Rig, test: &Test, before: &[&str]) {
    let mut calls = told(test);
    let last = calls.pop().unwrap();
    assert!(last.starts_with("exit_hook"), "{last}");
    assert_eq!(calls, before);
    assert!(rig.challenges("a.example").is_empty(), "a challenge is left");
    assert!(!test.path("lock").exists(), "the lock is left");
    assert!(!test.path("certs/a.example/cert.pem").exists());
}

#[test]
fn a_signal_during_a_hook_ends_the_run_by_that_signal_after_cleaning() {
    let rig = Rig::start();
    let before = [&BEGUN[..], &CLEANED].concat();
    for (signal, number) in SIGNALS {
        for arguments in [&["--cron"][..], &["--cron", "--keep-going"]] {
            let test = place(&rig, "a.example\nb.example\n", "").write("gate", "");
            let issued = rig.certificates_issued();
            let mut run = start(&test, arguments);
            run.wait_until("a hook is at the gate", || test.path("at-the-gate").exists());
            assert_eq!(rig.challenges("a.example").len(), 1);
            // Ctrl-C reaches the whole group, `kill` and service managers hydrant alone.
            if arguments.len() == 1 {
                run.signal_group(signal);
            } else {
                run.signal(signal);
            }
            run.wait().signal(number);
            assert_in_good_order(&rig, &test, &before);
            assert_eq!(rig.certificates_issued(), issued);
        }
    }
}

#[test]
fn a_signal_while_the_ca_is_asked_ends_the_run_by_that_signal_after_cleaning() {
    let rig = Rig::with_faults();
    for (kind, signal, number, calls) in [
        ("directory", "TERM", 15, vec![]),
        ("authorization", "INT", 2, BEGUN.to_vec()),
        ("challenge", "TERM", 15, [&BEGUN[..], &CLEANED].concat()),
        ("finalize", "HUP", 1, [&BEGUN[..], &CLEANED].concat()),
    ] {
        for arguments in [&["--cron"][..], &["--cron", "--keep-going"]] {
            let test = place(&rig, "a.example\n", "");
            let made = (rig.orders_made(), rig.certificates_issued());
            rig.forget_requests();
            rig.faults(&json!([{ "kind": kind, "do": "hang", "times": null }]));
            let mut run = start(&test, arguments);
            run.wait_until(&format!("a request for {kind} hangs"), || {
                rig.requests().iter().any(|request| request.fault.is_some())
            });
            run.signal(signal);
            run.wait().signal(number);
            assert_in_good_order(&rig, &test, &calls);
            rig.faults(&json!([]));
            // The next run goes on where this one stopped.
            cron(&test, &[]).code(0);
            assert_eq!((rig.orders_made(), rig.certificates_issued()), (made.0 + 1, made.1 + 1), "{kind}");
            assert!(rig.challenges("a.example").is_empty());
        }
    }
}

#[test]
fn a_command_that_is_no_run_ends_by_the_signal_too() {
    let rig = Rig::with_faults();
    let test = place(&rig, "", "");
    for (signal, number) in SIGNALS {
        rig.forget_requests();
        rig.faults(&json!([{ "kind": "directory", "do": "hang", "times": null }]));
        let mut run = start(&test, &["--account"]);
        run.wait_until("a request hangs", || rig.requests().iter().any(|request| request.fault.is_some()));
        run.signal(signal);
        run.wait().signal(number);
        assert_eq!(operations(&test), ["exit_hook"]);
        assert!(!test.path("lock").exists());
    }
}

/// Ends its whole process group, hydrant's as well where it shares that.
const KILLER: &str = r#"
"$DNS_HOOK" "$@" || exit
if [ "$1" = deploy_challenge ] && [ -e kill ]; then kill -"$(cat kill)" 0; sleep 60; fi
"#;

#[test]
fn a_hook_that_kills_its_group_costs_its_line_alone() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n", "").hook_script("killer", KILLER).write("kill", "TERM");
    let killer = test.path("killer");
    let test = test.env("RECORD_THEN", killer);
    cron(&test, &["-g"]).code(1).stderr_contains("was ended by signal 15");
    assert_eq!(told(&test)[..], [&BEGUN[..], &CLEANED, &["exit_hook"]].concat()[..]);
    fs::remove_file(test.path("kill")).unwrap();
    cron(&test, &[]).code(0);
}

#[test]
fn at_a_terminal_hooks_share_the_group_and_what_is_pressed_there_is_cleaned_up_after() {
    let rig = Rig::start();
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let test =
            place(&rig, "a.example\nb.example\n", "").hook_script("killer", KILLER).write("kill", signal);
        let killer = test.path("killer");
        let test = test.env("RECORD_THEN", killer);
        let command =
            format!("exec '{}' dehydrated --config '{}' --cron", hydrant(), test.path("config").display());
        // A terminal of its own; gives 128 and the signal.
        test.program("script", &["--quiet", "--return", "--command", &command, "/dev/null"])
            .code(128 + number);
        let calls = test.calls("record");
        assert!(
            calls.iter().all(|call| call.stdin == "terminal"
                || call.operation == "clean_challenge"
                || call.operation == "exit_hook"),
            "{calls:?}"
        );
        assert_in_good_order(&rig, &test, &[&BEGUN[..], &CLEANED].concat());
    }
}
