//! The CAs of a run, each reached once, and the account at each.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use time::OffsetDateTime;
use tokio::sync::OnceCell;

use super::named_key;
use super::network::{roots, way_to};
use super::unavailable::{AuthorityError, Unavailable};
use crate::acme::{Account, Client, ClientOptions, Exchange, Observer};
use crate::acme::{ExternalAccount, NewAccount, Registration, ServerUrl};
use crate::config::{Ca, Config, MacAlgorithm};
use crate::error::Error;
use crate::hook::{Facts, Hooks, RequestFailure};
use crate::identifier::CertName;
use crate::key::{PrivateKey, Secret, shown_url};
use crate::report::{Event, Reporter, Verbosity};
use crate::store::{Accounts, StoredAccount};
use crate::turns::Turns;

/// The CAs of a run. Each directory is fetched once, before anything runs in parallel, and never kept. What went wrong
/// once is not tried again for every certificate.
pub struct Authorities<'a> {
    config: &'a Config,
    accounts: &'a dyn Accounts,
    reporter: &'a Rc<Reporter>,
    known: RefCell<BTreeMap<String, Rc<Authority>>>,
    failed_requests: Rc<RefCell<Vec<FailedRequest>>>,
    orders: Turns,
}

/// One CA.
#[derive(Default)]
struct Authority {
    client: OnceCell<Result<Client, Unavailable>>,
    account: OnceCell<Result<Account, Unavailable>>,
}

tokio::task_local! {
    /// The certificate that is being worked on.
    static IN_WORK: CertName;
}

/// Does the work for one certificate: requests that fail meanwhile are its own.
pub(super) async fn working_for<T>(name: &CertName, work: impl Future<Output = T>) -> T {
    IN_WORK.scope(name.clone(), work).await
}

/// An answer outside 2xx that ended an attempt: what `request_failure` is told.
struct FailedRequest {
    /// The certificate that asked; None for what all have in common.
    certificate: Option<CertName>,
    status: u16,
    body: String,
    method: String,
    headers: String,
}

impl<'a> Authorities<'a> {
    /// No CA reached yet.
    #[must_use]
    pub fn new(config: &'a Config, accounts: &'a dyn Accounts, reporter: &'a Rc<Reporter>) -> Self {
        let (known, failed_requests, orders) = Default::default();
        Self { config, accounts, reporter, known, failed_requests, orders }
    }

    /// The orders that are open: certificates that would get the same one take turns.
    pub(crate) fn orders(&self) -> &Turns {
        &self.orders
    }

    /// The client of a CA, its directory fetched.
    ///
    /// # Errors
    /// It cannot be reached, or what answers is no ACME directory.
    pub async fn client(&self, ca: &Ca) -> Result<Client, Unavailable> {
        let authority = self.authority(ca);
        let connect = || async { self.connect(ca).await.map_err(Unavailable::from) };
        authority.client.get_or_init(connect).await.clone()
    }

    /// The account at a CA: the one in the store, else one that is registered now.
    ///
    /// # Errors
    /// As [`Authorities::client`]; terms not accepted; the CA refuses the account.
    pub async fn account(&self, ca: &Ca) -> Result<Account, Unavailable> {
        let client = self.client(ca).await?;
        let authority = self.authority(ca);
        let sign_in = || async { self.sign_in(ca, &client).await.map_err(Unavailable::from) };
        authority.account.get_or_init(sign_in).await.clone()
    }

    /// Registers the account at a CA if there is none, and gives what the CA says of it.
    ///
    /// # Errors
    /// As [`Authorities::account`].
    pub async fn register(&self, ca: &Ca) -> Result<Registration, Unavailable> {
        let client = self.client(ca).await?;
        let stored = self.stored(ca).await?;
        Ok(self.registration(ca, &client, stored).await?)
    }

    /// The account in the store; never registers one.
    ///
    /// # Errors
    /// As [`Authorities::client`]; there is no account, or the CA does not know it.
    pub async fn existing(&self, ca: &Ca) -> Result<Account, Unavailable> {
        let client = self.client(ca).await?;
        Ok(self.stored_account(ca, &client).await?)
    }

    /// Refuses a CA whose account was deactivated: nothing at all is done there any more.
    ///
    /// # Errors
    /// It was deactivated, or that cannot be looked up.
    pub async fn require_active(&self, ca: &Ca) -> Result<(), Unavailable> {
        Ok(self.refuse_deactivated(ca).await?)
    }

    async fn refuse_deactivated(&self, ca: &Ca) -> Result<(), AuthorityError> {
        let directory = ca.directory.as_str();
        if self.accounts.is_deactivated(directory).await? {
            return Err(AuthorityError::Deactivated { ca: ca.shown() });
        }
        Ok(())
    }

