//! `hydrant hook test PATH`: is a script a hook? Checks it against the contract, without a CA.
//!
//! Nothing is delivered unless that is asked for; challenges are deployed and cleaned for a name of the caller's choice.

mod challenges;
mod deliveries;
mod listing;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Operation, TRY_LATER, env};
use serde::Serialize;

use crate::hook::{Facts, ProgramError, Status, Stop, Trial, Trials};
use crate::identifier::{CertName, DnsName, Identifier};

/// How to test.
#[derive(Clone, Debug)]
pub struct HookTestOptions {
    /// For which name challenges are deployed and cleaned. A hook that changes a zone needs one of that zone.
    pub domain: DnsName,
    /// The type of challenge.
    pub challenge: String,
    /// Chaining to test with a hook that announces nothing.
    pub chain: Chaining,
    /// Also call `sync_cert`, `deploy_cert` and `unchanged_cert`, with a self-signed certificate: a hook may install it.
    pub deliver: bool,
    /// How long each call may take.
    pub timeout: Duration,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct HookTestReport {
    /// The hook.
    pub hook: PathBuf,
    /// What it announces to hydrant; `None` for a hook that knows dehydrated alone.
    pub announced: Option<Capabilities>,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl HookTestReport {
    /// Whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.iter().any(|check| check.outcome == CheckOutcome::Failed)
    }
}

/// One thing that a hook must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked: a sentence with the hook as its subject left out, such as `ignores unknown operations`.
    pub name: String,
    /// Whether it holds.
    pub outcome: CheckOutcome,
    /// Why not, or what was seen.
    pub message: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Whether a check holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// It does not.
    Failed,
    /// It does.
    Ok,
    /// It was not tried.
    Skipped,
}

/// Tests the hook at `path`, a path or a name on `PATH`.
///
/// # Errors
/// When files for the test cannot be written. What is wrong with the hook is in the report.
pub async fn test(path: &Path, options: &HookTestOptions, stop: Stop) -> io::Result<HookTestReport> {
    let mut report = HookTestReport { hook: path.to_owned(), announced: None, checks: Vec::new() };
    let trials = match Trials::find(path, options.timeout, stop) {
        Ok(trials) => trials,
        Err(error) => {
            report.checks.push(unusable(&error));
            return Ok(report);
        }
    };
    let mut tester = Tester { trials, options, report, scratch: tempfile::tempdir()? };
    if tester.probe().await {
        tester.run_hooks().await;
        tester.challenges().await?;
        tester.listing().await?;
        tester.deliveries().await?;
        tester.end().await;
    }
    Ok(tester.report)
}

fn unusable(error: &ProgramError) -> Check {
    Check {
        name: "can be executed".into(),
        outcome: CheckOutcome::Failed,
        message: Some(error.to_string()),
        help: error.hint(),
    }
}

struct Tester<'a> {
    trials: Trials,
    options: &'a HookTestOptions,
    report: HookTestReport,
    scratch: tempfile::TempDir,
}

