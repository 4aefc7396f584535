//! Starts other programs: hooks answer challenges and deliver certificates.
//!
//! The contract on the wire is dehydrated's: the operation is the first argument, its arguments follow, exit code 0
//! means done (`hydrant_hook_protocol` has it as types). Read on in this order:
//!
//! - [`Hooks`]: all hooks of a run, asked for one operation of one certificate;
//! - `call`: one hook: its turn, its retries, what its exit code means;
//! - `challenge`, `batch`: how many challenges go into one call, and what becomes of each;
//! - `list`: which values there are;
//! - `deliver`: the operations that are given the files of a certificate;
//! - `settings`, `environment`: what a hook is told, what it sees;
//! - `program`, `process`, `watch`, `lines`: where it is found, how it starts, how it ends, what it prints.
//!
//! # Environment of a hook
//!
//! The environment of hydrant's caller, without what is withheld; dehydrated's exports; the hook's own `env:`; and the
//! facts of the call. A later one wins.
//!
//! | Variable | Where | Is |
//! |---|---|---|
//! | `WELLKNOWN` `BASEDIR` `CERTDIR` `ALPNCERTDIR` `CONFIG` `COMMAND` | every call | as dehydrated exports them |
//! | `alias` | calls for a certificate | the name it is kept under |
//! | `altnames` | calls for a certificate | all its names, separated by blanks |
//! | `CHALLENGETYPE` `KEY_ALGO` `PRIVATE_KEY_ROLLOVER` `WELLKNOWN` | calls for a certificate | as dehydrated writes them |
//! | `HYDRANT_PROTOCOL` | every call | `1` |
//! | `HYDRANT_HOOK` | every call | the configured name of the hook |
//! | `HYDRANT_CA` | every call | the directory URL of the CA |
//! | `HYDRANT_DRY_RUN` | every call of a dry run | `1` |
//! | `HYDRANT_CERTIFICATE` | calls for a certificate | the name it is kept under |
//! | `HYDRANT_NAMES` | calls for a certificate | all its names, separated by blanks |
//! | `HYDRANT_CHALLENGE` | calls for a certificate, batches | the type of its challenges |
//! | `HYDRANT_ATTEMPT` | calls for a certificate | which attempt at it this is, from 1 |
//! | `HYDRANT_OWNER` | calls for a certificate | its owner, where one is configured |
//! | `HYDRANT_RECORD_NAME` | calls with a single challenge in DNS | the name of the TXT record |
//! | `HYDRANT_RECORD_NAMES` | calls with challenges in DNS | those of all its challenges, in their order, separated by blanks |
//! | `HYDRANT_BATCH` `HYDRANT_RESULTS` | batches | files with facts, and for results |
//! | `HYDRANT_RESULTS` | `list_challenges` | a file for the values that are found |
//! | `HYDRANT_PROBLEM` | `invalid_challenge` | the CA's problem document, JSON |
//! | `HYDRANT_CHANGED` | `exit_hook` | the certificates that changed, separated by blanks |
//! | `HYDRANT_CHANGED_FILE` | `exit_hook`, where they are too many | a file with all of them, a line each |

mod batch;
mod call;
mod challenge;
mod changed;
mod deliver;
mod environment;
mod error;
mod flatten;
mod lines;
mod list;
mod process;
mod program;
mod redact;
mod settings;
mod shared;
mod stop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trial;
mod watch;

use std::path::Path;
use std::rc::Rc;

pub use hydrant_hook_protocol::{Chaining, Listed, ListedValue, NotListed, Operation};
use hydrant_hook_protocol::{HookCall, env};
use serde_json::Value;

pub use batch::Approach;
use call::Hook;
pub use environment::{WITHHELD, may_see};
pub use error::{HookError, NameFailure};
pub use lines::Stream;
pub(crate) use process::{Session, output, replace_us};
pub use program::{Program, ProgramError};
pub use redact::Redaction;
pub use settings::{
    Answer, CertificateFiles, Delivered, Facts, HookContext, HookLine, HookSettings, LineSink,
    RequestFailure, Sequence, dns01_record,
};
use shared::Shared;
pub use stop::{Stop, StopHandle};
pub use trial::{Trial, Trials};
pub use watch::Status;

use crate::identifier::{CertName, Identifier};

/// All hooks of a run, in the order in which they are called.
pub struct Hooks {
    hooks: Vec<Rc<Hook>>,
}

impl Hooks {
    /// Finds every hook, and probes those that are called in every run; the others are probed by [`Hooks::ready`].
    ///
    /// # Errors
    /// When one is missing, not executable, fails at the probe, or announces nonsense. Of several missing ones all are
    /// named.
    pub async fn start(
        settings: Vec<HookSettings>,
        context: HookContext,
        lines: LineSink,
    ) -> Result<Self, HookError> {
        let hooks = Self::find(settings, context, lines)?;
        hooks.probe().await?;
        Ok(hooks)
    }