    /// The account in the store, which is that of the key that was named, if one was.
    async fn stored(&self, ca: &Ca) -> Result<Option<StoredAccount>, AuthorityError> {
        let directory = ca.directory.as_str();
        let stored = self.accounts.load(directory).await?;
        if let Some(stored) = &stored {
            // Either key, while one is being changed to the other.
            let keys = std::iter::once(&stored.key_pem).chain(&stored.next_key_pem);
            named_key::require(&self.config.account, keys, &ca.shown(), || self.accounts.place(directory))?;
        }
        Ok(stored)
    }

    async fn stored_account(&self, ca: &Ca, client: &Client) -> Result<Account, AuthorityError> {
        self.refuse_deactivated(ca).await?;
        let stored = self.stored(ca).await?;
        let unknown = || AuthorityError::NoAccount { ca: ca.shown() };
        let stored = stored.ok_or_else(unknown)?;
        if let Some(account) = self.signed_in(ca, client, &stored).await? {
            return Ok(account);
        }
        let key = self.key(ca, &stored.key_pem)?;
        let found = Account::find(client, &key).await?.ok_or_else(unknown)?;
        self.complete(ca.directory.as_str(), &stored, &found).await?;
        Ok(found.account)
    }

    /// Calls `request_failure` for every answer that ended an attempt at this certificate since the last time, or at
    /// what all have in common; gives whether there was one.
    pub async fn tell_hooks_of_failures(&self, hooks: &Hooks, facts: &Facts<'_>) -> bool {
        let failed = self.failed_requests.take();
        let is_its =
            |failed: &FailedRequest| failed.certificate.as_ref().is_none_or(|name| name == facts.name);
        let (its, others): (Vec<_>, Vec<_>) = failed.into_iter().partition(is_its);
        self.failed_requests.borrow_mut().extend(others);
        for FailedRequest { status, body, method, headers, .. } in &its {
            let failure = RequestFailure { status: *status, method, body, headers };
            if let Err(error) = hooks.request_failure(Some(facts), &failure).await {
                self.reporter.event(&Event::HookFailed { name: facts.name, error: &error });
            }
        }
        !its.is_empty()
    }

    /// The same for whatever was asked, outside the work on a certificate of a list.
    pub async fn tell_hooks_of_all_failures(&self, hooks: &Hooks) -> bool {
        let failed = self.failed_requests.take();
        for FailedRequest { status, body, method, headers, .. } in &failed {
            let failure = RequestFailure { status: *status, method, body, headers };
            if let Err(error) = hooks.request_failure(None, &failure).await {
                self.reporter.error(&Error::failed(error));
            }
        }
        !failed.is_empty()
    }

    fn authority(&self, ca: &Ca) -> Rc<Authority> {
        let mut known = self.known.borrow_mut();
        Rc::clone(known.entry(ca.directory.to_string()).or_default())
    }

    async fn connect(&self, ca: &Ca) -> Result<Client, AuthorityError> {
        let network = &self.config.network;
        let options = ClientOptions {
            roots: roots(network)?,
            roots_only: network.roots_only,
            insecure: network.insecure,
            observer: Some(self.observer()),
            ..way_to(network)
        };
        Ok(Client::connect(&ca.directory, options).await?)
    }

