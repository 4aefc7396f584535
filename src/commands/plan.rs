//! `hydrant plan`: what a run would do, and why. Asks neither hook nor CA.

use time::OffsetDateTime;

use super::gather::Gathered;
use crate::error::{Error, ExitCode};
use crate::plan::{self, Action, Circumstances, Step, Subject};
use crate::report::Verbosity;
use crate::report::table::table;
use crate::report::words::{Count, rfc3339};

/// What was typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// Exit with 3 when there are changes to make.
    pub detailed_exitcode: bool,
    /// As `run --force`.
    pub force: bool,
}

/// Prints the plan.
///
/// # Errors
/// The store cannot be read.
pub async fn plan(gathered: &Gathered, options: PlanOptions) -> Result<ExitCode, Error> {
    let steps = steps(gathered, options.force).await?;
    let changes = steps.iter().filter(|step| !matches!(step.action, Action::Keep | Action::Wait)).count();
    if gathered.reporter.is_json() {
        gathered.reporter.json(&to_json(&steps, gathered.refused()));
    } else {
        gathered.reporter.document(&to_text(&steps, gathered.reporter.verbosity() >= Verbosity::Verbose));
    }
    Ok(match () {
        () if options.detailed_exitcode && changes > 0 => ExitCode::Changes,
        () if gathered.refused() > 0 => ExitCode::Failed,
        () => ExitCode::Success,
    })
}

/// The step for every certificate of the list, in its order.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn steps(gathered: &Gathered, force: bool) -> Result<Vec<Step>, Error> {
    let names = gathered.names();
    let loaded = gathered.store().load_all(&names).await.map_err(crate::runner::store_error)?;
    let destinations: Vec<String> = gathered.config.hooks.iter().map(|hook| hook.name.clone()).collect();
    let circumstances = Circumstances {
        now: OffsetDateTime::now_utc(),
        cadence: gathered.config.cadence(),
        force,
        backoff: gathered.config.backoff,
    };
    let mut steps = Vec::new();
    for (entry, loaded) in gathered.entries().iter().zip(loaded) {
        let loaded = loaded.map_err(crate::runner::store_error)?;
        let subject = Subject {
            name: &entry.name,
            names: &entry.names,
            loaded: &loaded,
            renew_before: gathered.config.certificate(&entry.name).renew_before,
            destinations: &destinations,
        };
        steps.push(plan::decide(&subject, circumstances));
    }
    Ok(steps)
}

fn to_text(steps: &[Step], all: bool) -> String {
    let shown = steps.iter().filter(|step| all || step.action != Action::Keep);
    let row =
        |step: &Step| vec![step.action.as_str().to_owned(), step.name.to_string(), step.because.to_string()];
    let mut text = table(&shown.map(row).collect::<Vec<_>>());
    let actions = [Action::Issue, Action::Renew, Action::Resume, Action::Deliver, Action::Wait, Action::Keep];
    let counted = actions.iter().map(|action| {
        let count = steps.iter().filter(|step| step.action == *action).count();
        (count, action.as_str())
    });
    let parts: Vec<String> =
        counted.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} to {word}")).collect();
    let total = Count(steps.len(), "certificate").to_string();
    text.push_str(&if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) });
    text
}

fn to_json(steps: &[Step], refused: usize) -> serde_json::Value {
    let certificate = |step: &Step| {
        serde_json::json!({
            "name": step.name,
            "action": step.action.as_str(),
            "because": step.because.to_string(),
            "not_after": step.not_after.map(rfc3339),
        })
    };
    serde_json::json!({
        "version": 1,
        "refused_lines": refused,
        "certificates": steps.iter().map(certificate).collect::<Vec<_>>(),
    })
}
