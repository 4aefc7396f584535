//! Which hosted zone holds a record.

use aws_sdk_route53::types::HostedZoneConfig;
use hydrant_hook_dns::name::{holds, normalized};

use crate::account::Account;
use crate::error::Fault;
use crate::settings::{NamedZone, bare_id};

/// A public hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, normalized. Empty: every record is taken to be in it.
    pub name: String,
    /// Its id, without the path before it.
    pub id: String,
    /// Whether a person named it.
    pub is_named: bool,
    /// The role that writes it; else the credentials themselves do.
    pub role: Option<String>,
}

/// The zone that holds a record: the longest name that the record's name ends with, at a dot. A zone that a person named
/// hides others of the same name.
///
/// # Errors
/// When none holds it, or several public zones have that name: nothing here says which of them is delegated to.
pub fn holding<'z>(record: &str, zones: &'z [Zone]) -> Result<&'z Zone, Fault> {
    let best = zones
        .iter()
        .filter(|zone| holds(&zone.name, record))
        .max_by_key(|zone| (zone.name.len(), zone.is_named));
    let best = best.ok_or_else(|| Fault::NoZone { record: record.to_owned() })?;
    let equal = zones.iter().filter(|zone| zone.name == best.name && zone.is_named == best.is_named);
    let mut ids: Vec<_> = equal.map(|zone| zone.id.clone()).collect();
    ids.sort();
    ids.dedup();
    if ids.len() > 1 {
        return Err(Fault::AmbiguousZone { zone: best.name.clone(), ids });
    }
    Ok(best)
}

/// All public zones of an account. A private zone is seen inside networks only: no CA asks there.
///
/// # Errors
/// When a page of the list cannot be had.
pub async fn list(account: &Account) -> Result<Vec<Zone>, Fault> {
    let mut zones = Vec::new();
    let mut marker = None;
    loop {
        let ask = || account.client.list_hosted_zones().set_marker(marker.clone()).send();
        let page = account.pace.call("ListHostedZones", None, ask).await?;
        for zone in page.hosted_zones() {
            if !zone.config().is_some_and(HostedZoneConfig::private_zone) {
                zones.push(Zone {
                    name: normalized(zone.name()),
                    id: bare_id(zone.id()).to_owned(),
                    is_named: false,
                    role: account.role.clone(),
                });
            }
        }
        if !page.is_truncated() || page.next_marker().is_none() {
            return Ok(zones);
        }
        marker = page.next_marker().map(str::to_owned);
    }
}

/// The zones that a person named with their ids.
#[must_use]
pub fn named(entries: &[NamedZone]) -> Vec<Zone> {
    let zone = |entry: &NamedZone| {
        let id = entry.id.clone()?;
        Some(Zone { name: entry.name.clone(), id, is_named: true, role: entry.role.clone() })
    };
    entries.iter().filter_map(zone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, id: &str) -> Zone {
        Zone { name: name.into(), id: id.into(), is_named: false, role: None }
    }

    #[test]
    fn the_longest_name_wins_and_only_whole_labels_count() {
        let zones = [zone("example.com", "Z1"), zone("sub.example.com", "Z2"), zone("ple.com", "Z3")];
        let id = |record| holding(record, &zones).unwrap().id.as_str();
        assert_eq!(id("_acme-challenge.example.com"), "Z1");
        assert_eq!(id("_acme-challenge.a.sub.example.com"), "Z2");
        assert_eq!(id("_acme-challenge.othersub.example.com"), "Z1");
        assert_eq!(id("sub.example.com"), "Z2");
        let none = holding("_acme-challenge.evilexample.com", &zones[..2]).unwrap_err();
        assert_eq!(none.to_string(), "no public hosted zone holds `_acme-challenge.evilexample.com`");
    }

    #[test]
    fn of_two_zones_with_one_name_a_person_chooses() {
        let mut zones = vec![zone("example.com", "Z2"), zone("example.com", "Z1")];
        assert_eq!(
            holding("a.example.com", &zones).unwrap_err().to_string(),
            "several public zones are named `example.com`: Z1, Z2"
        );
        zones.push(Zone { is_named: true, ..zone("example.com", "Z1") });
        assert_eq!(holding("a.example.com", &zones).unwrap().id, "Z1");
    }
}