    /// Notes failures for the hooks, and with `-vv` prints every exchange.
    fn observer(&self) -> Observer {
        let failed = Rc::clone(&self.failed_requests);
        let reporter = (self.reporter.verbosity() >= Verbosity::Requests).then(|| Rc::clone(self.reporter));
        Rc::new(move |exchange: &Exchange<'_>| {
            if let Some(reporter) = &reporter {
                reporter.event(&Event::Request {
                    method: exchange.method,
                    url: &shown_url(exchange.url),
                    status: exchange.status,
                    elapsed: exchange.elapsed,
                });
            }
            if let Some(status) = exchange.status.filter(|_| exchange.ends_attempt) {
                let header = |(name, value): (&_, &reqwest::header::HeaderValue)| {
                    format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
                };
                failed.borrow_mut().push(FailedRequest {
                    certificate: IN_WORK.try_with(Clone::clone).ok(),
                    status,
                    body: String::from_utf8_lossy(exchange.body).into_owned(),
                    // dehydrated names methods as curl's wrapper does.
                    method: exchange.method.to_ascii_lowercase(),
                    headers: exchange.headers.iter().map(header).collect::<Vec<_>>().join("\n"),
                });
            }
        })
    }

    async fn sign_in(&self, ca: &Ca, client: &Client) -> Result<Account, AuthorityError> {
        self.refuse_deactivated(ca).await?;
        let stored = self.stored(ca).await?;
        if let Some(stored) = &stored
            && let Some(account) = self.signed_in(ca, client, stored).await?
        {
            return Ok(account);
        }
        let registration = self.registration(ca, client, stored).await?;
        Ok(registration.account)
    }

    /// The account as it is stored, without asking the CA; asks it only after a rollover that was cut short.
    async fn signed_in(
        &self,
        ca: &Ca,
        client: &Client,
        stored: &StoredAccount,
    ) -> Result<Option<Account>, AuthorityError> {
        let directory = ca.directory.as_str();
        if let Some(next_pem) = &stored.next_key_pem {
            let next = self.key(ca, next_pem)?;
            if let Some(found) = Account::find(client, &next).await? {
                self.accounts.finish_rollover(directory, next_pem).await?;
                return Ok(Some(found.account));
            }
            self.accounts.abandon_rollover(directory).await?;
        }
        let Some(url) = stored.url.as_ref().and_then(|url| url.parse::<ServerUrl>().ok()) else {
            return Ok(None);
        };
        let key = self.key(ca, &stored.key_pem)?;
        Ok(Some(Account::known(client, key, url)))
    }

    async fn registration(
        &self,
        ca: &Ca,
        client: &Client,
        stored: Option<StoredAccount>,
    ) -> Result<Registration, AuthorityError> {
        let directory = ca.directory.as_str();
        self.refuse_deactivated(ca).await?;
        if let Some(stored) = stored {
            let key = self.key(ca, &stored.key_pem)?;
            if let Some(found) = Account::find(client, &key).await? {
                self.complete(directory, &stored, &found).await?;
                return Ok(found);
            }
            return self.create(ca, client, key).await;
        }
        let settings = &self.config.account;
        if !settings.accept_terms {
            let terms = client.directory().meta.terms_of_service.clone();
            return Err(AuthorityError::TermsNotAccepted { ca: ca.shown(), terms });
        }
        let made = if let Some(path) = &settings.key_file {
            named_key::read(path)?
        } else {
            let kind = settings.key_type;
            let made = tokio::task::spawn_blocking(move || PrivateKey::generate(kind)).await;
            // Fails only when the task panicked or the runtime is gone.
            made.map_err(|_| AuthorityError::Stopped)??
        };
        // Of two first runs at once one wins, and both go on with its key.
        let key_pem = self.accounts.adopt_key(directory, &made.to_file_pem()).await?;
        named_key::require(settings, [&key_pem], &ca.shown(), || self.accounts.place(directory))?;
        self.create(ca, client, self.key(ca, &key_pem)?).await
    }

    async fn create(
        &self,
        ca: &Ca,
        client: &Client,
        key: PrivateKey,
    ) -> Result<Registration, AuthorityError> {
        let settings = &self.config.account;
        let directory = ca.directory.as_str();
        if client.directory().meta.external_account_required && settings.external_account.is_none() {
            return Err(AuthorityError::ExternalAccountRequired { ca: ca.shown() });
        }
        let external_account = match &settings.external_account {
            None => None,
            Some(external) => Some(ExternalAccount {
                kid: external.kid.clone(),
                hmac_key: external.key.read()?,
                algorithm: match external.algorithm {
                    MacAlgorithm::Hs256 => crate::acme::EabAlgorithm::Hs256,
                    MacAlgorithm::Hs384 => crate::acme::EabAlgorithm::Hs384,
                    MacAlgorithm::Hs512 => crate::acme::EabAlgorithm::Hs512,
                },
            }),
        };
        let account = NewAccount {
            contacts: settings.contacts.clone(),
            terms_agreed: settings.accept_terms,
            external_account,
        };
        let registration = Account::register(client, &key, &account).await?;
        self.save(directory, &registration).await?;
        if registration.created {
            let url = registration.account.url().as_str();
            self.reporter.event(&Event::AccountCreated { ca: &ca.shown(), url });
        }
        Ok(registration)
    }

    /// Stores what is missing of an account that the CA knows; what it said when it made it stays.
    async fn complete(
        &self,
        directory: &str,
        stored: &StoredAccount,
        found: &Registration,
    ) -> Result<(), AuthorityError> {
        if stored.registration.is_none() {
            return self.save(directory, found).await;
        }
        let url = found.account.url().as_str();
        if stored.url.as_deref() != Some(url) {
            self.accounts.save_url(directory, url).await?;
        }
        Ok(())
    }

    /// The key of an account in the store.
    fn key(&self, ca: &Ca, pem: &Secret) -> Result<PrivateKey, AuthorityError> {
        named_key::stored(pem, || self.accounts.place(ca.directory.as_str()))
    }

    async fn save(&self, directory: &str, registration: &Registration) -> Result<(), AuthorityError> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.accounts.save_registration(directory, &registration.body, now).await?;
        self.accounts.save_url(directory, registration.account.url().as_str()).await?;
        Ok(())
    }
}
