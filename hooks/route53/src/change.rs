//! Brings the names of one zone into the wanted state, whoever else is changing them.
//!
//! A change that does not fit what is there is refused with its whole batch. So nothing need be read where nobody else
//! is at work; names that a refusal speaks of are read, and changed by deleting exactly the set that was read and
//! creating the new one, in one batch. Where the set has moved meanwhile, that is refused too, and done again.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use hydrant_hook_dns::Wish;
use hydrant_hook_dns::pause::jittered;

use crate::account::Account;
use crate::api;
use crate::error::Fault;
use crate::records::{self, Change, TxtSet};
use crate::refusal::Refusal;

/// The zone to change, and how.
#[derive(Debug)]
pub struct Work<'w> {
    /// Who changes it.
    pub account: &'w Account,
    /// The zone's id.
    pub zone: &'w str,
    /// What is wanted of all values.
    pub wish: Wish,
    /// Of sets that are created.
    pub ttl: i64,
    /// How long sets that keep changing are followed.
    pub patience: Duration,
}

/// A name and the values it is about.
#[derive(Clone, Debug)]
pub struct Name {
    /// Normalized.
    pub record: String,
    /// Unquoted.
    pub values: BTreeSet<String>,
}

/// What became of a name: the id of the change that did it, `None` where there was nothing to do.
pub type Outcome = Result<Option<String>, Fault>;

/// Elements of a change batch, and characters of their values, at most:
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>.
const RECORDS: usize = 1000;
const CHARACTERS: usize = 32_000;
const READ_AT_ONCE: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A name in work.
struct Item {
    /// Its place among the names.
    index: usize,
    /// Whether somebody has looked at it.
    is_read: bool,
    /// What was there then.
    found: Option<TxtSet>,
}

