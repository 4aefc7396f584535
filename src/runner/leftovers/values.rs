//! Which values there are at the challenge records of certificates, whose they are, and which of ours are too old.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Findings, Leftovers, Wish};
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::{Answer, Listed, ListedValue};
use crate::identifier::{CertName, Identifier};
use crate::ledger::{Deployed, Owed, Record};
use crate::report::Event;
use crate::runner::{hook_error, store_error};
use crate::store::{Lease, LeaseOutcome};

/// A value at the record of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The name of the record.
    pub record: String,
    /// What it says.
    pub value: String,
    /// The hook that told of it.
    pub hook: String,
    /// Since when it is there: by the provider, or, where that does not know and it is ours, by the ledger.
    pub since: Option<OffsetDateTime>,
    /// The certificate it was deployed for; None where the ledger does not know it.
    pub certificate: Option<CertName>,
    /// What it is, and what was done about it.
    pub state: State,
}

/// What a value is, and what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Of somebody else.
    Foreign,
    /// Ours and left behind; it stays, because nobody asked for more or because it is too young.
    LeftBehind,
    /// Ours, and its certificate is in work.
    InWork,
    /// Ours, and still to be cleaned.
    Owed,
    /// Ours, and removed; in a dry run: it would be.
    Removed,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::LeftBehind => "left behind",
            Self::InWork => "in work",
            Self::Owed => "owed",
            Self::Removed => "removed",
        }
    }
}

/// What hooks said.
#[derive(Default)]
struct Listing {
    values: BTreeMap<(String, String), Seen>,
    /// Hook and name of what was looked at without a failure.
    complete: HashSet<(String, String)>,
}

/// One value as hooks told of it.
struct Seen {
    hook: String,
    names: BTreeSet<String>,
    created: Option<OffsetDateTime>,
}

/// What is to be done for one certificate.
#[derive(Default)]
struct Todo {
    /// Values that are too old, by their place.
    remove: Vec<(usize, Deployed)>,
    /// Answers of which nothing is there any more.
    forget: Vec<Answer>,
}

