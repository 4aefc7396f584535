//! An installation of dehydrated: its `config`, a bash script, and all that follows from it.
//!
//! - [`load`]: from a command line to an [`Installation`], in dehydrated's order;
//! - `bash`, `plain`, `evaluator`: what evaluates a configuration;
//! - `settle`, `curl`, `overlay`: from variables, `CURL_OPTS` and `HYDRANT_*` to a [`Config`];
//! - `certificates`: the files of single certificates;
//! - `print`: `--env`.

mod account;
mod bash;
mod certificates;
mod curl;
mod evaluator;
mod load;
mod overlay;
mod plain;
mod print;
mod settle;
mod user;
mod variables;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

pub use certificates::PerCertificate;
pub use evaluator::variables;
pub use load::load;
pub use plain::read as read_plain;
pub use variables::{VERSION, Variable, Variables};

use super::{Config, HookSequence};
use crate::cli::dehydrated::{Command, Parameters};
use crate::diagnostic::Diagnostic;
use crate::error::Error;
use crate::hook::HookSettings;
use bash::State;
use evaluator::Evaluator;

/// What was typed, and by which name.
#[derive(Clone, Debug)]
pub struct Typed {
    /// What the person called: what a configuration sees as `$0`.
    pub program: OsString,
    /// The whole command line once more, for another user.
    pub again: Vec<OsString>,
    /// The directory of the program, links resolved: where a configuration is looked for last.
    pub script_dir: PathBuf,
    /// What to do.
    pub command: Command,
    /// How.
    pub parameters: Parameters,
    /// Nothing but the files counts, no `HYDRANT_*` variable, and stdout is kept free of what they print.
    pub only_files: bool,
}

/// An installation of dehydrated, as one command sees it. It has to live as long as its hooks may be called.
#[derive(Debug)]
pub struct Installation {
    /// What the engine runs on.
    pub config: Config,
    /// What was typed.
    pub command: Command,
    /// How it was to be done.
    pub parameters: Parameters,
    /// dehydrated's variables (contract 2.1), their final values.
    pub variables: Variables,
    /// `ACCOUNT_KEY`: the account's key.
    pub account_key: PathBuf,
    /// `ACCOUNT_KEY_JSON`: what the CA answered when the account was made.
    pub account_key_json: PathBuf,
    /// `ACCOUNT_ID_JSON`: the account's URL.
    pub account_id_json: PathBuf,
    /// `CHAINCACHE`: a directory that dehydrated makes, and leaves empty.
    pub chain_cache: PathBuf,
    /// What is odd about the configuration, a line each.
    pub warnings: Vec<String>,
    /// How certificates with a hook are worked on.
    with_hooks: HookSequence,
    shell: Loaded,
    state: State,
    scratch: Option<tempfile::TempDir>,
}

/// The evaluator of the configuration, ready for more.
struct Loaded(Evaluator);

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loaded")
    }
}

/// Why there is no installation.
#[derive(Debug)]
pub enum LoadError {
    /// The configuration ended the run with this code, and has said why itself.
    Ended(u8),
    /// Something that dehydrated ends with an `ERROR:` line for.
    Refused {
        /// The line, without `ERROR:`.
        message: String,
        /// The hook that is told so.
        told: Option<Box<Told>>,
    },
    /// A configuration that only bash could read, or `HYDRANT_*` variables that mean nothing.
    Faults(Vec<Diagnostic>),
    /// The machine did not play along.
    Failed(Error),
}

/// A hook that is told why a run ends before it has begun.
#[derive(Debug)]
pub struct Told {
    /// The hook.
    pub hook: HookSettings,
    /// What it sees.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it is, if it was made from a function.
    pub scratch: Option<tempfile::TempDir>,
}

impl Installation {
    /// Whether the program of a hook was made of a function of the configuration: it is gone with the installation.
    #[must_use]
    pub fn is_function(&self, hook: &HookSettings) -> bool {
        self.scratch.as_ref().is_some_and(|scratch| hook.command.starts_with(scratch.path()))
    }
}

impl LoadError {
    fn refuse(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), told: None }
    }

    /// The same where the run has begun, and ends as after any other failure.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self {
            Self::Ended(code) => Error::failed(EvaluationError::Ended(code)),
            Self::Refused { message, .. } => Error::failed(EvaluationError::Refused(message)),
            Self::Faults(faults) => {
                let first = faults.into_iter().next().map(|fault| fault.message).unwrap_or_default();
                Error::failed(EvaluationError::Refused(first))
            }
            Self::Failed(error) => error,
        }
    }
}

/// Why the files of single certificates could not be evaluated.
#[derive(Debug, thiserror::Error)]
enum EvaluationError {
    #[error("the evaluation of a configuration ended with exit code {0}")]
    Ended(u8),
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
