//! From a command of dehydrated's to what does it, and back to dehydrated's exit codes.

use std::rc::Rc;

use super::account::{AccountCommand, account};
use super::{cleanup, cron, revoke, sign_csr};
use crate::cli::dehydrated::Command;
use crate::commands::cleanup::note_where_no_files_are;
use crate::commands::gather::Gathered;
use crate::config::dehydrated::{Installation, LoadError};
use crate::config::{AutoCleanup, Remarks, StoreKind};
use crate::error::{Error, ExitCode};
use crate::report::Reporter;
use crate::store::atomic::create_directory;

/// Does what was typed.
///
/// # Errors
/// Whatever ended it early.
pub(super) async fn dispatch(installation: Installation, reporter: Rc<Reporter>) -> Result<ExitCode, Error> {
    let mut installation = installation;
    let (config, command) = (installation.config.clone(), installation.command.clone());
    let parameters = installation.parameters.clone();
    let without_list = |config| Gathered::without_list(config, Rc::clone(&reporter));
    let about_account = async |command| {
        without_list(config.clone()).finish(async |gathered| account(gathered, command).await).await
    };
    match command.clone() {
        Command::Cron => {
            let (mut gathered, list_error) = Gathered::with_list_as_far_as_good(config, Rc::clone(&reporter));
            settle_certificates(&mut installation, &mut gathered)?;
            let cache = &installation.chain_cache;
            if gathered.config.store == StoreKind::Files {
                create_directory(cache).map_err(Error::failed)?;
            }
            gathered.finish(async |gathered| cron::cron(gathered, list_error, parameters.force).await).await
        }
        Command::SignCsr(path) => {
            let full_chain = parameters.full_chain;
            let work = async |gathered: &Gathered| sign_csr::sign(gathered, &path, full_chain).await;
            without_list(config).finish(work).await
        }
        Command::Revoke(path) => {
            without_list(config).finish(async |gathered| revoke::revoke(gathered, &path).await).await
        }
        Command::Account => about_account(AccountCommand::Update).await,
        Command::Deactivate => about_account(AccountCommand::Deactivate).await,
        Command::DisplayTerms => about_account(AccountCommand::DisplayTerms).await,
        Command::Register => about_account(AccountCommand::Register).await,
        Command::Cleanup | Command::CleanupDelete => {
            let only_archive = command == Command::Cleanup && !parameters.cleanup_delete;
            let what = if only_archive { AutoCleanup::Archive } else { AutoCleanup::Delete };
            let gathered = without_list(config);
            note_where_no_files_are(&gathered);
            cleanup::cleanup(&gathered, what, "").await
        }
        // Answered before anything was read.
        Command::Env | Command::Help | Command::Version => Ok(ExitCode::Success),
    }
}

/// Reads the files of single certificates, and settles what they say.
fn settle_certificates(installation: &mut Installation, gathered: &mut Gathered) -> Result<(), Error> {
    let notes = installation.certificates(&gathered.names()).map_err(LoadError::into_error)?;
    gathered.config.certificates.clone_from(&installation.config.certificates);
    gathered.config.hooks.clone_from(&installation.config.hooks);
    gathered.config.hook_sequence = installation.config.hook_sequence;
    for note in notes {
        let remarks = Remarks {
            said: vec![note.announcement()],
            warnings: note.warnings().collect(),
            refused: note.refused,
        };
        gathered.config.certificates.remarks.insert(note.name, remarks);
    }
    Ok(())
}

/// dehydrated knows 0 and 1; after a signal the process is to end by it, see [`end_by_signal`].
pub(super) fn narrowed(code: ExitCode) -> ExitCode {
    match code {
        ExitCode::Success | ExitCode::HungUp | ExitCode::Interrupted | ExitCode::Terminated => code,
        _ => ExitCode::Failed,
    }
}

/// Ends the process by the signal that ended its work, so that its caller sees that; returns for any other code.
pub(super) fn end_by_signal(code: ExitCode) {
    let signal = match code {
        ExitCode::HungUp => signal_hook::consts::SIGHUP,
        ExitCode::Interrupted => signal_hook::consts::SIGINT,
        ExitCode::Terminated => signal_hook::consts::SIGTERM,
        _ => return,
    };
    // Where that cannot be, the exit code says the same.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
