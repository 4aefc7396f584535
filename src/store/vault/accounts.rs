//! Accounts at CAs, each in a secret of its own.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Shared, document, joined};
use crate::config::SecretField;
use crate::key::{PrivateKey, Secret};
use crate::store::{Accounts, Pending, StoreError, StoredAccount};
use crate::vault::{Data, Error, Kv};

/// Accounts in Vault.
pub struct VaultAccounts(Rc<Shared>);

/// What is in the secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    /// The CA's directory URL.
    ca: String,
    /// The key, PEM; also of an account that the CA has not made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
    /// The key of a rollover that the CA has not confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_key: Option<Secret>,
    /// The account's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What the CA said last, JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deactivated: bool,
}

impl VaultAccounts {
    /// Accounts where `shared` says.
    #[must_use]
    pub fn new(shared: Rc<Shared>) -> Self {
        Self(shared)
    }

    /// Where the account is. An account with a key from elsewhere belongs to that key alone.
    fn path(&self, ca: &str, key: Option<&Secret>) -> String {
        let about = match key {
            None => ca.to_owned(),
            Some(pem) => {
                let key = PrivateKey::from_pem(pem.expose());
                format!("{ca} {}", key.map(|key| key.thumbprint()).unwrap_or_default())
            }
        };
        joined(&self.0.settings.state_prefix, &document::key(document::ACCOUNT, &about))
    }

    async fn read(&self, ca: &str) -> Result<Read, StoreError> {
        let key = match &self.0.settings.account_key {
            Some(place) => self.key_at(place).await?.0,
            None => None,
        };
        let path = self.path(ca, key.as_ref());
        let found = self.0.state().await?.find(&path).await?;
        let cas = found.cas();
        let mut account = match found.version() {
            Some(version) => version.data.to()?,
            None => Account { ca: ca.to_owned(), ..Account::default() },
        };
        account.key = key.or(account.key);
        Ok(Read { account, path, cas })
    }

    /// Changes the account, however many others do so at the same time. `change` gives what its caller wants to know of
    /// the account it was called with last.
    async fn change<T>(&self, ca: &str, change: impl Fn(&mut Account) -> T) -> Result<T, StoreError> {
        let kv = self.0.state().await?;
        let mut tries = 0;
        loop {
            let Read { account: before, path, cas } = self.read(ca).await?;
            let mut account = before.clone();
            let outcome = change(&mut account);
            if account == before && cas != 0 {
                return Ok(outcome);
            }
            if cas == 0 {
                // A key that was given up is to be in no version of before.
                self.0.keep_one_version(&path).await?;
            }
            if self.0.settings.account_key.is_some() {
                account.key = None;
            }
            match kv.write(&path, &Data::of(&account)?, cas).await {
                Ok(_) => return Ok(outcome),
                Err(Error::Conflict { .. }) if tries < MOST_CONFLICTS => tries += 1,
                Err(error) => return Err(error.into()),
            }
            pause(tries).await;
        }
    }

    /// The mount with the account's key.
    async fn mount_of(&self, place: &SecretField) -> Result<Kv, Error> {
        self.0.mount(&place.mount).await
    }

    /// The key in a field, the secret around it, and its version.
    async fn key_at(&self, place: &SecretField) -> Result<(Option<Secret>, Data, u64), StoreError> {
        let version = self.mount_of(place).await?.read(&place.path).await?;
        let key = version.data.text(&place.field).filter(|text| !text.trim().is_empty()).map(Secret::new);
        Ok((key, version.data, version.number))
    }

    /// Puts a key into a field, and leaves the others; with `unless_there` the one that is there stays, and is given.
    async fn put_key(
        &self,
        place: &SecretField,
        key: &Secret,
        unless_there: bool,
    ) -> Result<Secret, StoreError> {
        let kv = self.mount_of(place).await?;
        let mut tries = 0;
        loop {
            let (there, mut data, number) = self.key_at(place).await?;
            if let Some(there) = there.filter(|there| unless_there || there == key) {
                return Ok(there);
            }
            data.set(&place.field, key.expose());
            match kv.write(&place.path, &data, number).await {
                Ok(_) => return Ok(key.clone()),
                Err(Error::Conflict { .. }) if tries < MOST_CONFLICTS => tries += 1,
                Err(error) => return Err(error.into()),
            }
            pause(tries).await;
        }
    }
}

/// An account as it was found.
struct Read {
    account: Account,
    path: String,
    /// What a write replaces.
    cas: u64,
}

/// How often an account is changed anew because somebody else was quicker.
const MOST_CONFLICTS: u32 = 30;

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(10 << tries.min(6))).await;
}

impl Accounts for VaultAccounts {
    fn place(&self, ca: &str) -> String {
        match &self.0.settings.account_key {
            Some(place) => format!("{}/{}", place.mount, place.path),
            None => format!("{}/{}", self.0.settings.state_mount, self.path(ca, None)),
        }
    }

    fn load<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<Option<StoredAccount>, StoreError>> {
        Box::pin(async move {
            let account = self.read(ca).await?.account;
            let Account { key, next_key: next_key_pem, url, registration, deactivated, .. } = account;
            Ok(key.map(|key_pem| StoredAccount { key_pem, next_key_pem, url, registration, deactivated }))
        })
    }

    fn is_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.read(ca).await?.account.deactivated) })
    }

    fn adopt_key<'a>(&'a self, ca: &'a str, key: &'a Secret) -> Pending<'a, Result<Secret, StoreError>> {
        Box::pin(async move {
            match &self.0.settings.account_key {
                Some(place) => self.put_key(place, key, true).await,
                None => {
                    self.change(ca, |account| account.key.get_or_insert_with(|| key.clone()).clone()).await
                }
            }
        })
    }

    fn save_url<'a>(&'a self, ca: &'a str, url: &'a str) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(self.change(ca, |account| account.url = Some(url.to_owned())))
    }

    fn save_registration<'a>(
        &'a self,
        ca: &'a str,
        body: &'a str,
        _now: i64,
    ) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(self.change(ca, |account| account.registration = Some(body.to_owned())))
    }

    fn mark_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(self.change(ca, |account| account.deactivated = true))
    }

    fn begin_rollover<'a>(
        &'a self,
        ca: &'a str,
        next: &'a Secret,
    ) -> Pending<'a, Result<Secret, StoreError>> {
        Box::pin(self.change(ca, |account| account.next_key.get_or_insert_with(|| next.clone()).clone()))
    }

    fn finish_rollover<'a>(&'a self, ca: &'a str, next: &'a Secret) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(place) = &self.0.settings.account_key {
                // What is known of the account is read anew by its new key.
                return self.put_key(place, next, false).await.map(drop);
            }
            self.change(ca, |account| {
                account.key = Some(next.clone());
                account.next_key = None;
            })
            .await
        })
    }

    fn abandon_rollover<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(self.change(ca, |account| account.next_key = None))
    }
}
