//! How hooks fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hydrant_hook_protocol::{CapabilitiesError, Operation, TRY_LATER};
use thiserror::Error;

use super::program::ProgramError;
use super::watch::Status;

/// Why a hook did not do what it was asked for.
#[derive(Clone, Debug, Error)]
pub enum HookError {
    /// It answered the probe with capabilities that cannot be used.
    #[error("hook `{hook}` cannot be used: {source}")]
    Capabilities {
        /// The hook.
        hook: String,
        /// What is wrong with them.
        source: Arc<CapabilitiesError>,
    },
    /// It ended, but not with success.
    #[error("hook `{hook}` {} at `{operation}`{}", status.describe(*limit), last_line(tail))]
    Failed {
        /// The hook.
        hook: String,
        /// The first argument of the call.
        operation: String,
        /// How it ended.
        status: Status,
        /// Its time limit.
        limit: Duration,
        /// The last lines it printed, on stderr if there were any; empty where they were not piped.
        tail: String,
        /// Variables that are set but were withheld from it.
        withheld: Vec<String>,
    },
    /// A batch hook said for some names that it did not do it.
    #[error("hook `{hook}` failed at `{operation}` for {}", list(failures))]
    Names {
        /// The hook.
        hook: String,
        /// The operation.
        operation: Operation,
        /// Which names, and why.
        failures: Vec<NameFailure>,
        /// Variables that are set but were withheld from it.
        withheld: Vec<String>,
    },
    /// There is none of that name, or it is not called for that operation.
    #[error("there is no hook `{hook}` that takes `{operation}`")]
    NoSuchHook {
        /// The name.
        hook: String,
        /// The operation.
        operation: Operation,
    },
    /// It cannot be executed.
    #[error("hook `{hook}` cannot be used: {source}")]
    Program {
        /// The hook.
        hook: String,
        /// Why.
        source: ProgramError,
    },
    /// The files of a batch could not be written.
    #[error("the files for a batch of hook `{hook}` cannot be written: {source}")]
    Scratch {
        /// The hook.
        hook: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Several of these.
    #[error("{}", joined(.0))]
    Several(Vec<HookError>),
    /// It could not be started or watched.
    #[error("hook `{hook}` (`{}`) cannot be started: {source}", command.display())]
    Start {
        /// The hook.
        hook: String,
        /// What was executed.
        command: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It was not called because the run is to end.
    #[error("hook `{hook}` was not called for `{operation}`: the run was interrupted")]
    Stopped {
        /// The hook.
        hook: String,
        /// The first argument of the call.
        operation: String,
    },
}

/// A name for which a batch hook did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFailure {
    /// The name, without `*.`.
    pub identifier: String,
    /// What the hook said.
    pub message: Option<String>,
    /// Whether it asked to be called again later.
    pub later: bool,
}

impl HookError {
    /// Nothing when there is nothing; else one error of all.
    ///
    /// # Errors
    /// The one, or [`HookError::Several`].
    pub fn all(mut failures: Vec<Self>) -> Result<(), Self> {
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.remove(0)),
            _ => Err(Self::Several(failures)),
        }
    }

    /// The names of the hooks that failed.
    #[must_use]
    pub fn hooks(&self) -> Vec<&str> {
        match self {
            Self::Capabilities { hook, .. }
            | Self::Failed { hook, .. }
            | Self::Names { hook, .. }
            | Self::NoSuchHook { hook, .. }
            | Self::Program { hook, .. }
            | Self::Scratch { hook, .. }
            | Self::Start { hook, .. }
            | Self::Stopped { hook, .. } => vec![hook],
            Self::Several(failures) => failures.iter().flat_map(Self::hooks).collect(),
        }
    }

    /// Whether the hook itself said that it may go better later (exit code 75, or `retry` in a batch).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Failed { status, .. } => *status == Status::Exited(TRY_LATER.into()),
            Self::Names { failures, .. } => failures.iter().all(|failure| failure.later),
            Self::Several(failures) => failures.iter().all(Self::is_temporary),
            _ => false,
        }
    }

    /// Whether the configuration names a hook that is none.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Capabilities { .. } | Self::Program { .. } => true,
            Self::Several(failures) => failures.iter().all(Self::is_configuration),
            _ => false,
        }
    }

    /// Whether it is because the run is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        match self {
            Self::Failed { status, .. } => *status == Status::Stopped,
            Self::Stopped { .. } => true,
            Self::Several(failures) => failures.iter().any(Self::is_stopped),
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Failed { operation, status, withheld, .. } => {
                let mut hints = Vec::new();
                if operation == hydrant_hook_protocol::PROBE {
                    hints
                        .push("a hook must end with exit code 0 for operations that it does not know".into());
                }
                match status {
                    Status::TimedOut => hints.push("raise the hook's `timeout` if it needs longer".into()),
                    Status::Exited(code) if *code == i32::from(TRY_LATER) => {
                        hints.push("exit code 75 means: try again later".into());
                    }
                    Status::Exited(127) => hints.push("127 is a shell's code for a command not found".into()),
                    _ => {}
                }
                hints.extend(withheld_hint(withheld));
                hints
            }
            Self::Names { withheld, .. } => withheld_hint(withheld).into_iter().collect(),
            Self::Program { source, .. } => source.hint().into_iter().collect(),
            Self::Several(failures) => {
                let mut hints: Vec<_> = failures.iter().flat_map(Self::hints).collect();
                hints.dedup();
                hints
            }
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                vec![
                    "the interpreter that its first line names does not exist, or that line ends in CR LF"
                        .into(),
                ]
            }
            _ => Vec::new(),
        }
    }
}

impl Status {
    /// Completes "the hook …".
    fn describe(self, limit: Duration) -> String {
        match self {
            Self::Exited(code) => format!("ended with exit code {code}"),
            Self::Signaled(signal) => format!("was ended by signal {signal}"),
            Self::Stopped => "was stopped".into(),
            Self::TimedOut => format!("was stopped at its time limit of {limit:?}"),
        }
    }
}

fn last_line(tail: &str) -> String {
    let last = tail.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map(|line| format!(": {line}")).unwrap_or_default()
}

fn list(failures: &[NameFailure]) -> String {
    let one = |failure: &NameFailure| match &failure.message {
        Some(message) => format!("`{}` ({message})", failure.identifier),
        None => format!("`{}`", failure.identifier),
    };
    failures.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn joined(failures: &[HookError]) -> String {
    let mut said: Vec<String> = failures.iter().map(ToString::to_string).collect();
    // What failed for each of many names in the same way is said once.
    said.dedup();
    said.join("; ")
}

fn withheld_hint(withheld: &[String]) -> Option<String> {
    if withheld.is_empty() {
        return None;
    }
    Some(format!(
        "{} was withheld from it; name it in the hook's `pass_env` if it needs it",
        withheld.join(", ")
    ))
}
