//! One certificate's part of a run: plan, lease, plan again, issue, deliver, report.

use std::rc::Rc;
use std::time::Duration;

use time::OffsetDateTime;

use super::authority::working_for;
use super::failure::Failure;
use super::renewal::{is_stale, refresh};
use super::undeclared::owes_cleaning;
use super::wanted::{Wanted, facts};
use super::{Runner, hook_error, store_error};
use crate::config::{Ca, CertificateSettings, OnFailure, Remarks};
use crate::csr::Csr;
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::{Approach, Delivered, Facts, HookError, Operation};
use crate::identifier::Identifier;
use crate::issue::{self, Cleaner, IssueError, Job};
use crate::ledger::Record;
use crate::plan::{self, Action, Step, Subject};
use crate::report::words::When;
use crate::report::{Event, Outcome, Phase, RunReport};
use crate::responder::Responder;
use crate::store::{Lease, LeaseOutcome, LoadResult, Loaded, StoreError};

/// One entry of the list in a run.
pub(super) struct Certificate<'r> {
    pub(super) runner: &'r Runner<'r>,
    pub(super) entry: &'r Entry,
    pub(super) settings: CertificateSettings,
    responder: Rc<Responder>,
    /// The hooks it is delivered to.
    pub(super) destinations: Vec<String>,
}

/// How the work on a certificate can end.
pub(super) enum Ended {
    /// Another run has it in work.
    Elsewhere,
    /// It is over.
    Report(RunReport),
}

impl<'r> Certificate<'r> {
    pub(super) fn new(runner: &'r Runner<'r>, entry: &'r Entry) -> Self {
        let settings = runner.config.certificate(&entry.name);
        let responder = runner.responders.of(runner.config, &settings);
        let given = |hook: &&String| settings.hooks.contains(hook);
        let destinations = runner.destinations.iter().filter(given).cloned().collect();
        Self { runner, entry, settings, responder, destinations }
    }

    /// The report of a certificate that needs neither hook nor CA; None when it needs more than a look.
    pub(super) fn at_a_glance(&self, loaded: &LoadResult) -> Option<RunReport> {
        let loaded = loaded.as_ref().ok().filter(|_| self.remarks().is_none())?;
        if self.runner.hooks.wants(Operation::GenerateCsr) && !self.runner.deliver_only {
            return None;
        }
        let step = self.decide(&self.entry.names, None, loaded);
        let nothing_to_call = step.action == Action::Keep && !self.runner.calls_unchanged();
        let staples = self.settings.ocsp.is_some() && !self.runner.deliver_only;
        if !self.owes_nothing(&loaded.record)
            || !nothing_to_call
            || self.wants_renewal_info(loaded)
            || staples
        {
            return None;
        }
        self.looking();
        self.runner.reporter.event(&Event::Unchanged(&step));
        Some(self.report(&step, Outcome::Unchanged, &loaded.record))
    }

    /// The CA it is to come from.
    pub(super) fn ca(&self) -> &Ca {
        &self.settings.ca
    }

    /// What its failure means for those behind it.
    pub(super) fn on_failure(&self) -> OnFailure {
        self.settings.on_failure.unwrap_or(self.runner.config.on_failure)
    }

    /// Whether, by what is known now, an order is to be made or continued.
    pub(super) fn needs_ca(&self, loaded: &LoadResult) -> bool {
        let needs = |loaded: &Loaded| self.decide(&self.entry.names, None, loaded).action.needs_ca();
        !self.runner.deliver_only && loaded.as_ref().is_ok_and(needs)
    }

    /// Does all that is to do.
    pub(super) async fn work(&self, loaded: Result<Loaded, StoreError>, approach: Approach) -> Ended {
        match working_for(&self.entry.name, Box::pin(self.try_work(loaded, approach))).await {
            Ok(ended) => ended,
            Err(error) => Ended::Report(self.failed(&error, None, None)),
        }
    }

    /// [`Certificate::work`] as soon as no other run has it in work.
    pub(super) async fn work_when_free(&self, patience: Duration) -> RunReport {
        let runner = self.runner;
        let taken = runner.store.lease_wait(&self.entry.name, patience);
        let approach = runner.hooks.approach();
        let worked = async {
            // Only the wait is cut short by a signal: what is begun under the lease is ended in good order.
            let lease = match runner.stop.unless_stopped(taken).await {
                None => return Ok(self.skipped()),
                Some(taken) => match taken.map_err(store_error)? {
                    LeaseOutcome::Taken(lease) => Lease::new(lease),
                    LeaseOutcome::HeldBy(holder) => return Err(Error::failed(Busy { holder })),
                },
            };
            let wanted = self.wanted().await?;
            Ok(self.under_lease(&wanted, lease, approach).await)
        };
        match working_for(&self.entry.name, worked).await {
            Ok(report) => report,
            Err(error) => self.failed(&error, None, None),
        }
    }

