//! The kinds of values that settings have.

mod word;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::{Schema, json_schema};
use serde_json::Value;
use thiserror::Error;

use super::ca::{self, Ca};
use super::duration::{DurationError, Humane};
use super::nearest::one_of;
use super::setting::Setting;
use super::store::StoreKind;
use crate::acme::persist;
use crate::key::shown_url;
use crate::vault::{Layout, LayoutError};

/// How a certificate's names are proved: an ACME challenge type (RFC 8555 §8, RFC 8737).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeType(String);

impl ChallengeType {
    /// Answered by a file or a listener on port 80.
    #[must_use]
    pub fn http_01() -> Self {
        Self("http-01".to_owned())
    }

    /// Answered by a record in DNS.
    #[must_use]
    pub fn dns_01() -> Self {
        Self("dns-01".to_owned())
    }

    /// As the CA calls it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is answered by a record that stands for good, where there is one.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.0 == persist::TYPE
    }

    /// The type of the challenges that are deployed: where no record stands yet, it is dns-01.
    #[must_use]
    pub fn deployed(&self) -> &str {
        if self.is_standing() { "dns-01" } else { &self.0 }
    }
}

/// A number of things that are at work at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub NonZeroUsize);

/// Where to listen: an address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

/// Which of the two protocols to speak to the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// `4`
    V4,
    /// `6`
    V6,
}

/// An e-mail address the CA may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(String);

impl Contact {
    /// As ACME wants it: `mailto:ops@example.org`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mailto:{}", self.0)
    }
}

/// How to reach the CA.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// Directly, whatever those variables say.
    None,
    /// Through this one: `http://`, `https://` or `socks5h://`.
    Url(String),
}

/// How an external account key signs (RFC 8555 §7.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacAlgorithm {
    /// HMAC with SHA-256, what nearly every CA expects.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// What facts are printed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines, with a version field.
    Json,
}

/// Why a word is no value of its setting.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SettingError {
    /// Not of the form that is expected.
    #[error("`{text}` is not {expected}")]
    Form {
        /// What was written.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Not one of the words there are.
    #[error("`{text}` is none of {}", one_of(words))]
    Word {
        /// What was written.
        text: String,
        /// What there is.
        words: &'static [&'static str],
    },
}

impl Setting for Humane {
    type Error = DurationError;

    const EXPECTED: &'static str = "a duration such as `30s`, `5m`, `1h30m`, or `30d`";

    fn read(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\s*(\\d+[wdhms]\\s*)+$" })
    }
}

impl Setting for Ca {
    type Error = ca::CaError;

    const EXPECTED: &'static str = "a CA's name or directory URL";

    fn read(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "enum": ca::NAMES }, { "type": "string" }] })
    }
}

impl Setting for Count {
    type Error = SettingError;

    const EXPECTED: &'static str = "a whole number of at least 1";

    fn read(text: &str) -> Result<Self, SettingError> {
        text.parse().map(Self).map_err(|_| form::<Self>(text))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }

    fn value(&self) -> Value {
        self.0.get().into()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

impl Setting for u32 {
    type Error = SettingError;

    const EXPECTED: &'static str = "a whole number";

    fn read(text: &str) -> Result<Self, SettingError> {
        text.parse().map_err(|_| form::<Self>(text))
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn value(&self) -> Value {
        (*self).into()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

impl Setting for bool {
    type Error = SettingError;

    const EXPECTED: &'static str = "`true` or `false`";

    /// The words of YAML 1.1 too: people who come from there write `yes`.
    fn read(text: &str) -> Result<Self, SettingError> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(form::<Self>(text)),
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn value(&self) -> Value {
        (*self).into()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Setting for Layout {
    type Error = LayoutError;

    const EXPECTED: &'static str = "a layout's name, or `FIELD=PART` for each field";

    fn read(text: &str) -> Result<Self, LayoutError> {
        text.parse()
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Setting for Listen {
    type Error = SettingError;

    const EXPECTED: &'static str = "an address and a port such as `[::]:80`, or a port";

    fn read(text: &str) -> Result<Self, SettingError> {
        let port = text.strip_prefix(':').unwrap_or(text);
        let everywhere = |port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
        let address = port.parse().map(everywhere).or_else(|_| text.parse());
        address.map(Self).map_err(|_| form::<Self>(text))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0, "maximum": 65535 }] })
    }
}

impl Setting for Contact {
    type Error = SettingError;

    const EXPECTED: &'static str = "an e-mail address";

    fn read(text: &str) -> Result<Self, SettingError> {
        let address = text.strip_prefix("mailto:").unwrap_or(text);
        // RFC 8555 §7.3: one address, no header fields.
        let plain = !address.contains(|c: char| c.is_whitespace() || c.is_control() || ",?".contains(c));
        match address.split_once('@') {
            Some((local, host)) if plain && !local.is_empty() && !host.is_empty() && !host.contains('@') => {
                Ok(Self(address.to_owned()))
            }
            _ => Err(form::<Self>(text)),
        }
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.write())
    }
}

impl Setting for Proxy {
    type Error = SettingError;

    const EXPECTED: &'static str = "a proxy's URL, `environment`, or `none`";

    fn read(text: &str) -> Result<Self, SettingError> {
        match text {
            "environment" => return Ok(Self::Environment),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let known = matches!(scheme, Some("http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"));
        if !known || url::Url::parse(text).is_err() {
            return Err(form::<Self>(&shown_url(text)));
        }
        Ok(Self::Url(text.to_owned()))
    }

    fn write(&self) -> String {
        match self {
            Self::Environment => "environment".to_owned(),
            Self::None => "none".to_owned(),
            Self::Url(url) => shown_url(url).into_owned(),
        }
    }
}

/// Makes [`Setting`]s readable by clap, which asks for `FromStr`.
macro_rules! from_str {
    ($($kind:ty),*) => {$(
        impl FromStr for $kind {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<Self, SettingError> {
                Setting::read(text)
            }
        }
    )*};
}

from_str!(ChallengeType, Contact, Count, Format, IpVersion, Listen, MacAlgorithm, Proxy, StoreKind);

fn form<T: Setting>(text: &str) -> SettingError {
    SettingError::Form { text: text.to_owned(), expected: T::EXPECTED }
}

#[cfg(test)]
mod tests;
