//! A run killed (-9) anywhere costs the next one nothing: the order goes on, the certificate that was issued is
//! fetched, what was deployed is cleaned, what is owed is delivered.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Rig, Test, assert_good_pair, own_hook_config};

/// Does what the rig's hook does, notes its calls, and kills the run at one of them, once.
pub(crate) const HOOK: &str = r#"
if [ "$1" = "${KILL_AT-}" ] && mkdir killed 2>/dev/null; then
    [ "$KILL_WHEN" = before ] || "$RIG_HOOK" "$@"
    kill -KILL "$PPID"
    exit 1
fi
echo "$1" >>calls
exec "$RIG_HOOK" "$@"
"#;

pub(crate) const OPERATIONS: &str = "deploy_challenge, clean_challenge, sync_cert, deploy_cert";

/// One certificate to get.
fn place(rig: &Rig) -> Test {
    Test::new()
        .rig(rig)
        .domains("a.example\n")
        .own_hook(HOOK, OPERATIONS)
        .env("RIG_HOOK_CAPABILITIES", r#"{"hydrant":1,"challenges":"batch","parallel":true}"#)
        .args(["run"])
}

/// What the CA had done before a run, and how to see that what it issued is kept.
pub(crate) struct Before {
    orders: usize,
    certificates: usize,
    is_kept: fn(&Rig, &Test),
}

impl Before {
    fn of(rig: &Rig) -> Before {
        Before::kept(rig, |rig, test| assert_good_pair(rig, &test.path("certs/a.example"), &["a.example"]))
    }

    /// The same for another store.
    pub(crate) fn kept(rig: &Rig, is_kept: fn(&Rig, &Test)) -> Before {
        Before { orders: rig.orders_made(), certificates: rig.certificates_issued(), is_kept }
    }

    /// The next run finishes what the killed one began, and the one after that has nothing to do.
    #[track_caller]
    pub(crate) fn is_made_good(&self, rig: &Rig, test: &Test, step: &str, orders: RangeInclusive<usize>) {
        eprintln!("--- killed {step}");
        test.run().code(0);
        (self.is_kept)(rig, test);
        assert!(test.read("calls").contains("deploy_cert\n"), "it was not delivered");
        test.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");

        assert_eq!(rig.certificates_issued() - self.certificates, 1, "certificates");
        let ordered = rig.orders_made() - self.orders;
        assert!(orders.contains(&ordered), "{ordered} orders, not {orders:?}");
        assert_eq!(rig.challenges("a.example"), Vec::<String>::new(), "a challenge is left over");
        assert_eq!(temporary_files(&test.path(".")), Vec::<PathBuf>::new(), "temporary files are left over");
    }
}

/// Below a directory, what hydrant names while it writes it.
fn temporary_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(temporary_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "tmp") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_run_killed_before_any_change_of_its_files_is_made_good() {
    let rig = Rig::start();
    for nth in 1.. {
        let (test, before) = (place(&rig), Before::of(&rig));
        let (output, Some(change)) = test.run_killed_before_change(nth) else {
            assert!(nth > 25, "only {nth} changes were seen");
            break;
        };
        assert!(output.was_killed(), "{}", output.stderr);
        // The order that the CA made just before is not yet written down.
        before.is_made_good(&rig, &test, &format!("before change {nth}, {change}"), 1..=2);
    }
}

#[test]
fn a_line_of_a_record_that_a_power_cut_leaves_torn_is_made_good() {
    let rig = Rig::start();
    let mut torn = 0;
    for nth in 1.. {
        let (test, before) = (place(&rig), Before::of(&rig));
        let (_, Some(change)) = test.run_killed_before_change(nth) else { break };
        // It is added, and not yet durable.
        if change != "fdatasync" {
            continue;
        }
        let path = test.path(".hydrant/certificates/a.example.json");
        let mut record = fs::read(&path).unwrap();
        let newest = record.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap().len();
        record.truncate(record.len() - newest / 2);
        fs::write(&path, record).unwrap();
        torn += 1;
        before.is_made_good(&rig, &test, &format!("in the middle of line {torn} of its record"), 1..=2);
    }
    assert!(torn >= 4, "only {torn} lines were torn");
}

#[test]
fn a_run_killed_before_or_after_any_request_is_made_good() {
    let rig = Rig::with_faults();
    for action in ["kill-before", "kill-after"] {
        for nth in 0.. {
            let (test, before) = (place(&rig), Before::of(&rig));
            rig.forget_requests();
            rig.faults(&json!([{ "do": action, "skip": nth }]));
            let output = test.run();
            if !output.was_killed() {
                let seen = rig.requests();
                assert!(nth > 8, "{action}: only {nth} requests were seen: {}\n{seen:#?}", output.stderr);
                break;
            }
            rig.faults(&json!([]));
            let kind = rig.requests().last().unwrap().kind.clone();
            // Killed between the CA's answer and its record, the order is not known to the next run.
            let unknown = usize::from(kind == "newOrder" && action == "kill-after");
            let orders = 1 + unknown;
            before.is_made_good(&rig, &test, &format!("{action} request {nth}, {kind}"), orders..=orders);
        }
    }
}

#[test]
fn a_run_killed_by_its_hook_is_made_good() {
    let rig = Rig::start();
    for operation in ["deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert"] {
        for when in ["before", "after"] {
            let test = place(&rig).env("KILL_AT", operation).env("KILL_WHEN", when);
            let before = Before::of(&rig);
            assert!(test.run().was_killed());
            before.is_made_good(&rig, &test, &format!("{when} {operation}"), 1..=1);
        }
    }
}

#[test]
fn a_renewal_whose_order_was_lost_goes_without_replaces_where_the_ca_counts_it() {
    let rig = Rig::with(&["--nonce-reject", "0", "--faults", "--boulder-replaces"]);
    let test = place(&rig).args(["run", "--force"]);
    test.run().code(0);
    rig.faults(&json!([{ "kind": "newOrder", "do": "kill-after" }]));
    assert!(test.run().was_killed());
    assert_eq!(rig.orders_made(), 2);

    rig.forget_requests();
    test.run().code(0).stderr("");
    let answers: Vec<_> =
        rig.requests().into_iter().filter(|request| request.kind == "newOrder").map(|r| r.status).collect();
    assert_eq!(answers, [Some(409), Some(201)]);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (3, 2));
}

