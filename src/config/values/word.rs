//! Settings whose values are some words.

use schemars::{Schema, json_schema};

use super::{ChallengeType, Format, IpVersion, MacAlgorithm, SettingError};
use crate::config::AutoCleanup;
use crate::config::setting::Setting;
use crate::config::store::StoreKind;
use crate::hook::{Chaining, Operation};
use crate::key::KeyType;

impl Setting for KeyType {
    type Error = SettingError;

    const EXPECTED: &'static str = "a key type";
    const WORDS: &'static [&'static str] =
        &["p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "rsa8192"];

    fn read(text: &str) -> Result<Self, SettingError> {
        text.parse().map_err(|_| SettingError::Word { text: text.to_owned(), words: Self::WORDS })
    }

    fn write(&self) -> String {
        self.to_string()
    }

    /// The names that openssl and dehydrated use are read too.
    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "enum": Self::WORDS }, { "type": "string" }] })
    }
}

impl Setting for ChallengeType {
    type Error = SettingError;

    const EXPECTED: &'static str = "a challenge type";
    const WORDS: &'static [&'static str] =
        &["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"];

    fn read(text: &str) -> Result<Self, SettingError> {
        word(text, Self::WORDS).map(|at| Self(Self::WORDS[at].to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

impl Setting for IpVersion {
    type Error = SettingError;

    const EXPECTED: &'static str = "`4` or `6`";
    const WORDS: &'static [&'static str] = &["4", "6"];

    fn read(text: &str) -> Result<Self, SettingError> {
        let all = [Self::V4, Self::V6];
        word(text, Self::WORDS).map(|at| all[at])
    }

    fn write(&self) -> String {
        Self::WORDS[*self as usize].to_owned()
    }

    fn schema() -> Schema {
        json_schema!({ "enum": [4, 6] })
    }
}

impl Setting for MacAlgorithm {
    type Error = SettingError;

    const EXPECTED: &'static str = "a MAC algorithm";
    const WORDS: &'static [&'static str] = &["HS256", "HS384", "HS512"];

    fn read(text: &str) -> Result<Self, SettingError> {
        let all = [Self::Hs256, Self::Hs384, Self::Hs512];
        word(text, Self::WORDS).map(|at| all[at])
    }

    fn write(&self) -> String {
        Self::WORDS[*self as usize].to_owned()
    }
}

impl Setting for Format {
    type Error = SettingError;

    const EXPECTED: &'static str = "`text` or `json`";
    const WORDS: &'static [&'static str] = &["text", "json"];

    fn read(text: &str) -> Result<Self, SettingError> {
        word(text, Self::WORDS).map(|at| [Self::Text, Self::Json][at])
    }

    fn write(&self) -> String {
        Self::WORDS[*self as usize].to_owned()
    }
}

impl Setting for AutoCleanup {
    type Error = SettingError;

    const EXPECTED: &'static str = "`no`, `archive`, or `delete`";
    const WORDS: &'static [&'static str] = &["no", "archive", "delete"];

    fn read(text: &str) -> Result<Self, SettingError> {
        word(text, Self::WORDS).map(|at| [Self::No, Self::Archive, Self::Delete][at])
    }

    fn write(&self) -> String {
        Self::WORDS[*self as usize].to_owned()
    }
}

impl Setting for StoreKind {
    type Error = SettingError;

    const EXPECTED: &'static str = "`files` or `vault`";
    const WORDS: &'static [&'static str] = &["files", "vault"];

    fn read(text: &str) -> Result<Self, SettingError> {
        word(text, Self::WORDS).map(|at| [Self::Files, Self::Vault][at])
    }

    fn write(&self) -> String {
        Self::WORDS[*self as usize].to_owned()
    }
}

impl Setting for Chaining {
    type Error = SettingError;

    const EXPECTED: &'static str = "`no`, `yes`, or `batch`";
    const WORDS: &'static [&'static str] = &["no", "yes", "batch"];

    fn read(text: &str) -> Result<Self, SettingError> {
        word(text, Self::WORDS).map(|at| CHAINING[at])
    }

    fn write(&self) -> String {
        let at = CHAINING.iter().position(|chaining| chaining == self).unwrap_or_default();
        Self::WORDS[at].to_owned()
    }
}

impl Setting for Operation {
    type Error = SettingError;

    const EXPECTED: &'static str = "an operation of a hook";
    const WORDS: &'static [&'static str] = &[
        "startup_hook",
        "generate_csr",
        "deploy_challenge",
        "clean_challenge",
        "list_challenges",
        "invalid_challenge",
        "sync_cert",
        "deploy_cert",
        "deploy_ocsp",
        "unchanged_cert",
        "request_failure",
        "exit_hook",
    ];

    fn read(text: &str) -> Result<Self, SettingError> {
        text.parse().map_err(|_| SettingError::Word { text: text.to_owned(), words: Self::WORDS })
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

/// In the order of the words.
const CHAINING: [Chaining; 3] = [Chaining::Name, Chaining::Certificate, Chaining::Batch];

fn word(text: &str, words: &'static [&'static str]) -> Result<usize, SettingError> {
    words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(text))
        .ok_or_else(|| SettingError::Word { text: text.to_owned(), words })
}
