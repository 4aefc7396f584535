//! Who we are to the CA.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::values::MacAlgorithm;
use crate::key::{KeyType, Secret};

/// How an ACME account is registered and found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// The CA's terms are agreed to.
    pub accept_terms: bool,
    /// Where the CA may write to, as URLs: `mailto:ops@example.org`.
    pub contacts: Vec<String>,
    /// The account elsewhere to bind it to.
    pub external_account: Option<ExternalAccount>,
    /// An existing key to go on with.
    pub key_file: Option<PathBuf>,
    /// Whether what belongs to the account is kept beside `key_file`, rather than in the store.
    pub stays_with_key: bool,
    /// The type of a new key.
    pub key_type: KeyType,
}

/// An account that the CA keeps outside ACME (RFC 8555 §7.3.4). Its key is read when an account is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key identifier that the CA gave.
    pub kid: String,
    /// Where the MAC key is.
    pub key: HmacKey,
    /// How it signs.
    pub algorithm: MacAlgorithm,
}

/// Where a MAC key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HmacKey {
    /// In the environment variable of this name.
    Environment(String),
    /// In this file.
    File(PathBuf),
    /// Here.
    Given(Secret),
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            accept_terms: false,
            contacts: Vec::new(),
            external_account: None,
            key_file: None,
            stays_with_key: false,
            key_type: KeyType::P256,
        }
    }
}

impl HmacKey {
    /// The key as the CA gave it (base64url), blanks around it removed.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, the variable is not set, or there is nothing in it.
    pub fn read(&self) -> Result<Secret, HmacKeyError> {
        let text = match self {
            Self::Environment(name) => {
                std::env::var(name).map_err(|_| HmacKeyError::NotSet { variable: name.clone() })?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| HmacKeyError::Unreadable { path: path.clone(), source })?,
            Self::Given(key) => key.expose().to_owned(),
        };
        // A Secret from the start, so that the copy with the blanks is wiped as well.
        let text = Secret::new(text);
        match text.expose().trim() {
            "" => Err(HmacKeyError::Empty { place: self.clone() }),
            key => Ok(Secret::new(key.to_owned())),
        }
    }
}

/// Why a MAC key is not there.
#[derive(Debug, Error)]
pub enum HmacKeyError {
    /// There is nothing in it.
    #[error("cannot read the external account's MAC key: {} is empty", place.describe())]
    Empty {
        /// Where it should be.
        place: HmacKey,
    },
    /// The variable is not set.
    #[error("cannot read the external account's MAC key: the environment variable `{variable}` is not set")]
    NotSet {
        /// Its name.
        variable: String,
    },
    /// The file cannot be read.
    #[error("cannot read the external account's MAC key `{}`", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl HmacKey {
    fn describe(&self) -> String {
        match self {
            Self::Environment(name) => format!("the environment variable `{name}`"),
            Self::File(path) => format!("`{}`", path.display()),
            Self::Given(_) => "what was configured".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_mac_key_is_read_without_the_line_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "c2VjcmV0").unwrap();
        let key = HmacKey::File(file.path().to_owned()).read().unwrap();
        assert_eq!(key.expose(), "c2VjcmV0");
    }

    #[test]
    fn a_missing_mac_key_says_where_it_was_looked_for() {
        let error = HmacKey::Environment("HYDRANT_TEST_NOT_SET".to_owned()).read().unwrap_err();
        assert!(error.to_string().ends_with("the environment variable `HYDRANT_TEST_NOT_SET` is not set"));
        let empty = tempfile::NamedTempFile::new().unwrap();
        let error = HmacKey::File(empty.path().to_owned()).read().unwrap_err();
        assert!(error.to_string().ends_with("is empty"));
    }
}
