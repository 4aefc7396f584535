//! Carries out a plan: many certificates at once, stopped by signals, summed up at the end.
//!
//! Each certificate is one future that nobody else waits for: it takes its lease, is planned again under it, is
//! issued ([`crate::issue`]) and delivered. What they share is one [`Authority`] per CA, the hooks (which gather the
//! challenges of many certificates into one call) and the reporter.

pub mod authority;

mod certificate;
mod delivery;
mod elsewhere;
mod failure;
mod leftovers;
mod named_key;
mod network;
mod outcome;
mod renewal;
mod responders;
mod signals;
mod stapling;
mod unavailable;
mod undeclared;
mod wanted;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;

pub use authority::Authorities;
use certificate::{Certificate, Ended};
pub use leftovers::{Findings, Leftovers, State, Value, Wish};
pub use named_key::named_key;
pub use responders::Responders;
pub use signals::Signals;
pub use unavailable::{AuthorityError, Unavailable};
pub use wanted::{Wanted, facts};

use crate::config::{Ca, Config, HookSequence, OnFailure, Renewal};
use crate::domains::Entry;
use crate::error::{Error, ErrorKind};
use crate::hook::{HookError, Hooks, Operation, Stop};
use crate::identifier::CertName;
use crate::issue::IssueError;
use crate::plan::Circumstances;
use crate::propagation::Propagation;
use crate::report::{Event, Reporter, RunReport, Summary};
use crate::store::{LoadResult, Store, StoreError};
use crate::tenant::{Refusal, Tenancy};

/// How many certificates are read before those that need nothing are forgotten again.
const LOOKED_AT_ONCE: usize = 512;

/// Everything a run works with.
pub struct Runner<'a> {
    /// What was configured.
    pub config: &'a Config,
    /// Who may ask for which name.
    pub tenancy: Tenancy,
    /// Where certificates and their state live.
    pub store: &'a dyn Store,
    /// The CAs and the accounts there.
    pub authorities: Authorities<'a>,
    /// The hooks, probed.
    pub hooks: Hooks,
    /// The hooks that certificates are delivered to.
    pub destinations: Vec<String>,
    /// Who answers challenges without a hook.
    pub responders: Responders,
    /// Who knows what is visible in DNS.
    pub propagation: Propagation,
    /// Ends waits when a signal came.
    pub stop: Stop,
    /// Which signal came.
    pub signals: Signals,
    /// Who is told what happens.
    pub reporter: &'a Rc<Reporter>,
    /// Renew although nothing is due.
    pub force: bool,
    /// Only make outstanding deliveries.
    pub deliver_only: bool,
    /// Whether the entries are all that is declared: what is not among them is then no longer wanted.
    pub whole_list: bool,
    /// What is wrong with the list behind the last entry, where it is read no further.
    pub list_error: Option<Error>,
    /// The instant the run began.
    pub now: OffsetDateTime,
}

