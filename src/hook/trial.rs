//! Calls of a hook outside any run: for `hydrant hook test`.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use hydrant_hook_protocol::{HookCall, env};

use super::challenge::named;
use super::lines::Output;
use super::process::{Order, Sink, Stdin};
use super::program::{Program, ProgramError};
use super::stop::Stop;
use super::watch::{self, Status};
use super::{Facts, HookContext, HookSettings, dns01_record, environment};

/// A hook to try out, with the environment that a run would give it.
#[derive(Debug)]
pub struct Trials {
    program: Program,
    settings: HookSettings,
    context: HookContext,
}

/// How one call went.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How it ended.
    pub status: Status,
    /// What it printed on stdout.
    pub stdout: String,
    /// The last lines of its stderr.
    pub stderr: String,
    /// Whether something it started still held its output half a second later.
    pub leaked: bool,
    /// How long it took.
    pub took: Duration,
}

impl Trials {
    /// Finds the hook. `timeout` holds for each call.
    ///
    /// # Errors
    /// When there is nothing to execute.
    pub fn find(command: &Path, timeout: Duration, stop: Stop) -> Result<Self, ProgramError> {
        let mut context = HookContext::new("https://ca.invalid/directory", stop);
        context.exports = BTreeMap::from([("COMMAND".to_owned(), "sign_domains".to_owned())]);
        let settings = HookSettings {
            name: "hook-test".into(),
            command: command.to_owned(),
            operations: None,
            env: BTreeMap::new(),
            secret_env: BTreeMap::new(),
            pass_env: Vec::new(),
            env_only: None,
            timeout,
            retries: 0,
            chain: None,
        };
        let program = Program::find(command, std::env::var_os("PATH").as_deref())?;
        Ok(Self { program, settings, context })
    }

    /// Calls it as hydrant would.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn call(
        &self,
        call: &HookCall,
        facts: Option<&Facts<'_>>,
        extra: &[(&str, String)],
    ) -> io::Result<Trial> {
        let set = environment::facts(&self.settings.name, &self.context, facts).into_iter();
        let records = match call {
            HookCall::DeployChallenge(triples) | HookCall::CleanChallenge(triples) => {
                triples.iter().map(|triple| dns01_record(&triple.identifier)).collect()
            }
            _ => Vec::new(),
        };
        let set = set.chain(named(&records)).chain(extra.iter().cloned());
        let mut environment = environment::base(&self.settings, &self.context);
        environment.extend(set.map(|(name, value)| (name.into(), value.into())));
        self.run(call, environment).await
    }

    /// Calls it as dehydrated would: with none of hydrant's variables.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn call_as_dehydrated(&self, call: &HookCall) -> io::Result<Trial> {
        let mut environment = environment::base(&self.settings, &self.context);
        environment.remove(OsStr::new(env::CA));
        self.run(call, environment).await
    }

    async fn run(&self, call: &HookCall, environment: HashMap<OsString, OsString>) -> io::Result<Trial> {
        let order = Order {
            program: self.program.clone(),
            arguments: call.to_argv(),
            environment,
            stdin: Stdin::Null,
            stdout: Sink::Capture,
            stderr: Sink::Lines,
            own_group: true,
            alone: true,
            limit: self.settings.timeout,
            grace: self.context.grace,
        };
        let begun = Instant::now();
        let output = Output::new(&self.context.redaction, &|_| {});
        let outcome = watch::run(order, &self.context.stop, output).await?;
        Ok(Trial {
            status: outcome.status,
            stdout: String::from_utf8_lossy(&outcome.captured).into_owned(),
            stderr: outcome.tail,
            leaked: outcome.leaked,
            took: begun.elapsed(),
        })
    }
}
