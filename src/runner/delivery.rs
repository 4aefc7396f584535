//! What hooks get of a certificate that is in use: its delivery, the news that nothing is due, what is left to clean.

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::leftovers::owes_cleaning;
use super::wanted::Wanted;
use super::{hook_error, store_error};
use crate::error::Error;
use crate::hook::{Delivered, HookError, Operation};
use crate::issue::Cleaner;
use crate::ledger::Record;
use crate::plan::{self, Step};
use crate::report::{Event, Outcome, Phase, RunReport};
use crate::store::{Lease, Loaded};

impl Certificate<'_> {
    /// Whether there is nothing that an earlier run left for this one to finish.
    pub(super) fn owes_nothing(&self, record: &Record) -> bool {
        record.staged.is_none()
            && !owes_cleaning(&self.runner.hooks, record)
            && plan::owed_deliveries(record, &self.destinations).is_empty()
    }

    /// Calls `deploy_cert` for all that is owed to hooks of this run, and saves what came of it.
    pub(super) async fn deliver(&self, lease: &mut Lease, wanted: &Wanted) -> Result<(), Error> {
        let hooks = &self.runner.hooks;
        let name = &self.entry.name;
        let owed = plan::owed_deliveries(&lease.record, &self.destinations);
        let mut failures = Vec::new();
        if let Some(stored) = lease.loaded().stored.as_ref().filter(|_| !owed.is_empty()) {
            self.runner.reporter.event(&Event::Phase { name, phase: Phase::Delivering });
            let timestamp = stored.timestamp.unwrap_or_default();
            let paths = lease.files().await.map_err(store_error)?;
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

    /// Nothing is due: hooks that want to know are told so.
    pub(super) async fn keep(&self, step: &Step, loaded: &Loaded, wanted: &Wanted) -> RunReport {
        let runner = self.runner;
        if runner.calls_unchanged() && loaded.stored.is_some() {
            let facts = self.facts(&wanted.names, 1);
            let paths = match runner.store.files(&self.entry.name).await {
                Ok(paths) => paths,
                Err(error) => return self.failed(&store_error(error), Some(step), Some(&loaded.record)),
            };
            let mut failures = Vec::new();
            for hook in runner.hooks.wanting(Operation::UnchangedCert, &facts) {
                let told = runner.hooks.unchanged_cert(hook, &facts, &paths.for_hooks()).await;
                failures.extend(told.err());
            }
            if let Err(error) = HookError::all(failures) {
                return self.failed(&hook_error(&error), Some(step), Some(&loaded.record));
            }
        }
        runner.reporter.event(&Event::Unchanged(step));
        self.report(step, Outcome::Unchanged, &loaded.record)
    }

    /// Cleans what an earlier run deployed, where nothing is to be issued.
    pub(super) async fn clean_leftovers(&self, lease: &mut Lease, wanted: &Wanted) {
        let owed = std::mem::take(&mut lease.record.owed_cleaning);
        let cleaner = Cleaner { hooks: &self.runner.hooks, responder: &self.responder };
        let outcome = cleaner.clean(&self.facts(&wanted.names, 1), owed).await;
        for error in &outcome.errors {
            self.runner.reporter.event(&Event::CleaningFailed { name: &self.entry.name, error });
        }
        lease.record.owed_cleaning = outcome.still_owed;
    }
}
