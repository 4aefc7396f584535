//! Which values there are at the names of challenges, whoever put them there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::listing::{failed, wanted};
use hydrant_hook_dns::name;
use hydrant_hook_dns::outcome::Fault as _;
use hydrant_hook_protocol::{Listed, ListedValue};

use crate::account::{Account, Accounts};
use crate::api::{self, Start};
use crate::error::Fault;
use crate::place::{self, Zones};
use crate::records::unquoted;
use crate::settings::Settings;
use crate::zone::Zone;

/// A line for each value at the records of these names, and for each name that could not be looked at.
pub(crate) async fn list(settings: &Settings, names: &[String]) -> Vec<Listed> {
    let mut names_at: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        names_at.entry(name::record(name)).or_default().insert(name);
    }
    let accounts = Accounts::of(settings).await;
    let targets = place::targets(settings, names_at.keys().cloned().collect()).await;
    let known = targets.values().filter_map(|target| target.as_ref().ok());
    let zones = Zones::of(settings, &accounts, known).await;

    let mut lines = Vec::new();
    let mut names_behind: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut jobs: BTreeMap<&str, (&Zone, BTreeSet<String>)> = BTreeMap::new();
    for (record, target) in targets {
        match target.and_then(|target| Ok((zones.holding(&target)?, target))) {
            Ok((zone, target)) => {
                names_behind.entry(target.clone()).or_default().append(&mut names_at[&record].clone());
                jobs.entry(&zone.id).or_insert((zone, BTreeSet::new())).1.insert(target);
            }
            Err(fault) => lines.extend(failed(&names_at[&record], &fault.line())),
        }
    }
    let looked = stream::iter(jobs.values()).map(async |(zone, targets)| {
        let account = accounts.with(zone.role.as_ref());
        (targets, values_at(account, &zone.id, targets).await)
    });
    // All zones at once: their pace is the account's.
    for (targets, values) in looked.buffered(jobs.len().max(1)).collect::<Vec<_>>().await {
        match values {
            Ok(values) => {
                for Text { target, record, value } in values {
                    lines.extend(names_behind[&target].iter().map(|name| {
                        let (name, record, value) = ((*name).to_owned(), record.clone(), value.clone());
                        Listed::Value(ListedValue { name, record, value, created: None })
                    }));
                }
            }
            Err(fault) => {
                lines.extend(targets.iter().flat_map(|target| failed(&names_behind[target], &fault.line())));
            }
        }
    }
    lines
}

/// A value, and for which of the wanted records it was found.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    target: String,
    record: String,
    value: String,
}

/// The values at these records of a zone. A page begins at a record that is wanted, so that no more pages are read than
/// there are records, nor many more than the zone has.
async fn values_at(
    account: &Account,
    zone: &str,
    targets: &BTreeSet<String>,
) -> Result<BTreeSet<Text>, Fault> {
    let mut values = BTreeSet::new();
    let mut pending: Vec<_> = targets.iter().collect();
    // The last one is the next.
    pending.sort_by_cached_key(|target| Reverse(labels(target)));
    while let Some(target) = pending.pop() {
        let mut start = Start { name: target.clone(), ..Start::default() };
        loop {
            let page = api::page(account, zone, &start).await?;
            for (record, texts) in page.texts {
                let Some(target) = wanted(&record, |record| targets.contains(record)) else { continue };
                values.extend(texts.iter().map(|text| Text {
                    target: target.to_owned(),
                    record: record.clone(),
                    value: plain(text),
                }));
            }
            let end = page.next;
            let is_behind = |other: &str| {
                end.as_ref().is_none_or(|end| is_before(other, &end.name) && !is_at(&end.name, other))
            };
            pending.retain(|other| !(is_before(&start.name, other) && is_behind(other)));
            match end {
                Some(next) if is_at(&next.name, target) => start = next,
                _ => break,
            }
        }
    }
    Ok(values)
}

fn plain(text: &str) -> String {
    unquoted(text).map_or_else(|| text.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a record is the wanted one or below it.
fn is_at(record: &str, target: &str) -> bool {
    record.strip_suffix(target).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Whether the API lists one name before the other. It sorts by the labels, the last one first; whether `-` is before the
/// dot between labels, and how what it escapes is sorted, is not relied on: then neither is before the other.
fn is_before(one: &str, other: &str) -> bool {
    let (one, other) = (labels(one), labels(other));
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_plain = |labels: &[&str]| labels.iter().all(|label| label.bytes().all(is_of_names));
    let by_characters = || one.join(".") + "." < other.join(".") + ".";
    is_plain(&one) && is_plain(&other) && one < other && by_characters()
}

fn labels(name: &str) -> Vec<&str> {
    name.rsplit('.').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_before_is_taken_to_be() {
        assert!(is_before("_acme-challenge.a.example", "_acme-challenge.b.example"));
        assert!(is_before("a.example", "_acme-challenge.a.example"));
        assert!(!is_before("b.example", "_acme-challenge.a.example"));
        // By labels `a` is before `a-b`; by characters `-` is before the dot behind `a`.
        assert!(!is_before("x.a.example", "x.a-b.example") && !is_before("x.a-b.example", "x.a.example"));
        assert!(!is_before("*.example", "b.example") && !is_before("b.example", "*.example"));
    }
}
