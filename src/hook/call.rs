//! One hook: its turn, its retries, and what its exit code means.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Operation, TRY_LATER};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::batch::{Coming, Gathering};
use super::environment;
use super::error::HookError;
use super::lines::{Lines, Output, Piece, Stream};
use super::process::{Order, Sink, Stdin};
use super::program::Program;
use super::shared::Shared;
use super::watch::{self, Outcome, Status};
use super::{Facts, HookLine, HookSettings, Sequence};
use crate::identifier::CertName;

/// The pause before the first retry; each one after it is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// One hook that was found.
pub(super) struct Hook {
    pub(super) shared: Rc<Shared>,
    pub(super) settings: HookSettings,
    program: Program,
    /// What it answered to the probe; unset until it was probed.
    announced: OnceCell<Option<Capabilities>>,
    /// What every call sees, before the facts of the call.
    environment: HashMap<OsString, OsString>,
    withheld: Vec<String>,
    /// One at a time, unless it announces parallel.
    turn: Semaphore,
    pub(super) deploys: Rc<Gathering>,
    pub(super) cleans: Rc<Gathering>,
    /// The certificates with deployed challenges, whose cleaning a batch may wait for.
    pub(super) to_clean: RefCell<BTreeMap<CertName, Coming>>,
}

impl Hook {
    pub(super) fn find(settings: HookSettings, shared: &Rc<Shared>) -> Result<Self, HookError> {
        let context = &shared.context;
        let search_path = context.environment.iter().find(|(name, _)| name == "PATH");
        let search_path = search_path.map(|(_, value)| OsStr::new(value));
        let program = Program::find(&settings.command, search_path)
            .map_err(|source| HookError::Program { hook: settings.name.clone(), source })?;
        Ok(Self {
            shared: Rc::clone(shared),
            program,
            announced: OnceCell::new(),
            environment: environment::base(&settings, context),
            withheld: environment::withheld(&settings, context),
            turn: Semaphore::new(1),
            deploys: Rc::default(),
            cleans: Rc::default(),
            to_clean: RefCell::default(),
            settings,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn announced(&self) -> Option<&Capabilities> {
        self.announced.get().and_then(Option::as_ref)
    }

    /// Whether it may be called although nothing is due: then it is probed when the run begins, else when there is
    /// work, so that a run with nothing to do starts no process.
    pub(super) fn serves_every_run(&self) -> bool {
        use Operation::{ExitHook, GenerateCsr, StartupHook, UnchangedCert};
        let every_run = [StartupHook, GenerateCsr, UnchangedCert, ExitHook];
        let configured = self.settings.operations.as_ref();
        configured.is_none_or(|list| list.iter().any(|operation| every_run.contains(operation)))
    }

    /// Whether, in a strict sequence, it is that of single certificates and no business of the run: dehydrated meets it
    /// when the line's turn comes.
    fn serves_lines_alone(&self) -> bool {
        let configured = self.settings.operations.as_ref();
        self.shared.context.sequence == Sequence::Strict
            && configured.is_some_and(|list| !list.contains(&Operation::StartupHook))
    }

    pub(super) fn wants(&self, operation: Operation) -> bool {
        // A dry run stores nothing, so there is nothing to deliver.
        if self.shared.context.dry_run && operation.is_delivery() {
            return false;
        }
        let configured = self.settings.operations.as_ref();
        if operation == Operation::ListChallenges {
            // Whoever is to clean may look.
            let is_given =
                |list: &Vec<_>| list.contains(&operation) || list.contains(&Operation::CleanChallenge);
            return configured.is_none_or(is_given)
                && self.announced().is_some_and(|said| said.wants(operation));
        }
        configured.is_none_or(|list| list.contains(&operation))
            && self.announced().is_none_or(|said| said.wants(operation))
    }

    /// How many challenges it is given in one call: what it announces, or less where that is configured. A batch is only
    /// for hooks that announce it.
    pub(super) fn chaining(&self) -> Chaining {
        match (self.announced(), self.settings.chain) {
            (Some(said), Some(configured)) => said.challenges.min(configured),
            (Some(said), None) => said.challenges,
            (None, configured) => configured.unwrap_or_default().min(Chaining::Certificate),
        }
    }

    /// Sends the probe, once, and learns what the hook announces.
    pub(super) async fn probe(&self) -> Result<(), HookError> {
        if self.shared.context.probe && self.announced.get().is_none() && !self.serves_lines_alone() {
            let announced = self.send_probe(None).await?;
            // Set already only if two probes ran at once, and then to the same.
            let _ = self.announced.set(announced);
        }
        Ok(())
    }

    /// dehydrated probes again for every line; hooks may set things up in it.
    pub(super) async fn probe_for_line(&self, facts: &Facts<'_>) -> Result<(), HookError> {
        let context = &self.shared.context;
        if context.sequence == Sequence::Strict && context.probe && self.announced().is_none() {
            let announced = self.send_probe(Some(facts)).await?;
            // Set already where it was probed when the run began; then it had nothing to announce.
            let _ = self.announced.set(announced);
        }
        Ok(())
    }

    async fn send_probe(&self, facts: Option<&Facts<'_>>) -> Result<Option<Capabilities>, HookError> {
        let _turn = self.turn().await;
        let outcome = self.run(&HookCall::Probe, facts, &[]).await?;
        if outcome.status != Status::Exited(0) {
            return Err(self.failed(&HookCall::Probe, outcome));
        }
        let announced =
            Capabilities::parse(&String::from_utf8_lossy(&outcome.captured)).map_err(|source| {
                HookError::Capabilities { hook: self.name().to_owned(), source: Arc::new(source) }
            })?;
        if announced.is_none() {
            let show = |piece: Piece<'_>| self.show(piece, facts.map(|facts| facts.name.as_str()));
            let mut output = Output::new(&self.shared.context.redaction, &show);
            let mut lines = Lines::new(Stream::Stdout);
            lines.feed(&outcome.captured, &mut output);
            lines.finish(&mut output);
        }
        Ok(announced)
    }

    /// Calls the hook, again where it asks for that, and gives what it printed for hydrant to read.
    pub(super) async fn call(
        &self,
        call: &HookCall,
        facts: Option<&Facts<'_>>,
        extra: &[(&str, String)],
    ) -> Result<String, HookError> {
        let mut retries = 0;
        loop {
            let turn = self.turn().await;
            let outcome = self.run(call, facts, extra).await?;
            drop(turn);
            if outcome.status == Status::Exited(0) {
                return Ok(String::from_utf8_lossy(&outcome.captured).into_owned());
            }
            let later = outcome.status == Status::Exited(TRY_LATER.into());
            if !later || !self.may_retry(retries) {
                return Err(self.failed(call, outcome));
            }
            self.pause(retries).await;
            retries += 1;
        }
    }

    /// Whether there is another try after so many retries.
    pub(super) fn may_retry(&self, retries: u32) -> bool {
        retries < self.settings.retries && !self.shared.context.stop.is_stopped()
    }

    /// The pause before the next try; a stop ends it.
    pub(super) async fn pause(&self, retries: u32) {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.shared.context.stop.stopped() => {}
        }
    }

    /// Waits until a call of this hook may begin.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let parallel = self.announced().is_some_and(|said| said.parallel);
        // Neither semaphore is ever closed, so that both always give.
        let own = if parallel { None } else { self.turn.acquire().await.ok() };
        Turn { _own: own, _slot: self.shared.slots.acquire().await.ok() }
    }

    /// One process. Needs a turn.
    pub(super) async fn run(
        &self,
        call: &HookCall,
        facts: Option<&Facts<'_>>,
        extra: &[(&str, String)],
    ) -> Result<Outcome, HookError> {
        let context = &self.shared.context;
        // Cleaning is what an interrupted run still does.
        let cleaning = matches!(call, HookCall::CleanChallenge(_) | HookCall::ExitHook { .. });
        let stop = if cleaning { context.stop.of_cleaning() } else { context.stop.clone() };
        if stop.is_stopped() {
            let operation = call.operation_name().to_owned();
            return Err(HookError::Stopped { hook: self.name().to_owned(), operation });
        }
        let certificate = facts.map(|facts| facts.name.as_str());
        let show = |piece: Piece<'_>| self.show(piece, certificate);
        let outcome =
            watch::run(self.order(call, facts, extra), &stop, Output::new(&context.redaction, &show));
        let outcome = outcome.await.map_err(|source| HookError::Start {
            hook: self.name().to_owned(),
            command: self.settings.command.clone(),
            source: Arc::new(source),
        })?;
        if outcome.leaked {
            let text = "(a background process holds its output; hydrant goes on without it)";
            self.show(Piece { stream: Stream::Stderr, text, partial: false }, certificate);
        }
        Ok(outcome)
    }

    fn order(&self, call: &HookCall, facts: Option<&Facts<'_>>, extra: &[(&str, String)]) -> Order {
        let context = &self.shared.context;
        // One that announces nothing is an old one, and is treated as dehydrated treats it.
        let strict = context.sequence == Sequence::Strict && self.announced().is_none();
        let mut set = environment::facts(self.name(), context, facts);
        if strict {
            set.extend(self.shared.exported(call, facts));
        } else {
            set.extend(facts.into_iter().flat_map(environment::exports));
        }
        let mut environment = self.environment.clone();
        let set = set.into_iter().chain(extra.iter().cloned());
        environment.extend(set.map(|(name, value)| (name.into(), value.into())));

        // With a person at the terminal the hook stays in hydrant's group, where it can prompt and gets Ctrl-C. Once
        // that was pressed, what cleans up must not get it again.
        let shares_terminal = strict && self.shared.terminal;
        let own_group = !shares_terminal || context.stop.is_stopped();
        let passed_on = if strict { Sink::Inherit } else { Sink::Lines };
        let captured = matches!(call, HookCall::Probe | HookCall::GenerateCsr { .. });
        Order {
            program: self.program.clone(),
            arguments: call.to_argv(),
            environment,
            // A group in the background that reads from the terminal would be halted.
            stdin: if strict && !(shares_terminal && own_group) { Stdin::Inherit } else { Stdin::Null },
            stdout: match passed_on {
                _ if captured => Sink::Capture,
                Sink::Inherit if context.stdout_taken => Sink::Stderr,
                passed_on => passed_on,
            },
            stderr: passed_on,
            own_group,
            alone: self.shared.is_alone(),
            limit: self.settings.timeout,
            grace: context.grace,
        }
    }

    /// The error for a call that did not end with success.
    pub(super) fn failed(&self, call: &HookCall, outcome: Outcome) -> HookError {
        HookError::Failed {
            hook: self.name().to_owned(),
            operation: call.operation_name().to_owned(),
            status: outcome.status,
            limit: self.settings.timeout,
            tail: outcome.tail,
            withheld: self.withheld.clone(),
        }
    }

    pub(super) fn withheld(&self) -> Vec<String> {
        self.withheld.clone()
    }

    fn show(&self, piece: Piece<'_>, certificate: Option<&str>) {
        let Piece { stream, text, partial } = piece;
        (self.shared.lines)(HookLine { hook: self.name(), certificate, stream, text, partial });
    }
}

/// The right to run one process of a hook now.
pub(super) struct Turn<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _slot: Option<SemaphorePermit<'a>>,
}

#[cfg(test)]
mod tests;
