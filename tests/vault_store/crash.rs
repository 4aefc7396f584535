//! A run killed (-9) anywhere costs the next one nothing, whatever machine that is on.

use serde_json::json;

use super::{assert_good_fields, assert_stored, place, place_with, rig, rig_with_faults};
use crate::crash::{Before, HOOK, OPERATIONS};
use crate::support::{Rig, Test, Vault};

/// One certificate to get, in a store that nobody has used yet. Its folder holds something else as well.
fn killable(rig: &Rig, store: &str) -> Test {
    Vault::new(rig).write(&format!("hydrant/{store}-state/certificate-of-another"), &json!({ "x": "y" }));
    place_with(rig, HOOK, OPERATIONS, "a.example\n")
        .env("RIG_HOOK_CAPABILITIES", r#"{"hydrant":1,"challenges":"batch","parallel":true}"#)
        .env("HYDRANT_VAULT_PREFIX", store)
        .env("HYDRANT_VAULT_STATE_PREFIX", format!("{store}-state"))
        .write("store", store)
}

/// What the store of such a place holds.
fn is_kept(rig: &Rig, test: &Test) {
    let fields = Vault::new(rig).read(&format!("kv-certificates/{}/a.example", test.read("store")));
    assert_good_fields(rig, test, &fields, &["a.example"]);
}

/// The leases of the killed run end, and the next run finishes what it began.
#[track_caller]
fn make_good(rig: &Rig, test: &Test, before: &Before, step: &str, unknown: usize) {
    let vault = Vault::new(rig);
    let folder = format!("{}-state", test.read("store"));
    vault.end_leases(&folder);
    before.is_made_good(rig, test, step, 1..=1 + unknown);
    for key in vault.records(&folder) {
        let record = vault.read(&format!("hydrant/{folder}/{key}"));
        assert_eq!((&record["lease"], &record["staged"]), (&json!(null), &json!(null)), "{step}");
    }
}

#[test]
fn a_run_killed_before_or_after_any_request_to_vault_is_made_good() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    for action in ["kill-before", "kill-after"] {
        for nth in 0.. {
            let (test, before) = (killable(&rig, &format!("{action}-{nth}")), Before::kept(&rig, is_kept));
            vault.forget_requests();
            vault.faults(&json!([{ "do": action, "skip": nth }]));
            let output = test.run();
            let seen = vault.requests();
            vault.faults(&json!([]));
            if !output.was_killed() {
                assert!(nth > 15, "{action}: only {nth} requests were seen: {}\n{seen:#?}", output.stderr);
                break;
            }
            let step = format!("{action} request {nth}, {}", seen.last().unwrap());
            // The order that the CA made just before is not yet written down.
            make_good(&rig, &test, &before, &step, 1);
        }
    }
}

#[test]
fn a_run_killed_before_or_after_any_request_to_the_ca_is_made_good_from_vault() {
    let rig = rig_with_faults();
    for action in ["kill-before", "kill-after"] {
        for nth in 0.. {
            let (test, before) = (killable(&rig, &format!("{action}-{nth}")), Before::kept(&rig, is_kept));
            rig.forget_requests();
            rig.faults(&json!([{ "do": action, "skip": nth }]));
            let output = test.run();
            rig.faults(&json!([]));
            let seen = rig.requests();
            if !output.was_killed() {
                assert!(nth > 8, "{action}: only {nth} requests were seen: {}\n{seen:#?}", output.stderr);
                break;
            }
            let kind = seen.last().unwrap().kind.clone();
            let unknown = usize::from(kind == "newOrder" && action == "kill-after");
            make_good(&rig, &test, &before, &format!("{action} request {nth}, {kind}"), unknown);
        }
    }
}

#[test]
fn a_run_killed_by_its_hook_is_made_good_from_vault() {
    let rig = rig();
    for operation in ["deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert"] {
        for when in ["before", "after"] {
            let test = killable(&rig, &format!("{operation}-{when}"));
            let test = test.env("KILL_AT", operation).env("KILL_WHEN", when);
            let before = Before::kept(&rig, is_kept);
            assert!(test.run().was_killed());
            make_good(&rig, &test, &before, &format!("{when} {operation}"), 0);
        }
    }
}

#[test]
fn the_next_run_waits_for_the_lease_of_a_killed_one_no_longer_than_it_lasts() {
    let rig = rig();
    let test = killable(&rig, "lease").env("KILL_AT", "deploy_challenge").env("KILL_WHEN", "after");
    let test = test.env("HYDRANT_VAULT_LEASE", "1s");
    assert!(test.run().was_killed());
    let output = test.run().code(0).stdout_contains("a.example: in work elsewhere (process ");
    assert!(output.elapsed.as_secs() < 10, "{:?}", output.elapsed);
    is_kept(&rig, &test);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
}

#[test]
fn a_run_that_was_stopped_until_another_took_over_is_refused() {
    let rig = rig();
    let hook = r#"
        if [ "$1" = "${GATE-}" ]; then
            touch at-the-gate
            while [ -e gate ]; do sleep 0.02; done
        fi
        [[ $1 = *_challenge ]] || exit 0
        exec "$RIG_HOOK" "$@"
    "#;
    for gate in ["deploy_challenge", "sync_cert", "deploy_cert"] {
        let test = killable(&rig, gate).hook_script("hook", hook).write("gate", "").env("GATE", gate);
        let (orders, issued) = (rig.orders_made(), rig.certificates_issued());
        let mut first = test.start();
        first.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
        first.signal("STOP");
        Vault::new(&rig).end_leases(&format!("{gate}-state"));

        let test = test.env("GATE", "");
        test.run().code(0).stderr("");
        std::fs::remove_file(test.path("gate")).unwrap();
        first.signal("CONT");
        first.wait().code(1).stderr_contains("the lease of `a.example` is lost");
        is_kept(&rig, &test);
        assert_eq!((rig.orders_made() - orders, rig.certificates_issued() - issued), (1, 1), "{gate}");
        test.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
    }
}

#[test]
fn a_run_that_a_signal_ends_leaves_no_lease_behind() {
    let rig = rig();
    let hook = r#"[ "$1" = deploy_challenge ] && touch at-the-gate && sleep 30; exec "$RIG_HOOK" "$@""#;
    let test = place(&rig, "a.example\n").hook_script("hook", hook);
    let mut run = test.start();
    run.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    run.signal("TERM");
    run.wait().code(143);
    let test = test.hook_script("hook", r#"exec "$RIG_HOOK" "$@""#);
    let output = test.run().code(0).stderr("");
    assert!(!output.stdout.contains("in work elsewhere"), "{}", output.stdout);
    assert_stored(&rig, &test, "a.example", &["a.example"]);
}
