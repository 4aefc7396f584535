//! Where the record of each name really is: behind which CNAMEs, in which zone.

use std::collections::{BTreeMap, BTreeSet};

use hydrant_hook_dns::delegation::Delegation;

use crate::account::Accounts;
use crate::error::Fault;
use crate::settings::Settings;
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

/// The zones that records may be in.
pub(crate) struct Zones {
    /// Those that a person named. A record in one of them goes there, whatever else there is.
    named: Vec<Zone>,
    /// Those of the account, looked for only where records are in none of the former.
    listed: Result<Vec<Zone>, Fault>,
}

impl Zones {
    pub(crate) async fn of<'r>(
        settings: &Settings,
        accounts: &Accounts,
        mut records: impl Iterator<Item = &'r String>,
    ) -> Result<Self, Fault> {
        let mut zones = Self { named: zone::named(&settings.zones), listed: Ok(Vec::new()) };
        if let Some(id) = &settings.only_zone {
            zones.named = vec![Zone { name: String::new(), id: id.clone(), is_named: true, role: None }];
            return Ok(zones);
        }
        for entry in settings.zones.iter().filter(|entry| entry.id.is_none()) {
            let account = accounts.with(entry.role.as_ref());
            let own = zone::list(account).await?.into_iter().filter(|zone| zone.name == entry.name);
            zones.named.extend(own.map(|zone| Zone { is_named: true, ..zone }));
        }
        if records.any(|record| matches!(zone::holding(record, &zones.named), Err(Fault::NoZone { .. }))) {
            zones.listed = zone::list(accounts.with(None)).await;
        }
        Ok(zones)
    }

    pub(crate) fn holding(&self, record: &str) -> Result<&Zone, Fault> {
        match zone::holding(record, &self.named) {
            Err(Fault::NoZone { .. }) => zone::holding(record, self.listed.as_ref().map_err(Clone::clone)?),
            held => held,
        }
    }
}
