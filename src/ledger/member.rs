//! The members of a record: what was begun, what is owed, what was last said.

use serde::{Deserialize, Serialize};

use crate::hook::Answer;
use crate::key::Secret;

/// A certificate that must not be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Which: SHA-256 of its DER, in hexadecimal.
    pub fingerprint: String,
    /// Whether somebody else may have its key.
    pub key_compromised: bool,
}

/// An issue that was begun: everything the next run needs to finish it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The CA's directory URL.
    pub ca: String,
    /// The account's URL.
    pub account: String,
    /// The names, as `domains.txt` writes them, in order.
    pub names: Vec<String>,
    /// The profile asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The certificate that the order says it replaces (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The timestamp of the files to come.
    pub timestamp: u64,
    /// The key of the certificate to come.
    pub key: CertificateKey,
    /// The CSR, PEM; absent where it is made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// The order's URL, once the CA gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// When it was begun.
    pub started: i64,
}

/// Where the private key of a certificate comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKey {
    /// Somewhere else: a hook made the CSR and kept the key.
    Foreign,
    /// From the certificate before: it is used again.
    Kept,
    /// Made for this certificate; PEM.
    New(Secret),
}

impl CertificateKey {
    /// The same without the key.
    #[must_use]
    pub fn source(&self) -> KeySource {
        match self {
            Self::Foreign => KeySource::Foreign,
            Self::Kept => KeySource::Kept,
            Self::New(_) => KeySource::New,
        }
    }
}

/// A [`CertificateKey`] without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// A hook made the CSR and kept the key.
    Foreign,
    /// The key of the certificate before.
    Kept,
    /// A key of its own.
    New,
}

/// An answer to clean up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owed {
    /// The challenge type.
    pub challenge: String,
    /// The hooks or responders it was deployed with.
    pub hooks: Vec<String>,
    /// What was deployed.
    pub answer: Answer,
}

/// An answer that was deployed in DNS, and may have been cleaned since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// The challenge type.
    pub challenge: String,
    /// The hooks it was deployed with.
    pub hooks: Vec<String>,
    /// What was deployed.
    pub answer: Answer,
    /// When that was done last.
    pub at: i64,
}

/// Files that are durable and not (all) linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    /// Their timestamp.
    pub timestamp: u64,
    /// Whether a key is among them.
    pub key: KeySource,
    /// Whether the switch is decided and has to be completed; otherwise `sync_cert` is still owed.
    pub switch: bool,
}

/// The state of one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// How far it came.
    pub state: DeliveryState,
    /// Which files it is about.
    pub timestamp: u64,
    /// How often `deploy_cert` was called for them.
    pub attempts: u32,
    /// Why the last call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the state last changed.
    pub at: i64,
}

impl Delivery {
    /// Whether `deploy_cert` still has to be called.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        matches!(self.state, DeliveryState::Failed | DeliveryState::Owed)
    }
}

/// How far a delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The hook exited with 0.
    Delivered,
    /// The last call failed; it is still owed.
    Failed,
    /// Not called yet.
    Owed,
    /// The hook, which announces that it verifies, exited with 0.
    Verified,
}

/// What the CA said about when to renew (RFC 9773), and the instant chosen from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The renewal id of the certificate it is about.
    pub certificate: String,
    /// Where the suggested window begins.
    pub start: i64,
    /// Where it ends.
    pub end: i64,
    /// The instant chosen in it.
    pub chosen: i64,
    /// Not to be asked again before.
    pub next_check: i64,
    /// Where the CA explains itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation_url: Option<String>,
    /// Requests that failed in a row.
    #[serde(default)]
    pub failures: u32,
}

/// Attempts to issue that failed since the last certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// What went wrong last.
    pub last: String,
    /// When it did.
    pub at: i64,
    /// When the next attempt may be made.
    pub not_before: i64,
    /// When the CA lets one be made, where it said so. All that holds back a run without backoff of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_not_before: Option<i64>,
}

/// An OCSP response, and who has yet to be given it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwedResponse {
    /// That of its file.
    pub timestamp: u64,
    /// The names of the hooks.
    pub hooks: Vec<String>,
}
