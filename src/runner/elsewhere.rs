//! Certificates that another run had in work: worked on as soon as they are free.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep};

use super::certificate::Certificate;
use super::{Runner, store_error};
use crate::error::Error;
use crate::report::{Event, RunReport};
use crate::store::{Lease, LeaseOutcome, StoreError};

/// They are waited for no longer than this, all together.
const LEASE_WAIT: Duration = Duration::from_mins(10);

/// Between two looks; doubled up to the longest while none is free.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How many are asked for at once: a store elsewhere is not to be flooded with questions.
const ASKED_AT_ONCE: usize = 32;

/// A certificate with its place in the list.
type Placed<'e> = (usize, Certificate<'e>);

/// Those that are worked on.
type InWork<'e> = FuturesUnordered<LocalBoxFuture<'e, (usize, RunReport)>>;

impl Runner<'_> {
    /// Waits for certificates that another run had in work, and plans them again. Those of a run that was killed are
    /// free at about the same time, and go into the same batches.
    ///
    /// They count towards `jobs`, and batches wait for them, only from when they are free.
    pub(super) async fn wait_for(
        &self,
        elsewhere: Vec<Placed<'_>>,
        reports: &mut BTreeMap<usize, RunReport>,
    ) {
        let deadline = Instant::now() + LEASE_WAIT;
        let mut waiting = VecDeque::from(elsewhere);
        let mut in_work = InWork::new();
        let mut pause = FIRST_PAUSE;
        while !waiting.is_empty() {
            let room = self.jobs() - in_work.len();
            if room == 0 {
                self.note(in_work.next().await, reports);
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let asked = waiting.drain(..room.min(waiting.len()).min(ASKED_AT_ONCE));
            let asked = asked.map(|placed| self.ask(placed));
            let answers = join_all(asked.collect::<Vec<_>>());
            let (mut held, mut found) = (Vec::new(), false);
            for ((index, certificate), answer) in self.meanwhile(answers, &mut in_work, reports).await {
                let report = match answer {
                    None => certificate.skipped(),
                    Some(Err(error)) => certificate.failed(&store_error(error), None, None),
                    Some(Ok(LeaseOutcome::Taken(lease))) => {
                        found = true;
                        let (lease, approach) = (Lease::new(lease), self.hooks.approach());
                        let work = async move { (index, certificate.work_under(lease, approach).await) };
                        in_work.push(work.boxed_local());
                        continue;
                    }
                    Some(Ok(LeaseOutcome::HeldBy(holder))) if left.is_zero() => {
                        certificate.failed(&Error::failed(Busy { holder }), None, None)
                    }
                    Some(Ok(LeaseOutcome::HeldBy(_))) => {
                        held.push((index, certificate));
                        continue;
                    }
                };
                self.note(Some((index, report)), reports);
            }
            waiting.extend(held);
            if !self.overlaps() {
                // The sequence is that of the list, whoever is free first.
                waiting.make_contiguous().sort_by_key(|(index, _)| *index);
            }
            if found {
                // Where one became free there are more.
                pause = FIRST_PAUSE;
            } else {
                let paused = self.stop.unless_stopped(sleep(pause.min(left)));
                self.meanwhile(paused, &mut in_work, reports).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        while let Some(ended) = in_work.next().await {
            self.note(Some(ended), reports);
        }
    }

    /// Takes the lease of a certificate if it is free; None where a signal came first.
    async fn ask<'e>(&self, placed: Placed<'e>) -> (Placed<'e>, Option<Result<LeaseOutcome, StoreError>>) {
        let answer = self.stop.unless_stopped(self.store.lease(&placed.1.entry.name)).await;
        (placed, answer)
    }

    /// What `other` comes to, while the work goes on.
    async fn meanwhile<T>(
        &self,
        other: impl Future<Output = T>,
        in_work: &mut InWork<'_>,
        reports: &mut BTreeMap<usize, RunReport>,
    ) -> T {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                Some(ended) = in_work.next() => self.note(Some(ended), reports),
            }
        }
    }

    fn note(&self, ended: Option<(usize, RunReport)>, reports: &mut BTreeMap<usize, RunReport>) {
        if let Some((index, report)) = ended {
            self.reporter.event(&Event::Finished(&report.name));
            reports.insert(index, report);
        }
    }
}

/// A certificate that another run did not give back in time.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is in work elsewhere: {holder}")]
struct Busy {
    holder: String,
}
