//! The challenges of many certificates in one call.
//!
//! A certificate joins the batch that is open and waits for its result. A batch closes when every certificate that may
//! join has joined (each holds a [`Coming`] until then), or when for a moment none came; those of a hook that takes one
//! call at a time stay open until its turn comes. The work is one shared future that any of the waiting certificates
//! drives, so that it goes on when one of them is dropped. A challenge that stays alone is served by a plain call.

mod split;
mod verdict;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared, join_all};
use hydrant_hook_protocol::{
    BatchFact, Chaining, HookCall, Operation, Triple, TripleResult, env, read_results, write_batch,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::call::{Hook, Turn};
use super::challenge::{records, triple};
use super::error::HookError;
use super::watch::Outcome;
use super::{Answer, Facts};
use crate::key::bare_url;
use split::{Item, facts, split};
use verdict::{Turnout, Verdict, conclude, judge};

/// A batch in which nobody joins for so long closes.
const QUIET: Duration = Duration::from_millis(200);
/// No batch waits longer for others.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A call has fewer bytes of arguments.
pub(super) const ARGUMENTS: usize = 100_000;

/// A certificate on its way to the batches of every hook. See [`Hooks::approach`](super::Hooks::approach).
#[derive(Debug)]
pub struct Approach(Vec<Option<Coming>>);

impl Approach {
    pub(super) fn new(hooks: &[Rc<Hook>]) -> Self {
        let batched =
            |hook: &Hook| hook.wants(Operation::DeployChallenge) && hook.chaining() == Chaining::Batch;
        Self(hooks.iter().map(|hook| batched(hook).then(|| Coming::to(&hook.deploys))).collect())
    }

    /// Its way to the batch of this hook.
    pub(super) fn take(&mut self, hook: usize) -> Option<Coming> {
        self.0.get_mut(hook).and_then(Option::take)
    }
}

/// That a certificate may yet join; dropped when it has, or will not.
#[derive(Debug)]
pub(super) struct Coming(Rc<Gathering>);

impl Coming {
    pub(super) fn to(gathering: &Rc<Gathering>) -> Self {
        gathering.coming.set(gathering.coming.get() + 1);
        Self(Rc::clone(gathering))
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.coming.set(self.0.coming.get() - 1);
        self.0.changed.notify_one();
    }
}

/// Whether challenges are deployed or cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deploy,
    Clean,
}

impl Kind {
    fn call(self, triples: Vec<Triple>) -> HookCall {
        match self {
            Self::Deploy => HookCall::DeployChallenge(triples),
            Self::Clean => HookCall::CleanChallenge(triples),
        }
    }

    fn operation(self) -> Operation {
        match self {
            Self::Deploy => Operation::DeployChallenge,
            Self::Clean => Operation::CleanChallenge,
        }
    }

    fn gathering(self, hook: &Hook) -> &Rc<Gathering> {
        match self {
            Self::Deploy => &hook.deploys,
            Self::Clean => &hook.cleans,
        }
    }
}

/// What batches did for one certificate.
#[derive(Clone, Debug)]
pub(super) enum Joined {
    /// There was only this challenge: it is to be served by a plain call.
    Alone,
    Done,
    Failed(HookError),
    /// The batch broke: the certificate is to be served by a call of its own.
    Repeat,
}

/// Where certificates meet for the next batch of one hook and kind.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    open: RefCell<Option<Open>>,
    /// How many may yet join.
    coming: Cell<usize>,
    last_joined: Cell<Option<Instant>>,
    /// Somebody joined, or will not.
    changed: Notify,
}

/// The batch that can be joined. Weak: when all who joined are gone, so is the batch.
#[derive(Debug)]
struct Open {
    members: Rc<RefCell<Vec<Member>>>,
    work: WeakShared<Work>,
}

/// What becomes of every member, in the order in which they joined.
type Work = LocalBoxFuture<'static, Rc<Vec<Turnout>>>;

/// A certificate in a batch.
#[derive(Debug)]
struct Member {
    fact: BatchFact,
    answers: Vec<Answer>,
    /// Whether it was in a batch before, which asked to retry.
    again: bool,
    /// Gone when nobody waits for it any more.
    waiting: Weak<()>,
}

impl Gathering {
    /// The open batch, or a new one.
    fn batch(&self, hook: &Rc<Hook>, kind: Kind) -> (Rc<RefCell<Vec<Member>>>, Shared<Work>) {
        let mut open = self.open.borrow_mut();
        if let Some(batch) = open.as_ref()
            && let Some(work) = batch.work.upgrade()
        {
            return (Rc::clone(&batch.members), work);
        }
        let members = Rc::default();
        let work = work(Rc::clone(hook), kind, Rc::clone(&members)).boxed_local().shared();
        *open = work.downgrade().map(|work| Open { members: Rc::clone(&members), work });
        (members, work)
    }

    fn joined(&self) {
        self.last_joined.set(Some(Instant::now()));
        self.changed.notify_one();
    }

    /// Waits until nobody is to be expected.
    async fn complete(&self) {
        let until = Instant::now() + LONGEST_WAIT;
        while self.coming.get() > 0 {
            let last_joined = self.last_joined.get().unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(until.min(last_joined + QUIET)) => return,
            }
        }
    }

    fn close(&self) {
        self.open.borrow_mut().take();
    }
}

