//! One file a subcommand, a page each: gather, call the engine, report.

pub mod account;
pub mod cleanup;
pub mod completions;
pub mod config;
pub mod dehydrated;
mod deliveries;
pub mod dns;
mod export;
pub mod gather;
pub mod hook;
pub mod hook_test;
pub mod import;
pub mod lecertvend;
pub mod lint;
pub mod plan;
pub mod revoke;
pub mod run;
pub mod sign_csr;
pub mod status;
mod tenants;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::cli::hydrant::{self as typed, Arguments, Color, Command};
use crate::config::duration::Humane;
use crate::config::{Config, DomainsSource, Format, Resolved};
use crate::csr::Csr;
use crate::error::{Error, ExitCode};
use crate::hook::Chaining;
use crate::key::PrivateKey;
use crate::report::{ReportOptions, Reporter, Verbosity, Words, diagnostics};
use account::AccountAction;
use gather::Gathered;

/// The whole life of the process: what was typed, in; the exit code, out.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(door) = dehydrated::Door::of(&arguments) {
        return door.enter();
    }
    if let Some(door) = lecertvend::Door::of(&arguments) {
        return door.enter();
    }
    let arguments = match Arguments::read(&arguments) {
        Ok(arguments) => arguments,
        // Help and version, to stdout and with 0; usage errors, to stderr and with 2.
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
            Reporter::usage(&error);
            return code;
        }
    };
    // As dehydrated does: what hooks write is for nobody else either, unless they see to that themselves.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let plain = Reporter::new(options(&arguments, config::asked_format(&arguments)));
    if let Some(ended) = without_configuration(&arguments, &plain) {
        return ended_with(ended, &plain);
    }
    // Another program's configuration, none of ours.
    if let Command::Import(typed::Import::Dehydrated(command)) = &arguments.command {
        let reporter = Rc::new(plain);
        return to_the_end(import::dehydrated(&arguments.options, command, &reporter), &reporter);
    }
    let resolved = match crate::config::load(&arguments) {
        Ok(resolved) => resolved,
        Err(faults) => {
            plain.refuse(&faults);
            return ExitCode::Usage;
        }
    };
    let reporter = Rc::new(Reporter::new(options(&arguments, resolved.config.format)));
    to_the_end(dispatch(arguments.command, resolved, &reporter), &reporter)
}

/// Waits for a command, and says what it failed with.
fn to_the_end(command: impl Future<Output = Result<ExitCode, Error>>, reporter: &Reporter) -> ExitCode {
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => tokio::task::LocalSet::new().block_on(&runtime, command),
        Err(error) => Err(Error::failed(error)),
    };
    ended_with(ended, reporter)
}

/// The exit code, after saying what it failed with.
fn ended_with(ended: Result<ExitCode, Error>, reporter: &Reporter) -> ExitCode {
    reporter.ended(ended.unwrap_or_else(|error| {
        reporter.fatal(&error);
        error.exit_code()
    }))
}

