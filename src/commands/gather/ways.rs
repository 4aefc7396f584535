//! Ways to Vault: which there are, and that they are left in the end.

use std::cell::{OnceCell, RefCell};

use crate::config::Config;
use crate::vault::{self, Client, Options};

/// Ways to Vault.
#[derive(Default)]
pub struct Ways {
    /// The store's.
    store: Option<Result<Client, vault::Error>>,
    /// All that are left at the end.
    open: RefCell<Vec<Client>>,
    /// The one that `hydrant.yml` has no say in.
    trusted: OnceCell<Result<Client, vault::Error>>,
}

impl Ways {
    pub(super) fn new(store: Option<Result<Client, vault::Error>>) -> Self {
        let open = store.iter().flatten().cloned().collect();
        Self { store, open: RefCell::new(open), trusted: OnceCell::new() }
    }

    /// Another one, which is left at the end.
    ///
    /// # Errors
    /// There is none.
    pub fn open(&self, options: Options) -> Result<Client, vault::Error> {
        let client = Client::new(options)?;
        self.open.borrow_mut().push(client.clone());
        Ok(client)
    }

    /// The one of which `hydrant.yml` says nothing. The store's own where that is one: a wrapped secret id can be used
    /// only once.
    ///
    /// # Errors
    /// There is none.
    pub fn trusted(&self, config: &Config) -> Result<Client, vault::Error> {
        let find = || match &self.store {
            Some(client) if !is_led(config) => client.clone(),
            _ => self.open(Options::from_env()?),
        };
        self.trusted.get_or_init(find).clone()
    }

    /// Gives back what logins got.
    pub(super) async fn leave(&self) {
        let open = self.open.take();
        futures_util::future::join_all(open.iter().map(Client::log_out)).await;
    }
}

/// Whether the configuration says which Vault it is, and the environment does not.
fn is_led(config: &Config) -> bool {
    let is_open = |name: &str| variable(name).is_none() && variable(&name.replace("VAULT", "BAO")).is_none();
    let ways = ["VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT"];
    ways.iter().any(|name| config.vault.variable(name).is_some() && is_open(name))
}

/// What this process's environment says, if it says something.
pub(in crate::commands) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What the environment says about Vault, and what the configuration says where that is silent.
pub(in crate::commands) fn vault_options(config: &Config) -> Result<Options, vault::Error> {
    let variable = |name: &str| {
        let text = config.variable(name).filter(|text| !text.trim().is_empty());
        text.or_else(|| config.vault.variable(name))
    };
    Options::read(variable)
}
