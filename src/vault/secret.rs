//! What is known about a secret: its versions and their metadata.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::answer::Answer;
use super::{Data, Error};
use crate::acme::answered_at;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, and no version that a write would have to name.
    Absent,
    /// The latest version is deleted.
    Deleted {
        /// Its number.
        version: u64,
        /// Whether it is gone for good.
        is_destroyed: bool,
    },
    /// The latest version.
    Version(Version),
}

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// When it was written, as Vault says it (RFC 3339).
    pub created: String,
    /// What Vault's clock said when it answered; `None` where it does not say so.
    pub read_at: Option<OffsetDateTime>,
    /// Its fields.
    pub data: Data,
    /// What is kept beside all versions, for everybody who may read the secret.
    pub custom_metadata: BTreeMap<String, String>,
}

/// A version that was written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// Its number.
    #[serde(rename = "version")]
    pub number: u64,
    /// When, as Vault says it (RFC 3339): no other version of a secret of this name has the same number and time.
    #[serde(rename = "created_time")]
    pub created: String,
}

/// What is known about a secret without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// The latest version; 0 when there is none.
    pub current_version: u64,
    /// The oldest that is kept.
    pub oldest_version: u64,
    /// How many versions this secret asks to be kept; 0: as many as the mount says.
    pub max_versions: u64,
    /// What is kept beside all versions.
    #[serde(default, deserialize_with = "or_nothing")]
    pub custom_metadata: BTreeMap<String, String>,
    /// The versions that are kept, or were.
    #[serde(default, deserialize_with = "or_nothing")]
    pub versions: BTreeMap<u64, VersionState>,
}

/// What is known about a version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct VersionState {
    /// When it was written, as Vault says it (RFC 3339).
    pub created_time: String,
    /// When it was deleted, or will be; empty: never.
    pub deletion_time: String,
    /// Whether it is gone for good.
    pub destroyed: bool,
}

impl Found {
    /// The version that the next write replaces.
    #[must_use]
    pub fn cas(&self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Deleted { version, .. } => *version,
            Self::Version(version) => version.number,
        }
    }

    /// The version, if there is one that can be read.
    #[must_use]
    pub fn version(self) -> Option<Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Absent | Self::Deleted { .. } => None,
        }
    }
}

/// What Vault answers to who reads.
pub(super) fn found(mount: &str, url: &str, answer: &Answer) -> Result<Found, Error> {
    if answer.status == 404 && !answer.is_deleted_version() {
        return Ok(Found::Absent);
    }
    let ReadDocument { data: Read { data, metadata } } = answer.json(url)?;
    let Some(metadata) = metadata else {
        let engine = "version 1 of kv, or another engine".to_owned();
        return Err(Error::NotVersion2 { mount: mount.to_owned(), engine });
    };
    if answer.status == 404 {
        return Ok(Found::Deleted { version: metadata.version, is_destroyed: metadata.destroyed });
    }
    Ok(Found::Version(Version {
        number: metadata.version,
        created: metadata.created_time,
        read_at: answered_at(&answer.headers),
        // Vault stores `null` where somebody sends that.
        data: data.and_then(Data::received).unwrap_or_default(),
        custom_metadata: metadata.custom_metadata.unwrap_or_default(),
    }))
}

#[derive(Deserialize)]
struct ReadDocument {
    data: Read,
}

#[derive(Deserialize)]
struct Read {
    data: Option<Value>,
    metadata: Option<ReadMetadata>,
}

#[derive(Deserialize)]
struct ReadMetadata {
    version: u64,
    created_time: String,
    destroyed: bool,
    custom_metadata: Option<BTreeMap<String, String>>,
}

/// Vault says `null` where there is none.
fn or_nothing<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
