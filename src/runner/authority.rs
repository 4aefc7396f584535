//! The CAs of a run, each reached once, and the account at each.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error as ThisError;
use tokio::sync::OnceCell;

use crate::acme::account::{Account, NewAccount, Registration};
use crate::acme::client::{Client, ClientOptions, Exchange};
use crate::config::{Ca, Config};
use crate::error::{Error, ErrorKind};
use crate::hook::Hooks;
use crate::key::{KeyError, PrivateKey};
use crate::report::{Event, Reporter, Verbosity};
use crate::store::{Store, StoreError, StoredAccount};

/// The CAs of a run. Each directory is fetched once, before anything runs in parallel, and never kept.
pub struct Authorities<'a> {
    config: &'a Config,
    store: &'a dyn Store,
    reporter: &'a Reporter,
    known: RefCell<BTreeMap<String, Rc<Authority>>>,
    failed_requests: Arc<Mutex<Vec<FailedRequest>>>,
}

/// One CA.
#[derive(Default)]
pub struct Authority {
    client: OnceCell<Client>,
    account: OnceCell<Account>,
}

/// An answer outside 2xx that ended an attempt: what `request_failure` is told.
struct FailedRequest {
    status: u16,
    body: String,
    method: String,
    headers: String,
}

impl<'a> Authorities<'a> {
    /// No CA reached yet.
    #[must_use]
    pub fn new(config: &'a Config, store: &'a dyn Store, reporter: &'a Reporter) -> Self {
        let known = RefCell::default();
        Self { config, store, reporter, known, failed_requests: Arc::default() }
    }

    /// The client of a CA, its directory fetched.
    ///
    /// # Errors
    /// It cannot be reached, or what answers is no ACME directory.
    pub async fn client(&self, ca: &Ca) -> Result<Client, AuthorityError> {
        let authority = self.authority(ca);
        let client = authority.client.get_or_try_init(|| self.connect(ca)).await?;
        Ok(client.clone())
    }

    /// The account at a CA: the one in the store, else one that is registered now.
    ///
    /// # Errors
    /// As [`Authorities::client`]; terms not accepted; the CA refuses the account.
    pub async fn account(&self, ca: &Ca) -> Result<Account, AuthorityError> {
        let client = self.client(ca).await?;
        let authority = self.authority(ca);
        let account = authority.account.get_or_try_init(|| self.sign_in(ca, &client)).await?;
        Ok(account.clone())
    }

    /// Registers the account at a CA if there is none, and gives what the CA says of it.
    ///
    /// # Errors
    /// As [`Authorities::account`].
    pub async fn register(&self, ca: &Ca) -> Result<Registration, AuthorityError> {
        let client = self.client(ca).await?;
        let stored = self.store.account(ca.directory.as_str()).await?;
        self.registration(ca, &client, stored).await
    }

    /// Calls `request_failure` for every answer that ended an attempt since the last time.
    pub async fn tell_hooks_of_failures(&self, hooks: &Hooks) {
        let failed = std::mem::take(&mut *self.failed_requests.lock().unwrap_or_else(PoisonError::into_inner));
        for request in failed {
            let FailedRequest { status, body, method, headers } = &request;
            if let Err(error) = hooks.request_failure(*status, body, method, headers).await {
                self.reporter.error(&Error::failed(error.to_string()).hints(error.hints()));
            }
        }
    }

    fn authority(&self, ca: &Ca) -> Rc<Authority> {
        let mut known = self.known.borrow_mut();
        Rc::clone(known.entry(ca.directory.to_string()).or_default())
    }

    async fn connect(&self, ca: &Ca) -> Result<Client, AuthorityError> {
        let network = &self.config.network;
        let mut roots_pem = Vec::new();
        for path in &network.roots {
            let read = std::fs::read(path);
            roots_pem.push(read.map_err(|source| AuthorityError::Roots { path: path.clone(), source })?);
        }
        let options = ClientOptions {
            roots_pem,
            roots_only: network.roots_only,
            insecure: network.insecure,
            family: network.family,
            proxy: network.proxy.clone(),
            request_timeout: network.request_timeout,
            in_flight: network.in_flight,
            observer: self.observer(),
            ..ClientOptions::default()
        };
        Ok(Client::connect(&ca.directory, options).await?)
    }

