//! `hydrant hook test PATH`: prints what the contract has to say about a script.

use std::path::Path;
use std::time::Duration;

use super::hook_test::{Check, CheckOutcome, HookTestOptions, test};
use crate::config::Config;
use crate::error::{Error, ExitCode};
use crate::hook::Chaining;
use crate::identifier::DnsName;
use crate::report::Reporter;
use crate::report::table::table;
use crate::runner::Signals;

/// What was typed.
#[derive(Clone, Debug)]
pub struct HookOptions {
    /// The name that challenges are deployed and cleaned for.
    pub domain: DnsName,
    /// How many challenges a hook that announces nothing is given in one call.
    pub chain: Chaining,
    /// Also call the operations that deliver.
    pub deliver: bool,
}

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Tests a hook.
///
/// # Errors
/// It cannot be started at all.
pub async fn hook(
    config: &Config,
    reporter: &Reporter,
    path: &Path,
    options: HookOptions,
) -> Result<ExitCode, Error> {
    let (_signals, stop) = Signals::watch().map_err(Error::failed)?;
    let options = HookTestOptions {
        domain: options.domain,
        challenge: config.everywhere().challenge.as_str().to_owned(),
        chain: options.chain,
        deliver: options.deliver,
        timeout: TIMEOUT,
    };
    let report = test(path, &options, stop).await.map_err(Error::failed)?;
    if reporter.is_json() {
        reporter.json(&serde_json::json!({
            "version": 1,
            "hook": report.hook,
            "passed": report.passed(),
            "announced": report.announced,
            "checks": report.checks,
        }));
    } else {
        reporter.document(&table(&report.checks.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(if report.passed() { ExitCode::Success } else { ExitCode::Failed })
}

fn row(check: &Check) -> Vec<String> {
    let outcome = match check.outcome {
        CheckOutcome::Ok => "ok",
        CheckOutcome::Failed => "FAILED",
        CheckOutcome::Skipped => "skipped",
    };
    let said = [check.message.as_deref(), check.help.as_deref()].into_iter().flatten();
    vec![outcome.to_owned(), check.name.clone(), said.collect::<Vec<_>>().join("; ")]
}
