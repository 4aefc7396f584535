//! What a batch came to: for each challenge, and for each certificate.

use hydrant_hook_protocol::{TRY_LATER, TripleOutcome, TripleResult};

use super::{Kind, Member};
use crate::hook::Answer;
use crate::hook::call::Hook;
use crate::hook::error::{HookError, NameFailure};
use crate::hook::watch::{Outcome, Status};

/// What one batch did for one certificate.
#[derive(Clone, Debug)]
pub(super) enum Turnout {
    Alone,
    Broken(HookError),
    Repeat,
    /// The names that failed, and the answers to try again with what the hook said of them. Done when both are empty.
    Settled {
        failed: Vec<NameFailure>,
        later: Vec<(Answer, NameFailure)>,
    },
}

/// What became of one challenge.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Broken(HookError),
    Done,
    Failed(Option<String>),
    Later(Option<String>),
    Repeat,
}

/// A verdict for each of `count` challenges from how the process ended and what it wrote.
pub(super) fn judge(
    hook: &Hook,
    kind: Kind,
    outcome: &Outcome,
    results: &[TripleResult],
    count: usize,
) -> Vec<Verdict> {
    if outcome.status == Status::Stopped {
        let error = hook.failed(&kind.call(Vec::new()), outcome.clone());
        return vec![Verdict::Broken(error); count];
    }
    if results.is_empty() && outcome.status == Status::Exited(TRY_LATER.into()) {
        return vec![Verdict::Later(None); count];
    }
    let mut verdicts = vec![Verdict::Repeat; count];
    for result in results {
        // The last word about a challenge counts.
        if let Some(verdict) = verdicts.get_mut(result.index) {
            let redaction = &hook.shared.context.redaction;
            let message = result.message.as_deref().map(|message| redaction.apply(message).into_owned());
            *verdict = match result.outcome {
                TripleOutcome::Done => Verdict::Done,
                TripleOutcome::Retry => Verdict::Later(message),
                TripleOutcome::Failed => Verdict::Failed(message),
            };
        }
    }
    let complete = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Repeat));
    let all_done = verdicts.iter().all(|verdict| matches!(verdict, Verdict::Done));
    // A hook that says all is done and then ends with an error contradicts itself.
    if complete && (outcome.status == Status::Exited(0) || !all_done) {
        return verdicts;
    }
    vec![Verdict::Repeat; count]
}

/// What the verdicts on its challenges mean for a certificate.
pub(super) fn conclude(member: Member, verdicts: Vec<Verdict>) -> Turnout {
    let mut failed = Vec::new();
    let mut later = Vec::new();
    let mut repeat = false;
    for (answer, verdict) in member.answers.into_iter().zip(verdicts) {
        let identifier = answer.identifier.clone();
        match verdict {
            Verdict::Broken(error) => return Turnout::Broken(error),
            Verdict::Done => {}
            Verdict::Failed(message) => failed.push(NameFailure { identifier, message, later: false }),
            Verdict::Later(message) => {
                later.push((answer, NameFailure { identifier, message, later: true }));
            }
            Verdict::Repeat => repeat = true,
        }
    }
    if repeat { Turnout::Repeat } else { Turnout::Settled { failed, later } }
}
