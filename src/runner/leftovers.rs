//! Challenges that were left behind: what is owed is cleaned, and hooks are asked what else is there.

mod values;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use time::OffsetDateTime;

use super::wanted::facts;
use super::{Responders, Runner, store_error};
use crate::config::Config;
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::{Answer, Hooks, Stop};
use crate::identifier::{CertName, Identifier};
use crate::issue::{CleanError, Cleaner};
use crate::ledger::{Owed, Record};
use crate::report::{Event, Reporter};
use crate::store::{Lease, LeaseOutcome, Store};
pub use values::{State, Value};

/// What it takes to find and clean them.
pub struct Leftovers<'a> {
    /// What was configured.
    pub config: &'a Config,
    /// Where certificates and their state live.
    pub store: &'a dyn Store,
    /// The hooks, probed.
    pub hooks: &'a Hooks,
    /// Who answers challenges without a hook.
    pub responders: &'a Responders,
    /// Ends the work when a signal came.
    pub stop: &'a Stop,
    /// Who is told what goes wrong.
    pub reporter: &'a Reporter,
}

/// What is to be done about them.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Values of our own that are older are removed.
    pub older_than: Option<Duration>,
    /// Nothing is cleaned or removed.
    pub dry_run: bool,
    /// The entries are all that is declared: certificates without one are looked at too.
    pub whole_list: bool,
    /// The instant that counts as now.
    pub now: OffsetDateTime,
}

/// What was found, and what was done about it.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was owed and is clean; in a dry run what would be cleaned.
    pub cleaned: Vec<(CertName, Answer)>,
    /// Certificates that another run has in work, and which one: left alone.
    pub held: BTreeSet<(CertName, String)>,
    /// What hooks owe that are not configured any more.
    pub orphaned: BTreeSet<(CertName, String)>,
    /// What there is at the records of the certificates; None where no hook can tell.
    pub values: Option<Vec<Value>>,
    /// What could not be found out or done.
    pub problems: Vec<String>,
}

/// How the cleaning of one certificate went.
pub(super) enum CleanedOne {
    /// Another run has the certificate in work.
    HeldBy(String),
    /// What is clean now, and what went wrong.
    Here { cleaned: Vec<Answer>, errors: Vec<String> },
}

/// How many certificates are cleaned at once.
pub(super) const AT_ONCE: usize = 256;

