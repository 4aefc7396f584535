//! Which zone holds a record.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::name::{LABEL, holds, normalized};

use crate::api::{self, ZoneFound};
use crate::client::Client;
use crate::error::Fault;
use crate::settings::Settings;

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, normalized. Empty: every record is taken to be in it.
    pub name: String,
    /// Its id.
    pub id: String,
    /// What Cloudflare says of it: `active`, or `pending` as long as nobody delegates to it.
    pub status: String,
}

impl Zone {
    /// Whether it is delegated to, as far as anybody has said.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.is_empty() || self.status == ACTIVE
    }
}

/// The zones that records may be in.
#[derive(Debug)]
pub struct Zones {
    /// Those that a person named. A record in one of them goes there, whatever else there is.
    named: Vec<Zone>,
    /// Those that the token sees, looked for only where records are in none of the former.
    seen: Result<Vec<Zone>, Fault>,
}

const LOOKUPS_AT_ONCE: usize = 8;
const ACTIVE: &str = "active";

impl Zones {
    /// Those that are named, and those that are needed for the records in none of them.
    pub async fn of(settings: &Settings, client: &Client, records: impl Iterator<Item = &str>) -> Self {
        let named = |(name, id): (String, String)| Zone { name, id, status: ACTIVE.into() };
        let named: Vec<_> = match &settings.only_zone {
            Some(id) => vec![named((String::new(), id.clone()))],
            None => settings.zones.iter().cloned().map(named).collect(),
        };
        let elsewhere: Vec<_> = records.filter(|record| best(record, &named).is_none()).collect();
        let seen = if elsewhere.is_empty() { Ok(Vec::new()) } else { seen(client, &elsewhere).await };
        Self { named, seen }
    }

    /// The zone that holds a record: the longest name that the record's name ends with, at a dot. Of zones with one name
    /// the active one.
    ///
    /// # Errors
    /// When none holds it, or they could not be listed.
    pub fn holding(&self, record: &str) -> Result<&Zone, Fault> {
        if let Some(zone) = best(record, &self.named) {
            return Ok(zone);
        }
        let seen = self.seen.as_ref().map_err(Clone::clone)?;
        best(record, seen).ok_or_else(|| {
            let record = record.to_owned();
            match seen.len() {
                0 => Fault::NoZoneSeen { record },
                seen => Fault::NoZone { record, seen },
            }
        })
    }
}

fn best<'z>(record: &str, zones: &'z [Zone]) -> Option<&'z Zone> {
    let holding = zones.iter().filter(|zone| holds(&zone.name, record));
    holding.max_by_key(|zone| (zone.name.len(), zone.is_active()))
}

/// The zones that the token sees: page by page, or by name where that takes fewer requests.
async fn seen(client: &Client, records: &[&str]) -> Result<Vec<Zone>, Fault> {
    let (mut found, pages) = api::zones(client, 1, None).await?;
    let candidates: BTreeSet<_> = records.iter().flat_map(|record| candidates(record)).collect();
    let requests: Vec<(u64, Option<&str>)> = if (candidates.len() as u64) < pages.saturating_sub(1) {
        candidates.iter().map(|name| (1, Some(*name))).collect()
    } else {
        (2..=pages).map(|page| (page, None)).collect()
    };
    let answers = stream::iter(requests).map(|(page, name)| api::zones(client, page, name));
    for answer in answers.buffered(LOOKUPS_AT_ONCE).collect::<Vec<_>>().await {
        found.extend(answer?.0);
    }
    let zone = |ZoneFound { id, name, status }| Zone { name: normalized(&name), id, status };
    Ok(found.into_iter().map(zone).collect())
}

/// The names that a zone with this record may have. A top-level domain is none.
fn candidates(record: &str) -> impl Iterator<Item = &str> {
    let whole = record.strip_prefix(LABEL).unwrap_or(record);
    std::iter::successors(Some(whole), |name| Some(name.split_once('.')?.1)).filter(|name| name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, id: &str, status: &str) -> Zone {
        Zone { name: name.into(), id: id.into(), status: status.into() }
    }

    #[test]
    fn the_longest_name_wins_and_then_the_active_zone() {
        let seen = vec![
            zone("example.com", "1", "pending"),
            zone("example.com", "2", "active"),
            zone("example.com", "3", "moved"),
            zone("sub.example.com", "4", "pending"),
        ];
        let zones = Zones { named: vec![zone("b.example.com", "5", "active")], seen: Ok(seen) };
        let id = |record| zones.holding(record).unwrap().id.as_str();
        assert_eq!(id("_acme-challenge.example.com"), "2");
        assert_eq!(id("_acme-challenge.a.sub.example.com"), "4");
        assert_eq!(id("_acme-challenge.x.b.example.com"), "5");
        assert_eq!(
            zones.holding("_acme-challenge.evilexample.com").unwrap_err().to_string(),
            "none of the 4 zones that the token sees holds `_acme-challenge.evilexample.com`"
        );
    }

    #[test]
    fn a_zone_may_have_the_name_or_any_above_it() {
        let of = |record| candidates(record).collect::<Vec<_>>();
        assert_eq!(of("_acme-challenge.a.example.com"), ["a.example.com", "example.com"]);
        assert_eq!(of("www.validation.test"), ["www.validation.test", "validation.test"]);
    }
}