impl Leftovers<'_> {
    /// Asks what is there, and removes what is ours and too old.
    pub(super) async fn look(
        &self,
        entries: &[Entry],
        wish: Wish,
        findings: &mut Findings,
    ) -> Result<Vec<Value>, Error> {
        let known = self.records(entries).await?;
        let listing = self.list(&self.asked(entries, &known, wish), findings).await;
        // Read again: what a run deployed since is in its record, since that is written first.
        let known = self.records(entries).await?;
        let owners = Owners::of(&known);
        let mut values: Vec<Value> = Vec::new();
        let mut todo: BTreeMap<&CertName, Todo> = BTreeMap::new();
        for ((record, value), seen) in listing.values {
            let owner = owners.of_value(&seen, &value);
            let at = owner.and_then(|owner| owner.deployed).map(|deployed| deployed.at);
            let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
            let since = seen.created.or(at);
            let is_old =
                wish.older_than.is_some_and(|age| since.is_some_and(|since| since <= wish.now - age));
            let state = match owner {
                None => State::Foreign,
                Some(owner) if findings.held.iter().any(|(name, _)| name == owner.name) => State::InWork,
                Some(owner) if owner.is_owed => State::Owed,
                Some(Owner { name, deployed: Some(deployed), .. }) if is_old => {
                    todo.entry(name).or_default().remove.push((values.len(), deployed.clone()));
                    State::Removed
                }
                Some(_) => State::LeftBehind,
            };
            let certificate = owner.map(|owner| owner.name.clone());
            values.push(Value { record, value, hook: seen.hook, since, certificate, state });
        }
        if wish.dry_run {
            return Ok(values);
        }
        let there: HashSet<String> = values.iter().map(|value| value.value.clone()).collect();
        for (name, record) in &known {
            let gone = record.deployed.iter().filter(|deployed| {
                deployed.at < wish.now.unix_timestamp()
                    && !there.contains(&deployed.answer.value)
                    && deployed.hooks.iter().all(|hook| {
                        listing.complete.contains(&(hook.clone(), deployed.answer.identifier.clone()))
                    })
            });
            let gone: Vec<_> = gone.map(|deployed| deployed.answer.clone()).collect();
            if !gone.is_empty() {
                todo.entry(name).or_default().forget = gone;
            }
        }
        for (name, todo) in todo {
            if !self.stop.is_stopped() {
                let names =
                    entries.iter().find(|entry| entry.name == *name).map(|entry| entry.names.as_slice());
                self.settle(name, names.unwrap_or_default(), todo, &mut values, findings).await?;
            }
        }
        Ok(values)
    }

    /// The records of all certificates, also of those that are not asked about: they may own what is found.
    async fn records(&self, entries: &[Entry]) -> Result<Vec<(CertName, Record)>, Error> {
        let names: BTreeSet<CertName> = entries.iter().map(|entry| entry.name.clone()).collect();
        let mut names: Vec<_> = names.into_iter().collect();
        names.extend(self.store.recorded(&names).await.map_err(store_error)?);
        names.sort();
        let loaded = self.store.load_all(&names).await.map_err(store_error)?;
        let known = names.into_iter().zip(loaded);
        Ok(known.filter_map(|(name, loaded)| Some((name, loaded.ok()?.record))).collect())
    }

    /// Which hook is asked for which names: those of its certificates that are proved in DNS, and those for which
    /// something was deployed.
    fn asked(
        &self,
        entries: &[Entry],
        known: &[(CertName, Record)],
        wish: Wish,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut asked: BTreeMap<String, BTreeSet<String>> =
            self.hooks.listing().map(|hook| (hook.to_owned(), BTreeSet::new())).collect();
        for entry in entries {
            let settings = self.config.certificate(&entry.name);
            if settings.challenge.as_str().starts_with("dns-") {
                let names = entry.names.iter().filter(|name| matches!(name, Identifier::Dns(_)));
                let names: Vec<String> = names.map(|name| name.base().to_string()).collect();
                for (_, asked) in asked.iter_mut().filter(|(hook, _)| settings.hooks.contains(hook)) {
                    asked.extend(names.iter().cloned());
                }
            }
        }
        let is_chosen = |name: &CertName| wish.whole_list || entries.iter().any(|entry| entry.name == *name);
        for (_, record) in known.iter().filter(|(name, _)| is_chosen(name)) {
            for deployed in &record.deployed {
                for hook in &deployed.hooks {
                    if let Some(asked) = asked.get_mut(hook) {
                        asked.insert(deployed.answer.identifier.clone());
                    }
                }
            }
        }
        asked.retain(|_, names| !names.is_empty());
        asked
    }

    async fn list(&self, asked: &BTreeMap<String, BTreeSet<String>>, findings: &mut Findings) -> Listing {
        let mut listing = Listing::default();
        for (hook, names) in asked {
            let names: Vec<String> = names.iter().cloned().collect();
            let lines = match self.hooks.list_challenges(hook, &names).await {
                Ok(lines) => lines,
                Err(error) => {
                    let error = hook_error(&error);
                    self.reporter.error(&error);
                    findings.problems.push(error.to_string());
                    continue;
                }
            };
            listing.complete.extend(names.into_iter().map(|name| (hook.clone(), name)));
            for line in lines {
                match line {
                    Listed::Value(value) => listing.add(hook, value),
                    Listed::Failed(failed) => {
                        let problem = format!("{}: {hook}: {}", failed.name, failed.message);
                        self.reporter.error(&Error::failed(problem.clone()));
                        findings.problems.push(problem);
                        listing.complete.remove(&(hook.clone(), failed.name));
                    }
                }
            }
        }
        listing
    }

    /// Removes and forgets under the lease, where things still are as they were seen.
    async fn settle(
        &self,
        name: &CertName,
        names: &[Identifier],
        todo: Todo,
        values: &mut [Value],
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let mut lease = match self.store.lease(name).await.map_err(store_error)? {
            LeaseOutcome::Taken(lease) => Lease::new(lease),
            LeaseOutcome::HeldBy(holder) => {
                for (place, _) in todo.remove {
                    values[place].state = State::InWork;
                    findings.held.insert((name.clone(), holder.clone()));
                }
                return Ok(());
            }
        };
        let is_owed =
            |record: &Record, answer: &Answer| record.owed_cleaning.iter().any(|owed| owed.answer == *answer);
        lease.record.forget(&todo.forget);
        let (old, moved): (Vec<_>, Vec<_>) = todo.remove.into_iter().partition(|(_, deployed)| {
            lease.record.deployed.contains(deployed) && !is_owed(&lease.record, &deployed.answer)
        });
        for (place, _) in &moved {
            values[*place].state = State::InWork;
        }
        let owed = old.iter().map(|(_, deployed)| {
            let Deployed { challenge, hooks, answer, at: _ } = deployed.clone();
            Owed { challenge, hooks, answer }
        });
        let (still_there, errors) = self.clean(name, names, owed.collect()).await;
        for error in &errors {
            self.reporter.event(&Event::CleaningFailed { name, error });
            findings.problems.push(format!("{name}: {error}"));
        }
        for (place, deployed) in old {
            if still_there.iter().any(|owed| owed.answer == deployed.answer) {
                values[place].state = State::LeftBehind;
            } else {
                lease.record.forget(&[deployed.answer]);
            }
        }
        lease.save().await.map_err(store_error)
    }
}

impl Listing {
    fn add(&mut self, hook: &str, value: ListedValue) {
        let ListedValue { name, record, value, created } = value;
        let created = created.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
        let fresh = || Seen { hook: hook.to_owned(), names: BTreeSet::new(), created };
        self.values.entry((record, value)).or_insert_with(fresh).names.insert(name);
    }
}

/// Whose a value is.
#[derive(Clone, Copy)]
struct Owner<'k> {
    name: &'k CertName,
    /// As the ledger remembers it.
    deployed: Option<&'k Deployed>,
    /// Whether its cleaning is owed, for this certificate or another one.
    is_owed: bool,
}

/// The values of all records, by name and value.
struct Owners<'k>(HashMap<(&'k str, &'k str), Owner<'k>>);

impl<'k> Owners<'k> {
    fn of(known: &'k [(CertName, Record)]) -> Self {
        let mut owners = HashMap::new();
        for (name, record) in known {
            let owed = record.owed_cleaning.iter().map(|owed| (&owed.answer, None, true));
            let deployed = record.deployed.iter().map(|deployed| (&deployed.answer, Some(deployed), false));
            for (answer, deployed, is_owed) in owed.chain(deployed) {
                let key = (answer.identifier.as_str(), answer.value.as_str());
                let owner = owners.entry(key).or_insert(Owner { name, deployed, is_owed });
                // A CA may give two certificates the same challenge.
                if is_owed && !owner.is_owed {
                    *owner = Owner { name, is_owed, ..*owner };
                }
                owner.deployed = owner.deployed.or(deployed);
            }
        }
        Self(owners)
    }

    fn of_value(&self, seen: &Seen, value: &str) -> Option<Owner<'k>> {
        seen.names.iter().find_map(|name| self.0.get(&(name.as_str(), value))).copied()
    }
}
