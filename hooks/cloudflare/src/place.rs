//! Where the record of each name really is: behind which CNAMEs, in which zone.

use std::collections::{BTreeMap, BTreeSet};

use hydrant_hook_dns::delegation::{Delegation, Lost};
use hydrant_hook_dns::name::normalized;

use crate::client::Client;
use crate::error::Fault;
use crate::settings::Settings;
use crate::zone::{Zone, Zones};

/// The places of all records of a call.
pub(crate) struct Places {
    targets: BTreeMap<String, Result<String, Lost>>,
    zones: Zones,
}

impl Places {
    /// Follows CNAMEs and looks for zones.
    ///
    /// # Errors
    /// When the resolver's settings cannot be read. What is wrong with a single one is said by [`of`](Self::of).
    pub(crate) async fn find(
        settings: &Settings,
        client: &Client,
        records: impl Iterator<Item = String>,
    ) -> Result<Self, Fault> {
        let delegation = Delegation::new(settings.follow, settings.nameserver)?;
        let records: BTreeSet<_> = records.map(|record| normalized(&record)).collect();
        let targets = delegation.targets(records).await;
        let known = targets.values().filter_map(|target| target.as_deref().ok());
        let zones = Zones::of(settings, client, known).await;
        Ok(Self { targets, zones })
    }

    /// The zone and the record in it that stands for one of the records that were looked for.
    ///
    /// # Errors
    /// When the CNAMEs lead nowhere, or no zone holds the record.
    pub(crate) fn of(&self, record: &str) -> Result<(&Zone, &str), Fault> {
        let target = self.targets[&normalized(record)].as_ref().map_err(Clone::clone)?;
        Ok((self.zones.holding(target)?, target))
    }
}
