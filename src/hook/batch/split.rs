//! Which challenges of a batch go into which call, and whose they are.

use hydrant_hook_protocol::BatchFact;

use super::{ARGUMENTS, Member};
use crate::hook::Answer;

/// One challenge of a batch: which member, which of its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) member: usize,
    pub(super) answer: usize,
}

/// Which challenges go into which call: one type of challenge and one CA in each, a zone's names together, few enough
/// for the arguments of a process.
pub(super) fn split(members: &[Member]) -> Vec<Vec<Item>> {
    let mut items = Vec::new();
    for (index, member) in members.iter().enumerate() {
        if member.waiting.strong_count() > 0 {
            items.extend((0..member.answers.len()).map(|answer| Item { member: index, answer }));
        }
    }
    let kind_of = |item: &Item| {
        let fact = &members[item.member].fact;
        (&fact.ca, &fact.challenge)
    };
    let answer_of = |item: &Item| &members[item.member].answers[item.answer];
    items.sort_by_cached_key(|item| (kind_of(item), reversed(&answer_of(item).identifier)));

    let mut calls: Vec<Vec<Item>> = Vec::new();
    let mut size = 0;
    for item in items {
        let Answer { identifier, token, value, .. } = answer_of(&item);
        let own = identifier.len() + token.len() + value.len() + 3;
        match calls.last_mut() {
            Some(call) if size + own < ARGUMENTS && kind_of(&call[0]) == kind_of(&item) => {
                call.push(item);
                size += own;
            }
            _ => {
                calls.push(vec![item]);
                size = own;
            }
        }
    }
    calls
}

/// What the hook is told of the certificates in this call.
pub(super) fn facts(members: &[Member], items: &[Item]) -> Vec<BatchFact> {
    let mut facts: Vec<(usize, BatchFact)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some((_, fact)) = facts.iter_mut().find(|(member, _)| *member == item.member) {
            fact.triples.push(index);
        } else {
            let fact = BatchFact { triples: vec![index], ..members[item.member].fact.clone() };
            facts.push((item.member, fact));
        }
    }
    facts.into_iter().map(|(_, fact)| fact).collect()
}

/// `www.a.example` as `example.a.www`.
fn reversed(name: &str) -> Vec<String> {
    name.rsplit('.').map(str::to_owned).collect()
}
