//! One certificate's part of a run: plan, lease, plan again, issue, deliver, report.

use std::rc::Rc;

use time::OffsetDateTime;

use super::authority::working_for;
use super::failure::{Failure, attempt_at};
use super::wanted::{Wanted, facts};
use super::{Runner, refusal_error, store_error};
use crate::config::{Ca, CertificateSettings, OnFailure, Remarks};
use crate::csr::Csr;
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::{Approach, Facts, Operation};
use crate::identifier::Identifier;
use crate::issue::{self, IssueError, Job};
use crate::plan::{self, Action, Step, Subject};
use crate::report::{Event, Outcome, RunReport};
use crate::responder::Responder;
use crate::store::{Lease, LeaseOutcome, LoadResult, Loaded, StoreError};
use crate::tenant::{Refusal, Request};

/// One entry of the list in a run.
pub(super) struct Certificate<'r> {
    pub(super) runner: &'r Runner<'r>,
    pub(super) entry: &'r Entry,
    pub(super) settings: CertificateSettings,
    pub(super) responder: Rc<Responder>,
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
        let names = &self.entry.names;
        self.runner.reporter.event(&Event::UnchangedAtAGlance { names, step: &step });
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
        // Whatever fails before there is a plan: how long the certificate has left decides how bad that is.
        let stored = loaded.as_ref().ok().and_then(|loaded| loaded.stored.as_ref());
        let not_after = stored.map(|stored| stored.leaf.not_after);
        match working_for(&self.entry.name, Box::pin(self.try_work(loaded, approach))).await {
            Ok(ended) => ended,
            Err(error) => Ended::Report(RunReport { not_after, ..self.failed(&error, None, None) }),
        }
    }

    /// [`Certificate::work`] on one that was in work elsewhere and is free now.
    pub(super) async fn work_under(&self, lease: Lease, approach: Approach) -> RunReport {
        let worked = async {
            let wanted = self.wanted().await?;
            Ok(self.under_lease(&wanted, lease, approach).await)
        };
        match working_for(&self.entry.name, Box::pin(worked)).await {
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
        if step.action == Action::Refuse && !runner.deliver_only && self.owes_nothing(&loaded.record) {
            self.admitted(&wanted.names, None).map_err(refusal_error)?;
        }
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
        if step.action == Action::Refuse
            && !self.runner.deliver_only
            && let Err(refusal) = self.admitted(&wanted.names, None)
        {
            return self.failed(&refusal_error(refusal), Some(&step), Some(&lease.record));
        }
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
        let signed_in = runner.stop.unless_stopped(runner.authorities.account(&self.settings.ca)).await;
        let account = signed_in.ok_or(Failure::Issue(IssueError::Stopped))?.map_err(Failure::Authority)?;
        self.admitted(&wanted.names, Some(account.url().as_str())).map_err(Failure::Refused)?;
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
            orders: runner.authorities.orders(),
            hooks: &runner.hooks,
            responder: &self.responder,
            propagation: &runner.propagation,
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

    /// The names to order: those declared, or those of the request a hook makes.
    async fn wanted(&self) -> Result<Wanted, Error> {
        if self.runner.deliver_only {
            return Ok(Wanted::declared(self.entry));
        }
        Wanted::of(self.entry, &self.settings, &self.runner.hooks, self.runner.store).await
    }

    /// Whether it may be asked for, by this account if it is known.
    fn admitted(&self, names: &[Identifier], account: Option<&str>) -> Result<(), Refusal> {
        let path = self.runner.config.secret_of(&self.entry.name);
        let request = Request::new(&self.entry.name, names, &self.settings, path.as_deref());
        self.runner.tenancy.check(&Request { account, ..request })
    }

    fn decide(&self, names: &[Identifier], request: Option<&Csr>, loaded: &Loaded) -> Step {
        let refused = self.admitted(names, None).err();
        let subject = Subject {
            name: &self.entry.name,
            names,
            request,
            loaded,
            renew_before: self.settings.renewal_rule(),
            destinations: &self.destinations,
            refused: refused.as_ref(),
        };
        plan::decide(&subject, self.runner.circumstances())
    }

    pub(super) fn facts<'f>(&'f self, names: &'f [Identifier], attempt: u32) -> Facts<'f> {
        facts(&self.entry.name, names, &self.settings, attempt)
    }
}

/// Settings of a certificate that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RefusedSettings(String);