    /// The report of a certificate whose turn did not come.
    pub(super) fn skipped(&self) -> RunReport {
        self.outcome(Outcome::Skipped, "the run was stopped")
    }

    fn looking(&self) {
        self.runner.reporter.event(&Event::Looking { name: &self.entry.name, names: &self.entry.names });
    }

    fn remarks(&self) -> Option<&Remarks> {
        self.runner.config.certificates.remarks.get(&self.entry.name)
    }

    /// Says what there is to say about its settings.
    fn remark(&self) -> Result<(), Error> {
        let Some(remarks) = self.remarks() else { return Ok(()) };
        let (name, reporter) = (&self.entry.name, self.runner.reporter);
        for text in &remarks.said {
            reporter.event(&Event::Remark { name, text });
        }
        for text in &remarks.warnings {
            reporter.event(&Event::Warning { name, text });
        }
        match &remarks.refused {
            Some(why) => Err(Error::config(RefusedSettings(why.clone()))),
            None => Ok(()),
        }
    }

    async fn try_work(&self, loaded: Result<Loaded, StoreError>, approach: Approach) -> Result<Ended, Error> {
        let runner = self.runner;
        self.looking();
        self.remark()?;
        let mut loaded = loaded.map_err(store_error)?;
        let wanted = self.wanted().await?;
        if self.wants_renewal_info(&loaded) {
            match self.refresh_renewal_info().await? {
                Some(refreshed) => loaded = refreshed,
                None => return Ok(Ended::Elsewhere),
            }
        }
        let step = self.decide(&wanted.names, wanted.csr.as_ref(), &loaded);
        if self.owes_nothing(&loaded.record) {
            match step.action {
                Action::Keep => {
                    let mut report = self.keep(&step, &loaded, &wanted).await;
                    if report.problem.is_none() {
                        self.note_problem(&mut report, self.staple_unchanged(&wanted).await);
                    }
                    return Ok(Ended::Report(report));
                }
                _ if runner.deliver_only => {
                    return Ok(Ended::Report(self.report(&step, Outcome::Unchanged, &loaded.record)));
                }
                Action::Wait => return Ok(Ended::Report(self.waiting(&step, &loaded.record))),
                _ => {}
            }
        }
        match runner.store.lease(&self.entry.name).await.map_err(store_error)? {
            LeaseOutcome::Taken(lease) => {
                // Planned again: another run may have done it between the look and the lease.
                Ok(Ended::Report(self.under_lease(&wanted, Lease::new(lease), approach).await))
            }
            LeaseOutcome::HeldBy(holder) => {
                runner.reporter.event(&Event::Leased { name: &self.entry.name, holder: &holder });
                Ok(Ended::Elsewhere)
            }
        }
    }

    async fn under_lease(&self, wanted: &Wanted, mut lease: Lease, approach: Approach) -> RunReport {
        let mut step = self.decide(&wanted.names, wanted.csr.as_ref(), lease.loaded());
        let mut done = None;
        // These come first: they may be the only copy of a certificate that was issued.
        if lease.record.staged.is_some() {
            self.runner.reporter.event(&Event::Started(&step));
            match self.put_in_place(wanted, &mut lease).await {
                Ok(Some(outcome)) => done = Some(outcome),
                Ok(None) => step = self.decide(&wanted.names, wanted.csr.as_ref(), lease.loaded()),
                Err(failure) => return self.note_failure(failure, &step, wanted, lease).await,
            }
        }
        if done.is_none() && step.action.needs_ca() && !self.runner.deliver_only {
            self.runner.reporter.event(&Event::Started(&step));
            match self.issue(&step, wanted, &mut lease, approach).await {
                Ok(issued) => done = Some(issued),
                Err(failure) => return self.note_failure(failure, &step, wanted, lease).await,
            }
        } else {
            drop(approach);
            self.clean_leftovers(&mut lease, wanted).await;
        }
        let owed = !plan::owed_deliveries(&lease.record, &self.destinations).is_empty();
        let delivered = self.deliver(&mut lease, wanted).await;
        let mut report = match done {
            Some(outcome) => self.report(&step, outcome, &lease.record),
            // It may be another run that failed at it just now.
            None if step.action == Action::Wait && !self.runner.deliver_only => {
                self.waiting(&step, &lease.record)
            }
            None if owed => self.report(&step, Outcome::Delivered, &lease.record),
            None => self.report(&step, Outcome::Unchanged, &lease.record),
        };
        report.not_after = lease.loaded().stored.as_ref().map(|stored| stored.leaf.not_after);
        let delivered = match delivered {
            Ok(()) => self.staple(&mut lease, wanted).await,
            failed => failed,
        };
        self.note_problem(&mut report, delivered);
        report
    }

