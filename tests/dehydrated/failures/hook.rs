//! Hooks that fail.

use super::*;

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
