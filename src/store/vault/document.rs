//! What is in a record's secret, and in a certificate's.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::scratch::{self, Scratch};
use crate::chain::{Chain, Leaf};
use crate::identifier::CertName;
use crate::key::{PrivateKey, Secret as Hidden};
use crate::ledger::{CertificateKey, Record, RecordError};
use crate::store::files::layout as names;
use crate::store::{Damage, Loaded, Paths, StoreError, Stored};
use crate::vault::{Data, Error, Found, Layout, Metadata, VersionState};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What records are called before their hash.
pub(super) const CERTIFICATE: &str = "certificate-";
/// What accounts are called before theirs.
pub(super) const ACCOUNT: &str = "account-";

/// The name of a secret of ours: flat and without dots, whatever it is about, since a folder with a dot is a zone to
/// some who read here.
pub(super) fn key(kind: &str, about: &str) -> String {
    let digest = digest(&SHA256, about.as_bytes());
    // Half of it: 128 bits are as unique as a name needs.
    let half: [u8; 16] = std::array::from_fn(|index| digest.as_ref()[index]);
    format!("{kind}{:032x}", u128::from_be_bytes(half))
}

/// What hydrant remembers of one certificate.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    /// The certificate.
    pub(super) name: String,
    /// Its record as JSON. As one text, because OpenBao refuses documents of more than a thousand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Hidden>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<Mark>,
    /// What was issued and is not in use yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) staged: Option<Set>,
    /// When the certificate in use was made, for layouts that do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) issued: Option<Issued>,
    /// The certificate in use as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<InUse>,
    /// The key that is ready for the next issue, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_key: Option<Hidden>,
    /// The OCSP response, DER in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<String>,
}

/// The mark of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// No other lease has this.
    pub(super) id: String,
    /// Who has it, for people.
    pub(super) holder: String,
    /// For how long from the time of this version.
    pub(super) seconds: u64,
    /// Makes every write another one.
    pub(super) beat: u64,
}

/// One issue: everything but what can be had elsewhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Set {
    pub(super) timestamp: u64,
    /// The key that was made for it; a kept one is with the certificate in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Hidden>,
    /// Whether the key of the certificate in use stays.
    #[serde(default)]
    pub(super) keeps_key: bool,
    pub(super) csr: String,
    pub(super) fullchain: String,
}

/// When a certificate was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    fingerprint: String,
    timestamp: u64,
}

impl Issued {
    pub(super) fn of(leaf: &Leaf, timestamp: u64) -> Self {
        Self { fingerprint: leaf.fingerprint.clone(), timestamp }
    }
}

/// The version of its secret that hydrant has written, and the certificate in it: as long as it is the latest, there is
/// nothing to be read that is not known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InUse {
    version: u64,
    /// A secret that was removed for good begins with version 1 again.
    created: String,
    /// The fields that it was written in.
    layout: String,
    certificate: String,
}

impl InUse {
    pub(super) fn new(secret: &Secret, layout: &Layout, certificate: &str) -> Self {
        Self {
            version: secret.cas,
            created: secret.created.clone(),
            layout: layout.to_string(),
            certificate: certificate.to_owned(),
        }
    }

    /// Whether this is what is known of the secret now.
    fn is_latest(&self, layout: &Layout, known: &Metadata) -> bool {
        let is_there = |state: &VersionState| {
            state.created_time == self.created && state.deletion_time.is_empty() && !state.destroyed
        };
        self.version == known.current_version
            && known.versions.get(&self.version).is_some_and(is_there)
            && self.layout == layout.to_string()
    }
}

/// A document as it was found.
pub(super) struct FoundDocument {
    pub(super) document: Document,
    /// What a write replaces.
    pub(super) cas: u64,
    /// Whether somebody's lease is not over.
    pub(super) is_held: bool,
}

impl Document {
    /// One that nothing is known in.
    pub(super) fn of(name: &CertName) -> Self {
        Self { name: name.as_str().to_owned(), ..Self::default() }
    }

    pub(super) fn read(found: Found, mount: &str, path: &str) -> Result<FoundDocument, StoreError> {
        let cas = found.cas();
        let Some(version) = found.version() else {
            return Ok(FoundDocument { document: Self::default(), cas, is_held: false });
        };
        let document: Self = version.data.to().map_err(|_| {
            // The fields are not quoted: they may hold keys.
            let source = <serde_json::Error as serde::de::Error>::custom("its fields are others");
            let source = RecordError::Malformed(source);
            StoreError::Record { path: place(mount, path), source }
        })?;
        let is_held = document.lease.as_ref().is_some_and(|mark| {
            let written = OffsetDateTime::parse(&version.created, &Rfc3339);
            let now = version.read_at.unwrap_or_else(OffsetDateTime::now_utc);
            let life = time::Duration::seconds(i64::try_from(mark.seconds).unwrap_or(i64::MAX));
            written.is_ok_and(|written| written.checked_add(life).is_some_and(|end| now < end))
        });
        Ok(FoundDocument { document, cas, is_held })
    }

    /// The record in it.
    pub(super) fn record(&self, mount: &str, path: &str) -> Result<Record, StoreError> {
        let Some(json) = &self.record else { return Ok(Record::default()) };
        Record::parse(json.expose().as_bytes())
            .map_err(|source| StoreError::Record { path: place(mount, path), source })
    }

