//! What most commands start from: the configuration, the list, the store.

use std::sync::Arc;

use crate::config::{Config, DomainsSource};
use crate::diagnostic::Diagnostic;
use crate::domains::{self, Domains, Entry};
use crate::error::Error;
use crate::identifier::CertName;
use crate::report::{Reporter, diagnostics};
use crate::store::Store;
use crate::store::files::FileStore;

/// A command's material.
pub struct Gathered {
    /// What was configured.
    pub config: Config,
    /// Who prints.
    pub reporter: Arc<Reporter>,
    store: FileStore,
    domains: Domains,
}

impl Gathered {
    /// Only configuration and store, for commands that read no list.
    #[must_use]
    pub fn without_list(config: Config, reporter: Arc<Reporter>) -> Self {
        let store = FileStore::new(&config.certs_dir, &config.accounts_dir, &config.state_dir);
        Self { config, reporter, store, domains: Domains::default() }
    }

    /// The same with the list read, whose faults are printed.
    ///
    /// # Errors
    /// The list cannot be read, or has no valid line among some.
    pub fn with_list(config: Config, reporter: Arc<Reporter>) -> Result<Self, Error> {
        let domains = match &config.domains {
            DomainsSource::Arguments { names, alias } => domains::from_arguments(names, alias.as_deref()),
            DomainsSource::Path(path) => {
                let sources = domains::read::read(path, true).map_err(|error| {
                    let hints = error.hints();
                    Error::config(error).hints(hints)
                })?;
                domains::parse(&sources)
            }
        };
        let gathered = Self { domains, ..Self::without_list(config, reporter) };
        gathered.print(&gathered.domains.diagnostics);
        if gathered.entries().is_empty() && gathered.refused() > 0 {
            return Err(Error::config(NoValidLine));
        }
        Ok(gathered)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &self.store
    }

    /// The store, where accounts and files matter.
    #[must_use]
    pub fn files(&self) -> &FileStore {
        &self.store
    }

    /// The valid lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.domains.entries
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
    /// A name that no line gives.
    pub fn only(&mut self, names: &[String]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let known = |name: &&String| !self.entries().iter().any(|entry| entry.name.as_str() == name.as_str());
        let unknown: Vec<String> = names.iter().filter(known).cloned().collect();
        if !unknown.is_empty() {
            return Err(Error::config(super::plan::unknown_names(&unknown)));
        }
        self.domains.entries.retain(|entry| names.iter().any(|name| name == entry.name.as_str()));
        Ok(())
    }

    /// Prints findings on stderr.
    pub fn print(&self, findings: &[Diagnostic]) {
        if !findings.is_empty() && !self.reporter.is_json() {
            self.reporter.aside(&diagnostics::render(findings, self.reporter.color()));
        }
    }
}

/// A list with lines, none of which can be used.
#[derive(Debug, thiserror::Error)]
#[error("the domains list has no valid line")]
struct NoValidLine;
