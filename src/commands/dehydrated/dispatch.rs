//! From a command of dehydrated's to what does it, and back to dehydrated's exit codes.

use std::rc::Rc;

use super::account::{AccountCommand, account};
use super::{cleanup, cron, revoke, sign_csr};
use crate::cli::dehydrated::Command;
use crate::commands::gather::Gathered;
use crate::config::dehydrated::Installation;
use crate::error::{Error, ExitCode};
use crate::report::Reporter;

/// Does what was typed.
///
/// # Errors
/// Whatever ended it early.
pub(super) async fn dispatch(
    installation: Installation,
    reporter: Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let Installation { config, command, parameters, .. } = installation;
    let without_list = |config| Gathered::without_list(config, Rc::clone(&reporter));
    match command {
        Command::Cron => {
            let (gathered, list_error) = Gathered::with_list_as_far_as_good(config, Rc::clone(&reporter));
            cron::cron(&gathered, list_error, parameters.force).await
        }
        Command::SignCsr(path) => sign_csr::sign(&without_list(config), &path, parameters.full_chain).await,
        Command::Revoke(path) => revoke::revoke(&without_list(config), &path).await,
        Command::Account => account(&without_list(config), AccountCommand::Update).await,
        Command::Deactivate => account(&without_list(config), AccountCommand::Deactivate).await,
        Command::DisplayTerms => account(&without_list(config), AccountCommand::DisplayTerms).await,
        Command::Register => account(&without_list(config), AccountCommand::Register).await,
        Command::Cleanup => cleanup::cleanup(&without_list(config), parameters.cleanup_delete).await,
        Command::CleanupDelete => cleanup::cleanup(&without_list(config), true).await,
        // Answered before anything was read.
        Command::Env | Command::Help | Command::Version => Ok(ExitCode::Success),
    }
}

/// dehydrated knows 0 and 1; after a signal the process is to end by it, see [`end_by_signal`].
pub(super) fn narrowed(code: ExitCode) -> ExitCode {
    match code {
        ExitCode::Success | ExitCode::Interrupted | ExitCode::Terminated => code,
        _ => ExitCode::Failed,
    }
}

/// Ends the process by the signal that ended its work, so that its caller sees that; returns for any other code.
pub(super) fn end_by_signal(code: ExitCode) {
    let signal = match code {
        ExitCode::Interrupted => signal_hook::consts::SIGINT,
        ExitCode::Terminated => signal_hook::consts::SIGTERM,
        _ => return,
    };
    // Where that cannot be, the exit code says the same.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
