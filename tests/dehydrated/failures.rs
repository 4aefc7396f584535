//! What a run through dehydrated's door makes of whatever goes wrong: which calls follow, and what the next run does.

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

/// A hook that fails at one operation, in a list of two.
fn failing(rig: &Rig, list: &str, operation: &str) -> Test {
    place(rig, list, "").env(&format!("RECORD_EXIT_{operation}"), "3")
}

/// What `exit_hook` is told of a hook's failure.
fn ended(name: &str, operation: &str) -> String {
    format!("exit_hook <{name}hook `[HOOK]` ended with exit code 3 at `{operation}`>")
}

const TWO: &str = "a.example\nb.example\n";

#[test]
fn a_hook_that_fails_before_the_first_line_ends_the_run_with_and_without_keep_going() {
    const PROBE: &str =
        "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script";
    let rig = Rig::start();
    for keep_going in [&[][..], &["-g"]] {
        let test = failing(&rig, TWO, PROBE);
        cron(&test, keep_going).code(1);
        let calls = told(&test);
        assert_eq!(calls[0], "probe");
        assert!(calls.len() == 2 && calls[1].starts_with("exit_hook <hook `[HOOK]` ended"), "{calls:?}");
        let test = failing(&rig, TWO, "startup_hook");
        cron(&test, keep_going).code(1);
        assert_eq!(told(&test), ["probe", "startup_hook", &ended("", "startup_hook")]);
    }
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn a_failed_generate_csr_costs_its_line_and_with_keep_going_no_other() {
    let rig = Rig::start();
    let test = failing(&rig, TWO, "generate_csr");
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), a_run(&[line("a.example", &[])], &ended("a.example: ", "generate_csr")));
    cron(&test, &["-g"]).code(1);
    assert_eq!(told(&test), a_run(&[line("a.example", &[]), line("b.example", &[])], "exit_hook"));
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn a_failed_deploy_challenge_is_cleaned() {
    let rig = Rig::start();
    let test = failing(&rig, TWO, "deploy_challenge");
    let tried =
        |name: &str| line(name, &[&format!("deploy_challenge {name}"), &format!("clean_challenge {name}")]);
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), a_run(&[tried("a.example")], &ended("a.example: ", "deploy_challenge")));
    cron(&test, &["-g"]).code(1);
    assert_eq!(told(&test), a_run(&[tried("a.example"), tried("b.example")], "exit_hook"));
    assert_eq!(rig.certificates_issued(), 0);
    // Nothing holds the next run back.
    let test = test.env("RECORD_EXIT_deploy_challenge", "");
    cron(&test, &[]).code(0);
    assert_eq!(told(&test), a_run(&[issued("a.example"), issued("b.example")], "exit_hook"));
}