#[test]
fn a_renewal_that_was_asked_for_goes_on_without_being_asked_for_again() {
    let rig = Rig::with(&["--nonce-reject", "0", "--faults", "--boulder-replaces"]);
    let test = place(&rig).args(["run", "--force"]).filter("0000-00-00 00:00:00Z", "[TIME]");
    test.run().code(0);
    let first = test.read("certs/a.example/cert.pem");
    rig.faults(&json!([{ "kind": "certificate", "do": "kill-before" }]));
    assert!(test.run().was_killed());

    test.hydrant(&["run"]).code(0).stdout(
        "a.example: resume: an earlier run was cut off\n\
         a.example: going on with the order of an earlier run\n\
         a.example: renewed, valid until [TIME]\n\
         a.example: delivered to `hook`\n\
         1 certificate: 1 renewed\n",
    );
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
    assert_ne!(test.read("certs/a.example/cert.pem"), first);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));
}

#[test]
fn what_was_deployed_for_a_certificate_that_is_no_longer_declared_is_cleaned() {
    let rig = Rig::start();
    for command in ["run", "deliver"] {
        let test = place(&rig).env("KILL_AT", "deploy_challenge").env("KILL_WHEN", "after");
        assert!(test.run().was_killed());
        assert_eq!(rig.challenges("a.example").len(), 1);
        let test = test.domains("b.example\n");
        test.hydrant(&[command]).code(0).stderr("");
        assert!(rig.challenges("a.example").is_empty(), "after {command}");
    }
}

#[test]
fn a_challenge_that_a_hook_of_another_run_owes_does_not_fail_this_one() {
    let rig = Rig::start();
    let test = place(&rig).env("KILL_AT", "deploy_challenge").env("KILL_WHEN", "after");
    assert!(test.run().was_killed());
    let test = test.config(&own_hook_config("other", OPERATIONS));
    test.run().code(0);
    assert_eq!(rig.challenges("a.example").len(), 1, "that one is the first hook's");
    test.run().code(0);

    let test = test.config(&own_hook_config("hook", OPERATIONS));
    test.run().code(0).stderr("");
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn files_that_were_lost_before_they_were_in_use_are_issued_anew() {
    let rig = Rig::start();
    let test = place(&rig).env("KILL_AT", "sync_cert").env("KILL_WHEN", "before");
    assert!(test.run().was_killed());
    fs::remove_dir_all(test.path("certs/a.example")).unwrap();
    test.run().code(0);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
    assert_eq!(rig.certificates_issued(), 2);
    test.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
}

#[test]
fn files_that_wait_to_be_put_in_place_need_no_ca() {
    let rig = Rig::with_faults();
    for command in ["run", "deliver"] {
        let test = place(&rig).env("KILL_AT", "sync_cert").env("KILL_WHEN", "before");
        rig.faults(&json!([]));
        assert!(test.run().was_killed());
        rig.faults(&json!([{ "do": "reset-before", "times": null }]));
        test.hydrant(&[command]).code(0).stderr("");
        assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
        assert_eq!(test.read("calls").matches("deploy_cert\n").count(), 1);
    }
}
