//! Authorizations (RFC 8555 §7.5): whether a name is proven, and how it may be.

use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::client::{self, Post};
use super::transport::Reply;
use super::{Account, Challenge, Error, Order, ServerUrl, order, problem};
use crate::identifier::Identifier;

/// An authorization as the CA last showed it.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its URL.
    pub url: ServerUrl,
    /// The name to prove, without `*.`.
    pub identifier: Identifier,
    /// Whether it is for the wildcard below that name.
    pub wildcard: bool,
    /// Whether the name is proven.
    pub status: AuthorizationStatus,
    /// The ways to prove it, in the CA's order.
    pub challenges: Vec<Challenge>,
    /// When the proof, or the chance of one, ends.
    pub expires: Option<OffsetDateTime>,
}

/// How far an authorization is (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// The name is to be proven.
    Pending,
    /// The name is proven.
    Valid,
    /// The proof failed; only a new order helps.
    Invalid,
    /// Given up by the account.
    Deactivated,
    /// Too old.
    Expired,
    /// Withdrawn by the CA.
    Revoked,
}

impl Authorization {
    /// The challenge of a type, `dns-01` for example, if the CA offers it.
    #[must_use]
    pub fn challenge(&self, kind: &str) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.kind == kind)
    }

    /// The name as it was ordered, with `*.` where that is so.
    #[must_use]
    pub fn name(&self) -> Identifier {
        match &self.identifier {
            Identifier::Dns(name) if self.wildcard && !name.is_wildcard() => {
                format!("*.{name}").parse().unwrap_or_else(|_| self.identifier.clone())
            }
            identifier => identifier.clone(),
        }
    }
}

impl Account {
    /// Reads all authorizations of an order at once, in its order.
    ///
    /// # Errors
    /// The first there is.
    pub async fn authorizations(&self, order: &Order) -> Result<Vec<Authorization>, Error> {
        try_join_all(order.authorizations.iter().map(|url| self.authorization(url))).await
    }

    async fn authorization(&self, url: &ServerUrl) -> Result<Authorization, Error> {
        let reply = self.post(Post::as_get(url)).await?;
        read(url.clone(), &reply)
    }
}

#[derive(Deserialize)]
struct Body {
    identifier: Value,
    #[serde(default)]
    wildcard: bool,
    status: AuthorizationStatus,
    #[serde(default)]
    challenges: Vec<Value>,
    expires: Option<String>,
}

fn read(url: ServerUrl, reply: &Reply) -> Result<Authorization, Error> {
    let body: Body = client::json(reply)?;
    let named = problem::identifier(&body.identifier)
        .ok_or_else(|| Error::malformed(&url, &format!("{} is no identifier we know", body.identifier)))?;
    Ok(Authorization {
        url,
        wildcard: body.wildcard || named.is_wildcard(),
        identifier: named.base(),
        status: body.status,
        // A challenge that we cannot make sense of is one that we cannot answer.
        challenges: body.challenges.into_iter().filter_map(Challenge::read).collect(),
        expires: body.expires.as_deref().and_then(order::date),
    })
}