async fn dispatch(command: Command, resolved: Resolved, reporter: &Rc<Reporter>) -> Result<ExitCode, Error> {
    if !resolved.warnings.is_empty() {
        reporter.aside(&diagnostics::render(&resolved.warnings, reporter.color()));
    }
    let reporter = Rc::clone(reporter);
    match command {
        Command::Run(typed) => {
            let mut config = resolved.config;
            config.backoff &= !typed.ignore_backoff;
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&typed.selection.only)?;
            let options = run::RunOptions { force: typed.force, strict: typed.strict, deliver_only: false };
            gathered.finish(async |gathered| run::run(gathered, options).await).await
        }
        Command::Deliver(deliver) => {
            let mut gathered = Gathered::with_list(resolved.config, reporter)?;
            gathered.only(&deliver.selection.only)?;
            let options = run::RunOptions { deliver_only: true, ..Default::default() };
            gathered.finish(async |gathered| run::run(gathered, options).await).await
        }
        Command::Issue(issue) => {
            let mut config = resolved.config;
            config.domains = DomainsSource::Arguments { names: issue.names, alias: issue.alias };
            let gathered = Gathered::with_list(config, reporter)?;
            let options = run::RunOptions { force: issue.force, ..Default::default() };
            gathered.finish(async |gathered| run::run(gathered, options).await).await
        }
        Command::Plan(typed) => {
            let typed::Plan { detailed_exitcode, with_hooks, selection } = typed;
            // Hooks are told that nothing comes of it.
            let mut config = resolved.config;
            config.dry_run |= with_hooks;
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&selection.only)?;
            let options = plan::PlanOptions { detailed_exitcode, with_hooks };
            let work = async |gathered: &Gathered| plan::plan(gathered, options).await;
            if with_hooks { gathered.finish(work).await } else { gathered.finish_or_stop(work).await }
        }
        Command::Lint(typed) => {
            let options = lint::LintOptions { deny_warnings: typed.deny_warnings, online: typed.online };
            if typed.vended.prefix.is_some() {
                return lecertvend::lint(typed.vended, options, &resolved, &reporter).await;
            }
            let gathered = Gathered::to_lint(resolved.config, reporter)?;
            gathered.finish_or_stop(async |gathered| lint::lint(gathered, options).await).await
        }
        Command::Status(typed) => {
            let mut gathered = Gathered::with_list(resolved.config, reporter)?;
            gathered.only(&typed.names)?;
            gathered.finish_or_stop(async |gathered| status::status(gathered).await).await
        }
        Command::Vend(typed) => lecertvend::vend(typed, &resolved, &reporter).await,
        Command::Renew(typed) => lecertvend::renew(typed, &resolved, &reporter).await,
        Command::SignCsr(command) => {
            let csr = read_bytes(&command.csr, Csr::read)?;
            let gathered = Gathered::without_list(resolved.config, reporter);
            gathered.finish(async |gathered| sign_csr::sign_csr(gathered, &csr).await).await
        }
        Command::Revoke(command) => {
            let key = command.key.map(|path| read(&path, PrivateKey::from_pem)).transpose()?;
            let reason = command.reason.map(typed::Reason::code);
            let options = revoke::RevokeOptions { what: command.certificate, reason, key };
            let gathered = Gathered::with_list_if_any(resolved.config, reporter);
            gathered.finish_or_stop(async |gathered| revoke::revoke(gathered, &options).await).await
        }
        Command::Account(command) => dispatch_account(command, resolved.config, reporter).await,
        Command::Cleanup(command) => {
            let gathered = Gathered::without_list(resolved.config, reporter);
            gathered.finish_or_stop(async |gathered| cleanup::run(gathered, command.delete).await).await
        }
        Command::Hook(typed::Hook::Test(typed)) => {
            let options = hook::HookOptions {
                domain: typed.domain,
                chain: if typed.chain { Chaining::Certificate } else { Chaining::Name },
                deliver: typed.deliver,
            };
            hook::hook(&resolved.config, &reporter, &typed.path, options).await
        }
        Command::Dns(typed) => dispatch_dns(typed, resolved.config, reporter).await,
        Command::Export(typed::Export::VaultPolicy(typed)) => {
            export::vault_policy(&resolved.config, &reporter, &typed)
        }
        Command::Config(typed::Config::Show { name }) => {
            reporter.document(&config::show(&resolved, name.as_ref()));
            Ok(ExitCode::Success)
        }
        // Answered before anything was resolved.
        Command::Completions(_)
        | Command::Config(typed::Config::Check | typed::Config::Schema)
        | Command::Import(_)
        | Command::Man(_) => Ok(ExitCode::Success),
    }
}

async fn dispatch_account(
    command: typed::Account,
    config: Config,
    reporter: Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let action = match command {
        typed::Account::Register => AccountAction::Register,
        typed::Account::Show => AccountAction::Show,
        typed::Account::Update => AccountAction::Update,
        typed::Account::Rollover { new_key } => {
            let new_key = new_key.map(|path| read(&path, PrivateKey::from_pem)).transpose()?;
            AccountAction::Rollover { new_key }
        }
        typed::Account::Deactivate => AccountAction::Deactivate,
    };
    let gathered = Gathered::without_list(config, reporter);
    gathered.finish_or_stop(async |gathered| account::account(gathered, action).await).await
}

