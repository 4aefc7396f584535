//! SIGINT and SIGTERM end a run in good order: what was deployed is cleaned, the ledger is written, `exit_hook` runs
//! once; the next run goes on where this one stopped.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Rig, Running, Test};

/// Does what the rig's hook does, and lingers at the operation that the file `linger` names: until it is asked to end,
/// and with `STUBBORN` until it is killed.
const HOOK: &str = r#"
echo "$1" >>calls
"$RIG_HOOK" "$@" || exit
if [ "$1" = "$(cat linger 2>/dev/null)" ]; then
    trap 'touch asked; [ -n "${STUBBORN-}" ] || exit 3' TERM
    touch lingering
    while [ -e linger ]; do sleep 0.02; done
fi
"#;

const OPERATIONS: &str = "deploy_challenge, clean_challenge, deploy_cert, exit_hook";

const NAMES: [&str; 5] = ["a.example", "b.example", "c.example", "d.example", "e.example"];

/// Well below the time that hydrant gives a hook which was asked to end.
const AT_ONCE: Duration = Duration::from_secs(4);

fn place(rig: &Rig) -> Test {
    Test::new()
        .rig(rig)
        .domains(&NAMES.map(|name| format!("{name}\n")).concat())
        .own_hook(HOOK, OPERATIONS)
        .env("RIG_HOOK_CAPABILITIES", r#"{"hydrant":1,"challenges":"batch","parallel":true}"#)
        .args(["run"])
}

/// What a run leaves that a signal ended.
#[track_caller]
fn assert_in_good_order(rig: &Rig, test: &Test) {
    let calls = test.read("calls");
    assert_eq!(calls.matches("exit_hook\n").count(), 1, "{calls}");
    assert!(calls.ends_with("exit_hook\n"), "{calls}");
    for name in NAMES {
        assert!(rig.challenges(name).is_empty(), "{name} is not clean: {calls}");
        let file = test.path(format!(".hydrant/certificates/{name}.json"));
        let record = if file.exists() { test.record(name) } else { Value::Null };
        assert_eq!(record["owed_cleaning"], Value::Null, "{record}");
        assert_eq!(record["failures"], Value::Null, "a signal is no failure: {record}");
    }
}

/// The next run has all certificates, and no more were ordered or issued than there are lines.
#[track_caller]
fn assert_finished_by_the_next_run(rig: &Rig, test: &Test) {
    test.run().code(0);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (NAMES.len(), NAMES.len()));
    assert!(NAMES.iter().all(|name| rig.challenges(name).is_empty()));
}

#[test]
fn a_signal_while_challenges_are_deployed_ends_the_hook_and_cleans() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let rig = Rig::start();
        let test = place(&rig).write("linger", "deploy_challenge");
        let mut run = test.start();
        run.wait_until("the hook lingers", || test.path("lingering").exists());
        assert_eq!(rig.challenges("a.example").len(), 1);
        run.signal(signal);
        let output = run.wait().code(code).stdout_contains("5 certificates: 5 not reached\n");
        assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
        assert_in_good_order(&rig, &test);

        fs::remove_file(test.path("linger")).unwrap();
        assert_finished_by_the_next_run(&rig, &test);
    }
}

#[test]
fn a_second_signal_takes_the_grace_from_a_hook_that_does_not_end() {
    let rig = Rig::start();
    let test = place(&rig).write("linger", "deploy_challenge").env("STUBBORN", "1");
    let mut run = test.start();
    run.wait_until("the hook lingers", || test.path("lingering").exists());
    run.signal("INT");
    run.wait_until("the hook was asked to end", || test.path("asked").exists());
    let hurried = Instant::now();
    run.signal("TERM");
    run.wait().code(130);
    assert!(hurried.elapsed() < AT_ONCE, "{:?}", hurried.elapsed());
    assert_in_good_order(&rig, &test);
}

#[test]
fn a_signal_while_challenges_are_cleaned_lets_the_cleaning_end() {
    let rig = Rig::start();
    let test = place(&rig).write("linger", "clean_challenge");
    let mut run = test.start();
    run.wait_until("the hook lingers", || test.path("lingering").exists());
    run.signal("TERM");
    // What comes after the cleaning shows that the signal was taken.
    fs::remove_file(test.path("linger")).unwrap();
    run.wait().code(143);
    assert!(!Path::new(&test.path("asked")).exists(), "the cleaning hook was asked to end");
    assert_in_good_order(&rig, &test);
    assert_finished_by_the_next_run(&rig, &test);
}

#[test]
fn a_third_signal_ends_a_cleaning_that_hangs_and_the_next_run_cleans() {
    let rig = Rig::start();
    let test = place(&rig).write("linger", "clean_challenge");
    let mut run = test.start();
    run.wait_until("the hook lingers", || test.path("lingering").exists());
    // Three kinds: of one kind that comes again before it was taken, one is left.
    run.signal("INT");
    run.signal("TERM");
    let impatient = Instant::now();
    run.signal("HUP");
    run.wait()
        .stdout_contains("5 certificates: 5 not reached\n")
        .stderr_contains("a.example: hook `hook` was stopped at `clean_challenge`")
        .stderr_contains("error: hook `hook` was not called for `exit_hook`: the run was interrupted\n");
    assert!(impatient.elapsed() < AT_ONCE, "{:?}", impatient.elapsed());
    assert!(test.path("asked").exists(), "the cleaning hook was not asked to end");
    let calls = test.read("calls");
    assert!(calls.ends_with("\ndeploy_challenge\nclean_challenge\n"), "{calls}");
    for name in NAMES {
        let record = test.record(name);
        assert_eq!(record["owed_cleaning"].as_array().map(Vec::len), Some(1), "{record}");
        assert_eq!(record["failures"], Value::Null, "a signal is no failure: {record}");
    }

    fs::remove_file(test.path("linger")).unwrap();
    assert_finished_by_the_next_run(&rig, &test);
}