    /// Finds every hook and calls none.
    ///
    /// # Errors
    /// When one is missing or not executable. Of several all are named.
    pub fn find(
        settings: Vec<HookSettings>,
        context: HookContext,
        lines: LineSink,
    ) -> Result<Self, HookError> {
        let shared = Rc::new(Shared::new(context, lines));
        let found = settings.into_iter().map(|settings| Hook::find(settings, &shared));
        let (found, missing): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        HookError::all(missing.into_iter().filter_map(Result::err).collect())?;
        Ok(Self { hooks: found.into_iter().flatten().map(Rc::new).collect() })
    }

    /// Probes the hooks that are called in every run.
    ///
    /// # Errors
    /// When one fails at the probe, or announces nonsense.
    pub async fn probe(&self) -> Result<(), HookError> {
        for hook in self.hooks.iter().filter(|hook| hook.serves_every_run()) {
            hook.probe().await?;
        }
        Ok(())
    }

    /// Whether every hook has announced what it can do, so that none relies on dehydrated's sequence of calls.
    #[must_use]
    pub fn all_announced(&self) -> bool {
        self.hooks.iter().all(|hook| hook.announced().is_some())
    }

    /// Probes the hooks that are called only when there is work: there is some.
    ///
    /// # Errors
    /// When one fails at the probe, or announces nonsense.
    pub async fn ready(&self) -> Result<(), HookError> {
        for hook in &self.hooks {
            hook.probe().await?;
        }
        Ok(())
    }

    /// Whether any hook is to be called for this operation.
    #[must_use]
    pub fn wants(&self, operation: Operation) -> bool {
        self.hooks.iter().any(|hook| hook.wants(operation))
    }