impl Leftovers<'_> {
    /// Cleans what is owed for these certificates, and finds out what else is there.
    ///
    /// # Errors
    /// The store cannot be read or written. What goes wrong with one certificate or hook is among the findings.
    pub async fn collect(&self, entries: &[Entry], wish: Wish) -> Result<Findings, Error> {
        let mut findings = Findings::default();
        let collected = self.collect_into(entries, wish, &mut findings).await;
        self.store.settle().await;
        collected.map(|()| findings)
    }

    async fn collect_into(
        &self,
        entries: &[Entry],
        wish: Wish,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        self.clean_owed(entries, wish, findings).await?;
        if self.hooks.listing().next().is_some() && !self.stop.is_stopped() {
            findings.values = Some(self.look(entries, wish, findings).await?);
        }
        Ok(())
    }

    async fn clean_owed(&self, entries: &[Entry], wish: Wish, findings: &mut Findings) -> Result<(), Error> {
        let mut subjects: Vec<(CertName, &[Identifier])> =
            entries.iter().map(|entry| (entry.name.clone(), entry.names.as_slice())).collect();
        if wish.whole_list {
            let declared: Vec<CertName> = entries.iter().map(|entry| entry.name.clone()).collect();
            let recorded = self.store.recorded(&declared).await.map_err(store_error)?;
            subjects.extend(recorded.into_iter().map(|name| (name, &[][..])));
        }
        let names: Vec<CertName> = subjects.iter().map(|(name, _)| name.clone()).collect();
        let loaded = self.store.load_all(&names).await.map_err(store_error)?;
        let mut owing = Vec::new();
        for ((name, identifiers), loaded) in subjects.into_iter().zip(loaded) {
            // A record that cannot be read is the business of runs.
            let Ok(loaded) = loaded else { continue };
            let hooks = loaded.record.owed_cleaning.iter().flat_map(|owed| &owed.hooks);
            let orphaned = hooks.filter(|hook| !self.hooks.has(hook)).cloned();
            findings.orphaned.extend(orphaned.map(|hook| (name.clone(), hook)));
            if owes_cleaning(self.hooks, &loaded.record) {
                owing.push((name, identifiers));
            }
        }
        let cleaning = owing.into_iter().map(async |(name, identifiers)| {
            let cleaned = self.clean_one(&name, identifiers, wish.dry_run).await;
            (name, cleaned)
        });
        let mut cleaning = stream::iter(cleaning).buffer_unordered(AT_ONCE);
        while let Some((name, cleaned)) = cleaning.next().await {
            match cleaned? {
                CleanedOne::HeldBy(holder) => drop(findings.held.insert((name, holder))),
                CleanedOne::Here { cleaned, errors } => {
                    findings.cleaned.extend(cleaned.into_iter().map(|answer| (name.clone(), answer)));
                    findings.problems.extend(errors);
                }
            }
        }
        findings.cleaned.sort_by(|(one, a), (other, b)| (one, &a.identifier).cmp(&(other, &b.identifier)));
        Ok(())
    }

    /// Cleans what is owed for a certificate, unless another run has it in work. Without names hooks are told those of
    /// what is owed.
    pub(super) async fn clean_one(
        &self,
        name: &CertName,
        names: &[Identifier],
        dry_run: bool,
    ) -> Result<CleanedOne, Error> {
        if self.stop.is_stopped() {
            return Ok(CleanedOne::Here { cleaned: Vec::new(), errors: Vec::new() });
        }
        self.hooks.expect_cleaning(name);
        // Those that begin together are expected before the first of them is served: one call is for all.
        tokio::task::yield_now().await;
        let taken = self.store.lease(name).await;
        let mut lease = match taken {
            Ok(LeaseOutcome::Taken(lease)) if !dry_run => Lease::new(lease),
            other => {
                self.hooks.without_cleaning(name);
                return Ok(match other.map_err(store_error)? {
                    LeaseOutcome::HeldBy(holder) => CleanedOne::HeldBy(holder),
                    LeaseOutcome::Taken(lease) => {
                        let owed = lease.loaded().record.owed_cleaning.iter();
                        CleanedOne::Here {
                            cleaned: owed.map(|owed| owed.answer.clone()).collect(),
                            errors: Vec::new(),
                        }
                    }
                });
            }
        };
        let owed = std::mem::take(&mut lease.record.owed_cleaning);
        let mut cleaned: Vec<Answer> = owed.iter().map(|owed| owed.answer.clone()).collect();
        let (still_owed, errors) = self.clean(name, names, owed).await;
        cleaned.retain(|answer| !still_owed.iter().any(|owed| owed.answer == *answer));
        lease.record.owed_cleaning = still_owed;
        lease.save().await.map_err(store_error)?;
        for error in &errors {
            self.reporter.event(&Event::CleaningFailed { name, error });
        }
        let errors = errors.iter().map(|error| format!("{name}: {error}")).collect();
        Ok(CleanedOne::Here { cleaned, errors })
    }

    /// Cleans; gives what is still owed, and why.
    async fn clean(
        &self,
        name: &CertName,
        names: &[Identifier],
        owed: Vec<Owed>,
    ) -> (Vec<Owed>, Vec<CleanError>) {
        let identifiers: BTreeSet<&str> = owed.iter().map(|owed| owed.answer.identifier.as_str()).collect();
        let of_owed: Vec<Identifier> = identifiers.iter().filter_map(|name| name.parse().ok()).collect();
        let names = if names.is_empty() { &of_owed } else { names };
        let settings = self.config.certificate(name);
        let responder = self.responders.of(self.config, &settings);
        let cleaner = Cleaner { hooks: self.hooks, responder: &responder };
        let outcome = cleaner.clean(&facts(name, names, &settings, 1), owed).await;
        (outcome.still_owed, outcome.errors)
    }
}

impl Runner<'_> {
    /// The same for the certificates of a run.
    pub(super) fn leftovers(&self) -> Leftovers<'_> {
        Leftovers {
            config: self.config,
            store: self.store,
            hooks: &self.hooks,
            responders: &self.responders,
            stop: &self.stop,
            reporter: self.reporter,
        }
    }
}

/// Whether something is deployed that these hooks can clean: by one of them, or without a hook.
pub(super) fn owes_cleaning(hooks: &Hooks, record: &Record) -> bool {
    let is_ours = |owing: &Vec<String>| owing.is_empty() || owing.iter().any(|hook| hooks.has(hook));
    record.owed_cleaning.iter().any(|owed| is_ours(&owed.hooks))
}
