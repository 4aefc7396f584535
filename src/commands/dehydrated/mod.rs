//! dehydrated's commands, by dehydrated's command line on dehydrated's installations.

mod account;
mod cleanup;
mod cron;
mod dispatch;
mod revoke;
mod session;
mod sign_csr;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::cli::dehydrated::{Arguments, Command, Parameters, Refusal, help};
use crate::config::Format;
use crate::config::dehydrated::{self as installed, Installation, LoadError, Told, Typed};
use crate::error::{Error, ExitCode};
use crate::hook::{HookContext, Hooks, Sequence, Stop};
use crate::report::{ReportOptions, Reporter, Verbosity, Words, diagnostics};

/// A command line that is dehydrated's.
pub struct Door<'a> {
    /// What the person called.
    program: OsString,
    /// The whole command line.
    again: &'a [OsString],
    /// What is dehydrated's of it.
    words: &'a [OsString],
}

impl<'a> Door<'a> {
    /// `dehydrated …`, or `hydrant dehydrated …`; `None` for any other command line.
    #[must_use]
    pub fn of(arguments: &'a [OsString]) -> Option<Self> {
        let (program, words) = arguments.split_first()?;
        if Path::new(program).file_name().is_some_and(|name| name == NAME) {
            return Some(Self { program: program.clone(), again: arguments, words });
        }
        let (first, words) = words.split_first()?;
        let mut both = program.clone();
        both.push(" ");
        both.push(NAME);
        (first == NAME).then_some(Self { program: both, again: arguments, words })
    }

    /// Does what it says, from beginning to end.
    #[must_use]
    pub fn enter(self) -> ExitCode {
        let variable = |name: &str| std::env::var_os(name);
        if Parameters::is_noop(variable) {
            return ExitCode::Success;
        }
        let plain = reporter(false);
        match Arguments::parse(self.words, Parameters::from_environment(variable)) {
            Err(refusal) => {
                plain.aside(&self.refusal(&refusal));
                ExitCode::Failed
            }
            Ok(Arguments { command: Some(Command::Help), .. }) => {
                plain.document(&self.help());
                ExitCode::Success
            }
            Ok(Arguments { command: None, .. }) => {
                plain.document(&self.help());
                ExitCode::Failed
            }
            Ok(Arguments { command: Some(command), parameters }) => self.begin(command, parameters),
        }
    }

    fn begin(self, command: Command, parameters: Parameters) -> ExitCode {
        let reporter = Rc::new(reporter(matches!(command, Command::SignCsr(_))));
        let is_asked_for_output = matches!(command, Command::SignCsr(_) | Command::Env | Command::Version);
        // As dehydrated: what is written is for nobody else, unless the configuration sees to that.
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        if command == Command::Env {
            reporter.document("# dehydrated configuration");
        }
        let typed = Typed {
            program: self.program,
            again: self.again.to_vec(),
            script_dir: directory_of_this_program(),
            command,
            parameters,
            only_files: false,
        };
        // These lines are on stdout even where a certificate follows them: who reads PEM passes them over.
        let loaded = installed::load(typed, &|line| reporter.document(line), &|line| reporter.aside(line));
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                reporter.fatal(&Error::failed(error));
                return ExitCode::Failed;
            }
        };
        let tasks = tokio::task::LocalSet::new();
        let code = tasks.block_on(&runtime, async {
            match loaded {
                Ok(installation) => Box::pin(finish(installation, &reporter)).await,
                Err(error) => refuse(error, &reporter).await,
            }
        });
        drop((tasks, runtime));
        dispatch::end_by_signal(code);
        if is_asked_for_output { reporter.ended(code) } else { code }
    }

    fn refusal(&self, refusal: &Refusal) -> String {
        if refusal.shows_help() {
            format!("{refusal}\n\n{}", self.help())
        } else {
            format!("ERROR: {refusal}")
        }
    }

    fn help(&self) -> String {
        help(&self.program.to_string_lossy())
    }
}

/// Carries out the command of an installation.
async fn finish(installation: Installation, reporter: &Rc<Reporter>) -> ExitCode {
    match &installation.command {
        Command::Env => {
            reporter.document(&installation.declarations());
            ExitCode::Success
        }
        Command::Version => {
            reporter.document(&version::version(&installation));
            ExitCode::Success
        }
        _ => {
            for warning in &installation.warnings {
                reporter.aside(&format!("warning: {warning}"));
            }
            let ended = dispatch::dispatch(installation, Rc::clone(reporter)).await;
            ended.map_or_else(
                |error| {
                    reporter.fatal(&error);
                    ExitCode::Failed
                },
                dispatch::narrowed,
            )
        }
    }
}

/// Says why there is nothing to carry out, to the hook as well.
async fn refuse(error: LoadError, reporter: &Rc<Reporter>) -> ExitCode {
    match error {
        LoadError::Ended(code) => return ExitCode::Script(code),
        LoadError::Refused { message, told } => {
            reporter.aside(&format!("ERROR: {message}"));
            if let Some(told) = told
                && tell(&told, &message).await.is_err()
            {
                reporter.aside("exit_hook returned with non-zero exit code!");
            }
        }
        LoadError::Faults(faults) => reporter.aside(&diagnostics::render(&faults, reporter.color())),
        LoadError::Failed(error) => reporter.fatal(&error),
    }
    ExitCode::Failed
}

/// `exit_hook` with the message, and nothing else.
async fn tell(told: &Told, message: &str) -> Result<(), crate::hook::HookError> {
    let mut context = HookContext::new("", Stop::never());
    context.environment.clone_from(&told.environment);
    context.sequence = Sequence::Strict;
    context.probe = false;
    let hooks = Hooks::start(vec![told.hook.clone()], context, Rc::new(|_| {})).await?;
    hooks.exit(&[], Some(message)).await
}

fn reporter(only_documents: bool) -> Reporter {
    Reporter::new(ReportOptions {
        format: Format::Text,
        verbosity: Verbosity::Normal,
        color: None,
        only_documents,
        words: Words::Dehydrated,
    })
}

/// Where a configuration may be, beside the program itself and not beside a link to it.
pub(super) fn directory_of_this_program() -> PathBuf {
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    program.parent().map(Path::to_owned).unwrap_or_default()
}

const NAME: &str = "dehydrated";