/// Brings names into the wanted state; gives an outcome for each, in their order.
pub async fn settle(work: &Work<'_>, names: &[Name]) -> Vec<Outcome> {
    let deadline = Instant::now() + work.patience;
    let mut outcomes: Vec<Outcome> = names.iter().map(|_| Ok(None)).collect();
    let all = (0..names.len()).map(|index| Item { index, is_read: false, found: None }).collect();
    let mut groups = VecDeque::from([all]);
    let mut pause = FIRST_PAUSE;
    // One after the other: a zone takes one change at a time.
    while let Some(group) = groups.pop_front() {
        let (group, changes) = fitting(work, names, group, &mut groups, &mut outcomes);
        if group.is_empty() {
            continue;
        }
        let refused = match api::send(work, &changes).await {
            Ok(id) => {
                for item in group {
                    outcomes[item.index] = Ok(Some(id.clone()));
                }
                continue;
            }
            Err(Fault::Refused { message }) => Refusal::of(&message),
            Err(fault) => {
                for item in group {
                    outcomes[item.index] = Err(fault.clone());
                }
                continue;
            }
        };
        let mut next = sorted_out(work, names, group, &refused, deadline, &mut outcomes);
        if next.iter().flatten().any(|item| item.is_read) {
            // It was read before, and somebody else was quicker.
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        for group in &mut next {
            read_all(work, names, group, &refused, &mut outcomes).await;
        }
        for group in next.into_iter().rev().filter(|group| !group.is_empty()) {
            groups.push_front(group);
        }
    }
    outcomes
}

/// The changes of a group, and those of its items that they are for: items with nothing to do are settled, and what is
/// too much for one batch goes back to the queue.
fn fitting(
    work: &Work<'_>,
    names: &[Name],
    group: Vec<Item>,
    groups: &mut VecDeque<Vec<Item>>,
    outcomes: &mut [Outcome],
) -> (Vec<Item>, Vec<(String, Change)>) {
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    let (mut records, mut characters) = (0, 0);
    let mut rest = group.into_iter();
    while let Some(item) = rest.next() {
        let own = match changes_of(work, &names[item.index], &item) {
            Ok(own) => own,
            Err(fault) => {
                outcomes[item.index] = Err(fault);
                continue;
            }
        };
        if own.is_empty() {
            outcomes[item.index] = Ok(None);
            continue;
        }
        let values = || own.iter().flat_map(|change| &change.set().values);
        let (more, longer) = (values().count(), values().map(String::len).sum::<usize>());
        if !items.is_empty() && (records + more > RECORDS || characters + longer > CHARACTERS) {
            groups.push_front(std::iter::once(item).chain(rest).collect());
            break;
        }
        records += more;
        characters += longer;
        changes.extend(own.into_iter().map(|change| (names[item.index].record.clone(), change)));
        items.push(item);
    }
    (items, changes)
}

fn changes_of(work: &Work<'_>, name: &Name, item: &Item) -> Result<Vec<Change>, Fault> {
    if !item.is_read {
        return Ok(records::unread(work.wish, &name.values, work.ttl));
    }
    let changes = records::read(item.found.as_ref(), work.wish, &name.values, work.ttl)?;
    match &item.found {
        // All is there, perhaps not on all name servers yet: the answer to an earlier request may have been lost, or its
        // sender killed. A swap of the set for itself is a change to wait for.
        Some(set) if changes.is_empty() && work.wish == Wish::Present => {
            Ok(vec![Change::Delete(set.clone()), Change::Create(set.clone())])
        }
        _ => Ok(changes),
    }
}

/// What to try next after a refusal: in one group if others were quicker, in halves if nobody knows which name it is.
fn sorted_out(
    work: &Work<'_>,
    names: &[Name],
    group: Vec<Item>,
    refused: &Refusal,
    deadline: Instant,
    outcomes: &mut [Outcome],
) -> Vec<Vec<Item>> {
    let is_blamed = |item: &Item| {
        // What is to be absent may just not be there: that is looked at first.
        let is_known = work.wish == Wish::Present || item.is_read;
        is_known && refused.blames(&names[item.index].record)
    };
    let (blamed, mut others): (Vec<_>, Vec<_>) = group.into_iter().partition(is_blamed);
    let nobody = blamed.is_empty();
    for item in blamed {
        outcomes[item.index] = Err(Fault::Refused { message: refused.about(&names[item.index].record) });
    }
    let all_read = others.iter().all(|item| item.is_read);
    if Instant::now() >= deadline || (nobody && refused.is_final() && all_read && others.len() == 1) {
        for item in others {
            let message = refused.about(&names[item.index].record);
            outcomes[item.index] = Err(if refused.is_final() {
                Fault::Refused { message }
            } else {
                Fault::Unanswered { action: "ChangeResourceRecordSets", message }
            });
        }
        return Vec::new();
    }
    if nobody && refused.is_final() && all_read {
        let half = others.split_off(others.len() / 2);
        return vec![others, half];
    }
    vec![others]
}

/// Reads the names of a group that a refusal speaks of; all, where it speaks of none of them.
async fn read_all(
    work: &Work<'_>,
    names: &[Name],
    group: &mut Vec<Item>,
    refused: &Refusal,
    outcomes: &mut [Outcome],
) {
    let mentioned = |item: &Item| refused.mentions(&names[item.index].record);
    let is_any_mentioned = group.iter().any(mentioned);
    let reads = stream::iter(std::mem::take(group)).map(async |mut item| {
        if is_any_mentioned && !mentioned(&item) {
            return Ok(item);
        }
        match api::read(work, &names[item.index].record).await {
            Ok(found) => {
                item.found = found;
                item.is_read = true;
                Ok(item)
            }
            Err(fault) => Err((item.index, fault)),
        }
    });
    for read in reads.buffered(READ_AT_ONCE).collect::<Vec<_>>().await {
        match read {
            Ok(item) => group.push(item),
            Err((index, fault)) => outcomes[index] = Err(fault),
        }
    }
}