#[test]
fn a_failed_clean_challenge_costs_no_certificate_and_is_made_good_by_the_next_run() {
    let rig = Rig::start();
    let test = failing(&rig, TWO, "clean_challenge");
    cron(&test, &[]).code(1);
    let end = "exit_hook <a.example: a challenge could not be cleaned>";
    assert_eq!(told(&test), a_run(&[issued("a.example")], end));
    cron(&test, &["-g"]).code(1);
    let again = line("a.example", &["clean_challenge a.example"]);
    assert_eq!(told(&test), a_run(&[again.clone(), issued("b.example")], "exit_hook"));
    assert_eq!(rig.certificates_issued(), 2);
    assert_eq!(rig.challenges("a.example").len(), 1);

    let test = test.env("RECORD_EXIT_clean_challenge", "");
    cron(&test, &[]).code(0);
    let second = line("b.example", &["clean_challenge b.example"]);
    assert_eq!(told(&test), a_run(&[again, second], "exit_hook"));
    assert!(rig.challenges("a.example").is_empty() && rig.challenges("b.example").is_empty());
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_failed_invalid_challenge_hides_nothing_and_what_was_deployed_is_cleaned() {
    let rig = Rig::start();
    let test = failing(&rig, "bad.example\nb.example\n", "invalid_challenge");
    let calls =
        ["deploy_challenge bad.example", "invalid_challenge bad.example", "clean_challenge bad.example"];
    let output = cron(&test, &[]).code(1);
    assert!(output.stderr.contains("at `invalid_challenge`"), "{}", output.stderr);
    let mut seen = told(&test);
    let last = seen.pop().unwrap();
    assert_eq!(seen, a_run(&[line("bad.example", &calls)], "")[..seen.len()]);
    assert!(last.starts_with("exit_hook <bad.example: ") && !last.contains("invalid_challenge"), "{last}");
    cron(&test, &["-g"]).code(1);
    assert_eq!(told(&test), a_run(&[line("bad.example", &calls), issued("b.example")], "exit_hook"));
}

#[test]
fn a_failed_sync_cert_is_repeated_on_the_same_files_by_the_next_run() {
    let rig = Rig::start();
    let test = failing(&rig, TWO, "sync_cert");
    let tried = |name: &str| {
        let calls =
            [format!("deploy_challenge {name}"), format!("clean_challenge {name}"), "sync_cert".to_owned()];
        line(name, &calls.each_ref().map(String::as_str))
    };
    cron(&test, &[]).code(1);
    let files = |test: &Test| {
        let calls = test.calls("record");
        calls.into_iter().find(|call| call.operation == "sync_cert").unwrap().arguments
    };
    let given = files(&test);
    assert!(given.iter().all(|path| fs::metadata(path).is_ok()), "{given:?}");
    assert_eq!(told(&test), a_run(&[tried("a.example")], &ended("a.example: ", "sync_cert")));
    assert!(!test.path("certs/a.example/cert.pem").exists(), "no link leads to it yet");

    cron(&test, &["-g"]).code(1);
    assert_eq!(files(&test), given);
    let again = line("a.example", &["sync_cert"]);
    assert_eq!(told(&test), a_run(&[again, tried("b.example")], "exit_hook"));

    let test = test.env("RECORD_EXIT_sync_cert", "");
    cron(&test, &[]).code(0);
    assert_eq!(files(&test), given);
    let last = |name: &str| line(name, &["sync_cert", &format!("deploy_cert {name}")]);
    assert_eq!(told(&test), a_run(&[last("a.example"), last("b.example")], "exit_hook"));
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_failed_deploy_cert_is_repeated_by_the_next_run_without_issuing() {
    let rig = Rig::start();
    let test = failing(&rig, TWO, "deploy_cert");
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), a_run(&[issued("a.example")], &ended("a.example: ", "deploy_cert")));
    cron(&test, &["-g"]).code(1);
    let again = |name: &str| line(name, &[&format!("deploy_cert {name}")]);
    assert_eq!(told(&test), a_run(&[again("a.example"), issued("b.example")], "exit_hook"));
    let test = test.env("RECORD_EXIT_deploy_cert", "");
    cron(&test, &[]).code(0);
    assert_eq!(told(&test), a_run(&[again("a.example"), again("b.example")], "exit_hook"));
    cron(&test, &[]).code(0);
    let unchanged = |name: &str| line(name, &[&format!("unchanged_cert {name}")]);
    assert_eq!(told(&test), a_run(&[unchanged("a.example"), unchanged("b.example")], "exit_hook"));
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_failed_unchanged_cert_ends_the_run_and_with_keep_going_no_other_line() {
    let rig = Rig::start();
    let test = place(&rig, TWO, "");
    cron(&test, &[]).code(0);
    told(&test);
    let test = test.env("RECORD_EXIT_unchanged_cert", "3");
    let unchanged = |name: &str| line(name, &[&format!("unchanged_cert {name}")]);
    cron(&test, &[]).code(1);
    assert_eq!(told(&test), a_run(&[unchanged("a.example")], &ended("a.example: ", "unchanged_cert")));
    cron(&test, &["-g"]).code(1);
    assert_eq!(told(&test), a_run(&[unchanged("a.example"), unchanged("b.example")], "exit_hook"));
}

#[test]
fn a_failed_request_failure_is_said_and_changes_nothing() {
    let rig = Rig::start();
    let test = failing(&rig, "a.blocked-domain.example\n", "request_failure");
    let output = cron(&test, &[]).code(1);
    assert!(output.stderr.contains("ended with exit code 3 at `request_failure`"), "{}", output.stderr);
    let refused = line("a.blocked-domain.example", &["request_failure 400 post"]);
    assert_eq!(told(&test), a_run(&[refused], "exit_hook <>"));
}

#[test]
fn a_failed_exit_hook_is_said_and_changes_no_exit_code() {
    let rig = Rig::start();
    let test = failing(&rig, "a.example\n", "exit_hook");
    let output = cron(&test, &[]).code(0);
    assert!(output.stderr.contains("ended with exit code 3 at `exit_hook`"), "{}", output.stderr);
    assert_eq!(told(&test), a_run(&[issued("a.example")], "exit_hook"));
    run(&test, &["--deactivate"]).code(0);
    cron(&test, &[]).code(1).stderr_contains("exit_hook returned with non-zero exit code!");
}
