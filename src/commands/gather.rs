//! What most commands start from: the configuration, the list, the store.

mod ways;

use std::path::Path;
use std::rc::Rc;

use crate::config::{Config, DomainsSource, OnFailure, Pattern, StoreKind};
use crate::diagnostic::{Diagnostic, Severity};
use crate::domains::{self, Domains, Entry};
use crate::error::{Error, ExitCode};
use crate::identifier::CertName;
use crate::report::words::List;
use crate::report::{Reporter, diagnostics};
use crate::runner::Signals;
use crate::store::atomic::Modes;
use crate::store::files::{FileAccounts, FileStore};
use crate::store::vault::{Shared, VaultAccounts, VaultStore};
use crate::store::{Accounts, Store};
use crate::vault::{self, Client};
pub use ways::Ways;
pub(super) use ways::{variable, vault_options};

/// A command's material.
pub struct Gathered {
    /// What was configured.
    pub config: Config,
    /// Who prints.
    pub reporter: Rc<Reporter>,
    place: Place,
    domains: Domains,
    whole: bool,
    /// To Vault.
    ways: Ways,
}

impl Gathered {
    /// Only configuration and store, for commands that read no list.
    #[must_use]
    pub fn without_list(config: Config, reporter: Rc<Reporter>) -> Self {
        let place = Place::of(&config);
        let ways = Ways::new(place.client());
        Self { place, config, reporter, domains: Domains::default(), whole: false, ways }
    }

    /// The same with the valid lines of the list, for commands that can do without: it may not be there. One that would
    /// be typed in is not asked for.
    #[must_use]
    pub fn with_list_if_any(config: Config, reporter: Rc<Reporter>) -> Self {
        let unread = Self::without_list(config.clone(), Rc::clone(&reporter));
        match config.domains {
            DomainsSource::Stdin => unread,
            _ => Self::to_lint(config, reporter).unwrap_or(unread),
        }
    }

    /// Does what is to be done with it, and then gives back what logins got. `work` sees to signals itself.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn finish(
        self,
        work: impl AsyncFnOnce(&Self) -> Result<ExitCode, Error>,
    ) -> Result<ExitCode, Error> {
        let ended = Box::pin(work(&self)).await;
        self.leave().await;
        ended
    }

    /// The same for what may be left at any point when a signal comes.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn finish_or_stop(
        self,
        work: impl AsyncFnOnce(&Self) -> Result<ExitCode, Error>,
    ) -> Result<ExitCode, Error> {
        let (signals, stop) = Signals::watch().map_err(Error::failed)?;
        let ended = stop.unless_stopped(Box::pin(work(&self))).await;
        self.leave().await;
        ended.unwrap_or_else(|| Ok(signals.exit_code().unwrap_or(ExitCode::Interrupted)))
    }

    /// Gives back leases and tokens. What cannot be given back in a short time ends by itself.
    pub async fn leave(&self) {
        self.store().settle().await;
        self.ways.leave().await;
    }

    /// Ways to Vault beside that of the store.
    #[must_use]
    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    /// The same with the list read, whose faults are printed.
    ///
    /// # Errors
    /// The list cannot be read, or has no valid line.
    pub fn with_list(config: Config, reporter: Rc<Reporter>) -> Result<Self, Error> {
        let gathered = Self::to_lint(config, reporter)?;
        let findings = gathered.diagnostics();
        if !findings.is_empty() {
            gathered.reporter.aside(&diagnostics::render(findings, gathered.reporter.color()));
        }
        gathered.something()?;
        Ok(gathered)
    }

    /// Whether there is any certificate to work on.
    ///
    /// # Errors
    /// There is none.
    pub fn something(&self) -> Result<(), Error> {
        if !self.entries().is_empty() {
            return Ok(());
        }
        Err(Error::config(match self.config.domains {
            DomainsSource::Arguments { .. } | DomainsSource::Text(_) => Nothing::Arguments,
            DomainsSource::Path(_) | DomainsSource::Stdin => Nothing::List,
        }))
    }

    /// The same with everything in the Vault that was logged in to already, and is left by who did that.
    ///
    /// # Errors
    /// As [`Gathered::with_list`].
    pub fn in_vault(config: Config, client: Client, reporter: Rc<Reporter>) -> Result<Self, Error> {
        let mut gathered = Self::with_list(config, reporter)?;
        gathered.place = Place::in_vault(&gathered.config, Ok(client), None);
        gathered.ways = Ways::default();
        Ok(gathered)
    }

    /// The same where an empty list means that there is nothing to do. The list is used as far as it is good: where a
    /// failure ends the run, up to the first line with an error. The error is what ends it there, or what keeps it from
    /// being read at all.
    #[must_use]
    pub fn with_list_as_far_as_good(config: Config, reporter: Rc<Reporter>) -> (Self, Option<Error>) {
        let unread = Self::without_list(config.clone(), Rc::clone(&reporter));
        let mut gathered = match Self::to_lint(config, reporter) {
            Ok(gathered) => gathered,
            Err(error) => return (unread, Some(error)),
        };
        let domains = &mut gathered.domains;
        if let (OnFailure::Stop, Some(good)) = (gathered.config.on_failure, domains.before_refused) {
            domains.entries.truncate(good);
            let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
            let first = domains.diagnostics.iter().find(is_error).map(BadLine::of);
            domains.refused = 0;
            gathered.whole = false;
            return (gathered, first.map(|(bad, help)| Error::config(bad).hints(help)));
        }
        let findings = gathered.diagnostics();
        if !findings.is_empty() {
            gathered.reporter.aside(&diagnostics::render(findings, gathered.reporter.color()));
        }
        (gathered, None)
    }

    /// The same for the command whose own output the faults are.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn to_lint(config: Config, reporter: Rc<Reporter>) -> Result<Self, Error> {
        let domains = match &config.domains {
            DomainsSource::Arguments { names, alias } => domains::from_arguments(names, alias.as_deref()),
            DomainsSource::Path(path) => domains::parse(&domains::read(path, true).map_err(Error::config)?),
            DomainsSource::Text(text) => domains::parse(&[domains::written(text)]),
            DomainsSource::Stdin => {
                domains::parse(&domains::read(Path::new("-"), false).map_err(Error::config)?)
            }
        };
        let whole = !matches!(config.domains, DomainsSource::Arguments { .. } | DomainsSource::Text(_));
        Ok(Self { domains, whole, ..Self::without_list(config, reporter) })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        match &self.place {
            Place::Files { store, .. } => store,
            Place::Vault { store, .. } => store,
        }
    }

    /// The store's way to Vault, where it is one.
    #[must_use]
    pub fn vault(&self) -> Option<Result<Client, vault::Error>> {
        self.place.client()
    }

    /// Store and accounts, where they are files.
    #[must_use]
    pub fn files(&self) -> Option<(&FileStore, &FileAccounts)> {
        match &self.place {
            Place::Files { store, accounts } => Some((store, accounts)),
            Place::Vault { .. } => None,
        }
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &dyn Accounts {
        match &self.place {
            Place::Files { accounts, .. } => accounts,
            Place::Vault { accounts, .. } => &**accounts,
        }
    }

    /// The valid lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.domains.entries
    }

    /// Whether the valid lines are all that is declared, and not a choice of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// How many lines are not valid.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.domains.refused
    }

    /// What is wrong with the list.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.domains.diagnostics
    }

    /// The names certificates are kept under, in the order of the list.
    #[must_use]
    pub fn names(&self) -> Vec<CertName> {
        self.entries().iter().map(|entry| entry.name.clone()).collect()
    }

    /// Keeps only the entries that were named.
    ///
    /// # Errors
    /// A name or glob that fits no line.
    pub fn only(&mut self, wanted: &[Pattern]) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let fits_none = |wanted: &&Pattern| !self.entries().iter().any(|entry| wanted.matches(&entry.name));
        let strays: Vec<String> = wanted.iter().filter(fits_none).map(ToString::to_string).collect();
        if !strays.is_empty() {
            return Err(Error::config(NotDeclared(strays)));
        }
        self.whole = false;
        self.domains.entries.retain(|entry| wanted.iter().any(|wanted| wanted.matches(&entry.name)));
        Ok(())
    }
}