/// Joins the next batch, and later ones with what the hook asks to retry, and waits for what they do for this
/// certificate. The others of a batch do not wait for its retries.
pub(super) async fn join(
    hook: &Rc<Hook>,
    kind: Kind,
    facts: &Facts<'_>,
    answers: &[Answer],
    mut coming: Option<Coming>,
) -> Joined {
    let mut answers = answers.to_vec();
    let mut failures = Vec::new();
    let mut retries = 0;
    loop {
        let (failed, later) = match join_once(hook, kind, facts, answers, retries > 0, coming.take()).await {
            Turnout::Alone => return Joined::Alone,
            Turnout::Broken(error) => return Joined::Failed(error),
            Turnout::Repeat => return Joined::Repeat,
            Turnout::Settled { failed, later } => (failed, later),
        };
        failures.extend(failed);
        // A certificate with a name that failed is not issued, but all of it is cleaned.
        let hopeless = kind == Kind::Deploy && !failures.is_empty();
        if later.is_empty() || hopeless || !hook.may_retry(retries) {
            failures.extend(later.into_iter().map(|(_, failure)| failure));
            break;
        }
        // All who were told to retry in the same batch meet again in one.
        coming = Some(Coming::to(kind.gathering(hook)));
        hook.pause(retries).await;
        retries += 1;
        answers = later.into_iter().map(|(answer, _)| answer).collect();
    }
    if failures.is_empty() {
        return Joined::Done;
    }
    Joined::Failed(HookError::Names {
        hook: hook.name().to_owned(),
        operation: kind.operation(),
        failures,
        withheld: hook.withheld(),
    })
}

async fn join_once(
    hook: &Rc<Hook>,
    kind: Kind,
    facts: &Facts<'_>,
    answers: Vec<Answer>,
    again: bool,
    coming: Option<Coming>,
) -> Turnout {
    let waiting = Rc::new(());
    let gathering = kind.gathering(hook);
    let (members, work) = gathering.batch(hook, kind);
    let place = members.borrow().len();
    members.borrow_mut().push(Member {
        fact: BatchFact {
            certificate: facts.name.to_string(),
            names: facts.names.iter().map(ToString::to_string).collect(),
            challenge: facts.challenge.to_owned(),
            ca: bare_url(facts.ca).into_owned(),
            attempt: facts.attempt,
            owner: facts.owner.map(str::to_owned),
            triples: Vec::new(),
        },
        answers,
        again,
        waiting: Rc::downgrade(&waiting),
    });
    drop(coming);
    gathering.joined();
    drop(members);
    // Every member that joined before the batch closed has its place in the result.
    work.await.get(place).cloned().unwrap_or(Turnout::Repeat)
}

/// Waits for company, then calls the hook for all who joined.
async fn work(hook: Rc<Hook>, kind: Kind, members: Rc<RefCell<Vec<Member>>>) -> Rc<Vec<Turnout>> {
    let gathering = kind.gathering(&hook);
    gathering.complete().await;
    // While other calls of the hook run, more may join.
    let mut turn = Some(hook.turn().await);
    gathering.close();
    let members = members.take();
    // What it is told in files, and tells, has room in the environment and in an exit code.
    if let [member] = members.as_slice()
        && member.answers.len() == 1
        && !member.again
    {
        return Rc::new(vec![Turnout::Alone]);
    }
    let mut verdicts: Vec<_> =
        members.iter().map(|member| vec![Verdict::Repeat; member.answers.len()]).collect();
    let calls = split(&members);
    let calls = calls.into_iter().map(|items| serve(&hook, kind, &members, items, turn.take()));
    for (item, verdict) in join_all(calls).await.into_iter().flatten() {
        verdicts[item.member][item.answer] = verdict;
    }
    let settled = members.into_iter().zip(verdicts);
    Rc::new(settled.map(|(member, verdicts)| conclude(member, verdicts)).collect())
}

/// One call, when it is the hook's turn: a verdict for each of the challenges.
async fn serve(
    hook: &Hook,
    kind: Kind,
    members: &[Member],
    items: Vec<Item>,
    turn: Option<Turn<'_>>,
) -> Vec<(Item, Verdict)> {
    let turn = match turn {
        Some(turn) => turn,
        None => hook.turn().await,
    };
    let answered = call(hook, kind, members, &items).await;
    drop(turn);
    let verdicts = match answered {
        Ok((outcome, results)) => judge(hook, kind, &outcome, &results, items.len()),
        Err(error) => vec![Verdict::Broken(error); items.len()],
    };
    items.into_iter().zip(verdicts).collect()
}

async fn call(
    hook: &Hook,
    kind: Kind,
    members: &[Member],
    items: &[Item],
) -> Result<(Outcome, Vec<TripleResult>), HookError> {
    let scratch = |source: io::Error| HookError::Scratch {
        hook: hook.name().to_owned(),
        source: std::sync::Arc::new(source),
    };
    let triples = items.iter().map(|item| triple(&members[item.member].answers[item.answer]));
    let facts = facts(members, items);
    // All of one call are alike in these two.
    let (challenge, ca) =
        facts.first().map(|fact| (fact.challenge.clone(), fact.ca.clone())).unwrap_or_default();
    let text = write_batch(facts).map_err(scratch)?;
    let batch_file = hook.shared.scratch_file("batch", &text).map_err(scratch)?;
    let results_file = hook.shared.scratch_file("results", "").map_err(scratch)?;
    let answers = items.iter().map(|item| &members[item.member].answers[item.answer]);
    let mut extra = records(&challenge, answers);
    extra.extend([
        (env::BATCH, batch_file.display().to_string()),
        (env::RESULTS, results_file.display().to_string()),
        (env::CHALLENGE, challenge.clone()),
        ("CHALLENGETYPE", challenge),
        (env::CA, ca),
    ]);
    let outcome = hook.run(&kind.call(triples.collect()), None, &extra).await;
    // A hook that removed the file said nothing.
    let results = std::fs::read(&results_file).unwrap_or_default();
    let _ = std::fs::remove_file(&batch_file);
    let _ = std::fs::remove_file(&results_file);
    Ok((outcome?, read_results(&String::from_utf8_lossy(&results))))
}
