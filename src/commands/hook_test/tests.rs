//! Tests of the module above.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A hook of this text, copied into place by a child process (see `hook::testing`).
fn hook(directory: &Path, text: &str) -> PathBuf {
    let (source, path) = (directory.join("source"), directory.join("hook.sh"));
    std::fs::write(&source, text).unwrap();
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
    let copied = std::process::Command::new("cp").arg("-p").arg(&source).arg(&path).status();
    assert!(copied.unwrap().success());
    path
}

async fn tested(text: &str, options: &HookTestOptions) -> HookTestReport {
    let directory = tempfile::tempdir().unwrap();
    test(&hook(directory.path(), text), options, Stop::never()).await.unwrap()
}

/// A line for each check that did not pass.
fn complaints(report: &HookTestReport) -> String {
    let mut text = String::new();
    for check in report.checks.iter().filter(|check| check.outcome != CheckOutcome::Ok) {
        writeln!(text, "{}: {}", check.name, check.message.as_deref().unwrap_or_default()).unwrap();
    }
    text
}

#[tokio::test]
async fn the_shipped_example_is_a_hook() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hooks/hook.sh");
    let options =
        HookTestOptions { deliver: true, chain: Chaining::Certificate, ..HookTestOptions::default() };
    let report = test(&example, &options, Stop::never()).await.unwrap();
    assert!(report.passed(), "{}", complaints(&report));
    assert!(report.announced.is_some());
}

#[tokio::test]
async fn a_hook_that_does_nothing_passes() {
    let report = tested("#!/bin/sh\n", &HookTestOptions::default()).await;
    assert!(report.passed());
    assert_eq!(
        complaints(&report),
        "announces its capabilities: it announces nothing: dehydrated's contract holds\n\
         delivers certificates: not asked for: it may install the test certificate\n"
    );
}

#[tokio::test]
async fn a_hook_that_fails_on_unknown_operations_is_found_out() {
    let script = "#!/bin/sh\ncase $1 in deploy_challenge) ;; *) echo \"no $2\" >&2; exit 3 ;; esac\n";
    let report = tested(script, &HookTestOptions::default()).await;
    assert_eq!(complaints(&report), "ignores unknown operations under dehydrated: exit code 3: no\n");
    assert!(report.checks[0].help.is_some());
}

#[tokio::test]
async fn a_hook_that_counts_arguments_wrongly_is_found_out() {
    let script = "#!/bin/sh\ncase $1 in\n\
                  deploy_challenge) [ $# = 4 ] || { echo want 3; exit 1; } ;;\n\
                  exit_hook) shift; : ${1?} ;; esac\n";
    let options = HookTestOptions { chain: Chaining::Certificate, ..HookTestOptions::default() };
    let report = tested(script, &options).await;
    let found = complaints(&report);
    assert!(found.contains("deploys three challenges of one certificate in one call: exit code 1: want 3"));
    assert!(found.contains("takes `exit_hook` without an argument: exit code"));
}

#[tokio::test]
async fn a_batch_hook_must_report_every_challenge() {
    let script = "#!/bin/sh\ncase $1 in\n\
                  this_*) [ -n \"$HYDRANT_PROTOCOL\" ] && echo '{\"hydrant\": 1, \"challenges\": \"batch\", \
                  \"operations\": [\"deploy_challenge\", \"fly\"]}' ;;\n\
                  *) [ -z \"$HYDRANT_RESULTS\" ] || echo '{\"index\": 1, \"outcome\": \"done\"}' >>$HYDRANT_RESULTS ;;\n\
                  esac\nexit 0\n";
    let report = tested(script, &HookTestOptions::default()).await;
    assert_eq!(
        complaints(&report),
        "announces its capabilities: this hydrant has no operation fly\n\
         writes a result for each challenge of a batch: of the challenges 0, 1 and 2 it reported {1}\n"
    );
}

#[tokio::test]
async fn a_hook_that_cannot_be_executed_is_one_failed_check() {
    let report = test(Path::new("/nowhere/hook"), &HookTestOptions::default(), Stop::never()).await.unwrap();
    assert_eq!(complaints(&report), "can be executed: `/nowhere/hook` does not exist\n");
    assert!(!report.passed());
}