    /// What went wrong after there was nothing more to issue.
    fn note_problem(&self, report: &mut RunReport, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.runner.reporter.event(&Event::Failed { name: &self.entry.name, error: &error });
            report.problem = Some(error.to_string());
            report.kind = Some(error.kind);
        }
    }

    async fn issue(
        &self,
        step: &Step,
        wanted: &Wanted,
        lease: &mut Lease,
        approach: Approach,
    ) -> Result<Outcome, Failure> {
        let runner = self.runner;
        let account = runner.authorities.account(&self.settings.ca).await.map_err(Failure::Authority)?;
        let renewed = lease.loaded().stored.is_some();
        let has_renewal_info = account.client().directory().renewal_info.is_some();
        let job = Job {
            name: &self.entry.name,
            names: &wanted.names,
            csr: wanted.csr.as_ref(),
            // RFC 9773 §5: not for a CA without renewal information.
            replaces: step.replaces.as_deref().filter(|_| has_renewal_info),
            settings: &self.settings,
            account: &account,
            hooks: &runner.hooks,
            responder: &self.responder,
            facts: self.facts(&wanted.names, attempt_at(&lease.record)),
            stop: &runner.stop,
            reporter: runner.reporter,
            now: OffsetDateTime::now_utc(),
        };
        // On the heap, as every future that is large: those that hold it would be as large, and are moved when made.
        Box::pin(issue::issue(&job, lease, approach)).await.map_err(Failure::Issue)?;
        Ok(self.issued(renewed, lease))
    }

    /// Puts files in place that an earlier run wrote; None when they are gone and nothing can be done about it.
    async fn put_in_place(&self, wanted: &Wanted, lease: &mut Lease) -> Result<Option<Outcome>, Failure> {
        let renewed = lease.loaded().stored.is_some();
        let facts = self.facts(&wanted.names, attempt_at(&lease.record));
        match issue::put_in_place(&self.runner.hooks, &facts, lease).await {
            Ok(()) => Ok(Some(self.issued(renewed, lease))),
            Err(IssueError::Store(error @ StoreError::NotStaged { .. })) => {
                let error = store_error(error);
                self.runner.reporter.event(&Event::Lost { name: &self.entry.name, error: &error });
                lease.record.lost();
                lease.save().await.map_err(|error| Failure::Issue(error.into()))?;
                Ok(None)
            }
            Err(error) => Err(Failure::Issue(error)),
        }
    }

    /// Tells of a certificate that is in use now.
    fn issued(&self, renewed: bool, lease: &Lease) -> Outcome {
        if let Some(stored) = &lease.loaded().stored {
            let not_after = stored.leaf.not_after;
            self.runner.reporter.event(&Event::Issued { name: &self.entry.name, renewed, not_after });
        }
        if renewed { Outcome::Renewed } else { Outcome::Issued }
    }

    /// Calls `deploy_cert` for all that is owed to hooks of this run, and saves what came of it.
    async fn deliver(&self, lease: &mut Lease, wanted: &Wanted) -> Result<(), Error> {
        let hooks = &self.runner.hooks;
        let name = &self.entry.name;
        let owed = plan::owed_deliveries(&lease.record, &self.destinations);
        let mut failures = Vec::new();
        if let Some(stored) = lease.loaded().stored.as_ref().filter(|_| !owed.is_empty()) {
            self.runner.reporter.event(&Event::Phase { name, phase: Phase::Delivering });
            let (paths, timestamp) = (stored.paths.clone(), stored.timestamp.unwrap_or_default());
            let facts = self.facts(&wanted.names, 1);
            for destination in &owed {
                let delivered = hooks.deploy_cert(destination, &facts, &paths.for_hooks(), timestamp).await;
                let now = OffsetDateTime::now_utc().unix_timestamp();
                match delivered {
                    Ok(Delivered { verified }) => {
                        lease.record.delivered(destination, verified, now);
                        self.runner.reporter.event(&Event::Delivered { name, destination, verified });
                    }
                    Err(error) => {
                        lease.record.delivery_failed(destination, error.to_string(), now);
                        failures.push(error);
                    }
                }
            }
        }
        lease.save().await.map_err(store_error)?;
        HookError::all(failures).map_err(|error| hook_error(&error))
    }

    /// Whether there is nothing that an earlier run left for this one to finish.
    fn owes_nothing(&self, record: &Record) -> bool {
        record.staged.is_none()
            && !owes_cleaning(&self.runner.hooks, record)
            && plan::owed_deliveries(record, &self.destinations).is_empty()
    }

    /// Cleans what an earlier run deployed, where nothing is to be issued.
    async fn clean_leftovers(&self, lease: &mut Lease, wanted: &Wanted) {
        let owed = std::mem::take(&mut lease.record.owed_cleaning);
        let cleaner = Cleaner { hooks: &self.runner.hooks, responder: &self.responder };
        let outcome = cleaner.clean(&self.facts(&wanted.names, 1), owed).await;
        for error in &outcome.errors {
            self.runner.reporter.event(&Event::CleaningFailed { name: &self.entry.name, error });
        }
        lease.record.owed_cleaning = outcome.still_owed;
    }

    /// Nothing is due: hooks that want to know are told so.
    async fn keep(&self, step: &Step, loaded: &Loaded, wanted: &Wanted) -> RunReport {
        let runner = self.runner;
        if runner.calls_unchanged()
            && let Some(stored) = &loaded.stored
        {
            let facts = self.facts(&wanted.names, 1);
            let mut failures = Vec::new();
            for hook in runner.hooks.wanting(Operation::UnchangedCert, &facts) {
                let told = runner.hooks.unchanged_cert(hook, &facts, &stored.paths.for_hooks()).await;
                failures.extend(told.err());
            }
            if let Err(error) = HookError::all(failures) {
                return self.failed(&hook_error(&error), Some(step), Some(&loaded.record));
            }
        }
        runner.reporter.event(&Event::Unchanged(step));
        self.report(step, Outcome::Unchanged, &loaded.record)
    }

    /// Writes a failure down, so that the next run knows when to try again.
    async fn note_failure(
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
            Failure::Issue(_) => None,
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

    /// The names to order: those declared, or those of the request a hook makes.
    async fn wanted(&self) -> Result<Wanted, Error> {
        if self.runner.deliver_only {
            return Ok(Wanted::declared(self.entry));
        }
        Wanted::of(self.entry, &self.settings, &self.runner.hooks, self.runner.store).await
    }

    fn wants_renewal_info(&self, loaded: &Loaded) -> bool {
        let by_window = self.settings.renewal_rule().is_none() && !self.runner.deliver_only;
        by_window && is_stale(loaded, self.runner.now)
    }

    /// Asks the CA for the renewal window and writes it down; None when another run has the certificate in work.
    async fn refresh_renewal_info(&self) -> Result<Option<Loaded>, Error> {
        let store = self.runner.store;
        let taken = store.lease(&self.entry.name).await.map_err(store_error)?;
        let LeaseOutcome::Taken(lease) = taken else { return Ok(None) };
        let mut lease = Lease::new(lease);
        if is_stale(lease.loaded(), self.runner.now) {
            // A CA that cannot be reached is no failure as long as nothing is due.
            let asked = async {
                let client = self.runner.authorities.client(&self.settings.ca).await.ok();
                refresh(client.as_ref(), lease.loaded(), self.runner.now).await
            };
            if let Some(renewal) = self.runner.stop.unless_stopped(asked).await {
                lease.record.renewal = renewal;
                lease.save().await.map_err(store_error)?;
            }
        }
        Ok(Some(store.load(&self.entry.name).await.map_err(store_error)?))
    }

    fn decide(&self, names: &[Identifier], request: Option<&Csr>, loaded: &Loaded) -> Step {
        let subject = Subject {
            name: &self.entry.name,
            names,
            request,
            loaded,
            renew_before: self.settings.renewal_rule(),
            destinations: &self.destinations,
        };
        plan::decide(&subject, self.runner.circumstances())
    }

    pub(super) fn facts<'f>(&'f self, names: &'f [Identifier], attempt: u32) -> Facts<'f> {
        facts(&self.entry.name, names, &self.settings, attempt)
    }
}

/// Which attempt at a certificate it is, from 1.
fn attempt_at(record: &Record) -> u32 {
    record.failures.as_ref().map_or(0, |failures| failures.count) + 1
}

/// Until when the CA wants to be left alone.
fn limited_until(record: &Record) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(record.failures.as_ref()?.ca_not_before?).ok()
}

/// Settings of a certificate that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RefusedSettings(String);

/// A certificate that another run did not give back in time.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is in work elsewhere: {holder}")]
struct Busy {
    holder: String,
}
