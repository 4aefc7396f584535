//! Which values there are at the names of challenges, whoever put them there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::listing::{failed, wanted};
use hydrant_hook_dns::name::{normalized, record};
use hydrant_hook_dns::outcome::Fault as _;
use hydrant_hook_protocol::{Listed, ListedValue};

use crate::api::RecordFound;
use crate::batch::ZONES_AT_ONCE;
use crate::change::unquoted;
use crate::client::Client;
use crate::place::Places;
use crate::reading;
use crate::settings::Settings;

/// A line for each value at the records of these names, and for each name that could not be looked at.
pub(crate) async fn list(settings: &Settings, names: &[String]) -> Vec<Listed> {
    let all = || names.iter().map(String::as_str);
    let ready = async {
        let client = Client::new(settings)?;
        let places = Places::find(settings, &client, all().map(record)).await?;
        Ok((client, places))
    };
    let (client, places) = match ready.await {
        Ok(ready) => ready,
        Err::<_, crate::error::Fault>(fault) => return failed(&all().collect(), &fault.line()),
    };
    let mut lines = Vec::new();
    let mut zones: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for name in all().collect::<BTreeSet<_>>() {
        match places.of(&record(name)) {
            Ok((zone, target)) => {
                zones.entry(&zone.id).or_default().entry(target).or_default().insert(name);
            }
            Err(fault) => lines.extend(failed(&BTreeSet::from([name]), &fault.line())),
        }
    }
    let looked = stream::iter(&zones).map(async |(zone, targets)| {
        // All of the zone: labels of accounts stand before names, and nobody knows them.
        (targets, reading::all(&client, zone).await)
    });
    for (targets, found) in looked.buffered(ZONES_AT_ONCE).collect::<Vec<_>>().await {
        match found {
            Ok(found) => lines.extend(found.iter().flat_map(|record| values(record, targets))),
            Err(fault) => {
                lines.extend(targets.values().flat_map(|names| failed(names, &fault.line())));
            }
        }
    }
    lines
}

/// The lines of a record: one for each name that it is for.
fn values<'r>(
    found: &'r RecordFound,
    targets: &'r BTreeMap<&str, BTreeSet<&str>>,
) -> impl Iterator<Item = Listed> + use<'r> {
    let record = normalized(&found.name);
    let names = wanted(&record, |target| targets.contains_key(target)).map(|target| &targets[target]);
    names.into_iter().flatten().map(move |name| {
        Listed::Value(ListedValue {
            name: (*name).to_owned(),
            record: record.clone(),
            value: unquoted(&found.content),
            created: found.created_on.clone(),
        })
    })
}
