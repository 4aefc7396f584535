//! What a run came to: a line for people, a document for machines, an exit code.

use serde::Serialize;
use time::OffsetDateTime;

use super::words::{Count, rfc3339};
use crate::error::{ErrorKind, ExitCode};
use crate::identifier::CertName;

/// What became of one certificate.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The certificate.
    pub name: CertName,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was (or was not) worked on.
    pub because: String,
    /// When what is stored now expires.
    pub not_after: Option<OffsetDateTime>,
    /// When it is tried again, where that is known.
    pub next_attempt: Option<OffsetDateTime>,
    /// What went wrong, if anything did.
    pub problem: Option<String>,
    /// Whose fault that was.
    pub kind: Option<ErrorKind>,
    /// Hooks that still have to take it.
    pub owed_deliveries: Vec<String>,
    /// Hooks that still have to take it and are called in other runs only.
    pub owed_elsewhere: Vec<String>,
    /// Whether a deployed challenge is still to be cleaned.
    pub owed_cleaning: bool,
    /// Whether it was an HTTP error of the CA's that ended the attempt.
    pub http_error: bool,
}

/// The ways a certificate can end a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as declared.
    Unchanged,
    /// It was issued for the first time, or with other names.
    Issued,
    /// It got a successor.
    Renewed,
    /// It was only delivered.
    Delivered,
    /// Something is due and is held back.
    Waiting,
    /// It could not be brought to what is declared.
    Failed,
    /// Its turn did not come: the run was stopped.
    Skipped,
}

/// What a whole run came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Every certificate, in the order of the list.
    pub certificates: Vec<RunReport>,
    /// Lines of the list that could not be read.
    pub refused: usize,
    /// Hooks or steps of the run itself that failed.
    pub problems: Vec<String>,
    /// Why it ended before the end of the list, where it did so for a failure; what `exit_hook` is told.
    pub broken_off: Option<String>,
    /// The signal that ended it, if one did.
    pub interrupted: Option<ExitCode>,
}

impl Summary {
    /// How many certificates ended as `outcome`.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.certificates.iter().filter(|report| report.outcome == outcome).count()
    }

    /// The exit code; see [`ExitCode`].
    #[must_use]
    pub fn exit_code(&self, now: OffsetDateTime, cadence: std::time::Duration) -> ExitCode {
        if let Some(code) = self.interrupted {
            return code;
        }
        let unwell = || self.certificates.iter().filter(|report| !report.is_well());
        // In danger: expires before the next attempt can be made and tried once more.
        let endangered = |report: &&RunReport| {
            let attempt = report.next_attempt.unwrap_or(now).max(now + cadence);
            report.not_after.is_some_and(|not_after| not_after <= attempt)
        };
        if unwell().any(|report| endangered(&report)) {
            return ExitCode::Danger;
        }
        let run_failed = self.refused > 0 || !self.problems.is_empty() || self.broken_off.is_some();
        if unwell().next().is_none() {
            return if run_failed { ExitCode::Failed } else { ExitCode::Success };
        }
        let all = |kind| unwell().all(|report| report.kind == Some(kind));
        match () {
            () if run_failed => ExitCode::Failed,
            () if all(ErrorKind::Limited) => ExitCode::Limited,
            () if all(ErrorKind::Unreachable) && self.changed().next().is_none() => ExitCode::Unreachable,
            () => ExitCode::Failed,
        }
    }

    /// The certificates that changed.
    pub fn changed(&self) -> impl Iterator<Item = &CertName> {
        let changed = |report: &&RunReport| matches!(report.outcome, Outcome::Issued | Outcome::Renewed);
        self.certificates.iter().filter(changed).map(|report| &report.name)
    }

    /// The closing line: `3 certificates: 1 issued, 2 unchanged`.
    #[must_use]
    pub fn line(&self) -> String {
        let words = [
            (Outcome::Issued, "issued"),
            (Outcome::Renewed, "renewed"),
            (Outcome::Delivered, "delivered"),
            (Outcome::Unchanged, "unchanged"),
            (Outcome::Waiting, "waiting"),
            (Outcome::Failed, "failed"),
            (Outcome::Skipped, "not reached"),
        ];
        let counted = words.iter().map(|(outcome, word)| (self.count(*outcome), *word));
        let refused = (self.refused, if self.refused == 1 { "line refused" } else { "lines refused" });
        let parts: Vec<String> = counted
            .chain([refused])
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let total = Count(self.certificates.len(), "certificate");
        if parts.is_empty() { total.to_string() } else { format!("{total}: {}", parts.join(", ")) }
    }

    /// The document of `--format json`.
    #[must_use]
    pub fn to_json(&self, exit_code: ExitCode) -> serde_json::Value {
        serde_json::json!({
            "version": 1,
            "exit_code": exit_code.code(),
            "refused_lines": self.refused,
            "problems": self.problems,
            "certificates": self.certificates.iter().map(RunReport::to_json).collect::<Vec<_>>(),
        })
    }
}

impl RunReport {
    /// Whether there is nothing left to do for it now.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let settled = !matches!(self.outcome, Outcome::Waiting | Outcome::Failed | Outcome::Skipped);
        settled && self.problem.is_none() && self.owed_deliveries.is_empty() && !self.owed_cleaning
    }

    /// What `exit_hook` is told where this ends the run: after an HTTP error an empty text, as by dehydrated; None when
    /// all is well.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        if self.is_well() {
            return None;
        }
        if self.http_error {
            return Some(String::new());
        }
        let left =
            if self.owed_cleaning { "a challenge could not be cleaned" } else { "not everything is done" };
        Some(format!("{}: {}", self.name, self.problem.as_deref().unwrap_or(left)))
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "outcome": self.outcome,
            "because": self.because,
            "not_after": self.not_after.map(rfc3339),
            "next_attempt": self.next_attempt.map(rfc3339),
            "problem": self.problem,
            "owed_deliveries": self.owed_deliveries,
            "owed_cleaning": self.owed_cleaning,
        })
    }
}
