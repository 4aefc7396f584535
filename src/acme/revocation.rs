//! Revocation (RFC 8555 §7.6), by who ordered a certificate or who holds its key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::client::Post;
use super::jws::Signer;
use super::{Account, Client, Error};
use crate::key::PrivateKey;

impl Account {
    /// Revokes a certificate in DER, for a `reason` of RFC 5280 §5.3.1.
    ///
    /// # Errors
    /// What the CA has against it; `alreadyRevoked` also when that is long ago.
    pub async fn revoke(&self, der: &[u8], reason: Option<u8>) -> Result<(), Error> {
        revoke(self.client(), Signer::Account(self.key(), self.url()), der, reason).await
    }
}

impl Client {
    /// Revokes a certificate in DER with its own key: it needs no account, and proves that the key is in other hands.
    ///
    /// # Errors
    /// As [`Account::revoke`].
    pub async fn revoke_with_certificate_key(
        &self,
        der: &[u8],
        key: &PrivateKey,
        reason: Option<u8>,
    ) -> Result<(), Error> {
        revoke(self, Signer::Key(key), der, reason).await
    }
}

async fn revoke(client: &Client, signer: Signer<'_>, der: &[u8], reason: Option<u8>) -> Result<(), Error> {
    let url = client.directory().revoke_cert.as_ref().ok_or(Error::NotOffered { resource: "revokeCert" })?;
    let mut payload = json!({"certificate": URL_SAFE_NO_PAD.encode(der)});
    if let Some(reason) = reason {
        payload["reason"] = json!(reason);
    }
    match client.post(signer, Post::new(url, payload)).await {
        Err(error) if !error.is_refused_repeat("alreadyRevoked") => Err(error),
        _ => Ok(()),
    }
}
