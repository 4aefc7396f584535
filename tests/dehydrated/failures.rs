//! What a run through dehydrated's door makes of whatever goes wrong: which calls follow, and what the next run does.

mod hook;

use std::fs;

use serde_json::{Value, json};

use super::place::{cron, operations, place, run, start, told, unregistered};
use crate::support::{Rig, Test};

/// What the CA's answers look like that are never given again in vain.
fn refused(kind: &str) -> Value {
    json!([{ "kind": kind, "do": "answer", "status": 403, "problem": "unauthorized", "times": null }])
}

/// A whole line of the list.
fn line(name: &str, then: &[&str]) -> Vec<String> {
    let begun = ["probe".to_owned(), format!("generate_csr {name}")];
    begun.into_iter().chain(then.iter().map(|call| (*call).to_owned())).collect()
}

/// The run's beginning, lines, and its end.
fn a_run(lines: &[Vec<String>], end: &str) -> Vec<String> {
    let mut calls = vec!["probe".to_owned(), "startup_hook".to_owned()];
    calls.extend(lines.concat());
    calls.push(end.to_owned());
    calls
}

fn issued(name: &str) -> Vec<String> {
    let calls = ["deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert"];
    let calls =
        calls.map(|call| if call == "sync_cert" { call.to_owned() } else { format!("{call} {name}") });
    line(name, &calls.each_ref().map(String::as_str))
}

#[test]
fn a_name_that_fails_is_told_of_by_its_own_name_and_everything_is_cleaned() {
    let rig = Rig::start();
    // The failing name is not the last one, which dehydrated would tell of.
    let test = place(&rig, "bad.example\nb.example\n", "");
    let test = test.domains("bad.example www.bad.example\nb.example\n");
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert_eq!(calls[..4], ["probe", "startup_hook", "probe", "generate_csr bad.example"]);
    let mut challenges = calls[4..9].to_vec();
    challenges.sort();
    assert_eq!(
        challenges,
        [
            "clean_challenge bad.example",
            "clean_challenge www.bad.example",
            "deploy_challenge bad.example",
            "deploy_challenge www.bad.example",
            "invalid_challenge bad.example",
        ]
    );
    assert_eq!(
        calls[6], "invalid_challenge bad.example",
        "after all that was deployed, before it is cleaned"
    );
    assert_eq!(calls.len(), 10, "{calls:#?}");
    assert!(calls[9].starts_with("exit_hook <bad.example: "), "{}", calls[9]);

    cron(&test, &["--keep-going"]).code(1);
    let calls = told(&test);
    assert_eq!(calls[9..], [&issued("b.example")[..], &["exit_hook".to_owned()]].concat());
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn an_order_that_is_refused_is_told_of_as_a_failed_request() {
    let rig = Rig::start();
    let test = place(&rig, "a.blocked-domain.example\nb.example\n", "");
    let refused = line("a.blocked-domain.example", &["request_failure 400 post"]);
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), a_run(std::slice::from_ref(&refused), "exit_hook <>"));
    cron(&test, &["-g"]).code(1);
    assert_eq!(told(&test), a_run(&[refused, issued("b.example")], "exit_hook"));
}

#[test]
fn an_http_error_is_told_of_once_and_what_was_deployed_is_cleaned() {
    let rig = Rig::with_faults();
    let test = place(&rig, "", "");
    let told_of = "request_failure 403 post";
    // A name each: what is proven once, Pebble may use again.
    for (kind, name) in [
        ("authorization", "a.example"),
        ("challenge", "b.example"),
        ("finalize", "c.example"),
        ("certificate", "d.example"),
    ] {
        test.put("domains.txt", &format!("{name}\n"));
        rig.faults(&refused(kind));
        cron(&test, &[]).code(1);
        let (deployed, cleaned) = (format!("deploy_challenge {name}"), format!("clean_challenge {name}"));
        let calls = match kind {
            "authorization" => vec![told_of],
            _ => vec![deployed.as_str(), cleaned.as_str(), told_of],
        };
        assert_eq!(told(&test), a_run(&[line(name, &calls)], "exit_hook <>"), "{kind}");
        assert!(rig.challenges(name).is_empty(), "{kind}");
    }
    // The certificate that was issued is fetched by the next run, and not issued again.
    rig.faults(&json!([]));
    let made = rig.orders_made();
    cron(&test, &[]).code(0);
    let calls = ["sync_cert", "deploy_cert d.example"];
    assert_eq!(told(&test), a_run(&[line("d.example", &calls)], "exit_hook"));
    assert_eq!(rig.orders_made(), made);
}

#[test]
fn an_http_error_at_the_directory_ends_the_run_before_it_begins() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n", "");
    rig.faults(&json!([{ "kind": "directory", "do": "answer", "status": 404, "times": null }]));
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), ["request_failure 404 get", "exit_hook <>"]);
    run(&test, &["--account"]).code(1);
    assert_eq!(told(&test), ["request_failure 404 get", "exit_hook <>"]);
}

#[test]
fn an_error_that_passes_is_tried_again_and_nobody_is_told() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n", "");
    let rule = |kind: &str, status: u16| json!({ "kind": kind, "do": "answer", "status": status });
    let limited =
        json!({ "kind": "order", "do": "answer", "status": 429, "problem": "rateLimited", "retry_after": 1 });
    rig.faults(&json!([
        rule("directory", 503),
        rule("newNonce", 500),
        rule("newOrder", 502),
        rule("authorization", 500),
        limited,
        rule("finalize", 503),
        { "kind": "certificate", "do": "reset-after" },
    ]));
    cron(&test, &[]).code(0).stderr("");
    assert_eq!(told(&test), a_run(&[issued("a.example")], "exit_hook"));
}