impl Runner<'_> {
    /// Brings every entry to what is declared, as far as that can be done now.
    ///
    /// # Errors
    /// Only what concerns the run as a whole; what goes wrong with one certificate is in its report.
    pub async fn run(&self, entries: &[Entry]) -> Result<Summary, Error> {
        let ended = self.carry_out(entries).await;
        self.store.settle().await;
        let message = match &ended {
            // Told of nothing but what went wrong: which certificates changed is not known.
            Err(error) => Some(error.to_string()),
            Ok(summary) => summary.broken_off.clone(),
        };
        let changed: Vec<CertName> = ended.iter().flat_map(Summary::changed).cloned().collect();
        let exited = self.hooks.exit(&changed, message.as_deref()).await;
        let mut summary = ended?;
        if let Err(error) = exited {
            let error = hook_error(&error);
            self.reporter.error(&error);
            if self.config.exit_codes.count_exit_hook() {
                summary.problems.push(error.to_string());
            }
        }
        Ok(summary)
    }

    async fn carry_out(&self, entries: &[Entry]) -> Result<Summary, Error> {
        self.hooks.startup().await.map_err(|error| hook_error(&error))?;
        let mut reports: BTreeMap<usize, RunReport> = BTreeMap::new();
        let mut queue = self.look(entries, &mut reports).await?;
        if self.overlaps() {
            // Names that failed before go last, so that they delay nobody.
            queue.sort_by_key(Queued::failures);
        }
        if !queue.is_empty() {
            self.hooks.ready().await.map_err(|error| hook_error(&error))?;
            self.sign_in(&queue).await?;
        }
        self.reporter.expect(queue.len());
        let working = async {
            let (elsewhere, broken_off) = self.work(queue, &mut reports).await;
            self.wait_for(elsewhere, &mut reports).await;
            broken_off
        };
        let mut broken_off = self.reporter.showing_progress(working).await;
        if let (None, Some(error)) = (&broken_off, &self.list_error) {
            self.reporter.error(error);
            broken_off = Some(error.to_string());
        }

        let certificates = reports.into_values().collect();
        let mut summary = Summary { certificates, broken_off, ..Summary::default() };
        if self.whole_list {
            // Never at the price of what the run has done: its report, and the call of `exit_hook`.
            summary.problems = undeclared::clean(self, entries).await.unwrap_or_else(|error| {
                self.reporter.error(&error);
                vec![error.to_string()]
            });
        }
        summary.interrupted = self.signals.exit_code();
        Ok(summary)
    }

    /// Looks at what is stored of every entry; gives those that need more than a look. Of the others only the report is
    /// kept: there may be very many of them.
    async fn look<'e>(
        &'e self,
        entries: &'e [Entry],
        reports: &mut BTreeMap<usize, RunReport>,
    ) -> Result<Vec<Queued<'e>>, Error> {
        let mut queue = Vec::new();
        let mut index = 0;
        if entries.len() > LOOKED_AT_ONCE {
            let names: Vec<CertName> = entries.iter().map(|entry| entry.name.clone()).collect();
            let foreseen = self.stop.unless_stopped(self.store.foresee(&names)).await;
            foreseen.unwrap_or(Ok(())).map_err(store_error)?;
        }
        for part in entries.chunks(LOOKED_AT_ONCE) {
            let names: Vec<CertName> = part.iter().map(|entry| entry.name.clone()).collect();
            let Some(loaded) = self.stop.unless_stopped(self.store.load_all(&names)).await else {
                for entry in part {
                    reports.insert(index, Certificate::new(self, entry).skipped());
                    index += 1;
                }
                continue;
            };
            for (entry, loaded) in part.iter().zip(loaded.map_err(store_error)?) {
                let certificate = Certificate::new(self, entry);
                match certificate.at_a_glance(&loaded) {
                    Some(report) => drop(reports.insert(index, report)),
                    None => queue.push(Queued { index, certificate, loaded }),
                }
                index += 1;
            }
        }
        self.store.foresee(&[]).await.map_err(store_error)?;
        Ok(queue)
    }

    /// Reaches the CAs that are needed, and signs in there. What has to be configured first ends the run; that a CA
    /// cannot be reached is said by the certificates that need it.
    async fn sign_in(&self, queue: &[Queued<'_>]) -> Result<(), Error> {
        let needs_ca = |queued: &&Queued<'_>| queued.certificate.needs_ca(&queued.loaded);
        let mut cas: Vec<&Ca> = Vec::new();
        for queued in queue.iter().filter(needs_ca) {
            let ca = queued.certificate.ca();
            if !cas.contains(&ca) {
                cas.push(ca);
            }
        }
        for ca in cas {
            let signed_in = self.stop.unless_stopped(self.authorities.account(ca)).await;
            if let Some(Err(error)) = signed_in.map(|account| account.map_err(|error| error.to_error()))
                && error.kind == ErrorKind::Config
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether certificates are worked on side by side: dehydrated's sequence is for hooks that know no other.
    fn overlaps(&self) -> bool {
        self.config.hook_sequence == HookSequence::Overlapping || self.hooks.all_announced()
    }

    /// How many certificates are in work at once.
    fn jobs(&self) -> usize {
        if self.overlaps() { self.config.jobs.max(1) } else { 1 }
    }

    /// Works on the queue, `jobs` certificates at a time; gives those that are in work elsewhere, and what broke it off.
    async fn work<'e>(
        &'e self,
        queue: Vec<Queued<'e>>,
        reports: &mut BTreeMap<usize, RunReport>,
    ) -> (Vec<(usize, Certificate<'e>)>, Option<String>) {
        let jobs = self.jobs();
        let mut broken_off = None;
        let mut elsewhere = Vec::new();
        let mut waiting = queue.into_iter();
        let mut in_work = FuturesUnordered::new();
        loop {
            while in_work.len() < jobs
                && let Some(Queued { index, certificate, loaded }) = waiting.next()
            {
                if broken_off.is_some() || self.stop.is_stopped() {
                    reports.insert(index, certificate.skipped());
                    continue;
                }
                // Made before the future is first polled: batches wait for every certificate that may still join.
                let approach = self.hooks.approach();
                in_work.push(async move {
                    let ended = Box::pin(certificate.work(loaded, approach)).await;
                    (index, certificate, ended)
                });
            }
            let Some((index, certificate, ended)) = in_work.next().await else { break };
            match ended {
                Ended::Elsewhere => elsewhere.push((index, certificate)),
                Ended::Report(report) => {
                    self.reporter.event(&Event::Finished(&report.name));
                    if certificate.on_failure() == OnFailure::Stop && broken_off.is_none() {
                        broken_off = report.message();
                    }
                    reports.insert(index, report);
                }
            }
        }
        (elsewhere, broken_off)
    }

    /// What holds for all certificates of this run.
    fn circumstances(&self) -> Circumstances {
        Circumstances {
            now: self.now,
            cadence: match self.config.renewal {
                Renewal::Days => Duration::ZERO,
                Renewal::Window => self.config.cadence(),
            },
            force: self.force,
            backoff: self.config.backoff,
        }
    }

    /// Whether a certificate with nothing due still needs a call.
    fn calls_unchanged(&self) -> bool {
        !self.deliver_only && self.hooks.wants(Operation::UnchangedCert)
    }
}

/// A certificate that needs more than a look.
struct Queued<'e> {
    /// Its place in the list.
    index: usize,
    certificate: Certificate<'e>,
    loaded: LoadResult,
}

impl Queued<'_> {
    /// How often it has failed in a row.
    fn failures(&self) -> u32 {
        let record = self.loaded.as_ref().ok().map(|loaded| &loaded.record);
        record.and_then(|record| record.failures.as_ref()).map_or(0, |failures| failures.count)
    }
}

/// A store that cannot be read ends the run.
pub(crate) fn store_error(error: StoreError) -> Error {
    let (kind, hints) = (error.kind(), error.hints());
    Error::new(kind, error).hints(hints)
}

/// A certificate that was not issued, with what to do about it.
pub(crate) fn issue_error(error: IssueError) -> Error {
    let kind = match error.at_the_ca() {
        Some(acme) if acme.is_unreachable() => ErrorKind::Unreachable,
        Some(acme) if acme.is_rate_limited() => ErrorKind::Limited,
        _ => match &error {
            IssueError::Stopped => ErrorKind::Interrupted,
            IssueError::Store(error) => error.kind(),
            _ => ErrorKind::Failed,
        },
    };
    let hints = error.hints();
    Error::new(kind, error).hints(hints)
}

/// A certificate that is not asked for, with what to do about it.
pub(crate) fn refusal_error(refusal: Refusal) -> Error {
    let hints = refusal.hints();
    Error::failed(refusal).hints(hints)
}

/// A hook that failed, with what to do about it.
pub(crate) fn hook_error(error: &HookError) -> Error {
    let kind = if error.is_configuration() { ErrorKind::Config } else { ErrorKind::Failed };
    Error::new(kind, error.clone()).hints(error.hints())
}
