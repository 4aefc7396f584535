//! Certificate signing requests (RFC 2986): made for a key and names, or read from a hook or a file.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, SanType};
use rustls_pki_types::PrivatePkcs8KeyDer;
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::chain;
use crate::identifier::Identifier;
use crate::key::{KeyType, P256, P384, P521, PrivateKey, curve};
use crate::pem::{self, PemError};

/// A request for a certificate, its signature checked. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    der: Vec<u8>,
    names: Vec<Identifier>,
    public_key_der: Vec<u8>,
}

impl Csr {
    /// Makes a request with an empty subject for `names`, in their order, signed with `key`.
    ///
    /// `must_staple` asks for the TLS feature extension (RFC 7633).
    ///
    /// # Errors
    /// [`CsrError::NoNames`]; [`CsrError::Make`] if the library refuses.
    pub fn new(names: &[Identifier], key: &PrivateKey, must_staple: bool) -> Result<Self, CsrError> {
        if names.is_empty() {
            return Err(CsrError::NoNames);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names.iter().map(alternative_name).collect::<Result<_, _>>()?;
        if must_staple {
            params
                .custom_extensions
                .push(CustomExtension::from_oid_content(MUST_STAPLE, STATUS_REQUEST.to_vec()));
        }
        let algorithm = match key.key_type() {
            KeyType::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyType::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyType::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            _ => &rcgen::PKCS_RSA_SHA256,
        };
        let pkcs8 = PrivatePkcs8KeyDer::from(key.pkcs8_der());
        let signer = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, algorithm)?;
        let request = params.serialize_request(&signer)?;
        Ok(Self(Arc::new(Inner {
            der: request.der().to_vec(),
            names: names.to_vec(),
            public_key_der: key.public_key_der().to_vec(),
        })))
    }

    /// Reads a request as it lies in a file: PEM, or DER as Windows and Java write it.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn read(bytes: &[u8]) -> Result<Self, CsrError> {
        match Self::from_blocks(bytes) {
            // Every request is a SEQUENCE (RFC 2986 §4.2).
            Err(CsrError::NotFound) if bytes.first() == Some(&0x30) => Self::from_der(bytes),
            read => read,
        }
    }

    /// Reads a request from PEM; text and other blocks around it are skipped.
    ///
    /// # Errors
    /// As [`Self::from_der`]; also if there is no request in the text.
    pub fn from_pem(text: &str) -> Result<Self, CsrError> {
        Self::from_blocks(text.as_bytes())
    }

    fn from_blocks(bytes: &[u8]) -> Result<Self, CsrError> {
        for block in pem::blocks(bytes) {
            let block = block?;
            // The second label is of the time before RFC 7468, and still written by some tools.
            if matches!(block.label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
                return Self::from_der(&block.public_der()?);
            }
        }
        Err(CsrError::NotFound)
    }

    /// Reads a request and checks that who made it holds the key.
    ///
    /// Its names are the alternative names, with the subject's common name in front if it is none of them.
    ///
    /// # Errors
    /// If it is damaged, its signature is wrong or of an unknown kind, or it names something that is neither a DNS
    /// name nor an address.
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| CsrError::Damaged)?;
        if !rest.is_empty() {
            return Err(CsrError::Damaged);
        }
        verify(&request)?;
        Ok(Self(Arc::new(Inner {
            der: der.to_vec(),
            names: names(&request)?,
            public_key_der: request.certification_request_info.subject_pki.raw.to_vec(),
        })))
    }

    /// The request as bytes: what finalize sends.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The request as PEM, with a newline at the end.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.0.der).to_string()
    }

    /// What it asks a certificate for; at least one.
    #[must_use]
    pub fn names(&self) -> &[Identifier] {
        &self.0.names
    }

    /// The key it asks a certificate for, as a DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.public_key_der
    }
}

/// `id-pe-tlsfeature`, RFC 7633 §6.
const MUST_STAPLE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];

/// A sequence of the one number 5, `status_request`.
const STATUS_REQUEST: &[u8] = &[0x30, 3, 2, 1, 5];

fn alternative_name(name: &Identifier) -> Result<SanType, CsrError> {
    match name {
        Identifier::Dns(name) => Ok(SanType::DnsName(name.as_str().try_into()?)),
        Identifier::Ip(address) => Ok(SanType::IpAddress(*address)),
    }
}

fn names(request: &X509CertificationRequest<'_>) -> Result<Vec<Identifier>, CsrError> {
    let mut names = Vec::new();
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(alternatives) = extension else { continue };
        for name in &alternatives.general_names {
            let known =
                chain::alternative_name(name).ok_or_else(|| CsrError::Name { name: name.to_string() });
            names.push(known?);
        }
    }
    let subject = &request.certification_request_info.subject;
    for common_name in subject.iter_common_name() {
        let text = common_name.as_str().map_err(|_| CsrError::Damaged)?;
        let name = parse_name(text)?;
        if !names.contains(&name) {
            names.insert(0, name);
        }
    }
    if names.is_empty() {
        return Err(CsrError::NoNames);
    }
    Ok(names)
}

/// A common name may be an address too, without a prefix.
fn parse_name(text: &str) -> Result<Identifier, CsrError> {
    if let Ok(address) = text.parse() {
        return Ok(Identifier::Ip(address));
    }
    match text.parse() {
        Ok(name) => Ok(Identifier::Dns(name)),
        Err(_) => Err(CsrError::Name { name: text.to_owned() }),
    }
}

