//! What a CA says of a certificate's revocation (RFC 6960), for servers to staple.
//!
//! Pure but for `fetch`: no clock. A response is believed only if it is about this certificate, in force, and signed
//! by the certificate's issuer or by a responder that the issuer made for that.

mod fetch;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::signature::UnparsedPublicKey;
use der::asn1::{Null, ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse};
use x509_ocsp::{OcspResponseStatus, Request, SingleResponse, TbsRequest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use crate::csr;
use crate::pem;
pub use fetch::{FetchError, Responders};

/// A certificate to ask about, and who issued it.
#[derive(Clone, Debug)]
pub struct Subject {
    id: CertId,
    responder: Option<String>,
    issuer_der: Vec<u8>,
}

/// A response that can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Good {
    /// When the responder knew that the certificate is good.
    pub this_update: OffsetDateTime,
    /// When it will know more; until then the response may be used.
    pub next_update: Option<OffsetDateTime>,
}

impl Subject {
    /// The first certificate of a chain. The second one has to be there: it is part of the question.
    ///
    /// # Errors
    /// [`OcspError::Chain`].
    pub fn of_chain(fullchain: &str) -> Result<Self, OcspError> {
        let mut blocks = pem::blocks(fullchain.as_bytes());
        let mut next = || blocks.next().and_then(Result::ok).and_then(|block| block.der().ok());
        let (Some(leaf), Some(issuer_der)) = (next(), next()) else { return Err(OcspError::Chain) };
        let parse = |der| X509Certificate::from_der(der).map(|(_, parsed)| parsed);
        let leaf = parse(&leaf).map_err(|_| OcspError::Chain)?;
        let issuer = parse(&issuer_der).map_err(|_| OcspError::Chain)?;
        // The one hash that all responders know; nothing is secured by it (RFC 5019 §2.1.1).
        let hash = |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
        let id = CertId {
            hash_algorithm: AlgorithmIdentifierOwned { oid: SHA1, parameters: Some(Null.into()) },
            issuer_name_hash: hash(issuer.subject().as_raw())?,
            issuer_key_hash: hash(&issuer.public_key().subject_public_key.data)?,
            serial_number: SerialNumber::new(leaf.raw_serial())?,
        };
        let responder = responder(&leaf);
        Ok(Self { id, responder, issuer_der: issuer_der.to_vec() })
    }

    /// Where to ask; `None` where the CA has no responder, as many have not any more.
    #[must_use]
    pub fn responder(&self) -> Option<&str> {
        self.responder.as_deref()
    }

    /// The question.
    ///
    /// # Errors
    /// Never for a certificate that was read.
    pub fn request(&self) -> Result<Vec<u8>, OcspError> {
        let request = Request { req_cert: self.id.clone(), single_request_extensions: None };
        let tbs_request = TbsRequest { request_list: vec![request], ..TbsRequest::default() };
        Ok(OcspRequest { tbs_request, optional_signature: None }.to_der()?)
    }

    /// Whether an answer is one that says `good` and can be believed at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, response: &[u8], now: OffsetDateTime) -> Result<Good, OcspError> {
        let response = OcspResponse::from_der(response)?;
        if response.response_status != OcspResponseStatus::Successful {
            return Err(OcspError::Refused { status: format!("{:?}", response.response_status) });
        }
        let bytes = response.response_bytes.ok_or(OcspError::NotBasic)?;
        if bytes.response_type != BASIC {
            return Err(OcspError::NotBasic);
        }
        let basic = BasicOcspResponse::from_der(bytes.response.as_bytes())?;
        self.verify(&basic, now)?;
        let answers = &basic.tbs_response_data.responses;
        let about_it = |answer: &&SingleResponse| self.is_about(&answer.cert_id);
        let answer = answers.iter().find(about_it).ok_or(OcspError::Other)?;
        match answer.cert_status {
            CertStatus::Good(_) => {}
            CertStatus::Revoked(_) => return Err(OcspError::Revoked),
            CertStatus::Unknown(_) => return Err(OcspError::Unknown),
        }
        let good = Good {
            this_update: instant(answer.this_update)?,
            next_update: answer.next_update.map(instant).transpose()?,
        };
        if good.this_update > now + CLOCKS_APART
            || good.next_update.is_some_and(|next| next < now - CLOCKS_APART)
        {
            return Err(OcspError::NotInForce);
        }
        Ok(good)
    }

    /// The parameters of the hash's name may be left out.
    fn is_about(&self, id: &CertId) -> bool {
        let same_hash = id.hash_algorithm.oid == self.id.hash_algorithm.oid;
        same_hash
            && id.issuer_name_hash == self.id.issuer_name_hash
            && id.issuer_key_hash == self.id.issuer_key_hash
            && id.serial_number == self.id.serial_number
    }

    /// RFC 6960 §4.2.2.2: the issuer signs itself, or has made a certificate that may sign responses.
    fn verify(&self, basic: &BasicOcspResponse, now: OffsetDateTime) -> Result<(), OcspError> {
        let (_, issuer) = X509Certificate::from_der(&self.issuer_der).map_err(|_| OcspError::Chain)?;
        let signed = basic.tbs_response_data.to_der()?;
        let algorithm = basic.signature_algorithm.oid.to_string();
        let is_by = |signer: &X509Certificate<'_>| {
            is_signed_by(signer, &algorithm, &signed, basic.signature.raw_bytes())
        };
        if is_by(&issuer) {
            return Ok(());
        }
        for delegate in basic.certs.iter().flatten() {
            let der = delegate.to_der()?;
            let Ok((_, delegate)) = X509Certificate::from_der(&der) else { continue };
            if may_answer_for(&issuer, &delegate, now) && is_by(&delegate) {
                return Ok(());
            }
        }
        Err(OcspError::BadSignature)
    }
}