impl Tester<'_> {
    /// Whether the hook answers at all; if not, there is nothing more to test.
    async fn probe(&mut self) -> bool {
        let trial = self.trials.call_as_dehydrated(&HookCall::Probe).await;
        let under_dehydrated = self.judge("ignores unknown operations under dehydrated", trial);
        let Some(under_dehydrated) = under_dehydrated else { return false };
        if matches!(Capabilities::parse(&under_dehydrated.stdout), Ok(Some(_))) {
            self.fail(
                "keeps silent under dehydrated",
                "it prints its capabilities although HYDRANT_PROTOCOL is not set",
            );
        }
        let trial = self.trials.call(&HookCall::Probe, None, &[]).await;
        let Some(trial) = self.judge("answers the probe of hydrant", trial) else { return false };
        self.capabilities(&trial.stdout);
        let unknown = HookCall::Unknown {
            operation: "an_operation_of_tomorrow".into(),
            arguments: vec!["x".into(); 7],
        };
        let trial = self.trials.call(&unknown, None, &[]).await;
        self.judge("ignores an operation it does not know, whatever its arguments", trial);
        true
    }

    fn capabilities(&mut self, stdout: &str) {
        let name = "announces its capabilities";
        match Capabilities::parse(stdout) {
            Err(error) => self.fail(name, error.to_string()),
            Ok(None) if stdout.lines().any(|line| matches!(Capabilities::parse(line), Ok(Some(_)))) => {
                self.fail(name, "the JSON object must be all that it prints on stdout");
            }
            Ok(None) => self.skip(name, "it announces nothing: dehydrated's contract holds"),
            Ok(Some(said)) => {
                let unknown =
                    said.operations.iter().flatten().filter(|name| name.parse::<Operation>().is_err());
                let unknown: Vec<_> = unknown.cloned().collect();
                if unknown.is_empty() {
                    self.ok(name, None);
                } else {
                    self.fail(name, format!("this hydrant has no operation {}", unknown.join(", ")));
                }
                self.report.announced = Some(said);
            }
        }
    }

    /// What every run does.
    async fn run_hooks(&mut self) {
        if self.wants(Operation::StartupHook) {
            let trial = self.trials.call(&HookCall::StartupHook, None, &[]).await;
            self.judge("takes `startup_hook` without arguments", trial);
        }
        if self.wants(Operation::GenerateCsr) {
            let call = HookCall::GenerateCsr {
                domain: self.options.domain.to_string(),
                certdir: self.scratch.path().display().to_string(),
                names: vec![self.options.domain.to_string()],
            };
            let trial = self.call_for_certificate(&call, &[]).await;
            self.judge("takes `generate_csr` with 3 arguments", trial);
        }
    }

    async fn end(&mut self) {
        if !self.wants(Operation::ExitHook) {
            return;
        }
        for (name, error) in [
            ("takes `exit_hook` without an argument", None),
            ("takes `exit_hook` with an empty argument", Some("")),
            ("takes `exit_hook` with a message", Some("this is a test: nothing went wrong")),
        ] {
            let call = HookCall::ExitHook { error: error.map(str::to_owned) };
            let changed = [(env::CHANGED, String::new())];
            let trial = self.trials.call(&call, None, &changed).await;
            self.judge(name, trial);
        }
    }

    async fn call_for_certificate(&self, call: &HookCall, extra: &[(&str, String)]) -> io::Result<Trial> {
        let name: CertName = self.options.domain.as_str().parse().map_err(io::Error::other)?;
        let names = [Identifier::Dns(self.options.domain.clone())];
        let facts = Facts {
            name: &name,
            names: &names,
            challenge: &self.options.challenge,
            key_algo: "prime256v1",
            key_rollover: false,
            ca: "https://ca.invalid/directory",
            attempt: 1,
            webroot: None,
            owner: None,
            hooks: None,
        };
        self.trials.call(call, Some(&facts), extra).await
    }

    fn wants(&self, operation: Operation) -> bool {
        self.report.announced.as_ref().is_none_or(|said| said.wants(operation))
    }

    /// Notes how a call went; gives it back when it ended with success.
    fn judge(&mut self, name: &str, trial: io::Result<Trial>) -> Option<Trial> {
        let trial = match trial {
            Ok(trial) => trial,
            Err(error) => {
                self.fail(name, error.to_string());
                return None;
            }
        };
        let said = trial.stderr.lines().chain(trial.stdout.lines()).rfind(|line| !line.trim().is_empty());
        let said = said.map(|line| format!(": {line}")).unwrap_or_default();
        let failure = match trial.status {
            Status::Exited(0) if trial.leaked => {
                "it left a background process that holds its output: redirect that one's".into()
            }
            Status::Exited(0) => {
                self.ok(name, Some(format!("{} ms", trial.took.as_millis())));
                return Some(trial);
            }
            Status::Exited(code) if code == i32::from(TRY_LATER) => {
                format!("exit code {code}, try again later{said}")
            }
            Status::Exited(code) => format!("exit code {code}{said}"),
            Status::Signaled(signal) => format!("ended by signal {signal}{said}"),
            Status::Stopped => "interrupted".into(),
            Status::TimedOut => format!("took longer than {:?}{said}", self.options.timeout),
        };
        self.fail(name, failure);
        None
    }

    fn ok(&mut self, name: &str, message: Option<String>) {
        self.note(name, CheckOutcome::Ok, message, None);
    }

    fn skip(&mut self, name: &str, because: &str) {
        self.note(name, CheckOutcome::Skipped, Some(because.into()), None);
    }

    fn fail(&mut self, name: &str, because: impl Into<String>) {
        let help = if name.contains("unknown operations") || name.contains("does not know") {
            Some("end with exit code 0 for every operation that is not yours".to_owned())
        } else if name.contains("challenge") && self.options.challenge == "http-01" {
            Some("it was http-01: `--challenge dns-01` is for a hook that changes a zone".to_owned())
        } else if name.contains("challenge") && self.options.domain.as_str().ends_with(".invalid") {
            Some("a hook that changes a zone needs a test name of that zone".to_owned())
        } else {
            None
        };
        self.note(name, CheckOutcome::Failed, Some(because.into()), help);
    }

    fn note(&mut self, name: &str, outcome: CheckOutcome, message: Option<String>, help: Option<String>) {
        self.report.checks.push(Check { name: name.to_owned(), outcome, message, help });
    }
}

impl Default for HookTestOptions {
    fn default() -> Self {
        Self {
            // Never a name of anybody (RFC 2606 §2).
            // The unwrap cannot fail: a constant that the tests parse.
            domain: "hydrant-hook-test.invalid".parse().unwrap(),
            challenge: "dns-01".into(),
            chain: Chaining::Name,
            deliver: false,
            timeout: Duration::from_mins(5),
        }
    }
}

#[cfg(test)]
mod tests;
