//! What is reported of a certificate.

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::leftovers::owes_cleaning;
use crate::error::{Error, ErrorKind};
use crate::ledger::Record;
use crate::plan::{self, Step};
use crate::report::{Event, Outcome, RunReport};

impl Certificate<'_> {
    pub(super) fn report(&self, step: &Step, outcome: Outcome, record: &Record) -> RunReport {
        RunReport {
            because: step.because.to_string(),
            not_after: step.not_after,
            owed_deliveries: plan::owed_deliveries(record, &self.destinations),
            owed_elsewhere: record.owed_elsewhere(&self.destinations),
            owed_cleaning: owes_cleaning(&self.runner.hooks, record),
            ..self.outcome(outcome, "")
        }
    }

    pub(super) fn waiting(&self, step: &Step, record: &Record) -> RunReport {
        self.runner.reporter.event(&Event::Waiting(step));
        let mut report = self.report(step, Outcome::Waiting, record);
        if let plan::Because::Backoff { until, last, .. } = &step.because {
            report.next_attempt = Some(*until);
            report.problem = Some(last.clone());
            let limited = record.failures.as_ref().is_some_and(|failures| failures.ca_not_before.is_some());
            report.kind = Some(if limited { ErrorKind::Limited } else { ErrorKind::Failed });
        }
        report
    }

    pub(super) fn failed(&self, error: &Error, step: Option<&Step>, record: Option<&Record>) -> RunReport {
        self.runner.reporter.event(&Event::Failed { name: &self.entry.name, error });
        self.failure(error, step, record)
    }

    pub(super) fn failure(&self, error: &Error, step: Option<&Step>, record: Option<&Record>) -> RunReport {
        let mut report = match (step, record) {
            (Some(step), Some(record)) => self.report(step, Outcome::Failed, record),
            _ => self.outcome(Outcome::Failed, ""),
        };
        let failures = record.and_then(|record| record.failures.as_ref());
        report.next_attempt =
            failures.and_then(|failures| OffsetDateTime::from_unix_timestamp(failures.not_before).ok());
        report.problem = Some(error.to_string());
        report.kind = Some(error.kind);
        report
    }

    pub(super) fn outcome(&self, outcome: Outcome, because: &str) -> RunReport {
        RunReport {
            name: self.entry.name.clone(),
            outcome,
            because: because.to_owned(),
            not_after: None,
            next_attempt: None,
            problem: None,
            kind: None,
            owed_deliveries: Vec::new(),
            owed_elsewhere: Vec::new(),
            owed_cleaning: false,
            http_error: false,
        }
    }
}
