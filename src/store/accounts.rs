//! Where accounts at CAs live.

use super::{Pending, StoreError};
use crate::key::Secret;

/// Where accounts at CAs live, one for each CA, which is named by its directory URL.
pub trait Accounts {
    /// Where the account at a CA is, for people.
    fn place(&self, ca: &str) -> String;

    /// The account at a CA.
    fn load<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<Option<StoredAccount>, StoreError>>;

    /// Whether the account at a CA was deactivated.
    fn is_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<bool, StoreError>>;

    /// Stores a new account's key before the CA is asked, unless there is one: gives the key to use. Of several runs
    /// that find no account at once, all get the key of one, and so make one account.
    ///
    /// It becomes the account's with [`Accounts::save_url`], so that nothing looks registered while the CA has not agreed.
    fn adopt_key<'a>(&'a self, ca: &'a str, key: &'a Secret) -> Pending<'a, Result<Secret, StoreError>>;

    /// Stores the account's URL. A new account is one from now on.
    fn save_url<'a>(&'a self, ca: &'a str, url: &'a str) -> Pending<'a, Result<(), StoreError>>;

    /// Stores what the CA said about the account, as it came (`now` in seconds since the epoch).
    fn save_registration<'a>(
        &'a self,
        ca: &'a str,
        body: &'a str,
        now: i64,
    ) -> Pending<'a, Result<(), StoreError>>;

    /// Notes that the account was deactivated.
    fn mark_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>>;

    /// Stores the key that the CA is about to be asked to change to; gives the one to ask with. That is an earlier one,
    /// from a rollover that was cut short, if there is one.
    fn begin_rollover<'a>(&'a self, ca: &'a str, next: &'a Secret)
    -> Pending<'a, Result<Secret, StoreError>>;

    /// The CA knows the account under `next`: it takes the place of the old key.
    fn finish_rollover<'a>(&'a self, ca: &'a str, next: &'a Secret) -> Pending<'a, Result<(), StoreError>>;

    /// The CA does not know the next key: it is forgotten.
    fn abandon_rollover<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>>;
}

/// An account as it is stored.
#[derive(Clone, Debug)]
pub struct StoredAccount {
    /// Its key, PEM.
    pub key_pem: Secret,
    /// The key it is being changed to: the CA may know the account under this one already.
    pub next_key_pem: Option<Secret>,
    /// Its URL. `None` when the CA was not asked or has refused: a key alone is no account yet.
    pub url: Option<String>,
    /// What the CA said about it last, JSON.
    pub registration: Option<String>,
    /// Whether it was deactivated, which cannot be undone.
    pub deactivated: bool,
}
