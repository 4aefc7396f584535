//! Why a CA cannot be worked with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error as ThisError;

use crate::config::account::HmacKeyError;
use crate::error::{Error, ErrorKind};
use crate::key::KeyError;
use crate::store::StoreError;

/// Why there is no account to order with.
#[derive(Debug, ThisError)]
pub enum AuthorityError {
    /// The CA, or the way to it.
    #[error(transparent)]
    Acme(#[from] crate::acme::Error),
    /// The stored account was deactivated.
    #[error("the account at {ca} is deactivated")]
    Deactivated {
        /// The CA's directory.
        ca: String,
    },
    /// The CA wants an external account binding and none is configured.
    #[error("{ca} registers only accounts that are bound to an external one")]
    ExternalAccountRequired {
        /// The CA's directory.
        ca: String,
    },
    /// A new account key cannot be made.
    #[error("no account key can be made")]
    Key(#[from] KeyError),
    /// The account key that was named cannot be used.
    #[error("cannot use the account key `{}`", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// The MAC key of the external account cannot be read.
    #[error(transparent)]
    HmacKey(#[from] HmacKeyError),
    /// No account is stored, or the CA does not know it.
    #[error("there is no account at {ca}")]
    NoAccount {
        /// The CA's directory.
        ca: String,
    },
    /// An account key was named, and the account that is stored has another one.
    #[error("the account at {ca} in `{place}` has another key than `{}`", key_file.display())]
    OtherKey {
        /// The file that was named.
        key_file: PathBuf,
        /// The CA's directory.
        ca: String,
        /// Where the stored account is.
        place: String,
    },
    /// A file of roots or keys cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key of the stored account cannot be used.
    #[error("cannot use the account key in `{place}`")]
    StoredKey {
        /// Where the stored account is.
        place: String,
        /// Why.
        source: KeyError,
    },
    /// The program is ending.
    #[error("interrupted")]
    Stopped,
    /// The account store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The terms of service are not accepted.
    #[error("the terms of service of {ca} are not accepted{}", terms.as_ref().map(|t| format!(": {t}")).unwrap_or_default())]
    TermsNotAccepted {
        /// The CA's directory.
        ca: String,
        /// Where they are.
        terms: Option<String>,
    },
}

/// The same for every certificate that needs the CA.
#[derive(Clone, Debug)]
pub struct Unavailable {
    error: Arc<AuthorityError>,
    told: Arc<AtomicBool>,
}

impl Unavailable {
    /// Whether nobody was told yet; from now on somebody was.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }

    /// What went wrong between us and the CA.
    #[must_use]
    pub fn at_the_ca(&self) -> Option<&crate::acme::Error> {
        match self.error.as_ref() {
            AuthorityError::Acme(error) => Some(error),
            _ => None,
        }
    }

    /// The same as an error with a kind and hints.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let (kind, hints) = match self.error.as_ref() {
            AuthorityError::Acme(error) if error.is_unreachable() => (ErrorKind::Unreachable, error.hints()),
            AuthorityError::Acme(error) if error.is_rate_limited() => (ErrorKind::Limited, error.hints()),
            AuthorityError::Acme(error @ crate::acme::Error::BadRoots { .. }) => {
                (ErrorKind::Config, error.hints())
            }
            AuthorityError::Acme(error) => (ErrorKind::Failed, error.hints()),
            AuthorityError::Store(error) => (error.kind(), error.hints()),
            AuthorityError::Deactivated { .. } => {
                let hint = "remove the account's directory, or name another CA, to register a new account";
                (ErrorKind::Failed, vec![hint.to_owned()])
            }
            AuthorityError::ExternalAccountRequired { .. } => {
                let hint = "set `external_account:` with the key id and HMAC key that the CA gave you";
                (ErrorKind::Config, vec![hint.to_owned()])
            }
            AuthorityError::TermsNotAccepted { .. } => {
                let hint = "read them, then run with --accept-terms, or set `accept_terms: true`";
                (ErrorKind::Config, vec![hint.to_owned()])
            }
            AuthorityError::NoAccount { .. } => {
                let hint = "register one: `hydrant account register --accept-terms`";
                (ErrorKind::Config, vec![hint.to_owned()])
            }
            AuthorityError::OtherKey { key_file, .. } => {
                let file = key_file.display();
                let hints = vec![
                    "to go on with the stored account, also after a rollover, leave out `account_key`"
                        .to_owned(),
                    format!(
                        "to give it this key, leave that out too, and run `hydrant account rollover --new-key {file}`"
                    ),
                    format!(
                        "to use the account of `{file}`, give it a `base_dir` of its own, or in Vault a `state_prefix`"
                    ),
                ];
                (ErrorKind::Config, hints)
            }
            AuthorityError::File { .. }
            | AuthorityError::Key(_)
            | AuthorityError::KeyFile { .. }
            | AuthorityError::StoredKey { .. }
            | AuthorityError::HmacKey(_) => (ErrorKind::Config, Vec::new()),
            AuthorityError::Stopped => (ErrorKind::Interrupted, Vec::new()),
        };
        Error::new(kind, self.clone()).hints(hints)
    }
}

impl From<AuthorityError> for Unavailable {
    fn from(error: AuthorityError) -> Self {
        Self { error: Arc::new(error), told: Arc::default() }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
