//! One call of the hook: challenges in, an outcome for each of them out.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::Wish;
use hydrant_hook_protocol::Triple;

use crate::change::{self, Text, Work};
use crate::client::Client;
use crate::error::Fault;
use crate::place::Places;
use crate::settings::Settings;
use crate::zone::Zone;

/// All are the same account's, which allows so many requests a second.
pub(crate) const ZONES_AT_ONCE: usize = 8;

/// Makes the values of these challenges present or absent, each at its record's name. What is returned stands in the
/// order of the triples.
pub(crate) async fn carry_out(
    settings: &Settings,
    wish: Wish,
    triples: &[Triple],
    records: &[String],
) -> Vec<Result<(), Fault>> {
    let ready = async {
        let client = Client::new(settings)?;
        let places = Places::find(settings, &client, records.iter().cloned()).await?;
        Ok((client, places))
    };
    let (client, places) = match ready.await {
        Ok(ready) => ready,
        Err::<_, Fault>(fault) => return triples.iter().map(|_| Err(fault.clone())).collect(),
    };

    let mut results: Vec<Result<(), Fault>> = vec![Ok(()); triples.len()];
    let mut jobs: BTreeMap<&str, Job<'_>> = BTreeMap::new();
    for (index, (Triple { value, .. }, record)) in triples.iter().zip(records).enumerate() {
        match places.of(record) {
            Ok((zone, record)) => {
                let job = jobs.entry(&zone.id).or_insert_with(|| Job { zone, texts: BTreeMap::new() });
                let text = Text { record: record.to_owned(), value: value.clone() };
                job.texts.entry(text).or_default().push(index);
            }
            // Where there is no zone, there is nothing to take away.
            Err(Fault::NoZone { .. }) if wish == Wish::Absent => {}
            Err(fault) => results[index] = Err(fault),
        }
    }

    let settled = stream::iter(jobs.values()).map(async |job| {
        let texts: Vec<_> = job.texts.keys().cloned().collect();
        let work = Work { client: &client, zone: &job.zone.id, ttl: settings.ttl };
        (job, change::settle(&work, wish, &texts).await)
    });
    for (job, outcomes) in settled.buffered(ZONES_AT_ONCE).collect::<Vec<_>>().await {
        for (indices, outcome) in job.texts.values().zip(outcomes) {
            for &index in indices {
                results[index].clone_from(&outcome);
            }
        }
    }
    if wish == Wish::Present && results.iter().any(Result::is_ok) {
        warn_of(jobs.values().map(|job| job.zone));
        tokio::time::sleep(settings.wait).await;
    }
    results
}

/// What is to be done in one zone: its texts, and the triples that each is for.
struct Job<'z> {
    zone: &'z Zone,
    texts: BTreeMap<Text, Vec<usize>>,
}

/// A record in a zone that nobody delegates to is created, and no CA will find it.
fn warn_of<'z>(zones: impl Iterator<Item = &'z Zone>) {
    for zone in zones.filter(|zone| !zone.is_active()) {
        let Zone { name, status, .. } = zone;
        eprintln!(
            "cloudflare: warning: the zone {name} is {status}: its records are seen once it is delegated to"
        );
    }
}
