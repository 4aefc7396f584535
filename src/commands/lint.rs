//! `hydrant lint`: what is wrong with the list and with what it is to be issued by. Asks nobody, unless it is told to.

mod online;

use std::path::Path;

use super::gather::Gathered;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, ExitCode};
use crate::hook::{HookSettings, Operation, Program, ProgramError};
use crate::lint::{self, Facts, Hook, HookState, RULES, Subject};
use crate::report::Reporter;
use crate::report::diagnostics::{render, summary, to_json};
use crate::report::table::table;

/// What was typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct LintOptions {
    /// A warning is enough for exit code 2.
    pub deny_warnings: bool,
    /// Vault and the CAs are asked as well.
    pub online: bool,
}

/// Prints every finding.
///
/// # Errors
/// Vault cannot be asked.
pub async fn lint(gathered: &Gathered, options: LintOptions) -> Result<ExitCode, Error> {
    let found = all(gathered, options.online).await?;
    if found.is_empty() {
        // A run would refuse it, too.
        gathered.something()?;
    }
    Ok(print(&gathered.reporter, &found, gathered.entries().len(), options))
}

/// Every finding, by place.
pub(super) async fn all(gathered: &Gathered, online: bool) -> Result<Vec<Diagnostic>, Error> {
    let mut found = findings(gathered);
    if online {
        found.extend(online::findings(gathered).await?);
        lint::sort(&mut found);
    }
    Ok(found)
}

/// Prints what was found about so many certificates.
pub(super) fn print(
    reporter: &Reporter,
    found: &[Diagnostic],
    certificates: usize,
    options: LintOptions,
) -> ExitCode {
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    if reporter.is_json() {
        let findings: Vec<_> = found.iter().map(to_json).collect();
        reporter.json(&serde_json::json!({ "version": 1, "findings": findings }));
    } else if found.is_empty() {
        let certificates = crate::report::words::Count(certificates, "certificate");
        reporter.document(&format!("{certificates}, no findings"));
    } else {
        let drawn = render(found, reporter.document_color());
        reporter.document(&format!("{drawn}\n{}", summary(found)));
    }
    let bad = errors > 0 || options.deny_warnings && !found.is_empty();
    if bad { ExitCode::Usage } else { ExitCode::Success }
}

/// A finding about what an error ended.
pub(super) fn finding(rule: &'static str, error: &Error) -> Diagnostic {
    online::with_help(Diagnostic::error(rule, None, error.to_string()), &error.hints)
}

/// Prints the table of rules.
pub fn list(reporter: &Reporter) {
    if reporter.is_json() {
        let rule = |rule: &lint::Rule| {
            serde_json::json!({
                "id": rule.id,
                "severity": rule.severity.as_str(),
                "summary": rule.summary,
            })
        };
        let rules: Vec<_> = RULES.iter().map(rule).collect();
        reporter.json(&serde_json::json!({ "version": 1, "rules": rules }));
        return;
    }
    let row = |rule: &lint::Rule| {
        vec![rule.id.to_owned(), rule.severity.as_str().to_owned(), rule.summary.to_owned()]
    };
    reporter.document(&table(&RULES.iter().map(row).collect::<Vec<_>>()));
}

/// What reading the list found, and what the rules find, by place.
fn findings(gathered: &Gathered) -> Vec<Diagnostic> {
    let config = &gathered.config;
    let hooks: Vec<Hook<'_>> = config.hooks.iter().map(look_at).collect();
    let settings: Vec<_> = gathered.entries().iter().map(|entry| config.certificate(&entry.name)).collect();
    let subjects: Vec<Subject<'_>> = gathered
        .entries()
        .iter()
        .zip(&settings)
        .map(|(entry, settings)| Subject {
            entry,
            challenge: settings.challenge.as_str(),
            profile: settings.profile.as_deref(),
            ca: settings.ca.directory.as_str(),
            hooks: hooks_of(config, &hooks, settings),
        })
        .collect();
    let mut found = gathered.diagnostics().to_vec();
    found.extend(lint::check(&Facts { subjects: &subjects }));
    lint::sort(&mut found);
    found
}

fn hooks_of<'h>(
    config: &Config,
    hooks: &'h [Hook<'h>],
    settings: &crate::config::CertificateSettings,
) -> Vec<&'h Hook<'h>> {
    let named = config.hooks.iter().zip(hooks).filter(|(hook, _)| settings.hooks.contains(&hook.name));
    named.map(|(_, hook)| hook).collect()
}

fn look_at(hook: &HookSettings) -> Hook<'_> {
    let answers = hook.operations.as_ref().is_none_or(|wanted| wanted.contains(&Operation::DeployChallenge));
    Hook { command: &hook.command, state: state(&hook.command), answers_challenges: answers }
}

fn state(command: &Path) -> HookState {
    match Program::find(command, std::env::var_os("PATH").as_deref()) {
        Ok(_) => HookState::Executable,
        Err(ProgramError::Missing { .. } | ProgramError::NotOnPath { .. }) => HookState::Missing,
        Err(_) => HookState::NotExecutable,
    }
}
