//! What a faulty hook can do to a run, and cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{DNS_HOOK, Rig, Test};

/// `hydrant.yml` with one hook called `hook`; `settings` are lines of its entry.
fn config(settings: &str) -> String {
    format!("accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: hook\n    command: ./hook\n{settings}")
}

/// A test with a bash hook that does what the rig's does, after what `body` does.
fn with_hook(rig: &Rig, body: &str, settings: &str) -> Test {
    let test = Test::new().rig(rig).domains("a.example\n").config(&config(settings));
    test.hook_script("hook", &format!("{body}\nexec {DNS_HOOK} \"$@\"")).args(["run"])
}

/// Whether a process exists and has not ended.
fn runs(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// A hook that does its work and then fails, or only fails, at the operation that `FAIL` names.
const FAILING: &str = r#"
if [ "$1" = "${FAIL:-}" ]; then
    [ -z "${DO_IT:-}" ] || $DO_IT "$@"
    echo "not this"
    echo "what went wrong at ${1%_*}" >&2
    exit 3
fi"#;

#[test]
fn a_failure_names_hook_operation_code_and_last_line_and_costs_no_more_than_it_must() {
    let rig = Rig::start();
    let mut test = with_hook(&rig, FAILING, "");
    let error = |operation: &str| {
        let stem = operation.rsplit_once('_').unwrap().0;
        format!("hook `hook` ended with exit code 3 at `{operation}`: what went wrong at {stem}")
    };
    let counts = || (rig.orders_made(), rig.certificates_issued());

    // Before anything was ordered.
    test = test.env("FAIL", "generate_csr");
    let failed = format!("error: a.example: {}\n", error("generate_csr"));
    test.run().code(1).stderr_contains(&failed).stdout_contains("1 certificate: 1 failed\n");
    assert_eq!(counts(), (0, 0));

    // Deployed in part: cleaned, held back; the order is still good.
    test = test.env("FAIL", "deploy_challenge").env("DO_IT", DNS_HOOK);
    let failed = format!("error: a.example: {}\n", error("deploy_challenge"));
    test.run().code(1).stderr_contains(&failed).stdout_contains("1 certificate: 1 failed\n");
    assert!(rig.challenges("a.example").is_empty());
    assert_eq!(counts(), (1, 0));
    let waiting = "a.example: waiting, failed once, next attempt from ";
    let again = test.run().code(1).stderr("");
    again.stdout_contains(waiting).stdout_contains(&error("deploy_challenge"));

    // The CA has validated: what cannot be cleaned now stays owed, and the certificate is there all the same.
    test = test.env("FAIL", "clean_challenge").env("DO_IT", "");
    let failed = format!(
        "error: a.example: {}\nhint: the next run, or `hydrant deliver`, cleans it\n",
        error("clean_challenge")
    );
    let output = test.hydrant(&["run", "--ignore-backoff"]).code(1).stderr_contains(&failed);
    output
        .stdout_contains("going on with the order of an earlier run")
        .stdout_contains("1 certificate: 1 issued\n");
    assert_eq!((counts(), rig.challenges("a.example").len()), ((1, 1), 1));
    test.hydrant(&["deliver"]).code(1).stderr_contains(&failed);
    assert_eq!(rig.challenges("a.example").len(), 1);
    test = test.env("FAIL", "");
    test.hydrant(&["deliver"]).code(0);
    assert!(rig.challenges("a.example").is_empty());

    // Nothing is due, and the hook does not like to hear it.
    test = test.env("FAIL", "unchanged_cert");
    let failed = format!("error: a.example: {}\n", error("unchanged_cert"));
    test.run().code(1).stderr_contains(&failed).stdout("1 certificate: 1 failed\n");

    // All is done: the certificates are not to blame.
    test = test.env("FAIL", "exit_hook");
    let failed = format!("error: {}\n", error("exit_hook"));
    test.run().code(1).stderr_contains(&failed).stdout("1 certificate: 1 unchanged\n");
    assert_eq!(counts(), (1, 1));
}

#[test]
fn a_hook_that_fails_when_told_of_a_failure_does_not_hide_that_one() {
    let rig = Rig::start();
    let silent = format!("{FAILING}\n[ \"$1\" = deploy_challenge ] && exit 0");
    let test = with_hook(&rig, &silent, "").env("FAIL", "invalid_challenge");
    let output = test.run().code(1);
    let output =
        output.stderr_contains("error: a.example: hook `hook` ended with exit code 3 at `invalid_challenge`");
    output.stderr_contains("error: a.example: `a.example` could not be validated: ");

    let test = test.domains("a.blocked-domain.example\n").env("FAIL", "request_failure");
    let output = test.run().code(1);
    let name = "a.blocked-domain.example";
    let output = output
        .stderr_contains(&format!("error: {name}: hook `hook` ended with exit code 3 at `request_failure`"))
        .stderr_contains("is forbidden by policy");
    output.stdout_contains("1 certificate: 1 failed\n");
}

#[test]
fn a_hook_that_hangs_is_ended_at_its_time_limit_with_all_it_started() {
    let rig = Rig::start();
    let hanging = r#"
if [ "$1" = deploy_challenge ]; then
    trap '' TERM
    sh -c 'trap "" TERM; echo $$ >grandchild; while :; do sleep 60; done' &
    echo $$ >child
    while :; do sleep 60; done
fi"#;
    let test = with_hook(&rig, hanging, "    timeout: 1s\n");
    let output = test.run().code(1).stderr(
        "error: a.example: hook `hook` was stopped at its time limit of 1s at `deploy_challenge`\n\
         hint: raise the hook's `timeout` if it needs longer\n",
    );
    for pid in ["child", "grandchild"] {
        assert!(!runs(&test.read(pid)), "the {pid} lives on");
    }
    // TERM is given five seconds.
    assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn a_flood_of_output_is_passed_on_and_takes_no_memory() {
    const MEGABYTES: usize = 100;
    let rig = Rig::start();
    // Half of it in one line. hydrant is the parent; when the last is printed it has read all but a pipe's content.
    let flood = r#"
if [ "$1" = deploy_cert ]; then
    head -c 50000000 /dev/zero | tr '\0' x
    echo
    yes "a line of a log, as long as those often are: 0123456789" | head -c 50000000
    grep VmHWM /proc/$PPID/status >peak
fi"#;
    let test = with_hook(&rig, flood, "");
    let count = r#"set -o pipefail; "$0" run 2>&1 >/dev/null | wc --bytes"#;
    let printed = test.program("bash", &["-c", count, env!("CARGO_BIN_EXE_hydrant")]).code(0).stdout;
    assert!(printed.trim().parse::<usize>().unwrap() > MEGABYTES * 1_000_000, "{printed}");
    let peak: usize = test.read("peak").split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 60_000, "{peak} kB for {MEGABYTES} MB");
}

#[test]
fn a_daemon_that_a_hook_leaves_on_its_output_does_not_hold_the_run() {
    let rig = Rig::start();
    let test = with_hook(&rig, r#"[ "$1" = deploy_cert ] && { setsid sleep 50 & echo $! >daemon; }"#, "");
    let output = test.run();
    let daemon = test.read("daemon");
    let lives = runs(&daemon);
    Command::new("kill").arg(daemon.trim()).status().unwrap();
    assert!(lives, "it is a daemon, and nobody's to end");
    let output = output
        .code(0)
        .stderr("a.example: hook: (a background process holds its output; hydrant goes on without it)\n");
    assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
}

#[test]
fn hooks_that_cannot_be_executed_are_all_named_before_anything_is_done() {
    let rig = Rig::start();
    let test = Test::new()
        .rig(&rig)
        .domains("a.example\n")
        .write("plain", "#!/bin/sh\n")
        .write("directory/file", "")
        .hook_script("lost", "")
        .config(
            "accept_terms: true\nchallenge: dns-01\n\
             hooks: [./missing, ./plain, ./directory, hydrant-no-such-program]\n",
        )
        .args(["run"]);
    test.run().code(2).stdout("").stderr(
        "error: hook `missing` cannot be used: `[DIR]/missing` does not exist; \
         hook `plain` cannot be used: `[DIR]/plain` is not executable; \
         hook `directory` cannot be used: `[DIR]/directory` is a directory; \
         hook `hydrant-no-such-program` cannot be used: `hydrant-no-such-program` is in no directory of PATH\n\
         hint: check the path; in a file, a relative one counts from where that file is\n\
         hint: chmod +x [DIR]/plain\n\
         hint: write ./hydrant-no-such-program for a file of the working directory\n",
    );
    let test = test.write("bad", "#!/no/such/interpreter\n").config("accept_terms: true\nhooks: ./bad\n");
    fs::set_permissions(test.path("bad"), fs::Permissions::from_mode(0o755)).unwrap();
    test.run().code(1).stdout("").stderr(
        "error: hook `bad` (`[DIR]/bad`) cannot be started: No such file or directory (os error 2)\n\
         hint: the interpreter that its first line names does not exist, or that line ends in CR LF\n",
    );
    assert!(!test.path("certs").exists());
    assert_eq!(rig.requests_at_ca().len(), 0);
}

#[test]
fn exit_code_75_is_tried_again_and_then_left_for_later() {
    let rig = Rig::start();
    let busy = r#"
if [ "$1" = deploy_challenge ]; then
    echo >>tries
    [ $(wc -l <tries) -gt ${BUSY:-1} ] || { echo "the zone is locked" >&2; exit 75; }
fi"#;
    let test = with_hook(&rig, busy, "    retries: 1\n");
    let test = test.env("BUSY", "9");
    test.run().code(1).stderr(
        "a.example: hook: the zone is locked\na.example: hook: the zone is locked\n\
         error: a.example: hook `hook` ended with exit code 75 at `deploy_challenge`: the zone is locked\n\
         hint: exit code 75 means: try again later\n",
    );
    assert_eq!(test.read("tries").lines().count(), 2);
    fs::remove_file(test.path("tries")).unwrap();
    let test = test.env("BUSY", "1");
    test.hydrant(&["run", "--ignore-backoff"]).code(0).stderr("a.example: hook: the zone is locked\n");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
}

#[test]
fn a_hook_that_is_killed_is_said_to_be() {
    let rig = Rig::start();
    let test = with_hook(&rig, r#"[ "$1" = deploy_challenge ] && { echo "got this far"; kill -9 $$; }"#, "");
    test.run().code(1).stderr(
        "a.example: hook: got this far\n\
         error: a.example: hook `hook` was ended by signal 9 at `deploy_challenge`: got this far\n",
    );
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn what_a_hook_prints_is_attributed_line_by_line_whatever_it_is() {
    let rig = Rig::start();
    let talker = r#"
case $1 in
startup_hook) printf 'one\r\n\ntwo' ;;
generate_csr) echo "no request" ;;
deploy_cert) printf 'caf\351 \303\251\n' >&2 ;;
exit_hook) printf '\033[31mred\033[0m\tand tab\n' ;;
esac"#;
    let test = with_hook(&rig, talker, "");
    test.run().code(0).stderr(
        "hook: one\nhook: \nhook: two\na.example: hook: caf\u{FFFD} é\nhook: \u{1b}[31mred\u{1b}[0m\tand tab\n",
    );
}

