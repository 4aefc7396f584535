//! What a certificate can name: a DNS name, a wildcard or an IP address, and the name a certificate is kept under.
//!
//! The ground everything stands on: a value of these types cannot hold an invalid name.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A subject of a certificate (RFC 8555 §7.1.3, RFC 8738).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// A DNS name, perhaps a wildcard.
    Dns(DnsName),
    /// An IPv4 or IPv6 address; written `ip:192.0.2.1` in `domains.txt`.
    Ip(IpAddr),
}

impl Identifier {
    /// Whether this is a `*.` name.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.is_wildcard())
    }

    /// The name without `*.`: what an authorization is for, and the first argument of a challenge hook.
    #[must_use]
    pub fn base(&self) -> Self {
        match self {
            Self::Dns(name) => Self::Dns(DnsName(name.base().to_owned())),
            Self::Ip(address) => Self::Ip(*address),
        }
    }

    /// The `type` member of an ACME identifier object.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
        }
    }

    /// The `value` member of an ACME identifier object: no `ip:` prefix, IPv6 in the form of RFC 5952.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Dns(name) => name.0.clone(),
            Self::Ip(address) => address.to_string(),
        }
    }
}

/// As `domains.txt` writes it: addresses carry `ip:`.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => write!(f, "ip:{address}"),
        }
    }
}

/// Reads what `domains.txt` may say: a DNS name in any case, also with letters outside ASCII, or `ip:` and an address.
impl FromStr for Identifier {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let prefix = text.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case("ip:"));
        if prefix.is_some() {
            return match text[3..].parse() {
                Ok(address) => Ok(Self::Ip(address)),
                Err(_) => Err(IdentifierError::BadAddress),
            };
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(IdentifierError::BareAddress);
        }
        let name: DnsName = text.parse()?;
        // Full-width digits become ASCII only here.
        if name.base().parse::<IpAddr>().is_ok() {
            return Err(IdentifierError::BareAddress);
        }
        Ok(Self::Dns(name))
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Alphabetical by what is displayed, DNS names before addresses.
impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Dns(a), Self::Dns(b)) => a.0.cmp(&b.0),
            (Self::Dns(_), Self::Ip(_)) => Ordering::Less,
            (Self::Ip(_), Self::Dns(_)) => Ordering::Greater,
            (Self::Ip(a), Self::Ip(b)) => a.cmp(b),
        }
    }
}

impl Serialize for Identifier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A DNS name as a CA takes it: A-labels in lower case, no trailing dot, at most one `*.` in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsName(String);

impl DnsName {
    /// The name as text, `*.` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with `*.`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without `*.`.
    #[must_use]
    pub fn base(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }

    /// Whether a certificate for `self`, a wildcard, is valid for `other` too (RFC 6125 §6.4.3: one label).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let parent = other.0.split_once('.').map(|(_, parent)| parent);
        self.is_wildcard() && !other.is_wildcard() && parent == Some(self.base())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsName {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let (wildcard, base) = match text.strip_prefix("*.") {
            Some(base) => (true, base),
            None => (false, text),
        };
        if base.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if base.contains('*') {
            return Err(IdentifierError::StrayWildcard);
        }
        if base.ends_with('.') {
            return Err(IdentifierError::TrailingDot);
        }
        let ascii = if base.is_ascii() {
            base.to_ascii_lowercase()
        } else {
            // UTS 46, non-transitional, as browsers do it.
            idna::domain_to_ascii_strict(base).map_err(|_| IdentifierError::NotIdna)?
        };
        check_labels(&ascii)?;
        let name = if wildcard { format!("*.{ascii}") } else { ascii };
        Ok(Self(name))
    }
}

/// RFC 1035 §2.3.1 and §2.3.4, with the letters, digits and hyphens that the Baseline Requirements allow.
fn check_labels(name: &str) -> Result<(), IdentifierError> {
    if name.len() > 253 {
        return Err(IdentifierError::TooLong { length: name.len() });
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(IdentifierError::EmptyLabel);
        }
        if label.len() > 63 {
            return Err(IdentifierError::LabelTooLong { length: label.len() });
        }
        if let Some(bad) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return Err(IdentifierError::BadCharacter { character: bad });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(IdentifierError::HyphenAtEdge);
        }
    }
    Ok(())
}

/// Why a text is no identifier.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdentifierError {
    /// `ip:` with something else behind it.
    #[error("what follows `ip:` is not an IPv4 or IPv6 address")]
    BadAddress,
    /// An address without `ip:`, which dehydrated would send as a DNS name.
    #[error("an IP address is written with `ip:` in front")]
    BareAddress,
    /// A character that no DNS name of a certificate may hold.
    #[error("`{}` cannot be part of a DNS name", character.escape_default())]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// Nothing, or nothing behind `*.`.
    #[error("the name is empty")]
    Empty,
    /// Two dots in a row, or one in front.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A label that begins or ends with `-`.
    #[error("a label begins or ends with `-`")]
    HyphenAtEdge,
    /// A label over 63 octets.
    #[error("a label has {length} octets, 63 are the most")]
    LabelTooLong {
        /// Its length.
        length: usize,
    },
    /// Letters outside ASCII that IDNA does not allow.
    #[error("the name is not a valid internationalised domain name")]
    NotIdna,
    /// `*` anywhere but as the whole first label.
    #[error("`*` can only be the whole first label")]
    StrayWildcard,
    /// Over 253 octets.
    #[error("the name has {length} octets, 253 are the most")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// `a.example.`
    #[error("the name ends with a dot")]
    TrailingDot,
}

/// The name a certificate is kept under: dehydrated's alias, or the first name of the line.
///
/// Safe as a path below the certificate directory by construction: no empty, `.` or `..` component, not absolute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CertName(String);

impl CertName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CertName {
    type Err = CertNameError;

    /// Lower-cases, as dehydrated does with the whole line.
    fn from_str(text: &str) -> Result<Self, CertNameError> {
        if text.is_empty() {
            return Err(CertNameError::Empty);
        }
        if text.starts_with('/') {
            return Err(CertNameError::Absolute);
        }
        if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '\\') {
            return Err(CertNameError::BadCharacter { character: bad });
        }
        for component in text.split('/') {
            if component.is_empty() {
                return Err(CertNameError::EmptyComponent);
            }
            if component == "." || component == ".." {
                return Err(CertNameError::LeavesDirectory);
            }
            // ext4 and xfs allow 255 octets in a file name.
            if component.len() > 255 {
                return Err(CertNameError::TooLong);
            }
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<&Identifier> for CertName {
    type Error = CertNameError;

    fn try_from(identifier: &Identifier) -> Result<Self, CertNameError> {
        identifier.to_string().parse()
    }
}

impl<'de> Deserialize<'de> for CertName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text cannot name a certificate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertNameError {
    /// It begins with `/`.
    #[error("the alias is an absolute path")]
    Absolute,
    /// A blank, control character or backslash.
    #[error("`{}` cannot be part of an alias", character.escape_default())]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// Nothing.
    #[error("the alias is empty")]
    Empty,
    /// `a//b`, or a `/` at the end.
    #[error("the alias has an empty path component")]
    EmptyComponent,
    /// `.` or `..` as a component.
    #[error("the alias leaves the certificate directory")]
    LeavesDirectory,
    /// A component over 255 octets.
    #[error("the alias has a component of more than 255 octets")]
    TooLong,
}

#[cfg(test)]
mod tests;
