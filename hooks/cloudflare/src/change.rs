//! Brings the TXT records of one zone into the wanted state, whoever else is changing them.
//!
//! Every value is a record of its own: what is created stands beside what others have, and what is deleted is named by
//! the id of the one record that has exactly this name and value. A batch is all or nothing; where one is refused, its
//! records are tried in halves, and in the end one by one, so that a bad one fails alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::Wish;
use hydrant_hook_dns::name::normalized;

use crate::api::{self, Batch, NotDone, RecordFound};
use crate::client::Client;
use crate::error::Fault;
use crate::reading::{self, Reading};

/// The zone to change.
#[derive(Debug)]
pub struct Work<'w> {
    /// Who changes it.
    pub client: &'w Client,
    /// The zone's id.
    pub zone: &'w str,
    /// Of records that are created.
    pub ttl: u32,
}

/// A TXT value at a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// Normalized.
    pub record: String,
    /// Unquoted.
    pub value: String,
}

impl Text {
    fn of(record: &RecordFound) -> Self {
        Self { record: normalized(&record.name), value: unquoted(&record.content) }
    }
}

/// What became of each text.
pub type Outcomes = Vec<Result<(), Fault>>;

/// Records in a batch, on the smallest of Cloudflare's plans:
/// <https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>.
const RECORDS_IN_A_BATCH: usize = 200;
/// Up to so many names are looked for by name; beyond that all TXT records of the zone are listed.
const NAMES_ONE_BY_ONE: usize = 4;
const SINGLES_AT_ONCE: usize = 4;

/// Brings texts into the wanted state; gives an outcome for each, in their order.
pub async fn settle(work: &Work<'_>, wish: Wish, texts: &[Text]) -> Outcomes {
    match wish {
        Wish::Present => present(work, texts).await,
        Wish::Absent => absent(work, texts).await,
    }
}

async fn present(work: &Work<'_>, texts: &[Text]) -> Outcomes {
    let mut outcomes: Outcomes = texts.iter().map(|_| Ok(())).collect();
    let body = |index: usize| api::record(&texts[index].record, &quoted(&texts[index].value), work.ttl);
    let create = async |index: usize| api::create(work.client, work.zone, &body(index)).await;
    let all: Vec<usize> = (0..texts.len()).collect();
    // With each group: whether somebody has looked which of its records are there.
    let mut groups: VecDeque<_> =
        all.chunks(RECORDS_IN_A_BATCH).map(|chunk| (chunk.to_vec(), false)).collect();
    let mut has_batch = true;
    while let Some((mut group, is_read)) = groups.pop_front() {
        if group.len() < 2 || !has_batch {
            one_by_one(&group, create, &mut outcomes).await;
            continue;
        }
        let batch = Batch::Create(group.iter().map(|&index| body(index)).collect());
        match api::batch(work.client, work.zone, &batch).await {
            Ok(()) => {}
            Err(NotDone::NoBatch) => {
                has_batch = false;
                groups.push_front((group, is_read));
            }
            Err(NotDone::Conflict) if !is_read => {
                let wanted: Vec<_> = group.iter().map(|&index| &texts[index]).collect();
                // What is missed here is heard of when it is created.
                match read(work, &wanted, |_| true).await {
                    Ok(Reading { found, .. }) => {
                        group.retain(|&index| ids(&found, &texts[index]).next().is_none());
                        groups.push_front((group, true));
                    }
                    Err(fault) => blame(&group, &fault, &mut outcomes),
                }
            }
            Err(NotDone::Fault(fault)) if fault.is_of_all() => {
                let rest = groups.drain(..).flat_map(|(group, _)| group);
                group.extend(rest);
                blame(&group, &fault, &mut outcomes);
            }
            // One of them is bad, or others are quicker.
            Err(NotDone::Conflict | NotDone::Fault(_)) => {
                let half = group.split_off(group.len() / 2);
                groups.push_front((half, is_read));
                groups.push_front((group, is_read));
            }
        }
    }
    outcomes
}

