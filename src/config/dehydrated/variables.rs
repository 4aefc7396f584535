//! dehydrated's variables: what they are called, and what they are when nobody says anything (contract 2.1).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A variable of the shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: OsString,
    /// Whether programs that are started see it.
    pub exported: bool,
}

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, Variable>);

impl Variables {
    /// The value; empty when it is not set.
    #[must_use]
    pub fn value(&self, name: &str) -> &OsStr {
        self.0.get(name).map_or(OsStr::new(""), |variable| &variable.value)
    }

    /// The value as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.value(name).to_string_lossy().into_owned()
    }

    /// The value as text, if it is not empty.
    #[must_use]
    pub fn some_text(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The value as a path.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.value(name).into()
    }

    /// Whether it is `yes`, which is all that dehydrated takes for it.
    #[must_use]
    pub fn is_yes(&self, name: &str) -> bool {
        self.value(name) == "yes"
    }

    /// Whether it is not set, or to nothing.
    #[must_use]
    pub fn is_empty(&self, name: &str) -> bool {
        self.value(name).is_empty()
    }

    /// Whether it is what it is when nobody says anything; a directory that is filled in later counts as said.
    #[must_use]
    pub fn is_default(&self, name: &str) -> bool {
        DEFAULTS.iter().any(|(known, value)| *known == name && self.value(name) == *value)
            || name == "WELLKNOWN" && self.value(name) == WELLKNOWN
    }

    /// Whether dehydrated has a variable of this name.
    #[must_use]
    pub fn is_ours(name: &str) -> bool {
        const MORE: [&str; 7] =
            ["ALPNCERTDIR", "BASEDIR", "CAHASH", "COMMAND", "CONFIG", "SCRIPTDIR", "ACCOUNT_KEY"];
        MORE.contains(&name)
            || DEFAULTS.iter().any(|(known, _)| *known == name)
            || PRESETS.iter().any(|(_, known, _)| *known == name)
    }

    /// Sets it; it stays exported if it was.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.entry(name.to_owned()).or_default().value = value.into();
    }

    /// Sets it if it is empty.
    pub(super) fn default_to(&mut self, name: &str, value: impl Into<OsString>) {
        if self.is_empty(name) {
            self.set(name, value);
        }
    }
}

/// What a configuration finds set, and may compute from.
pub(super) const DEFAULTS: [(&str, &str); 40] = [
    ("CA", "letsencrypt"),
    ("OLDCA", ""),
    ("CERTDIR", ""),
    ("ALPNCERTDIR", ""),
    ("ACCOUNTDIR", ""),
    ("ACCOUNT_KEYSIZE", "4096"),
    ("ACCOUNT_KEY_ALGO", "rsa"),
    ("CHALLENGETYPE", "http-01"),
    ("CONFIG_D", ""),
    ("CURL_OPTS", ""),
    ("DOMAINS_D", ""),
    ("DOMAINS_TXT", ""),
    ("HOOK", ""),
    ("PREFERRED_CHAIN", ""),
    ("HOOK_CHAIN", "no"),
    ("RENEW_DAYS", RENEW_DAYS),
    ("KEYSIZE", "4096"),
    ("WELLKNOWN", ""),
    ("PRIVATE_KEY_RENEW", "yes"),
    ("PRIVATE_KEY_ROLLOVER", "no"),
    ("KEY_ALGO", "secp384r1"),
    ("OPENSSL", "openssl"),
    ("OPENSSL_CNF", ""),
    ("CONTACT_EMAIL", ""),
    ("LOCKFILE", ""),
    ("OCSP_MUST_STAPLE", "no"),
    ("OCSP_FETCH", "no"),
    ("OCSP_DAYS", "5"),
    ("IP_VERSION", ""),
    ("CHAINCACHE", ""),
    ("AUTO_CLEANUP", "no"),
    ("AUTO_CLEANUP_DELETE", "no"),
    ("DEHYDRATED_USER", ""),
    ("DEHYDRATED_GROUP", ""),
    ("API", "auto"),
    ("ACME_PROFILE", ""),
    ("ORDER_TIMEOUT", "0"),
    ("VALIDATION_TIMEOUT", "0"),
    ("KEEP_GOING", "no"),
    ("VERSION", VERSION),
];

/// The CAs that dehydrated has a name for, and variables with their URLs.
pub(super) const PRESETS: [(&str, &str, &str); 7] = [
    ("letsencrypt", "CA_LETSENCRYPT", "https://acme-v02.api.letsencrypt.org/directory"),
    ("letsencrypt-test", "CA_LETSENCRYPT_TEST", "https://acme-staging-v02.api.letsencrypt.org/directory"),
    ("zerossl", "CA_ZEROSSL", "https://acme.zerossl.com/v2/DV90"),
    ("buypass", "CA_BUYPASS", "https://api.buypass.com/acme/directory"),
    ("buypass-test", "CA_BUYPASS_TEST", "https://api.test4.buypass.no/acme/directory"),
    ("google", "CA_GOOGLE", "https://dv.acme-v02.api.pki.goog/directory"),
    ("google-test", "CA_GOOGLE_TEST", "https://dv.acme-v02.test-api.pki.goog/directory"),
];

/// The variables that the file of a single certificate can set (contract 2.2).
pub(super) const PER_CERTIFICATE: [&str; 18] = [
    "ACME_PROFILE",
    "CHALLENGETYPE",
    "HOOK",
    "HOOK_CHAIN",
    "KEEP_GOING",
    "KEYSIZE",
    "KEY_ALGO",
    "OCSP_DAYS",
    "OCSP_FETCH",
    "OCSP_MUST_STAPLE",
    "OPENSSL_CNF",
    "ORDER_TIMEOUT",
    "PREFERRED_CHAIN",
    "PRIVATE_KEY_RENEW",
    "PRIVATE_KEY_ROLLOVER",
    "RENEW_DAYS",
    "VALIDATION_TIMEOUT",
    "WELLKNOWN",
];

/// Where http-01's files go.
pub(super) const WELLKNOWN: &str = "/var/www/dehydrated";
/// Who leaves it at this has left the decision to the program.
pub(super) const RENEW_DAYS: &str = "32";
/// The URL of Let's Encrypt's first protocol, whose accounts are taken over.
pub(super) const LETSENCRYPT_V1: &str = "https://acme-v01.api.letsencrypt.org/directory";
/// The dehydrated whose contract is kept.
pub const VERSION: &str = "0.7.3";