    /// Whether a hook of that name is part of this run.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.hooks.iter().any(|hook| hook.name() == name)
    }

    /// The names of the hooks that are called for this operation of a certificate, in order.
    #[must_use]
    pub fn wanting<'h>(&'h self, operation: Operation, facts: &'h Facts<'_>) -> Vec<&'h str> {
        self.hooks_of(operation, Some(facts)).map(|hook| hook.name()).collect()
    }

    /// The names of the hooks that are called for this operation of any certificate, in order.
    #[must_use]
    pub fn wanting_ever(&self, operation: Operation) -> Vec<String> {
        self.hooks_of(operation, None).map(|hook| hook.name().to_owned()).collect()
    }

    /// The names of the hooks that deploy a certificate's challenges and do not announce that they write TXT records by
    /// the names they are told.
    #[must_use]
    pub fn unaware_of_record_names(&self, facts: &Facts<'_>) -> Vec<String> {
        let unaware = |hook: &&Rc<Hook>| !hook.announced().is_some_and(|said| said.record_names);
        let deploying = self.hooks_of(Operation::DeployChallenge, Some(facts));
        deploying.filter(unaware).map(|hook| hook.name().to_owned()).collect()
    }

    /// Whether every hook that deploys a certificate's challenges announces that it returns only when they are visible.
    #[must_use]
    pub fn return_when_visible(&self, facts: &Facts<'_>) -> bool {
        let mut deploying = self.hooks_of(Operation::DeployChallenge, Some(facts));
        deploying.all(|hook| hook.announced().is_some_and(|said| said.visible_on_return))
    }

    /// `startup_hook`: a run begins.
    ///
    /// # Errors
    /// The first failure; later hooks are not called.
    pub async fn startup(&self) -> Result<(), HookError> {
        for hook in self.hooks_of(Operation::StartupHook, None) {
            hook.call(&HookCall::StartupHook, None, &[]).await?;
        }
        Ok(())
    }

    /// `exit_hook`: a run ends. `changed` are the certificates that changed in it, `error` is why it ends early.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn exit(&self, changed: &[CertName], error: Option<&str>) -> Result<(), HookError> {
        let call = HookCall::ExitHook { error: error.map(environment::as_argument) };
        let mut failures = Vec::new();
        for hook in self.hooks_of(Operation::ExitHook, None) {
            // Whatever becomes of the names: there is something to reload.
            let (told, failure) = changed::told(hook, changed);
            failures.extend(failure);
            failures.extend(hook.call(&call, None, &told).await.err());
        }
        HookError::all(failures)
    }

    /// `generate_csr`: the text with the first CSR (PEM) that a hook gives, if one does.
    ///
    /// In a strict sequence hooks that announce nothing are probed again first, as dehydrated does for every line.
    ///
    /// # Errors
    /// The first failure.
    pub async fn generate_csr(&self, facts: &Facts<'_>, certdir: &Path) -> Result<Option<String>, HookError> {
        let call = HookCall::GenerateCsr {
            domain: facts.primary(),
            certdir: certdir.display().to_string(),
            names: facts.names.iter().map(ToString::to_string).collect(),
        };
        for hook in self.hooks.iter().filter(|hook| facts.uses(hook.name())) {
            hook.probe_for_line(facts).await?;
            if !hook.wants(Operation::GenerateCsr) {
                continue;
            }
            let text = hook.call(&call, Some(facts), &[]).await?;
            // Without such a line what was printed is no CSR and, as under dehydrated, of no account.
            let header = |line: &str| {
                let line = line.trim_end();
                line.starts_with("-----BEGIN ") && line.ends_with("CERTIFICATE REQUEST-----")
            };
            if text.lines().any(header) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Registers a certificate that may yet join a batch of challenges. Batches wait a moment for it; drop it as soon as
    /// it is clear that the certificate will not join.
    #[must_use]
    pub fn approach(&self) -> Approach {
        Approach::new(&self.hooks)
    }

    /// `deploy_challenge`: makes the answers visible, by every hook that wants it, one hook after the other.
    ///
    /// From the moment of the call cleaning is owed, whatever this returns.
    ///
    /// # Errors
    /// The first failure; later hooks are not called.
    pub async fn deploy_challenges(
        &self,
        facts: &Facts<'_>,
        answers: &[Answer],
        mut approach: Approach,
    ) -> Result<(), HookError> {
        for (index, hook) in self.hooks.iter().enumerate() {
            let coming = approach.take(index);
            if hook.wants(Operation::DeployChallenge) && facts.uses(hook.name()) {
                challenge::deploy(hook, facts, answers, coming).await?;
            }
        }
        Ok(())
    }

    /// `clean_challenge`: takes the answers away, by every hook that wants it.
    ///
    /// # Errors
    /// All failures; every answer is tried with every hook. [`HookError::hooks`] tells who still owes it.
    pub async fn clean_challenges(&self, facts: &Facts<'_>, answers: &[Answer]) -> Result<(), HookError> {
        self.clean_challenges_of(&self.wanting(Operation::CleanChallenge, facts), facts, answers).await
    }

    /// The same by the named hooks alone: what an earlier run left. Names that belong to no hook of this run are passed
    /// over; the caller knows them from [`Self::wanting`].
    ///
    /// # Errors
    /// All failures.
    pub async fn clean_challenges_of(
        &self,
        hooks: &[&str],
        facts: &Facts<'_>,
        answers: &[Answer],
    ) -> Result<(), HookError> {
        let mut failures = Vec::new();
        for hook in self.hooks_of(Operation::CleanChallenge, None) {
            if hooks.contains(&hook.name()) {
                failures.extend(challenge::clean(hook, facts, answers).await.err());
            }
        }
        HookError::all(failures)
    }

    /// `invalid_challenge`: the CA refused the answer for `name`; the challenge is as the CA shows it since.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn invalid_challenge(
        &self,
        facts: &Facts<'_>,
        name: &Identifier,
        challenge: &Value,
    ) -> Result<(), HookError> {
        let response = environment::as_argument(&flatten::flattened(challenge));
        let call = HookCall::InvalidChallenge { domain: name.to_string(), response };
        let problem = challenge.get("error").map(|problem| environment::as_argument(&problem.to_string()));
        let problem: Vec<_> = problem.map(|problem| (env::PROBLEM, problem)).into_iter().collect();
        let mut failures = Vec::new();
        for hook in self.hooks_of(Operation::InvalidChallenge, Some(facts)) {
            failures.extend(hook.call(&call, Some(facts), &problem).await.err());
        }
        HookError::all(failures)
    }

    /// `request_failure`: the CA answered with an error. `method` is `get`, `head` or `post`.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn request_failure(
        &self,
        facts: Option<&Facts<'_>>,
        failure: &RequestFailure<'_>,
    ) -> Result<(), HookError> {
        // An answer to HEAD has no body: dehydrated puts the headers there and leaves their own place empty.
        let (body, headers) = match failure.method {
            "head" => (failure.headers, ""),
            _ => (failure.body, failure.headers),
        };
        let call = HookCall::RequestFailure {
            status: failure.status.to_string(),
            body: environment::as_argument(body),
            method: failure.method.to_owned(),
            headers: environment::as_argument(headers),
        };
        let mut failures = Vec::new();
        for hook in self.hooks_of(Operation::RequestFailure, facts) {
            failures.extend(hook.call(&call, facts, &[]).await.err());
        }
        HookError::all(failures)
    }

    /// The hooks that are called for an operation, of a certificate or of the run.
    fn hooks_of<'h>(
        &'h self,
        operation: Operation,
        facts: Option<&'h Facts<'_>>,
    ) -> impl Iterator<Item = &'h Rc<Hook>> {
        let given = move |hook: &Hook| facts.is_none_or(|facts| facts.uses(hook.name()));
        self.hooks.iter().filter(move |hook| hook.wants(operation) && given(hook))
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.hooks.iter().map(|hook| hook.name())).finish()
    }
}
