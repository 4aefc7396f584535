//! What stopped a certificate, and what that means for its next attempt.

use std::time::Duration;

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::wanted::Wanted;
use super::{Unavailable, issue_error, refusal_error, store_error};
use crate::error::Error;
use crate::issue::IssueError;
use crate::ledger::Record;
use crate::plan::Step;
use crate::report::words::When;
use crate::report::{Outcome, RunReport};
use crate::store::Lease;
use crate::tenant::Refusal;

/// What stopped a certificate: the way to the CA, or its own issue.
pub(super) enum Failure {
    Authority(Unavailable),
    Issue(IssueError),
    /// The rules of tenants do not allow it.
    Refused(Refusal),
}

impl Failure {
    /// What went wrong between us and the CA.
    pub(super) fn at_the_ca(&self) -> Option<&crate::acme::Error> {
        match self {
            Self::Authority(error) => error.at_the_ca(),
            Self::Issue(error) => error.at_the_ca(),
            Self::Refused(_) => None,
        }
    }

    /// Whether it holds the certificate back: what never reached the CA does not, nor does what has nothing to do with
    /// this certificate, unless the CA wants to be left alone.
    pub(super) fn counts(&self) -> bool {
        match self {
            Self::Authority(_) => self.retry_after().is_some(),
            // Nor does what the disk does not take: the same order goes on as soon as it does; nor rules that may be changed.
            Self::Refused(_) | Self::Issue(IssueError::Stopped | IssueError::Store(_)) => false,
            Self::Issue(_) => self.at_the_ca().is_none_or(|error| !error.is_unreachable()),
        }
    }

    /// How long the CA wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.at_the_ca()?.retry_after()
    }

    pub(super) fn spends_the_order(&self) -> bool {
        matches!(self, Self::Issue(error) if error.spends_the_order())
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Authority(error) => error.to_error(),
            Self::Issue(error) => issue_error(error),
            Self::Refused(refusal) => refusal_error(refusal),
        }
    }
}

impl Certificate<'_> {
    /// Writes a failure down, so that the next run knows when to try again.
    pub(super) async fn note_failure(
        &self,
        failure: Failure,
        step: &Step,
        wanted: &Wanted,
        mut lease: Lease,
    ) -> RunReport {
        let stopped = self.runner.stop.is_stopped();
        let facts = self.facts(&wanted.names, attempt_at(&lease.record));
        let http_error = self.runner.authorities.tell_hooks_of_failures(&self.runner.hooks, &facts).await;
        if failure.spends_the_order() {
            lease.record.abandon();
        }
        let (counts, retry_after) = (failure.counts(), failure.retry_after());
        let unavailable = match &failure {
            Failure::Authority(unavailable) => Some(unavailable.clone()),
            Failure::Issue(_) | Failure::Refused(_) => None,
        };
        let mut error = failure.into_error();
        if !stopped && counts {
            let now = OffsetDateTime::now_utc().unix_timestamp();
            // In whole seconds, and never too early.
            let retry_after = retry_after.and_then(|wait| i64::try_from(wait.as_secs() + 1).ok());
            lease.record.failed(error.to_string(), now, retry_after);
            if let Some(until) = limited_until(&lease.record) {
                error = error.hint(format!("the CA is asked again from {} on", When(until)));
            }
        }
        if let Err(error) = lease.save().await {
            return self.failed(&store_error(error), Some(step), Some(&lease.record));
        }
        if stopped {
            return self.report(step, Outcome::Skipped, &lease.record);
        }
        let Some(unavailable) = unavailable else {
            return RunReport { http_error, ..self.failed(&error, Some(step), Some(&lease.record)) };
        };
        // What keeps all certificates of a CA waiting is said once, and of no single one.
        if unavailable.is_news() {
            self.runner.reporter.error(&error);
        }
        RunReport { http_error, ..self.failure(&error, Some(step), Some(&lease.record)) }
    }
}

/// Which attempt at a certificate it is, from 1.
pub(super) fn attempt_at(record: &Record) -> u32 {
    record.failures.as_ref().map_or(0, |failures| failures.count) + 1
}

/// Until when the CA wants to be left alone.
fn limited_until(record: &Record) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(record.failures.as_ref()?.ca_not_before?).ok()
}
