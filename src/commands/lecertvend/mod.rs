//! lecertvend's work, by lecertvend's command line, or by `hydrant vend` and `hydrant renew`.

mod lint;
mod program;
mod survey;

use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use time::OffsetDateTime;

use super::gather::{Gathered, vault_options};
use super::run::{RunOptions, carry_out};
use super::to_the_end;
use crate::cli::hydrant::{self as typed, Command, Options};
use crate::cli::lecertvend::{Action, Arguments, Asked, usage};
use crate::config::environment::Environment;
use crate::config::lecertvend::{self as settled, Basis, Team, Wanted};
use crate::config::{Format, Resolved, load_if_named};
use crate::error::{Error, ErrorKind, ExitCode};
use crate::report::{Event, ReportOptions, Reporter, Summary, Verbosity, Words, diagnostics};
use crate::runner::{Signals, store_error};
use crate::store::StoreError;
use crate::vault::{self, Client};
pub(super) use lint::lint;
use survey::{Found, Survey};

/// A command line that is lecertvend's.
pub struct Door<'a> {
    /// What the person called.
    program: String,
    /// What is lecertvend's of the command line.
    words: &'a [OsString],
}

impl<'a> Door<'a> {
    /// `lecertvend …`, or `hydrant lecertvend …`; `None` for any other command line.
    #[must_use]
    pub fn of(arguments: &'a [OsString]) -> Option<Self> {
        let (program, words) = arguments.split_first()?;
        let called = program.to_string_lossy().into_owned();
        if Path::new(program).file_name().is_some_and(|name| name == NAME) {
            return Some(Self { program: called, words });
        }
        let (first, words) = words.split_first()?;
        (first == NAME).then(|| Self { program: format!("{called} {NAME}"), words })
    }

    /// Does what it says, from beginning to end.
    #[must_use]
    pub fn enter(self) -> ExitCode {
        let plain = reporter(Words::Vend);
        let arguments = match Asked::parse(self.words) {
            Ok(Asked::For(arguments)) => arguments,
            Ok(Asked::Help) => {
                plain.document(&usage(&self.program));
                return ExitCode::Success;
            }
            Ok(Asked::Version) => {
                plain.document(concat!("hydrant ", env!("CARGO_PKG_VERSION")));
                return ExitCode::Success;
            }
            Err(refusal) => {
                plain.aside(&format!("{}\n\nERROR: {refusal}", usage(&self.program)));
                return ExitCode::Failed;
            }
        };
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        let none =
            typed::Arguments { options: Options::default(), command: Command::Run(typed::Run::default()) };
        let resolved = match load_if_named(&none) {
            Ok(resolved) => resolved,
            Err(faults) => {
                plain.refuse(&faults);
                return ExitCode::Failed;
            }
        };
        let reporter = Rc::new(reporter(arguments.words()));
        if !resolved.warnings.is_empty() {
            reporter.aside(&diagnostics::render(&resolved.warnings, reporter.color()));
        }
        match to_the_end(work(&arguments, &resolved, &reporter), &reporter) {
            ExitCode::Success => ExitCode::Success,
            _ => ExitCode::Failed,
        }
    }
}

impl Arguments {
    /// The words that its work is told in.
    pub(super) fn words(&self) -> Words {
        match self.action {
            Action::Renew => Words::Renew,
            Action::Vend { .. } => Words::Vend,
        }
    }
}

/// `hydrant vend`
///
/// # Errors
/// Whatever ended it early.
pub(super) async fn vend(
    typed: typed::Vend,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let action = Action::Vend { secret: typed.secret, names: typed.names };
    work(&asked(typed.place, action, resolved), resolved, reporter).await
}

/// `hydrant renew`
///
/// # Errors
/// Whatever ended it early.
pub(super) async fn renew(
    typed: typed::Renew,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    work(&asked(typed.place, Action::Renew, resolved), resolved, reporter).await
}

/// What lecertvend's command line would say.
fn asked(place: typed::Place, action: Action, resolved: &Resolved) -> Arguments {
    let typed::Place { mount, prefix, min_days } = place;
    let mount = mount.unwrap_or_else(|| resolved.config.vault.mount.clone());
    Arguments::new(action, &mount, &prefix, min_days)
}

