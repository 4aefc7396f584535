//! Accounts (RFC 8555 §7.3): found and made, changed and closed.

use std::fmt;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{self, Post};
use super::jws::{self, Signer};
use super::transport::Reply;
use super::{Client, Error, ServerUrl};
use crate::key::{PrivateKey, Secret};

/// An account with a CA: whoever holds its key acts for it. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    client: Client,
    key: PrivateKey,
    url: ServerUrl,
    thumbprint: Rc<str>,
}

/// What a new account is to be.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// URLs to reach its owner by; an e-mail address may stand without `mailto:`.
    pub contacts: Vec<String>,
    /// Whether its owner has agreed to the terms of service.
    pub terms_agreed: bool,
    /// The account at the CA that it belongs to, where the CA wants one.
    pub external_account: Option<ExternalAccount>,
}

/// What a CA gave to bind an ACME account to one of its own (RFC 8555 §7.3.4).
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    /// The key identifier.
    pub kid: String,
    /// The HMAC key in base64url.
    pub hmac_key: Secret,
    /// The algorithm to use it with.
    pub algorithm: EabAlgorithm,
}

/// How an external account is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EabAlgorithm {
    /// HMAC with SHA-256, what CAs ask for.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// What came of looking for an account or making one.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The account.
    pub account: Account,
    /// What the CA has on it, as it wrote it.
    pub body: String,
    /// Whether it was made just now.
    pub created: bool,
}

/// What a CA has on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDetails {
    /// `valid`, `deactivated` or `revoked`.
    pub status: String,
    /// The URLs to reach its owner by; CAs may keep none.
    pub contacts: Vec<String>,
    /// All of it, as the CA wrote it.
    pub body: String,
}

impl Account {
    /// An account whose URL is known from earlier.
    #[must_use]
    pub fn known(client: &Client, key: PrivateKey, url: ServerUrl) -> Self {
        let thumbprint = key.thumbprint().into();
        Self { client: client.clone(), key, url, thumbprint }
    }

    /// Makes an account for `key`, or finds the one there is: who registers twice, or twice at once, has one account.
    ///
    /// # Errors
    /// What the CA has against it; [`Error::ExternalAccountKey`].
    pub async fn register(
        client: &Client,
        key: &PrivateKey,
        new: &NewAccount,
    ) -> Result<Registration, Error> {
        let url = &client.directory().new_account;
        let mut payload = json!({});
        if new.terms_agreed {
            payload["termsOfServiceAgreed"] = json!(true);
        }
        if !new.contacts.is_empty() {
            payload["contact"] = contact_urls(&new.contacts);
        }
        if let Some(external) = &new.external_account {
            payload["externalAccountBinding"] = jws::external_binding(key, external, url)?;
        }
        let reply = client.post(Signer::Key(key), Post::new(url, payload)).await?;
        registration(client, key, &reply)
    }

    /// Finds the account of `key`, if there is one.
    ///
    /// # Errors
    /// Any problem but `accountDoesNotExist`.
    pub async fn find(client: &Client, key: &PrivateKey) -> Result<Option<Registration>, Error> {
        let post = Post {
            expected: |error| error.is_problem("accountDoesNotExist"),
            ..Post::new(&client.directory().new_account, json!({"onlyReturnExisting": true}))
        };
        match client.post(Signer::Key(key), post).await {
            Ok(reply) => registration(client, key, &reply).map(Some),
            Err(error) if error.is_problem("accountDoesNotExist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its URL, by which the CA knows it.
    #[must_use]
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The thumbprint of its key, a part of every key authorization.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The conversation it is held in.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the CA has on it.
    ///
    /// # Errors
    /// If the CA does not know it any more, or not with this key.
    pub async fn show(&self) -> Result<AccountDetails, Error> {
        details(&self.post(Post::as_get(&self.url)).await?)
    }

    /// Replaces the ways to reach its owner; none are allowed.
    ///
    /// # Errors
    /// If the CA does not take one of them.
    pub async fn update_contacts(&self, contacts: &[String]) -> Result<AccountDetails, Error> {
        let payload = json!({"contact": contact_urls(contacts)});
        details(&self.post(Post::new(&self.url, payload)).await?)
    }

    /// Changes its key to `new` (RFC 8555 §7.3.5) and gives the account as it is from now on.
    ///
    /// When the answer is lost, the CA is asked which key it knows.
    ///
    /// # Errors
    /// If `new` is the key of another account, or of a kind the CA does not take.
    pub async fn rollover(&self, new: &PrivateKey) -> Result<Self, Error> {
        let directory = self.client.directory();
        let url = directory.key_change.as_ref().ok_or(Error::NotOffered { resource: "keyChange" })?;
        let change = json!({"account": self.url, "oldKey": self.key.public_jwk()});
        let inner = jws::sign(Signer::Key(new), None, url, Some(&change)).map_err(Error::Key)?;
        let changed = Self::known(&self.client, new.clone(), self.url.clone());
        let mut tries = 0;
        loop {
            tries += 1;
            // The old key may be none any more when the request arrives a second time.
            let post = Post {
                repeat_if_lost: false,
                expected: Error::is_outcome_unknown,
                ..Post::new(url, inner.clone())
            };
            match self.post(post).await {
                Ok(_) => return Ok(changed),
                Err(error) if error.is_outcome_unknown() => {
                    let found = Self::find(&self.client, new).await?;
                    if found.is_some_and(|found| found.account.url == self.url) {
                        return Ok(changed);
                    }
                    if tries == MOST_TRIES {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes it for good.
    ///
    /// # Errors
    /// If the CA refuses.
    pub async fn deactivate(&self) -> Result<(), Error> {
        let post = Post::new(&self.url, json!({"status": "deactivated"}));
        match self.post(post).await {
            // An account that is closed may not even ask to be.
            Err(error) if !error.is_refused_repeat("unauthorized") => Err(error),
            _ => Ok(()),
        }
    }

    /// Sends a request signed by this account.
    pub(crate) async fn post(&self, post: Post<'_>) -> Result<Reply, Error> {
        self.client.post(Signer::Account(&self.key, &self.url), post).await
    }
}

const MOST_TRIES: u32 = 3;

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.url)
    }
}

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    contact: Option<Vec<String>>,
}

fn registration(client: &Client, key: &PrivateKey, reply: &Reply) -> Result<Registration, Error> {
    let account = Account::known(client, key.clone(), client::location(reply)?);
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    Ok(Registration { account, body, created: reply.status == 201 })
}

fn details(reply: &Reply) -> Result<AccountDetails, Error> {
    let Body { status, contact } = client::json(reply)?;
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    Ok(AccountDetails { status, contacts: contact.unwrap_or_default(), body })
}

fn contact_urls(contacts: &[String]) -> Value {
    let url = |contact: &String| {
        if contact.contains(':') { contact.clone() } else { format!("mailto:{contact}") }
    };
    contacts.iter().map(url).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_urls() {
        let contacts = ["a@example.com".to_owned(), "mailto:b@example.com".to_owned(), "tel:+1".to_owned()];
        assert_eq!(
            contact_urls(&contacts),
            json!(["mailto:a@example.com", "mailto:b@example.com", "tel:+1"])
        );
        assert_eq!(contact_urls(&[]), json!([]));
    }
}
