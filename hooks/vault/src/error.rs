//! What can go wrong, what a person can do about it, and which of it passes by itself.

use std::io;

use hydrant::chain::ChainError;
use hydrant::config::delivery::BadSetting;
use hydrant::key::KeyError;
use hydrant::vault;
use thiserror::Error;

/// Why a certificate was not delivered.
#[derive(Debug, Error)]
pub enum Fault {
    /// What is stored is not what was written.
    #[error("`{place}` reads otherwise than it was written")]
    Differs {
        /// Mount and path.
        place: String,
    },
    /// Others write it as fast as we do.
    #[error("`{place}` was changed by somebody else each of the {tries} times that it was written")]
    Contended {
        /// Mount and path.
        place: String,
        /// How often.
        tries: u32,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// Its path.
        path: String,
        /// Why not.
        cause: io::Error,
    },
    /// A file is no text.
    #[error("{path} is no PEM file")]
    NotText {
        /// Its path.
        path: String,
    },
    /// The file holds no certificate.
    #[error("{path}: {cause}")]
    Certificate {
        /// Its path.
        path: String,
        /// What it is instead.
        cause: ChainError,
    },
    /// The file holds no key.
    #[error("{path}: {cause}")]
    Key {
        /// Its path.
        path: String,
        /// What it is instead.
        cause: KeyError,
    },
    /// Files of two certificates.
    #[error("the key in {key} is not that of the certificate in {other}")]
    Mismatch {
        /// The path of the key.
        key: String,
        /// The path of the certificate.
        other: String,
    },
    /// The system gives no event loop.
    #[error("the system does not play along: {0}")]
    Runtime(io::Error),
    /// A setting cannot be used.
    #[error("{name}: {reason}")]
    Setting {
        /// The environment variable, or the file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Vault.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

impl From<BadSetting> for Fault {
    fn from(BadSetting { name, reason }: BadSetting) -> Self {
        Self::Setting { name, reason }
    }
}

impl Fault {
    /// Whether it may pass by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Vault(error) => error.may_pass(),
            Self::Contended { .. } => true,
            _ => false,
        }
    }

    /// The fault and what to do about it in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let hints = match self {
            Self::Vault(error) => error.hints(),
            _ => Vec::new(),
        };
        hints.into_iter().fold(self.to_string(), |line, hint| format!("{line}; hint: {hint}"))
    }
}