/// Does what was typed.
async fn work(
    arguments: &Arguments,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let client = vault_options(&resolved.config).and_then(Client::new).map_err(vault_error)?;
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let ended = match stop.unless_stopped(look(&client, arguments, Some(reporter))).await {
        Some(Ok(looked)) => Box::pin(bring(&client, looked, arguments, resolved, reporter)).await,
        Some(Err(error)) => Err(error),
        None => Ok(signals.exit_code().unwrap_or(ExitCode::Interrupted)),
    };
    client.log_out().await;
    ended
}

/// What was found below a prefix, and what could not be looked at.
struct Looked {
    found: Vec<Found>,
    problems: Vec<Error>,
}

/// Looks at what there is of what was asked for.
async fn look(client: &Client, arguments: &Arguments, reporter: Option<&Reporter>) -> Result<Looked, Error> {
    let kv = client.kv(&arguments.mount).await.map_err(vault_error)?;
    let mut survey = Survey::new(&kv, reporter, arguments);
    let found = match &arguments.action {
        Action::Renew => survey.all().await?,
        Action::Vend { secret, names } => vec![survey.one(secret, names).await?],
    };
    Ok(Looked { found, problems: survey.problems })
}

/// Brings what was found to what was asked for, one team after the other.
async fn bring(
    client: &Client,
    looked: Looked,
    arguments: &Arguments,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let Looked { found, problems } = looked;
    let is_alone = found.len() == 1 && problems.is_empty();
    let problems = problems.iter().map(ToString::to_string).collect();
    let mut total = Summary { problems, ..Summary::default() };
    let state_mount = state_mount();
    let basis = Basis { arguments, resolved, state_mount: state_mount.as_deref() };
    for found in found {
        if total.interrupted.is_some() {
            break;
        }
        match of_team(client, basis, found, reporter).await {
            Ok(summary) => {
                total.refused += summary.refused;
                total.certificates.extend(summary.certificates);
                total.problems.extend(summary.problems);
                total.interrupted = summary.interrupted;
            }
            Err(error) if is_alone => return Err(error),
            // The other teams have their own.
            Err(error) => {
                reporter.error(&error);
                total.problems.push(error.to_string());
            }
        }
    }
    let code = total.exit_code(OffsetDateTime::now_utc(), resolved.config.cadence());
    if arguments.action == Action::Renew && total.interrupted.is_none() {
        reporter.event(&Event::Notice(match code {
            ExitCode::Success => "renewals complete.",
            _ => "renewals complete, but not all is well.",
        }));
    }
    if reporter.is_json() {
        reporter.json(&total.to_json(code));
    }
    Ok(code)
}

/// `HYDRANT_STATE_MOUNT`
fn state_mount() -> Option<String> {
    Environment::of_this_process().value("state_mount")?.to_str().map(str::to_owned)
}

/// The same for the certificates of one team.
async fn of_team(
    client: &Client,
    basis: Basis<'_>,
    found: Found,
    reporter: &Rc<Reporter>,
) -> Result<Summary, Error> {
    let Found { team, wanted } = found;
    for note in wanted.iter().filter_map(|one| settled::renewal_note(basis, one)) {
        reporter.event(&Event::Notice(&note));
    }
    let gathered = gathered(client, basis, &team, &wanted, reporter)?;
    let summary = Box::pin(carry_out(&gathered, RunOptions::default())).await;
    gathered.leave().await;
    Ok(Summary { refused: gathered.refused(), ..summary? })
}

/// What a run on certificates of one team starts from.
fn gathered(
    client: &Client,
    basis: Basis<'_>,
    team: &Team,
    wanted: &[Wanted],
    reporter: &Rc<Reporter>,
) -> Result<Gathered, Error> {
    let program = program::find(&team.hook.program);
    let config = settled::config(basis, team, program, wanted).map_err(Error::config)?;
    Gathered::in_vault(config, client.clone(), Rc::clone(reporter))
}

fn reporter(words: Words) -> Reporter {
    Reporter::new(ReportOptions {
        format: Format::Text,
        verbosity: Verbosity::Normal,
        color: None,
        only_documents: false,
        words,
    })
}

/// What Vault did not do, with what to do about it.
fn vault_error(error: vault::Error) -> Error {
    let error = store_error(StoreError::from(error));
    if error.kind == ErrorKind::Config { error.hint("check -mount, and VAULT_ADDR") } else { error }
}

const NAME: &str = "lecertvend";
