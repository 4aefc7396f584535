//! hydrant alone where dehydrated was: what its hook is told, and how it ends.

use std::path::Path;

use crate::support::{Call, DNS_HOOK, Output, RECORD_HOOK, Rig, Running, Test};

/// Publishes answers but those for names that begin with `bad.`, and waits after `deploy_challenge` while the file
/// `gate` is there.
const PUBLISH: &str = r#"
case "$1 ${2-}" in "deploy_challenge bad."*) exit 0 ;; esac
"$DNS_HOOK" "$@" || exit
if [ "$1" = "${GATE_AT-deploy_challenge}" ] && [ -e gate ]; then
    touch at-the-gate
    while [ -e gate ]; do sleep 0.02; done
fi
"#;

/// A list and a configuration with dns-01 and the hook that records; `more` is appended to the configuration.
pub(super) fn unregistered(rig: &Rig, domains: &str, more: &str) -> Test {
    let test = Test::new().rig(rig).domains(domains);
    let config = format!(
        "CA={}\nCURL_OPTS='--cacert {} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=prime256v1\n\
         CHALLENGETYPE=dns-01\nHOOK={RECORD_HOOK}\n{more}\n",
        rig.ca(),
        rig.environment()["HYDRANT_CA_ROOTS"],
    );
    let (record, publish) = (test.path("record"), test.path("publish"));
    test.write("config", config)
        .hook_script("publish", PUBLISH)
        .env("DNS_HOOK", DNS_HOOK)
        .env("RECORD", record)
        .env("RECORD_THEN", publish)
        .without_env("HYDRANT_")
}

/// The same with an account.
#[track_caller]
pub(super) fn place(rig: &Rig, domains: &str, more: &str) -> Test {
    let test = unregistered(rig, domains, more);
    run(&test, &["--register", "--accept-terms"]).code(0);
    test
}

/// Runs a command, the configuration named by its full path, as a script would.
#[track_caller]
pub(super) fn run(test: &Test, arguments: &[&str]) -> Output {
    let config = test.path("config").display().to_string();
    test.hydrant(&[&["dehydrated", "--config", &config], arguments].concat())
}

/// `--cron` and more.
#[track_caller]
pub(super) fn cron(test: &Test, more: &[&str]) -> Output {
    run(test, &[&["--cron"], more].concat())
}

/// Starts a command in a process group of its own and leaves it running.
#[track_caller]
pub(super) fn start(test: &Test, arguments: &[&str]) -> Running {
    let config = test.path("config").display().to_string();
    test.start_in_group(&[&["dehydrated", "--config", &config], arguments].concat())
}

/// The calls since the last time, with the first thing that matters of each; forgets them.
#[track_caller]
pub(super) fn told(test: &Test) -> Vec<String> {
    let calls = test.calls("record");
    if !calls.is_empty() {
        test.forget("record");
    }
    calls.iter().map(|call| in_short(test, call)).collect()
}

/// The same where what `exit_hook` says is of no account.
#[track_caller]
pub(super) fn operations(test: &Test) -> Vec<String> {
    let calls = test.calls("record");
    if !calls.is_empty() {
        test.forget("record");
    }
    calls.into_iter().map(|call| call.operation).collect()
}

fn in_short(test: &Test, call: &Call) -> String {
    let words = match call.operation.as_str() {
        "sync_cert" => Vec::new(),
        "request_failure" => vec![call.arguments[0].clone(), call.arguments[2].clone()],
        // Nothing, an empty word and a message are three different things.
        "exit_hook" => call.arguments.iter().map(|said| format!("<{}>", without_place(test, said))).collect(),
        _ => call.arguments.iter().take(1).cloned().collect(),
    };
    [vec![call.operation.clone()], words].concat().join(" ")
}

/// A text without the places of this test and its hook.
pub(super) fn without_place(test: &Test, text: &str) -> String {
    text.replace(RECORD_HOOK, "[HOOK]").replace(&*test.path("").to_string_lossy(), "[DIR]/")
}

/// Where a link of a certificate leads.
#[track_caller]
pub(super) fn link(test: &Test, name: &str, file: &str) -> std::path::PathBuf {
    std::fs::read_link(test.path(Path::new("certs").join(name).join(file))).unwrap()
}
