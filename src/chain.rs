//! Chains.

use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::prelude::FromDer as _;

use crate::identifier::Identifier;

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    leaf: Leaf,
    cert: String,
    chain: String,
    full: String,
}

impl Chain {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(pem: &str) -> Result<Self, ChainError> {
        let end = "-----END CERTIFICATE-----\n";
        let at = pem.find(end).ok_or(ChainError)? + end.len();
        let leaf = Leaf::parse_first(pem.as_bytes())?;
        Ok(Self { leaf, cert: pem[..at].to_owned(), chain: pem[at..].to_owned(), full: pem.to_owned() })
    }

    /// The leaf.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// First.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.cert
    }

    /// Rest.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain
    }

    /// All.
    #[must_use]
    pub fn fullchain_pem(&self) -> &str {
        &self.full
    }
}

/// A leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Names.
    pub names: Vec<Identifier>,
    /// From.
    pub not_before: OffsetDateTime,
    /// To.
    pub not_after: OffsetDateTime,
    /// Key.
    pub public_key_der: Vec<u8>,
}

impl Leaf {
    /// Reads the first block.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse_first(pem: &[u8]) -> Result<Self, ChainError> {
        let (_, block) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| ChainError)?;
        let (_, x509) =
            x509_parser::certificate::X509Certificate::from_der(&block.contents).map_err(|_| ChainError)?;
        Ok(Self {
            names: Vec::new(),
            not_before: x509.validity.not_before.to_datetime(),
            not_after: x509.validity.not_after.to_datetime(),
            public_key_der: x509.tbs_certificate.subject_pki.raw.to_vec(),
        })
    }
}

/// No chain.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no chain")]
pub struct ChainError;