/// Whether `issuer` made `delegate` to sign responses, and that holds now.
fn may_answer_for(issuer: &X509Certificate<'_>, delegate: &X509Certificate<'_>, now: OffsetDateTime) -> bool {
    let usage = delegate.extended_key_usage().ok().flatten();
    let validity = delegate.validity();
    let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    let algorithm = delegate.signature_algorithm.algorithm.to_id_string();
    usage.is_some_and(|usage| usage.value.ocsp_signing)
        && (from - CLOCKS_APART..until + CLOCKS_APART).contains(&now)
        && delegate.issuer() == issuer.subject()
        && is_signed_by(issuer, &algorithm, delegate.tbs_certificate.as_ref(), &delegate.signature_value.data)
}

fn is_signed_by(signer: &X509Certificate<'_>, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    let key = signer.public_key();
    csr::signature_algorithm(algorithm, key).is_some_and(|algorithm| {
        UnparsedPublicKey::new(algorithm, &key.subject_public_key.data).verify(message, signature).is_ok()
    })
}

/// The first responder that is asked over plain HTTP: what it says is signed.
fn responder(leaf: &X509Certificate<'_>) -> Option<String> {
    let places = leaf.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => Some(&access.accessdescs),
        _ => None,
    });
    let uris =
        places.flatten().filter(|place| place.access_method.to_id_string() == OCSP).filter_map(|place| {
            match place.access_location {
                GeneralName::URI(uri) => Some(uri.to_owned()),
                _ => None,
            }
        });
    uris.into_iter().find(|uri| uri.starts_with("http://"))
}

fn instant(time: OcspGeneralizedTime) -> Result<OffsetDateTime, OcspError> {
    let seconds = i64::try_from(time.0.to_unix_duration().as_secs()).map_err(|_| OcspError::NotInForce)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| OcspError::NotInForce)
}

/// How far the responder's clock may be from ours.
const CLOCKS_APART: Duration = Duration::minutes(5);

/// `id-ad-ocsp`, RFC 6960 §4.2.1.
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// `id-pkix-ocsp-basic`.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// Why there is no response to staple.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OcspError {
    /// Nobody whose word counts has signed it.
    #[error("the OCSP response is not signed by the certificate's issuer")]
    BadSignature,
    /// Leaf and issuer are needed.
    #[error("the full chain has no certificate and issuer to ask about")]
    Chain,
    /// It cannot be decoded.
    #[error("the OCSP response is damaged")]
    Damaged(#[from] der::Error),
    /// It is of another type than all of them are.
    #[error("the OCSP response is not a basic one")]
    NotBasic,
    /// It is of the future or of the past.
    #[error("the OCSP response is not in force")]
    NotInForce,
    /// It is about something else.
    #[error("the OCSP response is about another certificate")]
    Other,
    /// The responder has no answer.
    #[error("the OCSP responder refuses to answer: {status}")]
    Refused {
        /// Its word for why.
        status: String,
    },
    /// The certificate is revoked.
    #[error("the OCSP responder says that the certificate is revoked")]
    Revoked,
    /// The responder does not know the certificate, or not yet.
    #[error("the OCSP responder does not know the certificate")]
    Unknown,
}
