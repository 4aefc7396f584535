//! One call of the hook: challenges in, an outcome for each of them out.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::Wish;
use hydrant_hook_dns::name::normalized;
use hydrant_hook_protocol::Triple;

use crate::account::{Account, Accounts};
use crate::change::{self, Name, Outcome, Work};
use crate::error::Fault;
use crate::place::{self, Zones};
use crate::settings::Settings;
use crate::wait;
use crate::zone::Zone;

/// Makes the values of these challenges present or absent, each at its record's name. What is returned stands in the
/// order of the triples.
pub(crate) async fn carry_out(
    settings: &Settings,
    wish: Wish,
    triples: &[Triple],
    records: &[String],
) -> Vec<Result<(), Fault>> {
    let accounts = Accounts::of(settings).await;
    let asked: Vec<String> = records.iter().map(|record| normalized(record)).collect();
    let targets = place::targets(settings, asked.iter().cloned().collect()).await;
    let records = targets.values().filter_map(|target| target.as_ref().ok());
    let zones = Zones::of(settings, &accounts, records).await;

    let mut results: Vec<Result<(), Fault>> = vec![Ok(()); triples.len()];
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for (index, record) in asked.iter().enumerate() {
        let target = targets[record].clone();
        let held = target.and_then(|target| Ok((zones.holding(&target)?, target)));
        match held {
            Ok((zone, target)) => {
                let known = jobs.iter().position(|job| job.zone.id == zone.id);
                let job = known.unwrap_or_else(|| {
                    jobs.push(Job { zone, names: BTreeMap::new() });
                    jobs.len() - 1
                });
                jobs[job].names.entry(target).or_default().push(index);
            }
            // Where there is no zone, there is nothing to take away.
            Err(Fault::NoZone { .. }) if wish == Wish::Absent => {}
            Err(fault) => results[index] = Err(fault),
        }
    }

    let settled = stream::iter(&jobs).map(|job| job.settle(settings, &accounts, wish, triples));
    // All zones at once: their pace is the account's.
    let settled: Vec<_> = settled.buffered(jobs.len().max(1)).collect().await;
    let mut changes: BTreeMap<String, &Account> = BTreeMap::new();
    for (job, outcomes) in jobs.iter().zip(&settled) {
        let account = accounts.with(job.zone.role.as_ref());
        changes.extend(outcomes.iter().flatten().flatten().map(|id| (id.clone(), account)));
    }
    let waited = if wish == Wish::Present && settings.wait {
        wait::until_in_sync(settings, changes).await
    } else {
        BTreeMap::new()
    };
    for (job, outcomes) in jobs.iter().zip(settled) {
        for (indices, outcome) in job.names.values().zip(outcomes) {
            let result = outcome.and_then(|id| match id.and_then(|id| waited.get(&id)) {
                Some(fault) => Err(fault.clone()),
                None => Ok(()),
            });
            for &index in indices {
                results[index].clone_from(&result);
            }
        }
    }
    results
}

/// What is to be done in one zone: its names, and the triples that each is for.
struct Job<'z> {
    zone: &'z Zone,
    names: BTreeMap<String, Vec<usize>>,
}

impl Job<'_> {
    async fn settle(
        &self,
        settings: &Settings,
        accounts: &Accounts,
        wish: Wish,
        triples: &[Triple],
    ) -> Vec<Outcome> {
        let work = Work {
            account: accounts.with(self.zone.role.as_ref()),
            zone: &self.zone.id,
            wish,
            ttl: settings.ttl,
            patience: settings.patience,
        };
        let values = |indices: &[usize]| indices.iter().map(|&index| triples[index].value.clone()).collect();
        let name = |(record, indices): (&String, &Vec<usize>)| Name {
            record: record.clone(),
            values: values(indices),
        };
        let names: Vec<_> = self.names.iter().map(name).collect();
        change::settle(&work, &names).await
    }
}