#[test]
fn secrets_that_a_hook_prints_are_not_passed_on() {
    let rig = Rig::with(&["--nonce-reject", "0", "--eab", "k=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"]);
    let leaky = r#"
if [ "$1" = deploy_cert ]; then
    echo "token $VAULT_TOKEN mac $MY_HMAC."
    echo "from the file: $(cat mac)" >&2
    cat "$3" accounts/*/account_key.pem
    echo "{\"key\": \"$(awk '{ printf "%s\\n", $0 }' "$3")\"}"
    cat "$4" | head -1
    exit 1
fi"#;
    let test = with_hook(&rig, leaky, "    pass_env: VAULT_TOKEN\n")
        .env("VAULT_TOKEN", "hvs.CAESIJ-not-for-logs")
        .env("MY_HMAC", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
        .write("mac", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\n");
    let with_account =
        |key: &str| config("    pass_env: VAULT_TOKEN\n") + &format!("external_account: {{kid: k, {key}}}\n");
    let test = test.config(&with_account("hmac_key_env: MY_HMAC"));
    let output = test.run().code(1);
    let key_lines = "a.example: hook: [secret]\n".repeat(5);
    let expected = format!(
        "a.example: hook: token [secret] mac .\na.example: hook: from the file: [secret]\n{key_lines}{key_lines}\
         a.example: hook: {{\"key\": \"[secret]\\n\"}}\na.example: hook: -----BEGIN CERTIFICATE-----\n\
         error: a.example: hook `hook` ended with exit code 1 at `deploy_cert`: from the file: [secret]\n\
         hint: MY_HMAC was withheld from it; name it in the hook's `pass_env` if it needs it\n"
    );
    // Which of the two streams is read first nobody can tell.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&output.stderr), sorted(&expected));
    let test = test.config(&with_account("hmac_key_file: mac"));
    let output = test.run().code(1);
    assert!(output.stderr.contains("hook: token [secret] mac [secret].\n"), "{}", output.stderr);
    // Nor do they lie about in the ledger.
    for entry in fs::read_dir(test.path(".hydrant/certificates")).unwrap() {
        let record = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!record.contains("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"), "{record}");
    }
}

#[test]
fn a_hook_that_is_being_written_is_not_run() {
    let rig = Rig::start();
    let test = with_hook(&rig, "", "");
    let mut writer = Command::new("bash")
        .args(["-c", "exec 7>>hook; echo open; read -r"])
        .current_dir(test.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut open = [0; 5];
    std::io::Read::read_exact(writer.stdout.as_mut().unwrap(), &mut open).unwrap();
    test.run()
        .code(1)
        .stdout("")
        .stderr("error: hook `hook` (`[DIR]/hook`) cannot be started: Text file busy (os error 26)\n");
    drop(writer.stdin.take());
    writer.wait().unwrap();
    test.run().code(0);
}
