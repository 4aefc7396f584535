//! Where the record of each name really is: behind which CNAMEs, in which zone.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::delegation::Delegation;
use hydrant_hook_dns::name::holds;

use crate::account::Accounts;
use crate::error::Fault;
use crate::settings::{NamedZone, Settings};
use crate::zone::{self, Zone};

/// Where each record is really written.
pub(crate) async fn targets(
    settings: &Settings,
    records: BTreeSet<String>,
) -> BTreeMap<String, Result<String, Fault>> {
    let delegation = match Delegation::new(settings.follow, settings.nameserver) {
        Ok(delegation) => delegation,
        Err(lost) => return records.into_iter().map(|record| (record, Err(lost.clone().into()))).collect(),
    };
    let targets = delegation.targets(records).await;
    targets.into_iter().map(|(record, target)| (record, target.map_err(Fault::from))).collect()
}

/// Each is another account's, whose pace is its own.
const ROLES_AT_ONCE: usize = 8;

/// The zones that records may be in.
pub(crate) struct Zones {
    /// Those that a person named. A record in one of them goes there, whatever else there is.
    named: Vec<Zone>,
    /// Names whose zones could not be looked for, and why. What may be in them is looked for nowhere else.
    lost: Vec<(String, Fault)>,
    /// Those of the account, looked for only where records are in none of the former.
    listed: Result<Vec<Zone>, Fault>,
}

impl Zones {
    pub(crate) async fn of<'r>(
        settings: &Settings,
        accounts: &Accounts,
        records: impl Iterator<Item = &'r String>,
    ) -> Self {
        let named = zone::named(&settings.zones);
        let mut zones = Self { named, lost: Vec::new(), listed: Ok(Vec::new()) };
        if let Some(id) = &settings.only_zone {
            zones.named = vec![Zone { name: String::new(), id: id.clone(), is_named: true, role: None }];
            return zones;
        }
        let records: Vec<_> = records.collect();
        let is_needed = |entry: &&NamedZone| {
            entry.id.is_none() && records.iter().any(|record| may_hold(&entry.name, record, &zones.named))
        };
        let mut sought: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in settings.zones.iter().filter(is_needed) {
            sought.entry(&entry.role).or_default().push(&entry.name);
        }
        let lists = stream::iter(&sought).map(async |(role, names)| {
            let account = accounts.with(role.as_ref());
            (names, zone::list(account).await)
        });
        for (names, list) in lists.buffered(ROLES_AT_ONCE).collect::<Vec<_>>().await {
            match list {
                Ok(list) => {
                    let own = list.into_iter().filter(|zone| names.contains(&&zone.name));
                    zones.named.extend(own.map(|zone| Zone { is_named: true, ..zone }));
                }
                Err(fault) => zones.lost.extend(names.iter().map(|name| ((*name).clone(), fault.clone()))),
            }
        }
        if records.iter().any(|record| matches!(zones.among_named(record), Err(Fault::NoZone { .. }))) {
            zones.listed = zone::list(accounts.with(None)).await;
        }
        zones
    }

    pub(crate) fn holding(&self, record: &str) -> Result<&Zone, Fault> {
        match self.among_named(record) {
            Err(Fault::NoZone { .. }) => zone::holding(record, self.listed.as_ref().map_err(Clone::clone)?),
            held => held,
        }
    }

    fn among_named(&self, record: &str) -> Result<&Zone, Fault> {
        match self.lost.iter().find(|(name, _)| may_hold(name, record, &self.named)) {
            Some((_, fault)) => Err(fault.clone()),
            None => zone::holding(record, &self.named),
        }
    }
}

/// Whether a record may be in a zone of this name, as no zone that is known has a longer one.
fn may_hold(name: &str, record: &str, known: &[Zone]) -> bool {
    let is_deeper = |zone: &Zone| zone.name.len() > name.len() && holds(&zone.name, record);
    holds(name, record) && !known.iter().any(is_deeper)
}
