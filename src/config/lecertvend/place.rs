//! Folders that are zones, and secrets that are certificates.

use std::fmt::Write as _;

use thiserror::Error;

use super::{STATE, TEAM};
use crate::identifier::{CertName, DnsName, Identifier, IdentifierError};

/// A folder whose name is that of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The folder, by its whole path in the mount.
    pub prefix: String,
    name: DnsName,
}

/// Why a place is none for certificates.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadPlace {
    /// A name that no certificate can have.
    #[error("`{name}` in zone `{zone}`")]
    Name {
        /// What was asked for.
        name: String,
        /// Where.
        zone: String,
        /// Why not.
        #[source]
        source: IdentifierError,
    },
    /// A folder that is no zone.
    #[error("`{prefix}` does not end in the name of a zone, such as team/example.com")]
    NoZone {
        /// The folder.
        prefix: String,
    },
    /// A secret that is for something else.
    #[error("`{secret}` is not a name for a certificate's secret")]
    Secret {
        /// What it was to be called.
        secret: String,
    },
}

impl Zone {
    /// The zone that a folder is; there must be a folder above it.
    ///
    /// # Errors
    /// It is none.
    pub fn of(prefix: &str) -> Result<Self, BadPlace> {
        let no_zone = || BadPlace::NoZone { prefix: prefix.to_owned() };
        let (_, last) = prefix.rsplit_once('/').ok_or_else(no_zone)?;
        let name: DnsName = last.parse().map_err(|_| no_zone())?;
        if name.is_wildcard() || !name.as_str().contains('.') {
            return Err(no_zone());
        }
        Ok(Self { prefix: prefix.to_owned(), name })
    }

    /// A name in the zone, as it is typed: `.` is the zone itself.
    ///
    /// # Errors
    /// No certificate can have it.
    pub fn name(&self, relative: &str) -> Result<Identifier, BadPlace> {
        let whole = match relative {
            "." => self.name.to_string(),
            relative => format!("{relative}.{}", self.name),
        };
        whole.parse().map(Identifier::Dns).map_err(|source| BadPlace::Name {
            name: relative.to_owned(),
            zone: self.name.to_string(),
            source,
        })
    }

    /// Whether a name is the zone's or below it.
    #[must_use]
    pub fn has(&self, name: &Identifier) -> bool {
        let Identifier::Dns(name) = name else { return false };
        let below = name.base().strip_suffix(self.name.as_str());
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }

    /// The path of a certificate's secret.
    ///
    /// # Errors
    /// Such a secret is for something else.
    pub fn secret(&self, secret: &str) -> Result<String, BadPlace> {
        if secret.is_empty() || is_ours(secret) || secret.contains('/') {
            return Err(BadPlace::Secret { secret: secret.to_owned() });
        }
        Ok(format!("{}/{secret}", self.prefix))
    }
}

/// Whether a name in a folder is that of something else than a certificate or a zone.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    matches!(name.trim_end_matches('/'), TEAM | STATE)
}

/// What a secret is called as a certificate: its path, as far as a [`CertName`] can hold it, each other byte as two
/// hexadecimal digits behind `%`. No two paths have one name.
pub(super) fn name_of(path: &str) -> Option<CertName> {
    let mut name = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-*".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Cannot fail: it is a string that is written to.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    name.parse().ok()
}

/// The path of the secret that [`name_of`] was given.
#[must_use]
pub fn path_of(name: &CertName) -> String {
    let mut bytes = Vec::with_capacity(name.as_str().len());
    let mut rest = name.as_str();
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = behind.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
