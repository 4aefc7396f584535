//! What the CA returned: a leaf and the certificates above it, nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::identifier::Identifier;
use crate::pem::{self, PemError};

/// A certificate and those that lead from it to a root, each as the CA wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    leaf: Leaf,
    fullchain: String,
    leaf_length: usize,
    last_issuer: String,
}

impl Chain {
    /// Reads a chain, leaf first. Line ends become `\n` and text between the blocks is left out; the blocks stay as they are.
    ///
    /// # Errors
    /// If there is no certificate, one is damaged, or there is a block of any other kind: a CA that slips in a private
    /// key must not get it into our files (RFC 8555 §11.4).
    pub fn parse(pem: &str) -> Result<Self, ChainError> {
        let mut leaf = None;
        let mut fullchain = String::with_capacity(pem.len());
        let mut leaf_length = 0;
        let mut last_issuer = String::new();
        for block in pem::blocks(pem.as_bytes()) {
            let block = block?;
            if block.label != CERTIFICATE {
                return Err(ChainError::ForeignBlock { label: block.label.to_owned() });
            }
            let der = block.public_der()?;
            let certificate = certificate(&der)?;
            last_issuer = common_name(certificate.issuer());
            for line in pem[block.range.clone()].lines() {
                fullchain.push_str(line.trim_end());
                fullchain.push('\n');
            }
            if leaf.is_none() {
                leaf = Some(Leaf::new(&der, &certificate));
                leaf_length = fullchain.len();
            }
        }
        let leaf = leaf.ok_or(ChainError::Empty)?;
        Ok(Self { leaf, fullchain, leaf_length, last_issuer })
    }

    /// The certificate itself.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The leaf as DER, as it is revoked.
    ///
    /// # Errors
    /// Never for a chain that was read: the leaf was decoded then.
    pub fn leaf_der(&self) -> Result<Vec<u8>, ChainError> {
        let block = pem::blocks(self.cert_pem().as_bytes()).next().ok_or(ChainError::Empty)??;
        Ok(block.public_der()?)
    }

    /// The leaf as PEM: `cert.pem`.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.fullchain[..self.leaf_length]
    }

    /// What is above the leaf, as PEM: `chain.pem`. Empty if the CA sent the leaf alone.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.fullchain[self.leaf_length..]
    }

    /// All of it as PEM: `fullchain.pem`.
    #[must_use]
    pub fn fullchain_pem(&self) -> &str {
        &self.fullchain
    }

    /// Whether the last certificate was issued by `wanted`, compared exactly: how a preferred chain is named.
    ///
    /// dehydrated compares with the end of a line of OpenSSL's. For an issuer that is only a common name that is all of
    /// the line, so that `issuer=CN = X` is what people had to write; it stands for `X` here.
    #[must_use]
    pub fn ends_at(&self, wanted: &str) -> bool {
        let literal = ["issuer=CN = ", "issuer=CN="].into_iter().find_map(|start| wanted.strip_prefix(start));
        [Some(wanted), literal].contains(&Some(self.last_issuer.as_str()))
    }

    /// The common name of who issued the last certificate.
    #[must_use]
    pub fn last_issuer(&self) -> &str {
        &self.last_issuer
    }

    /// Checks that the leaf is what was ordered: for the key of `public_key_der`, for the set of `wanted` names, valid at `now`.
    ///
    /// A start up to an hour ahead is taken for a clock that is slow.
    ///
    /// # Errors
    /// The first of these that is not so.
    pub fn check(
        &self,
        public_key_der: &[u8],
        wanted: &[Identifier],
        now: OffsetDateTime,
    ) -> Result<(), ChainError> {
        let leaf = &self.leaf;
        if !is_same_key(&leaf.public_key_der, public_key_der) {
            return Err(ChainError::OtherKey);
        }
        let wanted: BTreeSet<_> = wanted.iter().collect();
        let found: BTreeSet<_> = leaf.names.iter().collect();
        if wanted != found || leaf.has_unnamed {
            return Err(ChainError::OtherNames {
                missing: wanted.difference(&found).map(|name| (*name).clone()).collect(),
                unexpected: found.difference(&wanted).map(|name| (*name).clone()).collect(),
            });
        }
        if leaf.not_after <= now {
            return Err(ChainError::Expired { not_after: leaf.not_after });
        }
        if leaf.not_before > now + Duration::HOUR {
            return Err(ChainError::NotYetValid { not_before: leaf.not_before });
        }
        Ok(())
    }
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its alternative names, as far as an [`Identifier`] can hold them.
    pub names: Vec<Identifier>,
    /// Whether it has further ones: e-mail addresses, names that no CA may issue.
    pub has_unnamed: bool,
    /// From when it is valid.
    pub not_before: OffsetDateTime,
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
    /// The serial number as in the certificate, with a leading zero where DER has one.
    pub serial: Vec<u8>,
    /// What the CA knows it by in renewal information (RFC 9773 §4.1); `None` without an authority key identifier.
    pub renewal_id: Option<String>,
    /// The common name of who issued it; empty if there is none.
    pub issuer: String,
    /// Its key, as a DER `SubjectPublicKeyInfo`.
    pub public_key_der: Vec<u8>,
    /// SHA-256 of the certificate in lower-case hexadecimal digits.
    pub fingerprint: String,
}

