//! Certificates that are no longer declared: what was deployed for them is cleaned all the same.

use std::collections::BTreeSet;

use super::wanted::facts;
use super::{Runner, hook_error, store_error};
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::Hooks;
use crate::identifier::{CertName, Identifier};
use crate::issue::Cleaner;
use crate::ledger::Record;
use crate::report::Event;
use crate::store::{Lease, LeaseOutcome};

/// Cleans what earlier runs deployed for certificates without an entry; gives what stays to be cleaned.
///
/// # Errors
/// The records cannot be listed, or a hook fails at the probe.
pub(super) async fn clean(runner: &Runner<'_>, entries: &[Entry]) -> Result<Vec<String>, Error> {
    let declared: Vec<CertName> = entries.iter().map(|entry| entry.name.clone()).collect();
    let names = runner.store.recorded(&declared).await.map_err(store_error)?;
    let loaded = runner.store.load_all(&names).await.map_err(store_error)?;
    let mut problems = Vec::new();
    for (name, loaded) in names.iter().zip(loaded) {
        // What a record that cannot be read has to say concerns nobody any more.
        if loaded.is_ok_and(|loaded| owes_cleaning(&runner.hooks, &loaded.record))
            && !runner.stop.is_stopped()
        {
            runner.hooks.ready().await.map_err(|error| hook_error(&error))?;
            problems.extend(clean_one(runner, name).await?);
        }
    }
    Ok(problems)
}

/// Whether something is deployed that this run can clean: by one of its hooks, or without a hook.
pub(super) fn owes_cleaning(hooks: &Hooks, record: &Record) -> bool {
    let is_ours = |owing: &Vec<String>| owing.is_empty() || owing.iter().any(|hook| hooks.has(hook));
    record.owed_cleaning.iter().any(|owed| is_ours(&owed.hooks))
}

async fn clean_one(runner: &Runner<'_>, name: &CertName) -> Result<Vec<String>, Error> {
    let taken = runner.store.lease(name).await.map_err(store_error)?;
    // Another run that has it in work cleans it.
    let LeaseOutcome::Taken(lease) = taken else { return Ok(Vec::new()) };
    let mut lease = Lease::new(lease);
    let owed = lease.record.owed_cleaning.clone();
    let identifiers: BTreeSet<&str> = owed.iter().map(|owed| owed.answer.identifier.as_str()).collect();
    let names: Vec<Identifier> = identifiers.iter().filter_map(|name| name.parse().ok()).collect();
    let settings = runner.config.certificate(name);
    let facts = facts(name, &names, &settings, 1);
    let responder = runner.responders.of(runner.config, &settings);
    let cleaned = Cleaner { hooks: &runner.hooks, responder: &responder }.clean(&facts, owed).await;
    for error in &cleaned.errors {
        runner.reporter.event(&Event::CleaningFailed { name, error });
    }
    lease.record.owed_cleaning = cleaned.still_owed;
    lease.save().await.map_err(store_error)?;
    Ok(cleaned.errors.iter().map(|error| format!("{name}: {error}")).collect())
}
