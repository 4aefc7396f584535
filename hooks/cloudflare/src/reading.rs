//! Reads the TXT records of a zone while others change them.
//!
//! Pages have nothing but numbers. Whoever deletes a record moves all that stand behind it, and one that slips over the
//! edge of a page between two requests is on neither of them; whoever creates one does the same to a reader who comes from
//! the other end. No answer tells. So records on several pages are read up and down, until two readings in a row have seen
//! the same ids: where one slipped past the first, another had vanished before it, which the second does not see any more.

use std::collections::BTreeMap;
use std::time::Duration;

use hydrant_hook_dns::pause::jittered;

use crate::api::{self, RecordFound};
use crate::client::Client;
use crate::error::Fault;

/// What was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) found: Vec<RecordFound>,
    /// Whether a record that is not among them is not there.
    pub(crate) is_whole: bool,
}

/// So often all pages are read before it is given up.
const READINGS: usize = 6;
/// From the third reading on: who deletes many records may get to an end.
const PAUSE: Duration = Duration::from_secs(1);

/// The TXT records of a zone, all or those with a name. What was found so far, by ids, may be enough before it is known to
/// be all.
///
/// # Errors
/// When a page cannot be had.
pub(crate) async fn records(
    client: &Client,
    zone: &str,
    name: Option<&str>,
    is_enough: impl Fn(&BTreeMap<String, RecordFound>) -> bool,
) -> Result<Reading, Fault> {
    let mut known = BTreeMap::new();
    let mut before: Option<Vec<String>> = None;
    let mut pages = 1;
    for reading in 0..READINGS {
        if reading > 1 {
            tokio::time::sleep(jittered(PAUSE)).await;
        }
        let mut seen = BTreeMap::new();
        let (mut page, mut requests) = (if reading % 2 == 0 { 1 } else { pages }, 0);
        loop {
            let answer = api::records(client, zone, page, name).await?;
            seen.extend(answer.0.into_iter().map(|record| (record.id.clone(), record)));
            pages = answer.1.max(1);
            requests += 1;
            page = match reading % 2 {
                0 if page < pages => page + 1,
                1 if page > 1 => page - 1,
                _ => break,
            };
        }
        // A single answer is of one moment.
        if (requests, pages) == (1, 1) || before.is_some_and(|before| before.iter().eq(seen.keys())) {
            return Ok(Reading { found: seen.into_values().collect(), is_whole: true });
        }
        before = Some(seen.keys().cloned().collect());
        known.append(&mut seen);
        if is_enough(&known) {
            break;
        }
    }
    Ok(Reading { found: known.into_values().collect(), is_whole: false })
}

/// All TXT records of a zone.
///
/// # Errors
/// When a page cannot be had, or others do not let it come to an end.
pub(crate) async fn all(client: &Client, zone: &str) -> Result<Vec<RecordFound>, Fault> {
    let reading = records(client, zone, None, |_| false).await?;
    if reading.is_whole { Ok(reading.found) } else { Err(unsettled()) }
}

/// Whether there is anything else cannot be known now.
pub(crate) fn unsettled() -> Fault {
    Fault::Unanswered { action: "listing records", message: "others kept changing the zone".into() }
}