async fn absent(work: &Work<'_>, texts: &[Text]) -> Outcomes {
    let are_all_there = |found: &BTreeMap<String, RecordFound>| {
        let there: BTreeSet<Text> = found.values().map(Text::of).collect();
        texts.iter().all(|text| there.contains(text))
    };
    let Reading { found, is_whole } = match read(work, &texts.iter().collect::<Vec<_>>(), are_all_there).await
    {
        Ok(reading) => reading,
        Err(fault) => return texts.iter().map(|_| Err(fault.clone())).collect(),
    };
    let is_known = |text: &Text| is_whole || ids(&found, text).next().is_some();
    let known = |text| if is_known(text) { Ok(()) } else { Err(reading::unsettled()) };
    let mut outcomes: Outcomes = texts.iter().map(known).collect();
    let doomed: Vec<(usize, String)> = texts
        .iter()
        .enumerate()
        .flat_map(|(index, text)| ids(&found, text).map(move |id| (index, id.to_owned())))
        .collect();
    for group in doomed.chunks(RECORDS_IN_A_BATCH) {
        if group.len() > 1 {
            let batch = Batch::Delete(group.iter().map(|(_, id)| id.clone()).collect());
            match api::batch(work.client, work.zone, &batch).await {
                Ok(()) => continue,
                Err(NotDone::Fault(fault)) if fault.is_of_all() => {
                    for (index, _) in group {
                        outcomes[*index] = Err(fault.clone());
                    }
                    continue;
                }
                // Another cleaner was quicker with one of them, or there is no batch.
                Err(_) => {}
            }
        }
        let places: Vec<_> = (0..group.len()).collect();
        let mut each: Outcomes = group.iter().map(|_| Ok(())).collect();
        let delete = async |place: usize| api::delete(work.client, work.zone, &group[place].1).await;
        one_by_one(&places, delete, &mut each).await;
        for ((index, _), outcome) in group.iter().zip(each) {
            if outcome.is_err() {
                outcomes[*index] = outcome;
            }
        }
    }
    outcomes
}

/// The first one alone: what is wrong with all of them need not be heard as often.
async fn one_by_one(group: &[usize], act: impl AsyncFn(usize) -> Result<(), Fault>, outcomes: &mut Outcomes) {
    let Some((&first, rest)) = group.split_first() else { return };
    outcomes[first] = act(first).await;
    if let Err(fault) = &outcomes[first]
        && fault.is_of_all()
    {
        let fault = fault.clone();
        return blame(rest, &fault, outcomes);
    }
    let acts = stream::iter(rest).map(async |&index| (index, act(index).await));
    for (index, outcome) in acts.buffered(SINGLES_AT_ONCE).collect::<Vec<_>>().await {
        outcomes[index] = outcome;
    }
}

fn blame(group: &[usize], fault: &Fault, outcomes: &mut Outcomes) {
    for &index in group {
        outcomes[index] = Err(fault.clone());
    }
}

/// The TXT records that there are, ours and those of others, at least at the names of these texts, or as many as are
/// enough.
async fn read(
    work: &Work<'_>,
    texts: &[&Text],
    is_enough: impl Fn(&BTreeMap<String, RecordFound>) -> bool,
) -> Result<Reading, Fault> {
    let names: BTreeSet<_> = texts.iter().map(|text| text.record.as_str()).collect();
    if names.len() > NAMES_ONE_BY_ONE {
        return reading::records(work.client, work.zone, None, is_enough).await;
    }
    let mut all = Reading { found: Vec::new(), is_whole: true };
    for name in names {
        let of_name = reading::records(work.client, work.zone, Some(name), |_| false).await?;
        all.found.extend(of_name.found);
        all.is_whole &= of_name.is_whole;
    }
    Ok(all)
}

/// The ids of all records with exactly this name and value.
fn ids<'f>(found: &'f [RecordFound], text: &Text) -> impl Iterator<Item = &'f str> {
    found.iter().filter(|record| Text::of(record) == *text).map(|record| record.id.as_str())
}

/// A value as Cloudflare keeps it: one string in quotes. Without them it is taken as well, and shown with a warning.
/// The values of challenges are base64url (RFC 8555 §8.4): always one string, with nothing to escape in it.
#[must_use]
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The value of a content, quoted or not; of several strings, their texts in a row (RFC 7208 §3.3 reads them so).
#[must_use]
pub fn unquoted(content: &str) -> String {
    if !content.starts_with('"') {
        return content.to_owned();
    }
    let mut value = String::new();
    let (mut is_inside, mut characters) = (false, content.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => is_inside = !is_inside,
            '\\' if is_inside => value.extend(characters.next()),
            character if is_inside => value.push(character),
            _ => {}
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_with_quotes_and_without() {
        for value in ["abc-_1", "with \"quotes\" and \\", ""] {
            assert_eq!(unquoted(&quoted(value)), value);
        }
        assert_eq!(unquoted("abc"), "abc");
        assert_eq!(unquoted("\"ab\" \"c\""), "abc");
    }

    #[test]
    fn only_the_same_name_and_value_are_ours() {
        let record = |id: &str, name: &str, content: &str| RecordFound {
            id: id.into(),
            name: name.into(),
            content: content.into(),
            created_on: None,
        };
        let found = [
            record("1", "_acme-challenge.Example.com", "v"),
            record("2", "_acme-challenge.example.com", "\"v\""),
            record("3", "_acme-challenge.example.com", "\"vv\""),
            record("4", "_acme-challenge.a.example.com", "v"),
            record("5", "_acme-challenge.example.com", "V"),
        ];
        let text = Text { record: "_acme-challenge.example.com".into(), value: "v".into() };
        assert_eq!(ids(&found, &text).collect::<Vec<_>>(), ["1", "2"]);
    }
}