fn verify(request: &X509CertificationRequest<'_>) -> Result<(), CsrError> {
    let info = &request.certification_request_info;
    let signature = request.signature_algorithm.algorithm.to_id_string();
    let algorithm = signature_algorithm(&signature, &info.subject_pki)
        .ok_or(CsrError::UnknownSignature { algorithm: signature })?;
    UnparsedPublicKey::new(algorithm, &info.subject_pki.subject_public_key.data)
        .verify(info.raw, &request.signature_value.data)
        .map_err(|_| match KeyType::of_public_key(info.subject_pki.raw) {
            // Such signatures are not looked at.
            Some(KeyType::RsaOther { bits }) if bits < SHORTEST_RSA => CsrError::ShortKey { bits },
            _ => CsrError::BadSignature,
        })
}

/// What CAs certify at least (CA/Browser Forum Baseline Requirements §6.1.5).
const SHORTEST_RSA: usize = 2048;

/// How a signature with the algorithm of this object identifier is verified with a key; `None` for one that is unknown.
pub(crate) fn signature_algorithm(
    signature: &str,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (signature, curve(key).as_str()) {
        ("1.2.840.113549.1.1.11", _) => &RSA_PKCS1_2048_8192_SHA256,
        ("1.2.840.113549.1.1.12", _) => &RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", _) => &RSA_PKCS1_2048_8192_SHA512,
        ("1.2.840.10045.4.3.2", P256) => &ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", P256) => &ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", P256) => &ECDSA_P256_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", P384) => &ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", P384) => &ECDSA_P384_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", P384) => &ECDSA_P384_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", P521) => &ECDSA_P521_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", P521) => &ECDSA_P521_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", P521) => &ECDSA_P521_SHA512_ASN1,
        ("1.3.101.112", _) => &ED25519,
        _ => return None,
    })
}

/// Why a request cannot be made or read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CsrError {
    /// It was not signed with the key it names, or was changed since.
    #[error("the signature of the CSR is not by its key")]
    BadSignature,
    /// Its bytes are no request.
    #[error("the CSR is damaged")]
    Damaged,
    /// No CA certifies such a key.
    #[error("the CSR is for an RSA key of {bits} bits, and CAs certify none below {SHORTEST_RSA}")]
    ShortKey {
        /// How long it is.
        bits: usize,
    },
    /// The library could not make it.
    #[error("the CSR could not be made")]
    Make(#[from] rcgen::Error),
    /// It asks for something that no ACME CA issues.
    #[error("the CSR asks for `{name}`, which is neither a DNS name nor an IP address")]
    Name {
        /// What it asks for.
        name: String,
    },
    /// It has neither a common name nor alternative names.
    #[error("the CSR has no names")]
    NoNames,
    /// There is no request in the text.
    #[error("there is no certificate request in the text")]
    NotFound,
    /// The text is damaged.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Its signature is of a kind hydrant cannot check.
    #[error("the CSR is signed with the unknown algorithm {algorithm}")]
    UnknownSignature {
        /// The object identifier.
        algorithm: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<Identifier> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn reads_back_what_it_makes_for_every_kind_of_key() {
        let names =
            names(&["z.example.com", "*.example.com", "a.example.com", "ip:192.0.2.1", "ip:2001:db8::1"]);
        for kind in [KeyType::P256, KeyType::P384, KeyType::P521, KeyType::Rsa2048] {
            let key = PrivateKey::generate(kind).unwrap();
            for must_staple in [false, true] {
                let csr = Csr::new(&names, &key, must_staple).unwrap();
                let staple = csr.der().windows(5).any(|window| window == STATUS_REQUEST);
                assert_eq!(staple, must_staple);
                let read =
                    Csr::from_pem(&format!("Certificate Request:\n  Data:\n{}", csr.to_pem())).unwrap();
                assert_eq!(read, csr);
                assert_eq!((read.names(), read.public_key_der()), (&names[..], key.public_key_der()));
            }
        }
    }

    #[test]
    fn reads_what_openssl_makes() {
        let text = include_str!("../tests/fixtures/csr/common-name-apart.pem");
        let csr = Csr::from_pem(text).unwrap();
        assert_eq!(csr.names(), names(&["cn.example.com", "san.example.com", "ip:192.0.2.7"]));
        let text = include_str!("../tests/fixtures/csr/common-name-only.pem");
        assert_eq!(Csr::from_pem(text).unwrap().names(), names(&["only.example.com"]));
    }

    #[test]
    fn refuses_what_cannot_be_ordered() {
        let mail = include_str!("../tests/fixtures/csr/mail.pem");
        assert!(matches!(Csr::from_pem(mail).unwrap_err(), CsrError::Name { .. }));
        let none = include_str!("../tests/fixtures/csr/no-names.pem");
        assert_eq!(Csr::from_pem(none).unwrap_err(), CsrError::NoNames);
        assert_eq!(Csr::from_pem("hello").unwrap_err(), CsrError::NotFound);
        assert_eq!(Csr::from_der(&[0x30, 0]).unwrap_err(), CsrError::Damaged);
    }

    #[test]
    fn refuses_a_request_that_was_changed() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let csr = Csr::new(&names(&["a.example.com"]), &key, false).unwrap();
        let mut der = csr.der().to_vec();
        let at = der.windows(2).position(|window| window == b"a.").unwrap();
        der[at] = b'b';
        assert_eq!(Csr::from_der(&der).unwrap_err(), CsrError::BadSignature);
        der.push(0);
        assert_eq!(Csr::from_der(&der).unwrap_err(), CsrError::Damaged);
    }
}