#[test]
fn without_a_connection_exit_hook_is_told_so_and_nothing_else_is_called() {
    let rig = Rig::start();
    let test = unregistered(&rig, "a.example\n", &format!("CA=https://{}:9/dir", rig.address()));
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with("exit_hook <no answer from https://"), "{calls:?}");
}

#[test]
fn validation_that_takes_too_long_ends_it_and_everything_is_cleaned() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n", "VALIDATION_TIMEOUT=1");
    let body = r#"{"type":"dns-01","url":"https://ca/","status":"processing"}"#;
    rig.faults(&json!([{ "kind": "challenge", "do": "answer", "status": 200, "times": null,
                         "type": "application/json", "body": body }]));
    cron(&test, &[]).code(1);
    let mut calls = told(&test);
    let last = calls.pop().unwrap();
    assert_eq!(calls[4..], ["deploy_challenge a.example", "clean_challenge a.example"]);
    assert!(last.starts_with("exit_hook <a.example: ") && last.contains("1 s"), "{last}");
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn an_order_that_takes_too_long_or_turns_invalid_ends_it_after_the_cleaning() {
    let rig = Rig::with_faults();
    let order = |status: &str| {
        let body = json!({ "status": status, "identifiers": [{ "type": "dns", "value": "a.example" }],
                           "authorizations": [], "finalize": format!("{}finalize", rig.ca()) });
        json!({ "kind": "finalize", "do": "answer", "status": 200, "type": "application/json", "body": body.to_string() })
    };
    for (status, timeout) in [("processing", "ORDER_TIMEOUT=1"), ("invalid", "")] {
        let test = place(&rig, "a.example\n", timeout);
        rig.faults(&json!([order(status)]));
        cron(&test, &[]).code(1);
        let mut calls = told(&test);
        let last = calls.pop().unwrap();
        assert_eq!(calls[4..], ["deploy_challenge a.example", "clean_challenge a.example"], "{status}");
        assert!(last.starts_with("exit_hook <a.example: "), "{last}");
    }
}

#[test]
fn what_keeps_a_run_from_beginning_is_told_to_exit_hook_alone() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n", "");
    let config = test.read("config");
    let only_exit_hook = |what: &str| {
        let calls = told(&test);
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert!(calls[0].starts_with("exit_hook <") && calls[0].contains(what), "{calls:?}");
    };

    test.put("config", &(config.clone() + "CHALLENGETYPE=carrier-pigeon\n"));
    cron(&test, &[]).code(1).stderr_contains("ERROR: Unknown challenge type carrier-pigeon");
    only_exit_hook("Unknown challenge type carrier-pigeon");
    test.put("config", &config);

    test.put("lock", "somebody\n");
    cron(&test, &[]).code(1);
    only_exit_hook("lock");
    assert_eq!(test.read("lock"), "somebody\n", "it is another run's");
    fs::remove_file(test.path("lock")).unwrap();

    run(&test, &["--deactivate"]).code(0);
    assert_eq!(told(&test), [""; 0]);
    for command in [&["--cron"][..], &["--account"], &["--register"]] {
        run(&test, command).code(1);
        only_exit_hook("deactivated");
    }
    assert!(!test.path("lock").exists());
}

#[test]
fn terms_that_are_not_accepted_are_no_hooks_business() {
    let rig = Rig::start();
    let test = unregistered(&rig, "a.example\n", "");
    cron(&test, &[]).code(1);
    run(&test, &["--register"]).code(1);
    assert_eq!(told(&test), [""; 0]);
    cron(&test, &["--accept-terms"]).code(0);
    assert_eq!(told(&test), a_run(&[issued("a.example")], "exit_hook"));
}

#[test]
fn a_list_that_is_missing_is_told_of_and_one_that_is_empty_is_fine() {
    let rig = Rig::start();
    let test = place(&rig, "# nothing yet\n\n", "");
    cron(&test, &[]).code(0);
    assert_eq!(told(&test), ["probe", "startup_hook", "exit_hook"]);
    fs::remove_file(test.path("domains.txt")).unwrap();
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert_eq!(calls[..2], ["probe", "startup_hook"]);
    assert!(calls[2].starts_with("exit_hook <") && calls[2].contains("domains.txt"), "{calls:?}");
}

#[test]
fn a_challenge_that_is_not_offered_ends_the_line_before_anything_is_deployed() {
    let rig = Rig::start();
    let test = place(&rig, "*.a.example > star\n", "CHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR");
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert_eq!(calls[..4], ["probe", "startup_hook", "probe", "generate_csr *.a.example"]);
    assert!(calls[4].starts_with("exit_hook <star: ") && calls[4].contains("http-01"), "{calls:?}");
    assert_eq!(calls.len(), 5);
}

#[test]
fn of_two_runs_at_once_the_second_is_told_so_and_the_first_ends_well() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n", "").write("gate", "");
    let mut first = start(&test, &["--cron"]);
    first.wait_until("a hook is at the gate", || test.path("at-the-gate").exists());
    operations(&test);
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert!(calls.len() == 1 && calls[0].starts_with("exit_hook <"), "{calls:?}");
    fs::remove_file(test.path("gate")).unwrap();
    first.wait().code(0);
    assert_eq!(told(&test), ["clean_challenge a.example", "sync_cert", "deploy_cert a.example", "exit_hook"]);
    assert!(!test.path("lock").exists());
}