    /// The certificate in use, if what is known of its secret shows that it is the one that was written.
    pub(super) fn in_use(&self, layout: &Layout, known: &Metadata) -> Option<Stored> {
        let written = self.written.as_ref().filter(|written| written.is_latest(layout, known))?;
        let leaf = Leaf::parse_first(written.certificate.as_bytes()).ok()?;
        let issued = self.issued.as_ref().filter(|issued| issued.fingerprint == leaf.fingerprint)?;
        Some(Stored { leaf, timestamp: Some(issued.timestamp) })
    }

    pub(super) fn set_record(&mut self, record: &Record) {
        let json = record.to_json();
        self.record = Some(Hidden::new(String::from_utf8_lossy(&json)));
    }

    /// Whether the key of a certificate to come is in it.
    pub(super) fn holds_a_key(&self, record: &Record) -> bool {
        let is_new = |intent: &crate::ledger::Intent| matches!(intent.key, CertificateKey::New(_));
        record.intent.as_ref().is_some_and(is_new)
            || self.staged.as_ref().is_some_and(|set| set.key.is_some())
    }

    pub(super) fn to_data(&self) -> Result<Data, Error> {
        Data::of(self)
    }
}

/// Where a record is, for people.
fn place(mount: &str, path: &str) -> PathBuf {
    Path::new(mount).join(path)
}

/// The secret of a certificate.
pub(super) struct Secret {
    /// What a write replaces.
    pub(super) cas: u64,
    /// When that was written.
    pub(super) created: String,
    pub(super) data: Data,
    layout: Layout,
}

impl Secret {
    pub(super) fn new(found: Found, layout: &Layout) -> Self {
        let cas = found.cas();
        let found = found.version().map(|version| (version.created, version.data));
        let (created, data) = found.unwrap_or_default();
        Self { cas, created, data, layout: layout.clone() }
    }

    /// What is known about the certificate.
    pub(super) fn loaded(&self, document: &Document, record: Record) -> Loaded {
        let (stored, damage) = self.stored(document.issued.as_ref());
        Loaded::new(stored, damage, record)
    }

    /// The private key, PEM.
    pub(super) fn key(&self) -> Option<Hidden> {
        let text = self.layout.key(&self.data)?;
        Some(Hidden::new(blocks_of(text, |label| label.ends_with("PRIVATE KEY"))))
    }

    /// The certificate and its chain, PEM.
    pub(super) fn fullchain(&self) -> Option<String> {
        let text = self.layout.fullchain(&self.data)?;
        Some(blocks_of(&text, |label| label == "CERTIFICATE"))
    }

    fn stored(&self, issued: Option<&Issued>) -> (Option<Stored>, Option<Damage>) {
        let cert = self.layout.cert(&self.data);
        let Some(fullchain) = self.fullchain() else {
            let damage = cert.map(|_| Damage::FullchainMissing);
            return match cert.map(|pem| Leaf::parse_first(pem.as_bytes())) {
                None => (None, None),
                Some(Err(error)) => (None, Some(Damage::Unreadable(error))),
                Some(Ok(leaf)) => (Some(Stored { leaf, timestamp: None }), damage),
            };
        };
        let leaf = match Leaf::parse_first(fullchain.as_bytes()) {
            Ok(leaf) => leaf,
            Err(error) => return (None, Some(Damage::Unreadable(error))),
        };
        let damage = self.damage(&leaf, cert);
        let known =
            issued.filter(|issued| issued.fingerprint == leaf.fingerprint).map(|issued| issued.timestamp);
        let timestamp = known.or_else(|| self.layout.timestamp(&self.data));
        (Some(Stored { leaf, timestamp }), damage)
    }

    /// What another hand can have left behind: hydrant itself writes all of it at once.
    fn damage(&self, leaf: &Leaf, cert: Option<&str>) -> Option<Damage> {
        let Some(key) = self.layout.key(&self.data) else { return Some(Damage::KeyMissing) };
        let is_other = |pem: &str| {
            Leaf::parse_first(pem.as_bytes()).is_ok_and(|cert| cert.fingerprint != leaf.fingerprint)
        };
        if cert.is_some_and(is_other) {
            return Some(Damage::Mixed);
        }
        let is_its = PrivateKey::from_pem(key).is_ok_and(|key| leaf.is_for_key(key.public_key_der()));
        (!is_its).then_some(Damage::WrongKey)
    }

    /// Puts it where hooks can read it.
    pub(super) fn show(&self, scratch: &Scratch, name: &CertName) -> Result<Paths, StoreError> {
        let directory = scratch.directory(name)?;
        let paths = names::in_use(directory);
        // What is no chain is shown by its absence.
        let chain = self.fullchain().and_then(|pem| Chain::parse(&pem).ok());
        scratch::show(&paths, chain.as_ref(), None, self.key().as_ref())?;
        Ok(paths)
    }
}

/// Some of the blocks of a text that may hold others as well.
fn blocks_of(text: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let blocks = crate::pem::blocks(text.as_bytes()).filter_map(Result::ok);
    let wanted = blocks.filter(|block| is_wanted(block.label));
    wanted.flat_map(|block| [text[block.range.clone()].trim_end(), "\n"]).collect()
}