/// What keeps certificates and accounts.
enum Place {
    Files { store: FileStore, accounts: FileAccounts },
    Vault { store: VaultStore, accounts: Box<dyn Accounts> },
}

impl Place {
    fn of(config: &Config) -> Self {
        let modes = Modes::of_umask(config.umask);
        let own_key = config.account.key_file.as_ref().filter(|_| config.account.stays_with_key);
        let beside_key = own_key.map(|key| FileAccounts::beside_key(key.clone()).with_modes(modes));
        if config.store == StoreKind::Files {
            let store = FileStore::new(config.certs_dir.clone(), &config.state_dir).with_modes(modes);
            let below = || FileAccounts::new(config.accounts_dir.clone()).with_modes(modes);
            return Self::Files { store, accounts: beside_key.unwrap_or_else(below) };
        }
        Self::in_vault(config, vault_options(config).and_then(Client::new), beside_key)
    }

    /// The way to Vault.
    fn client(&self) -> Option<Result<Client, vault::Error>> {
        match self {
            Self::Files { .. } => None,
            Self::Vault { store, .. } => Some(store.client()),
        }
    }

    fn in_vault(
        config: &Config,
        client: Result<Client, vault::Error>,
        beside_key: Option<FileAccounts>,
    ) -> Self {
        let shared = Rc::new(Shared::new(client, config.vault.clone()));
        let certificates = config.certificates.clone();
        let store = VaultStore::new(Rc::clone(&shared), move |name| certificates.settings(name).owner);
        let accounts: Box<dyn Accounts> = match beside_key {
            Some(accounts) => Box::new(accounts),
            None => Box::new(VaultAccounts::new(shared)),
        };
        Self::Vault { store, accounts }
    }
}

/// Names on the command line that the list does not have.
#[derive(Debug, thiserror::Error)]
#[error("no line of the domains list is kept under {}", List(.0))]
struct NotDeclared(Vec<String>);

/// A line that ends a run.
#[derive(Debug, thiserror::Error)]
#[error("{}{message}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
struct BadLine {
    place: Option<String>,
    message: String,
}

impl BadLine {
    fn of(found: &Diagnostic) -> (Self, Option<String>) {
        let place = found.span.as_ref().map(|span| {
            let (line, column) = span.start();
            format!("{}:{line}:{column}", span.source.name)
        });
        (Self { place, message: found.message.clone() }, found.help.clone())
    }
}

/// Nothing to work on.
#[derive(Debug, thiserror::Error)]
enum Nothing {
    /// `issue` with names that cannot be used.
    #[error("there is no certificate of these names")]
    Arguments,
    /// An empty list is rather an accident, of whatever makes it, than a wish to let all certificates expire.
    #[error("the domains list has no valid line")]
    List,
}