impl Leaf {
    /// Reads the first certificate of a file and nothing behind it: thousands of files are looked at in every run.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn parse_first(pem: &[u8]) -> Result<Self, ChainError> {
        let block = pem::blocks(pem).next().ok_or(ChainError::Empty)??;
        if block.label != CERTIFICATE {
            return Err(ChainError::ForeignBlock { label: block.label.to_owned() });
        }
        let der = block.public_der()?;
        Ok(Self::new(&der, &certificate(&der)?))
    }

    /// Whether `public_key_der`, a DER `SubjectPublicKeyInfo`, is its key.
    #[must_use]
    pub fn is_for_key(&self, public_key_der: &[u8]) -> bool {
        is_same_key(&self.public_key_der, public_key_der)
    }

    fn new(der: &[u8], certificate: &X509Certificate<'_>) -> Self {
        let mut names = Vec::new();
        let mut has_unnamed = false;
        let mut authority = None;
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(alternatives) => {
                    for name in &alternatives.general_names {
                        match alternative_name(name) {
                            Some(name) => names.push(name),
                            None => has_unnamed = true,
                        }
                    }
                }
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    authority = identifier.key_identifier.as_ref().map(|identifier| identifier.0);
                }
                _ => {}
            }
        }
        let serial = certificate.raw_serial();
        let validity = certificate.validity();
        Self {
            names,
            has_unnamed,
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            serial: serial.to_vec(),
            renewal_id: authority.map(|authority| renewal_id(authority, serial)),
            issuer: common_name(certificate.issuer()),
            public_key_der: certificate.public_key().raw.to_vec(),
            fingerprint: hex(digest(&SHA256, der).as_ref()),
        }
    }
}

const CERTIFICATE: &str = "CERTIFICATE";

/// The name as an identifier, if it is one.
pub(crate) fn alternative_name(name: &GeneralName<'_>) -> Option<Identifier> {
    match name {
        GeneralName::DNSName(name) => name.parse().ok().map(Identifier::Dns),
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok().map(Identifier::Ip)
        }
        _ => None,
    }
}

fn certificate(der: &[u8]) -> Result<X509Certificate<'_>, ChainError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(ChainError::Damaged),
    }
}

fn common_name(name: &X509Name<'_>) -> String {
    let attribute = name.iter_common_name().next();
    attribute.and_then(|attribute| attribute.as_str().ok()).unwrap_or_default().to_owned()
}

/// RFC 9773 §4.1: the key identifier, a dot, and the content of the serial number as DER has it.
fn renewal_id(authority: &[u8], serial: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(authority), URL_SAFE_NO_PAD.encode(serial))
}

/// Same bytes, or the same key with its algorithm written differently (RSA with and without `NULL`).
fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    let (Ok((_, one)), Ok((_, other))) =
        (SubjectPublicKeyInfo::from_der(one), SubjectPublicKeyInfo::from_der(other))
    else {
        return false;
    };
    one.algorithm.algorithm == other.algorithm.algorithm && one.subject_public_key == other.subject_public_key
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Why what the CA returned cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChainError {
    /// A certificate whose bytes are none.
    #[error("a certificate of the chain is damaged")]
    Damaged,
    /// No certificate.
    #[error("there is no certificate in the text")]
    Empty,
    /// Over already.
    #[error("the certificate expired at {not_after}")]
    Expired {
        /// Its end.
        not_after: OffsetDateTime,
    },
    /// Something between the certificates that must not be there.
    #[error("the chain has a block `{label}`, where only certificates may be")]
    ForeignBlock {
        /// Its label.
        label: String,
    },
    /// More than an hour in the future.
    #[error("the certificate is not valid before {not_before}")]
    NotYetValid {
        /// Its start.
        not_before: OffsetDateTime,
    },
    /// It would not work with the key we have.
    #[error("the certificate is for another key than that of the CSR")]
    OtherKey,
    /// It is not what was ordered.
    #[error("the certificate is for other names than ordered{}", difference(missing, unexpected))]
    OtherNames {
        /// Ordered and not there.
        missing: Vec<Identifier>,
        /// There and not ordered, as far as an identifier can hold them.
        unexpected: Vec<Identifier>,
    },
    /// The text is damaged.
    #[error(transparent)]
    Pem(#[from] PemError),
}

fn difference(missing: &[Identifier], unexpected: &[Identifier]) -> String {
    let mut text = String::new();
    for (what, names) in [("missing", missing), ("not ordered", unexpected)] {
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            text = format!("{text}; {what}: {}", names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests;
