//! Runs at once over one list and one Vault share the work.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use super::{STATE, assert_stored, place, rig, rig_with_faults};
use crate::concurrency::accounts;
use crate::support::Vault;

/// So many runs at once over twenty lines: one certificate a line, one account, and all runs say that all is well.
fn share_a_list(runs: usize) {
    let rig = rig();
    let names: Vec<String> = (1..=20).map(|number| format!("n{number}.example")).collect();
    let list = names.iter().fold(String::new(), |mut list, name| {
        writeln!(list, "{name}").unwrap();
        list
    });
    let test = place(&rig, &list).deadline(Duration::from_mins(3));
    let running: Vec<_> = (0..runs).map(|_| test.start()).collect();
    for run in running {
        run.wait().code(0);
    }
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (20, 20));
    assert_eq!(accounts(&rig), 1);
    let vault = Vault::new(&rig);
    for name in &names {
        assert!(rig.challenges(name).is_empty(), "{name} is not clean");
        assert_eq!(vault.versions(&format!("kv-certificates/team/certs/{name}")), 1);
    }
    for key in vault.records(STATE) {
        assert!(vault.read(&format!("hydrant/{STATE}/{key}"))["lease"].is_null());
    }
    assert_stored(&rig, &test, "n7.example", &["n7.example"]);
    test.run().code(0).stdout("20 certificates: 20 unchanged\n").stderr("");
}

#[test]
fn two_first_runs_at_once_make_one_account_in_vault_and_one_certificate_a_line() {
    share_a_list(2);
}

#[test]
fn twenty_runs_at_once_over_one_vault_get_one_certificate_a_line() {
    share_a_list(20);
}

#[test]
fn a_look_at_what_is_stored_costs_two_requests_a_certificate_and_of_many_one() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let names = |count: usize| -> String {
        (1..=count).flat_map(|number| [format!("n{number}.example"), "\n".to_owned()]).collect()
    };
    let test = place(&rig, &names(40)).deadline(Duration::from_mins(2));
    test.run().code(0);
    let mut counts = Vec::new();
    for count in [5, 15, 20, 40] {
        let test = test.path("domains.txt");
        std::fs::write(test, names(count)).unwrap();
        vault.forget_requests();
        let other = place(&rig, &names(count));
        other.hydrant(&["status"]).code(0);
        counts.push(vault.requests().len());
    }
    assert_eq!(counts[1] - counts[0], 2 * 10, "{counts:?}");
    assert_eq!(counts[3] - counts[2], 20, "{counts:?}");
    // What does not depend on the number is looking at the mounts, at the token, and at what there is.
    assert!(counts[0] <= 2 * 5 + 4 && counts[2] <= 20 + 5, "{counts:?}");

    // A lease that is held by a run that lives is renewed: in a third of its life.
    let hook = r#"[ "$1" = deploy_challenge ] && touch held && sleep 2; exec "$RIG_HOOK" "$@""#;
    let test = place(&rig, "held.example\n").hook_script("hook", hook).env("HYDRANT_VAULT_LEASE", "1s");
    let mut first = test.start();
    first.wait_until("the hook works", || test.path("held").exists());
    vault.forget_requests();
    first.wait().code(0);
    let renewals =
        vault.requests().iter().filter(|request| request.starts_with("POST hydrant/data/")).count();
    assert!(renewals >= 5, "{renewals}");
    vault.faults(&json!([]));
}