async fn dispatch_dns(
    command: typed::Dns,
    mut config: Config,
    reporter: Rc<Reporter>,
) -> Result<ExitCode, Error> {
    match command {
        typed::Dns::Gc(typed) => {
            config.dry_run |= typed.dry_run;
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&typed.selection.only)?;
            gathered.finish(async |gathered| dns::gc(gathered, typed.older_than).await).await
        }
        typed::Dns::Persist(typed) => {
            let gathered = if typed.names.is_empty() {
                Gathered::with_list(config, reporter)?
            } else {
                Gathered::without_list(config, reporter)
            };
            let options = dns::PersistOptions {
                valid_for: typed.valid_for.map(Humane::get),
                check: typed.check,
                names: typed.names,
            };
            gathered.finish_or_stop(async |gathered| dns::persist(gathered, &options).await).await
        }
    }
}

/// What does not need a configuration, or not one without faults.
fn without_configuration(arguments: &Arguments, reporter: &Reporter) -> Option<Result<ExitCode, Error>> {
    match &arguments.command {
        Command::Completions(command) => reporter.document(&completions::completions(command.shell)),
        Command::Config(typed::Config::Check) => return Some(Ok(config::print_check(arguments, reporter))),
        Command::Config(typed::Config::Schema) => reporter.document(&config::schema()),
        Command::Lint(typed) if typed.list => lint::list(reporter),
        Command::Man(command) => match completions::man(&command.command.join(" ")) {
            Some(page) => reporter.document(&page),
            None => return Some(Err(no_page(command.command.join(" ")))),
        },
        _ => return None,
    }
    Some(Ok(ExitCode::Success))
}

fn options(arguments: &Arguments, format: Format) -> ReportOptions {
    let options = &arguments.options;
    let verbosity = match options.verbose {
        _ if options.quiet => Verbosity::Quiet,
        0 => Verbosity::Normal,
        1 => Verbosity::Verbose,
        _ => Verbosity::Requests,
    };
    let color = match options.color {
        Color::Always => Some(true),
        Color::Never => Some(false),
        Color::Auto => None,
    };
    // Its output is a file for somebody else.
    let only_documents = matches!(arguments.command, Command::SignCsr(_));
    let words = match arguments.command {
        Command::Renew(_) => Words::Renew,
        Command::Vend(_) => Words::Vend,
        _ => Words::Hydrant,
    };
    ReportOptions { format, verbosity, color, only_documents, words }
}

/// What a text file that was named on the command line holds; `-` is standard input.
pub(super) fn read<T, E>(path: &Path, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Error>
where
    E: std::error::Error + Send + Sync + 'static,
{
    // What is no text has nothing in it that is looked for.
    read_bytes(path, |bytes| parse(std::str::from_utf8(bytes).unwrap_or_default()))
}

/// The same for what need not be text.
pub(super) fn read_bytes<T, E>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Result<T, Error>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let stdin = path == Path::new("-");
    let shown = if stdin { "standard input".to_owned() } else { format!("`{}`", path.display()) };
    let mut bytes = Vec::new();
    let read = if stdin {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    // It may be a key.
    let bytes = Zeroizing::new(bytes);
    if let Err(source) = read {
        return Err(Error::config(Unusable { action: "read", shown, source }));
    }
    parse(&bytes).map_err(|source| Error::config(Unusable { action: "use", shown, source }))
}

fn no_page(command: String) -> Error {
    Error::config(NoPage { command }).hint("`hydrant --help` lists the commands")
}

/// `man` for a word that is no command.
#[derive(Debug, thiserror::Error)]
#[error("there is no command `{command}`")]
struct NoPage {
    command: String,
}

/// What was named on the command line cannot be read, or is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {shown}")]
struct Unusable<E: std::error::Error + 'static> {
    action: &'static str,
    shown: String,
    source: E,
}