    /// Notes failures for the hooks, and with `-vv` prints every exchange.
    fn observer(&self) -> Option<Arc<dyn Fn(&Exchange<'_>) + Send + Sync>> {
        let failed = Arc::clone(&self.failed_requests);
        let reporter = (self.reporter.verbosity() >= Verbosity::Requests).then(|| self.reporter.clone());
        Some(Arc::new(move |exchange: &Exchange<'_>| {
            if let Some(reporter) = &reporter {
                reporter.event(&Event::Request {
                    method: exchange.method,
                    url: exchange.url,
                    status: exchange.status,
                    elapsed: exchange.elapsed,
                });
            }
            if let Some(status) = exchange.status.filter(|_| exchange.ends_attempt) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(FailedRequest {
                    status,
                    body: String::from_utf8_lossy(exchange.body).into_owned(),
                    // dehydrated names methods as curl's wrapper does.
                    method: exchange.method.to_ascii_lowercase(),
                    headers: exchange.headers_text(),
                });
            }
        }))
    }

    async fn sign_in(&self, ca: &Ca, client: &Client) -> Result<Account, AuthorityError> {
        let stored = self.store.account(ca.directory.as_str()).await?;
        if let Some(StoredAccount { key_pem, url: Some(url), deactivated: false, .. }) = &stored
            && let Ok(url) = url.parse()
        {
            let key = PrivateKey::from_pem(key_pem.expose())?;
            return Ok(Account::known(client, key, url));
        }
        let registration = self.registration(ca, client, stored).await?;
        Ok(registration.account)
    }

    async fn registration(
        &self,
        ca: &Ca,
        client: &Client,
        stored: Option<StoredAccount>,
    ) -> Result<Registration, AuthorityError> {
        let directory = ca.directory.as_str();
        if stored.as_ref().is_some_and(|stored| stored.deactivated) {
            return Err(AuthorityError::Deactivated { ca: directory.to_owned() });
        }
        if let Some(stored) = stored {
            let key = PrivateKey::from_pem(stored.key_pem.expose())?;
            if let Some(found) = Account::find(client, &key).await? {
                self.store.save_registration(directory, found.account.url().as_str(), &found.body).await?;
                return Ok(found);
            }
            return self.create(ca, client, key).await;
        }
        let settings = &self.config.account;
        if !settings.accept_terms {
            let terms = client.directory().meta.terms_of_service.as_ref().map(ToString::to_string);
            return Err(AuthorityError::TermsNotAccepted { ca: directory.to_owned(), terms });
        }
        let made = match &settings.key {
            Some(key) => key.clone(),
            None => {
                let kind = settings.key_type;
                let made = tokio::task::spawn_blocking(move || PrivateKey::generate(kind)).await;
                // Fails only when the task panicked or the runtime is gone.
                made.map_err(|_| AuthorityError::Stopped)??
            }
        };
        // Of two first runs at once one wins, and both go on with its key.
        let key_pem = self.store.create_account_key(directory, &made.to_pem()).await?;
        self.create(ca, client, PrivateKey::from_pem(key_pem.expose())?).await
    }

    async fn create(&self, ca: &Ca, client: &Client, key: PrivateKey) -> Result<Registration, AuthorityError> {
        let settings = &self.config.account;
        let directory = ca.directory.as_str();
        if client.directory().meta.external_account_required && settings.external_account.is_none() {
            return Err(AuthorityError::ExternalAccountRequired { ca: directory.to_owned() });
        }
        let account = NewAccount {
            contacts: settings.contacts.clone(),
            terms_agreed: settings.accept_terms,
            external_account: settings.external_account.clone(),
        };
        let registration = Account::register(client, &key, &account).await?;
        let url = registration.account.url().to_string();
        self.store.save_registration(directory, &url, &registration.body).await?;
        if registration.created {
            self.reporter.event(&Event::AccountCreated { ca: directory, url: &url });
        }
        Ok(registration)
    }
}

/// Why there is no account to order with.
#[derive(Debug, ThisError)]
pub enum AuthorityError {
    /// The CA, or the way to it.
    #[error(transparent)]
    Acme(#[from] crate::acme::Error),
    /// The stored account was deactivated.
    #[error("the account at {ca} is deactivated")]
    Deactivated {
        /// The CA's directory.
        ca: String,
    },
    /// The CA wants an external account binding and none is configured.
    #[error("{ca} registers only accounts that are bound to an external one")]
    ExternalAccountRequired {
        /// The CA's directory.
        ca: String,
    },
    /// The account key cannot be read or made.
    #[error("the account key cannot be used")]
    Key(#[from] KeyError),
    /// A file of roots cannot be read.
    #[error("{} cannot be read", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program is ending.
    #[error("interrupted")]
    Stopped,
    /// The account store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The terms of service are not accepted.
    #[error("the terms of service of {ca} are not accepted{}", terms.as_ref().map(|t| format!(": {t}")).unwrap_or_default())]
    TermsNotAccepted {
        /// The CA's directory.
        ca: String,
        /// Where they are.
        terms: Option<String>,
    },
}

impl AuthorityError {
    /// The same as an error with a kind and hints.
    #[must_use]
    pub fn into_error(self) -> Error {
        let (kind, hints) = match &self {
            Self::Acme(error) if error.is_unreachable() => (ErrorKind::Unreachable, error.hints()),
            Self::Acme(error) if error.is_rate_limited() => (ErrorKind::Limited, error.hints()),
            Self::Acme(error) => (ErrorKind::Failed, error.hints()),
            Self::Store(error) => (ErrorKind::Failed, error.hints()),
            Self::Deactivated { .. } => {
                let hint = "remove the account's directory, or name another CA, to register a new account";
                (ErrorKind::Failed, vec![hint.to_owned()])
            }
            Self::ExternalAccountRequired { .. } => {
                let hint = "set `external_account:` with the key id and HMAC key that the CA gave you";
                (ErrorKind::Config, vec![hint.to_owned()])
            }
            Self::TermsNotAccepted { .. } => {
                let hint = "read them, then run with --accept-terms, or set `accept_terms: true`";
                (ErrorKind::Config, vec![hint.to_owned()])
            }
            Self::Roots { .. } | Self::Key(_) => (ErrorKind::Config, Vec::new()),
            Self::Stopped => (ErrorKind::Interrupted, Vec::new()),
        };
        Error::new(kind, self).hints(hints)
    }
}