#[test]
fn a_signal_ends_every_wait_for_the_ca_at_once() {
    let rig = Rig::with_faults();
    for kind in ["directory", "authorization", "challenge", "order", "finalize", "certificate"] {
        let test = place(&rig);
        let before = (rig.orders_made(), rig.certificates_issued());
        rig.forget_requests();
        rig.faults(&json!([{ "kind": kind, "do": "hang", "times": null }]));
        let mut run = test.start();
        run.wait_until(&format!("a request for {kind} hangs"), || {
            rig.requests().iter().any(|request| request.fault.is_some())
        });
        let signalled = Instant::now();
        run.signal("TERM");
        run.wait().code(143);
        assert!(signalled.elapsed() < AT_ONCE, "{kind}: {:?}", signalled.elapsed());
        assert_in_good_order(&rig, &test);

        rig.faults(&json!([]));
        test.run().code(0);
        let made = (rig.orders_made() - before.0, rig.certificates_issued() - before.1);
        assert_eq!(made, (NAMES.len(), NAMES.len()), "{kind}");
    }
}

/// Waits until the CA has so many requests of a kind.
#[track_caller]
fn wait_for_requests(run: &mut Running, rig: &Rig, kind: &str, count: usize) {
    run.wait_until(&format!("{count} requests for {kind}"), || {
        rig.requests().iter().filter(|request| request.kind == kind).count() >= count
    });
}

#[test]
fn a_signal_ends_orders_that_were_not_sent_at_once_and_others_after_a_moment() {
    let rig = Rig::with_faults();
    let test = place(&rig).env("HYDRANT_IN_FLIGHT", "2");
    rig.faults(&json!([{ "kind": "newOrder", "do": "hang", "times": null }]));
    let mut run = test.start();
    wait_for_requests(&mut run, &rig, "newOrder", 2);
    let signalled = Instant::now();
    run.signal("TERM");
    run.wait().code(143).stdout_contains("5 certificates: 5 not reached\n");
    // A request that hangs has 30 s, and is sent three times.
    assert!(signalled.elapsed() < Duration::from_secs(20), "{:?}", signalled.elapsed());
    assert_eq!(rig.requests().iter().filter(|request| request.kind == "newOrder").count(), 2);
    assert_in_good_order(&rig, &test);
}

#[test]
fn an_order_that_the_ca_has_when_a_signal_comes_is_not_lost() {
    let rig = Rig::with_faults();
    let test = place(&rig);
    rig.faults(&json!([{ "kind": "newOrder", "do": "delay", "seconds": 1, "times": null }]));
    let mut run = test.start();
    wait_for_requests(&mut run, &rig, "newOrder", NAMES.len());
    run.signal("TERM");
    run.wait().code(143);
    assert_in_good_order(&rig, &test);
    rig.faults(&json!([]));
    assert_finished_by_the_next_run(&rig, &test);
}

#[test]
fn a_signal_ends_the_question_what_became_of_an_order() {
    let rig = Rig::with_faults();
    // Deploys nothing, so that no name is valid.
    let idle = "echo \"$1\" >>calls";
    let unheard = json!({ "kind": "challenge", "do": "answer", "status": 200, "body": "{}", "times": null });
    let hang = json!({ "kind": "authorization", "do": "hang", "skip": 1, "times": null });
    for (what, rules) in [("invalid", json!([hang])), ("pending", json!([hang, unheard]))] {
        let test = Test::new()
            .rig(&rig)
            .domains("a.example\n")
            .own_hook(idle, OPERATIONS)
            .env("HYDRANT_VALIDATION_TIMEOUT", if what == "pending" { "1s" } else { "1m" })
            .args(["run"]);
        rig.forget_requests();
        rig.faults(&rules);
        let mut run = test.start();
        wait_for_requests(&mut run, &rig, "authorization", 2);
        let signalled = Instant::now();
        run.signal("TERM");
        run.wait().code(143).stdout_contains("1 certificate: 1 not reached\n");
        assert!(signalled.elapsed() < AT_ONCE, "{what}: {:?}", signalled.elapsed());
        assert!(test.read("calls").ends_with("deploy_challenge\nclean_challenge\nexit_hook\n"), "{what}");
        assert_in_good_order(&rig, &test);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_the_answer_to_an_order() {
    let rig = Rig::with_faults();
    let test = place(&rig);
    rig.faults(&json!([{ "kind": "newOrder", "do": "hang", "times": null }]));
    let mut run = test.start();
    run.wait_until("an order hangs", || rig.requests().iter().any(|request| request.kind == "newOrder"));
    run.signal("INT");
    run.signal("TERM");
    let hurried = Instant::now();
    run.wait();
    assert!(hurried.elapsed() < AT_ONCE, "{:?}", hurried.elapsed());
    assert_in_good_order(&rig, &test);
}
