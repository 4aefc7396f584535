//! What dehydrated's commands have in common: the lock, the CA, and hooks that hear of whatever ends a command early.

use std::cell::Cell;

use time::OffsetDateTime;

use crate::acme::Account;
use crate::commands::gather::Gathered;
use crate::commands::run::{find_hooks, find_hooks_for_request, find_these_hooks};
use crate::error::{Error, ErrorKind, ExitCode};
use crate::hook::{Hooks, Stop};
use crate::report::Event;
use crate::runner::{Authorities, Signals, hook_error};
use crate::store::lockfile::LockFile;

/// A command that has begun.
pub(super) struct Session<'a> {
    pub(super) gathered: &'a Gathered,
    pub(super) authorities: Authorities<'a>,
    pub(super) hooks: Hooks,
    pub(super) signals: Signals,
    pub(super) stop: Stop,
    /// There as long as the session is.
    pub(super) lock: Option<LockFile>,
    /// Whether what ended the command is to be settled with the CA first, and concerns no hook.
    unsettled: Cell<bool>,
}

impl<'a> Session<'a> {
    /// Finds the hooks, calling none, and takes the lock. `command` is what dehydrated calls what is being done.
    ///
    /// # Errors
    /// A hook is missing or not executable; another run has the lock, of which hooks hear.
    pub(super) async fn begin(gathered: &'a Gathered, command: &str) -> Result<Self, Error> {
        let (signals, stop) = Signals::watch().map_err(Error::failed)?;
        let hooks = match command {
            "sign_domains" => find_hooks(gathered, command, &stop)?,
            "sign_csr" => find_hooks_for_request(gathered, &stop)?,
            // Others work without: one that is put in place later keeps nobody from having an account before.
            _ => find_hooks(gathered, command, &stop)
                .or_else(|_| find_these_hooks(gathered, Vec::new(), command, &stop))?,
        };
        let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
        let mut session =
            Self { gathered, authorities, hooks, signals, stop, lock: None, unsettled: Cell::default() };
        let locked = session.run(async { lock(gathered) }).await;
        session.lock = locked?;
        Ok(session)
    }

    /// Does `work`, unless a signal comes first; whatever it ends with, hooks hear of it when it is a failure.
    pub(super) async fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // On the heap: what waits for it would be as large.
        let ended = self.stop.unless_stopped(Box::pin(work)).await;
        let ended = ended.unwrap_or_else(|| Err(Error::new(ErrorKind::Interrupted, Interrupted)));
        if let Err(error) = &ended {
            self.tell(error).await;
        }
        ended
    }

    /// The account to work with: the one there is, else one that is registered now where the terms are accepted.
    pub(super) async fn account(&self) -> Result<Account, Error> {
        let ca = &self.gathered.config.everywhere().ca;
        let account = self.authorities.account(ca).await.map_err(|error| error.to_error());
        let is_unsettled = |error: &Error| error.kind == ErrorKind::Config;
        self.unsettled.set(account.as_ref().is_err_and(is_unsettled));
        account
    }

    /// Probes the hooks.
    pub(super) async fn probe(&self) -> Result<(), Error> {
        self.hooks.probe().await.map_err(|error| hook_error(&error))
    }

    /// Says something on the way.
    pub(super) fn say(&self, line: &str) {
        self.gathered.reporter.event(&Event::Notice(line));
    }

    /// `request_failure` for an HTTP error, then `exit_hook` with what went wrong, which after an HTTP error is nothing,
    /// as under dehydrated.
    async fn tell(&self, error: &Error) {
        if self.unsettled.get() {
            return;
        }
        let http_error = self.authorities.tell_hooks_of_all_failures(&self.hooks).await;
        let message = if http_error { String::new() } else { error.to_string() };
        if let Err(error) = self.hooks.exit(&[], Some(&message)).await {
            self.gathered.reporter.error(&hook_error(&error));
        }
    }
}

fn lock(gathered: &Gathered) -> Result<Option<LockFile>, Error> {
    let Some(path) = &gathered.config.lock else { return Ok(None) };
    LockFile::take(path, OffsetDateTime::now_utc()).map(Some).map_err(|error| {
        let hints = error.hints();
        Error::failed(error).hints(hints)
    })
}

/// The exit code of a command that a signal may have ended.
pub(super) fn ended(signals: &Signals, ended: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
    match signals.exit_code() {
        // Whatever else went wrong, it was the signal that ended it.
        Some(code) => Ok(code),
        None => ended,
    }
}

/// A signal came.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;
