//! Challenges (RFC 8555 §8): what a name is proven with.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{self, Post};
use super::{Account, Error, Problem, ServerUrl};

/// One way to prove a name, as the CA last showed it. Its type is open-ended; what a type adds is in `raw`.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// `http-01`, `dns-01`, `tls-alpn-01` or one that is not known here.
    pub kind: String,
    /// Where the CA is told that the answer is in place.
    pub url: ServerUrl,
    /// How far it is.
    pub status: ChallengeStatus,
    /// What the answer is made from; some types have none.
    pub token: Option<String>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// All of it.
    pub raw: Value,
}

/// How far a challenge is (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeStatus {
    /// The CA waits for us.
    Pending,
    /// The CA is looking.
    Processing,
    /// The answer was right.
    Valid,
    /// The answer was wrong, or not to be found.
    Invalid,
}

impl Challenge {
    /// `None` if the common members are not all there, or not of this form.
    pub(super) fn read(raw: Value) -> Option<Self> {
        let token = raw.get("token").and_then(Value::as_str);
        // RFC 8555 §8.3: base64url. Anything else could name a file somewhere else.
        if token.is_some_and(|token| token.is_empty() || !token.bytes().all(is_base64url)) {
            return None;
        }
        Some(Self {
            kind: raw.get("type")?.as_str()?.to_owned(),
            url: raw.get("url")?.as_str()?.parse().ok()?,
            status: serde_json::from_value(raw.get("status")?.clone()).ok()?,
            token: token.map(str::to_owned),
            error: raw.get("error").cloned().map(Problem::from_value),
            raw,
        })
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// What proves that an account stands behind an answer (RFC 8555 §8.1); the content of an http-01 file.
#[must_use]
pub fn key_authorization(token: &str, thumbprint: &str) -> String {
    format!("{token}.{thumbprint}")
}

/// The text of the TXT record that answers dns-01 (RFC 8555 §8.4).
#[must_use]
pub fn dns01_value(key_authorization: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, key_authorization.as_bytes()))
}

/// What stands before `_acme-challenge` in the name of the record that answers dns-account-01, so that each account has
/// records of its own (draft-ietf-acme-dns-account-label): ten octets of the digest of the account's URL.
#[must_use]
pub fn dns_account01_label(account_url: &str) -> String {
    let digest = digest(&SHA256, account_url.as_bytes());
    format!("_{}", BASE32_NOPAD.encode(&digest.as_ref()[..10]).to_ascii_lowercase())
}

/// The content of the `acmeIdentifier` extension that answers tls-alpn-01 (RFC 8737 §3).
#[must_use]
pub fn tls_alpn01_digest(key_authorization: &str) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, key_authorization.as_bytes()).as_ref());
    octets
}

/// The same as a hook gets it from dehydrated: lower-case hexadecimal octets with colons between.
#[must_use]
pub fn tls_alpn01_hook_value(key_authorization: &str) -> String {
    let octets = tls_alpn01_digest(key_authorization).map(|octet| format!("{octet:02x}"));
    octets.join(":")
}

impl Account {
    /// Tells the CA that the answer to a challenge is in place.
    ///
    /// A challenge that the CA already looks at, or has looked at, is as good: its order says how it ended.
    ///
    /// # Errors
    /// If the CA does not take it up.
    pub async fn answer(&self, challenge: &Challenge) -> Result<(), Error> {
        let expected = |error: &Error| error.is_problem("malformed");
        let post = Post { expected, ..Post::new(&challenge.url, json!({})) };
        let error = match self.post(post).await {
            Ok(_) => return Ok(()),
            Err(error) if expected(&error) => error,
            Err(error) => return Err(error),
        };
        let reply = self.post(Post::as_get(&challenge.url)).await?;
        match Challenge::read(client::json(&reply)?) {
            Some(current) if current.status != ChallengeStatus::Pending => Ok(()),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_the_answers_of_rfc_8555() {
        // RFC 8555 §8.1 and §8.4 use this token; the thumbprint is that of RFC 7638 §3.1.
        let authorization = key_authorization(
            "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        );
        assert_eq!(
            authorization,
            "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        let value = dns01_value(&authorization);
        assert_eq!(URL_SAFE_NO_PAD.decode(&value).unwrap(), tls_alpn01_digest(&authorization));
        let hook_value = tls_alpn01_hook_value(&authorization);
        assert_eq!(hook_value.len(), 32 * 3 - 1);
        let octets: Vec<_> =
            hook_value.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
        assert_eq!(octets, tls_alpn01_digest(&authorization));
    }

    /// What Pebble 2.10 looked for.
    #[test]
    fn an_account_has_a_label_of_its_own() {
        let label = dns_account01_label("https://127.0.0.1:14400/my-account/16e1769fd19b69f0");
        assert_eq!(label, "_mtpnvshnry5jemyg");
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let raw = json!({"type": "dns-persist-01", "url": "https://ca/c/1", "status": "pending",
            "issuer-domain-names": ["ca.example"]});
        let challenge = Challenge::read(raw.clone()).unwrap();
        assert_eq!((challenge.kind.as_str(), challenge.token, challenge.raw), ("dns-persist-01", None, raw));
    }

    #[test]
    fn leaves_out_what_it_could_not_answer() {
        for raw in [
            json!({"url": "https://ca/c/1", "status": "pending"}),
            json!({"type": "dns-01", "status": "pending", "token": "x"}),
            json!({"type": "dns-01", "url": "https://ca/c/1", "status": "odd", "token": "x"}),
            json!({"type": "http-01", "url": "https://ca/c/1", "status": "pending", "token": "../../etc/passwd"}),
            json!({"type": "http-01", "url": "https://ca/c/1", "status": "pending", "token": ""}),
            json!("dns-01"),
        ] {
            assert!(Challenge::read(raw.clone()).is_none(), "{raw}");
        }
    }
}
