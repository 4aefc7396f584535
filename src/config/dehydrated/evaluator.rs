//! What evaluates configurations: bash, or where there is none the reader of plain assignments.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use super::bash::{Shell, ShellError, State};
use super::plain;
use super::{LoadError, Variable};
use crate::diagnostic::{Diagnostic, Source};
use crate::error::Error;
use crate::hook::Program;

/// Evaluates configurations, one after the other in the same place.
pub(super) enum Evaluator {
    Bash(Box<Shell>),
    Plain(Box<State>),
}

impl Evaluator {
    /// A bash from `PATH`, else what can be done without. `name` is what configurations see as `$0`.
    pub(super) fn start(name: &OsStr, stdout_is_taken: bool) -> Result<Self, LoadError> {
        let path = std::env::var_os("PATH");
        if let Ok(bash) = Program::find(Path::new("bash"), path.as_deref()) {
            return Ok(Self::Bash(Box::new(Shell::start(&bash, name, stdout_is_taken)?)));
        }
        Ok(Self::Plain(Box::new(State {
            variables: plain::environment(std::env::vars_os()),
            umask: 0o077,
            directory: std::env::current_dir().map_err(Error::failed)?,
            ..State::default()
        })))
    }

    /// Sets a variable, which stays exported if it was.
    pub(super) fn set(&mut self, name: &str, value: &OsStr) -> Result<(), LoadError> {
        match self {
            Self::Bash(shell) => shell.set(name, value)?,
            Self::Plain(state) => {
                value.clone_into(&mut state.variables.entry(name.to_owned()).or_default().value);
            }
        }
        Ok(())
    }

    /// Evaluates a file; with `globbing` words may be patterns of file names.
    pub(super) fn source(&mut self, path: &Path, globbing: bool) -> Result<(), LoadError> {
        match self {
            Self::Bash(shell) => shell.source(path, globbing)?,
            Self::Plain(state) => read_plain(path, state)?,
        }
        Ok(())
    }

    /// All that was set.
    pub(super) fn state(&mut self) -> Result<State, LoadError> {
        match self {
            Self::Bash(shell) => Ok(shell.state()?),
            Self::Plain(state) => Ok(State::clone(state)),
        }
    }

    /// The variables as they would be after the file of a single certificate; `None` when that file ends the shell.
    pub(super) fn certificate(&mut self, path: &Path) -> Result<Option<State>, LoadError> {
        match self {
            Self::Bash(shell) => Ok(shell.certificate(path)?),
            Self::Plain(state) => {
                let mut state = State::clone(state);
                read_plain(path, &mut state)?;
                Ok(Some(state))
            }
        }
    }

    /// A script that calls a function of the configuration.
    pub(super) fn script(&mut self, function: &str) -> Result<Vec<u8>, LoadError> {
        match self {
            Self::Bash(shell) => Ok(shell.script(function)?),
            // It cannot have defined any.
            Self::Plain(_) => Ok(Vec::new()),
        }
    }
}

/// The variables that a file of assignments leaves, those of the environment among them. bash is asked only where the
/// file takes one.
///
/// # Errors
/// The file cannot be read, is no plain one and there is no bash, or ended bash.
pub fn variables(path: &Path) -> Result<BTreeMap<String, Variable>, Error> {
    let plain = State { variables: plain::environment(std::env::vars_os()), ..State::default() };
    let mut evaluator = Evaluator::Plain(Box::new(plain));
    if evaluator.source(path, false).is_err() {
        evaluator = Evaluator::start(OsStr::new("vault.inc"), true).map_err(LoadError::into_error)?;
        evaluator.source(path, false).map_err(LoadError::into_error)?;
    }
    Ok(evaluator.state().map_err(LoadError::into_error)?.variables)
}

fn read_plain(path: &Path, state: &mut State) -> Result<(), LoadError> {
    let name = path.display().to_string();
    let refuse = |why: &str| {
        LoadError::Faults(vec![Diagnostic::error(
            "plain-config",
            None,
            format!("cannot read `{name}`: {why}"),
        )])
    };
    let bytes = std::fs::read(path).map_err(|error| refuse(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8"))?;
    let source = Arc::new(Source { name, text });
    plain::read(&source, &mut state.variables).map_err(|fault| LoadError::Faults(vec![fault]))
}

impl From<ShellError> for LoadError {
    fn from(error: ShellError) -> Self {
        match error {
            ShellError::Ended { code } => Self::Ended(code),
            ShellError::Talk(_) => Self::Failed(Error::failed(error)),
        }
    }
}

impl State {
    /// The environment of programs that are started: what is exported, and what of the caller's a shell has no name for.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        let exported = exported.map(|(name, variable)| (name.into(), variable.value.clone()));
        let nameless = std::env::vars_os().filter(|(name, _)| {
            !name.to_str().is_some_and(|name| is_name(name) || name.starts_with("BASH_FUNC_"))
        });
        exported.chain(nameless).chain(self.exported_functions.iter().cloned()).collect()
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
