//! Challenges to one hook: in how many calls, and what a failure of one means for the others.

use std::rc::Rc;

use hydrant_hook_protocol::{Chaining, HookCall, Operation, Triple, env};

use super::batch::{self, Coming, Joined, Kind};
use super::call::Hook;
use super::error::HookError;
use super::{Answer, Facts};

/// Deploys the answers of one certificate. The first failure ends it; cleaning is owed for all of them either way.
pub(super) async fn deploy(
    hook: &Rc<Hook>,
    facts: &Facts<'_>,
    answers: &[Answer],
    coming: Option<Coming>,
) -> Result<(), HookError> {
    if answers.is_empty() {
        return Ok(());
    }
    match hook.chaining() {
        Chaining::Name => {
            for answer in answers {
                let call = HookCall::DeployChallenge(vec![triple(answer)]);
                hook.call(&call, Some(facts), &records(facts.challenge, [answer])).await?;
            }
            Ok(())
        }
        Chaining::Certificate => deploy_all(hook, facts, answers).await,
        Chaining::Batch => {
            if hook.wants(Operation::CleanChallenge) {
                let cleaning = Coming::to(&hook.cleans);
                hook.to_clean.borrow_mut().insert(facts.name.clone(), cleaning);
            }
            match batch::join(hook, Kind::Deploy, facts, answers, coming).await {
                Joined::Alone => deploy_all(hook, facts, answers).await,
                Joined::Done => Ok(()),
                Joined::Failed(error) => Err(error),
                Joined::Repeat => {
                    // What the broken batch left may be wrong. A failure here shows again when all is cleaned.
                    let _ = clean_all(hook, facts, answers).await;
                    deploy_all(hook, facts, answers).await
                }
            }
        }
    }
}

/// Cleans the answers of one certificate, every one of them.
pub(super) async fn clean(hook: &Rc<Hook>, facts: &Facts<'_>, answers: &[Answer]) -> Result<(), HookError> {
    let coming = hook.to_clean.borrow_mut().remove(facts.name);
    if answers.is_empty() {
        return Ok(());
    }
    match hook.chaining() {
        Chaining::Name => {
            let mut failures = Vec::new();
            for answer in answers {
                let call = HookCall::CleanChallenge(vec![triple(answer)]);
                let records = records(facts.challenge, [answer]);
                failures.extend(hook.call(&call, Some(facts), &records).await.err());
            }
            HookError::all(failures)
        }
        Chaining::Certificate => clean_all(hook, facts, answers).await,
        Chaining::Batch => match batch::join(hook, Kind::Clean, facts, answers, coming).await {
            Joined::Done => Ok(()),
            Joined::Failed(error) => Err(error),
            Joined::Alone | Joined::Repeat => clean_all(hook, facts, answers).await,
        },
    }
}

async fn deploy_all(hook: &Hook, facts: &Facts<'_>, answers: &[Answer]) -> Result<(), HookError> {
    let call = HookCall::DeployChallenge(answers.iter().map(triple).collect());
    hook.call(&call, Some(facts), &records(facts.challenge, answers)).await.map(drop)
}

async fn clean_all(hook: &Hook, facts: &Facts<'_>, answers: &[Answer]) -> Result<(), HookError> {
    let call = HookCall::CleanChallenge(answers.iter().map(triple).collect());
    hook.call(&call, Some(facts), &records(facts.challenge, answers)).await.map(drop)
}

/// What the hook is told of an answer.
pub(super) fn triple(answer: &Answer) -> Triple {
    let Answer { identifier, token, value, .. } = answer.clone();
    Triple { identifier, token, value }
}

/// The names of the TXT records of a call, where its challenges have some.
pub(super) fn records<'a>(
    challenge: &str,
    answers: impl IntoIterator<Item = &'a Answer>,
) -> Vec<(&'static str, String)> {
    let names: Option<Vec<String>> =
        answers.into_iter().map(|answer| answer.record_name(challenge)).collect();
    named(&names.unwrap_or_default())
}

/// The variables for these names.
pub(super) fn named(records: &[String]) -> Vec<(&'static str, String)> {
    match records {
        [] => Vec::new(),
        [name] => vec![(env::RECORD_NAME, name.clone()), (env::RECORD_NAMES, name.clone())],
        names => vec![(env::RECORD_NAMES, names.join(" "))],
    }
}
