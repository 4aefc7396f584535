//! One file a subcommand, a page each: gather, call the engine, report.

pub mod account;
pub mod cleanup;
pub mod completions;
pub mod config;
pub mod gather;
pub mod hook;
pub mod hook_test;
pub mod lint;
pub mod plan;
pub mod revoke;
pub mod run;
pub mod sign_csr;
pub mod status;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::rc::Rc;

use clap::Parser;

use crate::cli::hydrant::{self as typed, Arguments, Color, Command};
use crate::config::Format;
use crate::config::{DomainsSource, Resolved};
use crate::error::{Error, ExitCode};
use crate::report::{ReportOptions, Reporter, Verbosity, diagnostics};
use account::AccountAction;
use gather::Gathered;

/// The whole life of the process: what was typed, in; the exit code, out.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
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
    if let Command::Config(command) = &arguments.command
        && let Some(code) = about_config(command, &arguments)
    {
        return code;
    }
    let resolved = match crate::config::load(&arguments) {
        Ok(resolved) => resolved,
        Err(faults) => {
            let reporter = Reporter::new(options(&arguments, Format::Text));
            reporter.aside(&diagnostics::render(&faults, reporter.color()));
            reporter.aside(&diagnostics::summary(&faults));
            return ExitCode::Usage;
        }
    };
    let reporter = Rc::new(Reporter::new(options(&arguments, resolved.config.format)));
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, dispatch(arguments.command, resolved, &reporter))
        }
        Err(error) => Err(Error::failed(error)),
    };
    ended.unwrap_or_else(|error| {
        reporter.error(&error);
        error.exit_code()
    })
}

async fn dispatch(command: Command, resolved: Resolved, reporter: &Rc<Reporter>) -> Result<ExitCode, Error> {
    if !resolved.warnings.is_empty() {
        reporter.aside(&diagnostics::render(&resolved.warnings, reporter.color()));
    }
    let shown = resolved.clone();
    let mut config = resolved.config;
    let reporter = Rc::clone(reporter);
    match command {
        Command::Run(typed) => {
            config.backoff &= !typed.ignore_backoff;
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&typed.selection.only)?;
            let options = run::RunOptions { force: typed.force, strict: typed.strict, deliver_only: false };
            run::run(&gathered, options).await
        }
        Command::Deliver(deliver) => {
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&deliver.selection.only)?;
            run::run(&gathered, run::RunOptions { deliver_only: true, ..Default::default() }).await
        }
        Command::Issue(issue) => {
            config.domains = DomainsSource::Arguments { names: issue.names, alias: issue.alias };
            let gathered = Gathered::with_list(config, reporter)?;
            run::run(&gathered, run::RunOptions { force: issue.force, ..Default::default() }).await
        }
        Command::Plan(typed) => {
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&typed.selection.only)?;
            let options = plan::PlanOptions { detailed_exitcode: typed.detailed_exitcode, force: false };
            plan::plan(&gathered, options).await
        }
        Command::Lint(typed) if typed.list => {
            lint::list(&reporter);
            Ok(ExitCode::Success)
        }
        Command::Lint(typed) => {
            let gathered = Gathered::to_lint(config, reporter)?;
            Ok(lint::lint(&gathered, lint::LintOptions { deny_warnings: typed.deny_warnings }))
        }
        Command::Status(typed) => {
            let mut gathered = Gathered::with_list(config, reporter)?;
            gathered.only(&typed.names)?;
            status::status(&gathered).await
        }
        Command::SignCsr(command) => {
            let pem = read(&command.csr)?;
            sign_csr::sign_csr(&Gathered::without_list(config, reporter), &pem).await
        }
        Command::Revoke(command) => {
            let key = command.key.as_deref().map(read).transpose()?;
            let reason = command.reason.map(typed::Reason::code);
            let options = revoke::RevokeOptions { what: command.certificate, reason, key };
            revoke::revoke(&Gathered::without_list(config, reporter), &options).await
        }
        Command::Account(command) => {
            let action = match command {
                typed::Account::Register => AccountAction::Register,
                typed::Account::Show => AccountAction::Show,
                typed::Account::Update => AccountAction::Update,
                typed::Account::Rollover { new_key } => {
                    AccountAction::Rollover { new_key: new_key.as_deref().map(read).transpose()? }
                }
                typed::Account::Deactivate => AccountAction::Deactivate,
            };
            account::account(&Gathered::without_list(config, reporter), action).await
        }
        Command::Cleanup(command) => {
            cleanup::run(&Gathered::without_list(config, reporter), command.delete).await
        }
        Command::Hook(typed::Hook::Test { path }) => {
            let domain = "hook-test.example".parse().map_err(Error::config)?;
            hook::hook(&config, &reporter, &path, hook::HookOptions { domain, deliver: false }).await
        }
        Command::Completions(command) => {
            reporter.document(&completions::completions(command.shell));
            Ok(ExitCode::Success)
        }
        Command::Man(command) => {
            let page = completions::man(command.command.as_deref()).ok_or_else(|| Error::config(NoPage))?;
            reporter.document(&page);
            Ok(ExitCode::Success)
        }
        Command::Config(typed::Config::Show { name }) => {
            reporter.document(&config::show(&shown, name.as_ref()));
            Ok(ExitCode::Success)
        }
        // Answered before anything was resolved.
        Command::Config(typed::Config::Check | typed::Config::Schema) => Ok(ExitCode::Success),
    }
}

/// What does not need a configuration without faults.
fn about_config(command: &typed::Config, arguments: &Arguments) -> Option<ExitCode> {
    let reporter = Reporter::new(options(arguments, arguments.options.format.unwrap_or(Format::Text)));
    match command {
        typed::Config::Show { .. } => None,
        typed::Config::Schema => {
            reporter.document(&config::schema());
            Some(ExitCode::Success)
        }
        typed::Config::Check => {
            let checked = config::check(arguments);
            if reporter.is_json() {
                let findings: Vec<_> = checked.diagnostics.iter().map(diagnostics::to_json).collect();
                reporter.json(&serde_json::json!({ "version": 1, "findings": findings }));
            } else {
                if !checked.diagnostics.is_empty() {
                    reporter.aside(&diagnostics::render(&checked.diagnostics, reporter.color()));
                }
                reporter.document(&checked.summary());
            }
            Some(if checked.is_ok() { ExitCode::Success } else { ExitCode::Usage })
        }
    }
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
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    ReportOptions { format, verbosity, color }
}

/// The text of a file that was named on the command line; `-` is standard input.
fn read(path: &Path) -> Result<String, Error> {
    let read = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|source| Error::config(Unreadable { path: path.display().to_string(), source }))
}

/// `man` for a word that is no command.
#[derive(Debug, thiserror::Error)]
#[error("there is no such command")]
struct NoPage;

/// A file that was named on the command line and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be read")]
struct Unreadable {
    path: String,
    source: std::io::Error,
}
