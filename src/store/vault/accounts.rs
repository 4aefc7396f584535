//! Accounts at CAs, each in a secret of its own.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Shared, document, joined};
use crate::key::Secret;
use crate::store::{Accounts, Pending, StoreError, StoredAccount};
use crate::vault::{Data, Error};

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

    fn path(&self, ca: &str) -> String {
        joined(&self.0.settings.state_prefix, &document::key(document::ACCOUNT, ca))
    }

    async fn read(&self, ca: &str) -> Result<(Account, u64), StoreError> {
        let found = self.0.state().await?.find(&self.path(ca)).await?;
        let cas = found.cas();
        let account = match found.version() {
            Some(version) => version.data.to()?,
            None => Account { ca: ca.to_owned(), ..Account::default() },
        };
        Ok((account, cas))
    }

    /// Changes the account, however many others do so at the same time. `change` gives what its caller wants to know of
    /// the account it was called with last.
    async fn change<T>(&self, ca: &str, change: impl Fn(&mut Account) -> T) -> Result<T, StoreError> {
        let kv = self.0.state().await?;
        let path = self.path(ca);
        let mut tries = 0;
        loop {
            let (before, cas) = self.read(ca).await?;
            let mut account = before.clone();
            let outcome = change(&mut account);
            if account == before && cas != 0 {
                return Ok(outcome);
            }
            if cas == 0 {
                // A key that was given up is to be in no version of before.
                kv.set_max_versions(&path, 1).await?;
            }
            match kv.write(&path, &Data::of(&account)?, cas).await {
                Ok(_) => return Ok(outcome),
                Err(Error::Conflict { .. }) if tries < MOST_CONFLICTS => tries += 1,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(Duration::from_millis(10 << tries.min(6))).await;
        }
    }
}

/// How often an account is changed anew because somebody else was quicker.
const MOST_CONFLICTS: u32 = 30;

impl Accounts for VaultAccounts {
    fn place(&self, ca: &str) -> String {
        format!("{}/{}", self.0.settings.state_mount, self.path(ca))
    }

    fn load<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<Option<StoredAccount>, StoreError>> {
        Box::pin(async move {
            let (account, _) = self.read(ca).await?;
            let Account { key, next_key: next_key_pem, url, registration, deactivated, .. } = account;
            Ok(key.map(|key_pem| StoredAccount { key_pem, next_key_pem, url, registration, deactivated }))
        })
    }

    fn is_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.read(ca).await?.0.deactivated) })
    }

    fn adopt_key<'a>(&'a self, ca: &'a str, key: &'a Secret) -> Pending<'a, Result<Secret, StoreError>> {
        Box::pin(self.change(ca, |account| account.key.get_or_insert_with(|| key.clone()).clone()))
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
        Box::pin(self.change(ca, |account| {
            account.key = Some(next.clone());
            account.next_key = None;
        }))
    }

    fn abandon_rollover<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(self.change(ca, |account| account.next_key = None))
    }
}
