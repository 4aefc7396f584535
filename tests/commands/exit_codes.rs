//! One test for every row of README's table.

use std::time::Duration;

use serde_json::json;

use super::{dns_01, place};
use crate::support::{Rig, Running, Test, rig_hook};

#[test]
fn code_0_everything_is_as_declared() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n");
    test.hydrant(&["run"]).code(0);
    test.hydrant(&["run"]).code(0);
    test.hydrant(&["plan", "--detailed-exitcode"]).code(0);
    test.hydrant(&["lint", "--deny-warnings"]).code(0);
}

#[test]
fn code_1_a_certificate_was_not_delivered() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n")
        .hook_script("deliver.sh", "[ \"$1\" != deploy_cert ]")
        .config(&format!("accept_terms: true\n{}  - ./deliver.sh\n", dns_01("")));
    let failed = test.hydrant(&["run"]).code(1);
    failed.stderr_contains("error: a.example: hook `deliver.sh` ended with exit code 1 at `deploy_cert`\n");
    assert_eq!(rig.certificates_issued(), 1);
    // Still owed, and still nothing new is ordered for it.
    test.hydrant(&["run"]).code(1);
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn code_2_usage_or_configuration_is_wrong() {
    let test = Test::new().domains("a.example\n");
    test.hydrant(&["statsu"])
        .code(2)
        .stdout("")
        .stderr_contains("similar subcommands exist: 'issue', 'status'");
    test.hydrant(&["run", "--no-such-flag"]).code(2).stdout("");
    test.hydrant(&["run", "--config", "nowhere.yml"]).code(2).stdout("");
    let test = test.config("challange: dns-01\n");
    test.hydrant(&["run"])
        .code(2)
        .stdout("")
        .stderr_contains("[DIR]/hydrant.yml:1:1")
        .stderr_contains("did you mean `challenge`?");
    let test = test.config("hooks: [/nowhere/hook.sh]\n").domains("a.example\n");
    test.hydrant(&["run"]).code(2).stdout("").stderr_contains("/nowhere/hook.sh");
}

#[test]
fn code_3_there_are_changes_to_make() {
    let test = Test::new().domains("a.example\n");
    test.hydrant(&["plan", "--detailed-exitcode"]).code(3);
    test.hydrant(&["plan"]).code(0);
}

#[test]
fn code_4_a_certificate_expires_before_it_is_likely_to_be_mended() {
    let rig = Rig::with(&["--nonce-reject", "0", "--profile", "short=7200"]);
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run"]).code(0);
    // Two hours are left and the next run is in a day: b.example cannot be renewed now. By a new account each time:
    // Pebble takes a name as proven already in one of a hundred cases even where it is told never to.
    let test = test.env("RIG_HOOK_FAIL_NAMES", "b.example");
    let forget_account = || std::fs::remove_dir_all(test.path("accounts")).unwrap();
    forget_account();
    test.hydrant(&["run"]).code(4).stdout_contains("2 certificates: 1 renewed, 1 failed\n");
    forget_account();
    let document = test.hydrant(&["run", "--format", "json"]).code(4).json();
    assert_eq!(document["exit_code"], 4);
    forget_account();
    // Where a run comes every minute, there is time.
    let test = test.env("HYDRANT_CADENCE", "1m");
    test.hydrant(&["run", "--force"]).code(1).stdout_contains("2 certificates: 1 renewed, 1 failed\n");
}

#[test]
fn code_4_also_for_what_fails_before_the_ca_is_asked() {
    let rig = Rig::with(&["--nonce-reject", "0", "--profile", "short=7200"]);
    let test = place(&rig, "a.example\n").hook_script("names.sh", "[ \"$1\" != generate_csr ]");
    test.hydrant(&["run"]).code(0);
    let test = test.config(&format!("accept_terms: true\n{}  - ./names.sh\n", dns_01("")));
    test.hydrant(&["run"])
        .code(4)
        .stderr_contains("hook `names.sh` ended with exit code 1 at `generate_csr`");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn code_5_only_the_limits_of_the_ca_hold_something_back() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n");
    let limited = json!({ "kind": "newOrder", "do": "answer", "status": 429, "problem": "rateLimited",
                          "detail": "too many", "retry_after": 7200, "times": null });
    rig.faults(&json!([limited]));
    test.hydrant(&["run"]).code(5).stderr(
        "error: a.example: rateLimited: too many (HTTP 429)\nhint: the CA is asked again from [WHEN] on\n",
    );
    let asked = rig.requests().len();
    test.hydrant(&["run"])
        .code(5)
        .stdout_contains("a.example: waiting, failed once, next attempt from [WHEN]: rateLimited: too many")
        .stdout_contains("1 certificate: 1 waiting\n");
    assert!(!rig.requests()[asked..].iter().any(|request| request.kind == "newOrder"));
    // Another one that failed for another reason is no limit's fault.
    let test = test.domains("a.example\nb.example\n").env("RIG_HOOK_FAIL_NAMES", "b.example");
    rig.faults(&json!([]));
    test.hydrant(&["run"]).code(1);
}

#[test]
fn code_75_nobody_answers() {
    let rig = Rig::start();
    let test =
        place(&rig, "a.example\nb.example\n").env("HYDRANT_CA", format!("https://{}:1/dir", rig.address()));
    // Said once, not for every certificate.
    test.hydrant(&["run"])
        .code(75)
        .stderr("error: no answer from https://[ADDRESS]:1/dir: Connection refused (os error 111)\n")
        .stdout_contains("2 certificates: 2 failed\n");
    // It does not count as a failure of theirs: the next run tries again at once.
    let test = test.env("HYDRANT_CA", rig.ca());
    test.hydrant(&["run"]).code(0);
}

#[test]
fn code_129_hung_up_after_cleaning_up() {
    interrupted("HUP", 129);
}

#[test]
fn code_130_interrupted_after_cleaning_up() {
    interrupted("INT", 130);
}

#[test]
fn code_143_terminated_after_cleaning_up() {
    interrupted("TERM", 143);
}

#[track_caller]
fn interrupted(signal: &str, code: i32) {
    let rig = Rig::start();
    let hook = rig_hook();
    let body = format!(
        "case $1 in\n\
         deploy_challenge) {0} \"$@\"; touch deployed; exec sleep 60 ;;\n\
         clean_challenge) {0} \"$@\" ;;\n\
         exit_hook) echo \"exit $*\" >>ended ;;\nesac",
        hook.display()
    );
    let test = place(&rig, "a.example\n")
        .hook_script("hangs.sh", &body)
        .config("accept_terms: true\nchallenge: dns-01\nhooks: [./hangs.sh]\n")
        .deadline(Duration::from_secs(30))
        .args(["run"]);
    let mut running: Running = test.start();
    running.wait_until("the challenge is deployed", || test.path("deployed").exists());
    assert_eq!(rig.challenges("a.example").len(), 1);
    running.signal(signal);
    running.wait().code(code).stdout_contains("1 certificate: 1 not reached\n");
    assert!(rig.challenges("a.example").is_empty());
    assert_eq!(test.read("ended").lines().count(), 1);
}
