//! How a conversation with Vault fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::options::SERVICE_ACCOUNT;
use crate::acme::{innermost, is_untrusted};

/// Why something could not be read from Vault or written to it.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// There is nothing at this path, and perhaps never was.
    #[error("Vault has no secret at `{path}`")]
    Absent {
        /// Mount and path.
        path: String,
    },
    /// A secret has another version than the one that was to be replaced.
    #[error("the secret `{path}` was changed by somebody else meanwhile: its version is not {cas} any more")]
    Conflict {
        /// Mount and path.
        path: String,
        /// The version that was expected; 0: none.
        cas: u64,
    },
    /// The version was deleted; there may be older ones.
    #[error("version {version} of the secret `{path}` is {}", if *is_destroyed { "destroyed" } else { "deleted" })]
    Deleted {
        /// Mount and path.
        path: String,
        /// Which version.
        version: u64,
        /// Whether it is gone for good.
        is_destroyed: bool,
    },
    /// The token is good, and its policy does not allow this.
    #[error("the policy of the token denies {} on `{path}`", listed(capabilities, '`', " or "))]
    Denied {
        /// The capabilities of which the policy lacks one.
        capabilities: &'static [&'static str],
        /// The path as policies write it, with the mount.
        path: String,
    },
    /// Logging in was refused.
    #[error("Vault refuses the login at `auth/{mount}`: {message}")]
    LoginRefused {
        /// Where.
        mount: String,
        /// What Vault said.
        message: String,
    },
    /// No mount of this name, or none that the token has any right to: Vault does not say which.
    #[error("Vault shows no secrets engine at `{mount}`: there is none, or the token has no right there")]
    NoMount {
        /// Its name.
        mount: String,
    },
    /// A file that should hold what it takes to log in.
    #[error("cannot log in with {}: {reason}", path.display())]
    NoSecret {
        /// Its path.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {}", innermost(cause))]
    NoClient {
        /// What the HTTP library says.
        cause: Arc<reqwest::Error>,
    },
    /// What is to be stored, or was read, is no object of the fields that are expected.
    #[error("these are no fields of a secret: {reason}")]
    NotFields {
        /// Why not.
        reason: String,
    },
    /// An answer that Vault does not give: from a proxy, or something else listens there.
    #[error("HTTP {status} from `{path}` is no answer of Vault{}", if start.is_empty() { String::new() } else { format!(": `{start}`") })]
    NotVault {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
        /// The first words of the body, where it cannot be a secret.
        start: String,
    },
    /// The engine keeps no versions, so that nothing protects a secret from two writers.
    #[error("the secrets engine at `{mount}` is {engine}, not version 2 of kv")]
    NotVersion2 {
        /// Its name.
        mount: String,
        /// What it is.
        engine: String,
    },
    /// A path that Vault would take for another one, or not at all.
    #[error("`{path}` is no path of a secret: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// Sent elsewhere, which is never followed with a token.
    #[error("Vault is a standby and sends its clients to {to}, which is not followed")]
    Redirected {
        /// Where to.
        to: String,
    },
    /// Vault refuses, and says why.
    #[error("Vault refuses `{path}` with HTTP {status}: {message}")]
    Refused {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Nothing is served before somebody unseals it.
    #[error("Vault is sealed")]
    Sealed,
    /// A setting cannot be used.
    #[error("{name}: {reason}")]
    Setting {
        /// The environment variable, or the file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too many requests.
    #[error("Vault asks for patience: {message}")]
    Throttled {
        /// What it said.
        message: String,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
    },
    /// The token is unknown, expired or revoked, and there is no way to get another.
    #[error(
        "Vault does not take the token: it has expired, was revoked, or is of another Vault or namespace"
    )]
    TokenRefused,
    /// Vault is there and cannot answer.
    #[error("Vault cannot answer now: HTTP {status}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Unavailable {
        /// The status.
        status: u16,
        /// What it said.
        message: String,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
    },
    /// No answer.
    #[error("no answer from Vault at {address}: {}", innermost(cause))]
    Unreachable {
        /// Where it should be.
        address: String,
        /// Whether the request may have reached it, so that it may have been carried out.
        is_lost: bool,
        /// What the HTTP library says.
        cause: Arc<reqwest::Error>,
    },
    /// A wrapping token gives its secret once, and it was given.
    #[error("the wrapped secret id was unwrapped already, or has expired")]
    Unwrapped,
    /// A wrapping token from somewhere else.
    #[error("the wrapping token does not hold a secret id of `auth/{mount}`, but what `{path}` gave")]
    WrappedElsewhere {
        /// Where the secret id should be from.
        mount: String,
        /// What was wrapped.
        path: String,
    },
}

impl Error {
    /// Whether there is no such secret: none, or its latest version is deleted. Never true for one that is denied.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::Deleted { .. })
    }

    /// Whether it may pass by itself, so that trying again later makes sense.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Redirected { .. } | Self::Sealed | Self::Throttled { .. } | Self::Unavailable { .. } => {
                true
            }
            Self::Unreachable { cause, .. } => !is_untrusted(cause.as_ref()) && !cause.is_builder(),
            _ => false,
        }
    }

    /// When to come back, where Vault says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a person may do about it, most useful first.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Denied { capabilities, path } => {
                let capabilities = listed(capabilities, '"', ", ");
                return vec![format!("allow it: path \"{path}\" {{ capabilities = [{capabilities}] }}")];
            }
            Self::NoMount { mount } => {
                return vec![format!(
                    "`vault secrets enable -path={mount} -version=2 kv` makes one; check VAULT_NAMESPACE as well"
                )];
            }
            Self::NoSecret { path, .. } if path.as_path() == Path::new(SERVICE_ACCOUNT) => {
                "let the pod have the token of its service account, or name the file with one in VAULT_ID_TOKEN_FILE"
            }
            Self::NoSecret { .. } => "name a file that can be read in the variable that ends in _FILE",
            Self::NotVersion2 { mount, engine } if engine.starts_with("version 1") => {
                return vec![format!("`vault kv enable-versioning {mount}` makes it version 2")];
            }
            // A standby that has lost its leader names that one until there is another.
            Self::Redirected { to } => {
                return vec![
                    format!("if {to} is down: the cluster has a leader again once most of its nodes run"),
                    "else name the active node, or a load balancer that finds it, in VAULT_ADDR".to_owned(),
                ];
            }
            Self::TokenRefused => {
                "give a new one in VAULT_TOKEN, or log in with VAULT_ROLE_ID and VAULT_SECRET_ID, or a job's JWT"
            }
            Self::Unreachable { cause, .. } if is_untrusted(cause.as_ref()) => {
                "name the PEM file with the root of Vault's certificate in VAULT_CACERT"
            }
            Self::Unwrapped => {
                "if no other job of yours has used it, somebody else holds the secret id: revoke it"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }

    /// Whether a write that ended so may have been carried out all the same.
    pub(super) fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { is_lost, .. } => *is_lost,
            // From a proxy, or cut off: what lies behind it may have acted.
            Self::NotVault { .. } => true,
            Self::Unavailable { status, .. } => *status != 503,
            _ => false,
        }
    }

    /// An HTTP library's error without the URL, which is said apart.
    pub(super) fn unreachable(address: &str, is_lost: bool, cause: reqwest::Error) -> Self {
        Self::Unreachable { address: address.to_owned(), is_lost, cause: Arc::new(cause.without_url()) }
    }
}

/// Words in quotes.
fn listed(words: &[&str], quote: char, between: &str) -> String {
    words.iter().map(|word| format!("{quote}{word}{quote}")).collect::<Vec<_>>().join(between)
}
