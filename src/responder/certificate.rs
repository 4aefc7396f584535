//! The certificate that proves a name over TLS (RFC 8737 §3).

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::error::ResponderError;
use crate::hook::Answer;

/// A self-signed certificate with the acmeIdentifier extension, and its key.
pub(super) struct ChallengeCertificate {
    /// What the CA asks for in its SNI: the name, or the reverse-DNS name of an address (RFC 8738 §6).
    pub(super) name: String,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl ChallengeCertificate {
    pub(super) fn new(answer: &Answer) -> Result<Self, ResponderError> {
        let identifier = &answer.identifier;
        let name = name(answer)?;
        let digest = digest(&answer.value)
            .ok_or_else(|| ResponderError::BadDigest { identifier: identifier.clone() })?;
        Self::make(name, &digest)
            .map_err(|source| ResponderError::Certificate { identifier: identifier.clone(), source })
    }

    fn make(name: String, digest: &[u8; 32]) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        // RFC 8737 §3 wants exactly one subjectAltName: the name to prove, for an address as iPAddress (RFC 8738 §4).
        params.subject_alt_names = vec![match address_of(&name) {
            Some(address) => SanType::IpAddress(address),
            None => SanType::DnsName(name.as_str().try_into()?),
        }];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "ACME challenge");
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { name, certificate, key })
    }

    pub(super) fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    pub(super) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    pub(super) fn for_tls(&self) -> Result<Arc<CertifiedKey>, ResponderError> {
        let chain: Vec<CertificateDer<'static>> = vec![self.certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        // Not with its `from_der`, which refuses a certificate with a critical extension that rustls does not know.
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
        Ok(Arc::new(CertifiedKey::new(chain, key)))
    }
}

/// The name under which the CA asks for this answer, safe as the name of a file.
pub(super) fn name(answer: &Answer) -> Result<String, ResponderError> {
    let identifier = &answer.identifier;
    if let Ok(address) = identifier.parse() {
        return Ok(reverse_name(address));
    }
    let safe = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if identifier.is_empty() || identifier.starts_with('.') || !identifier.chars().all(safe) {
        return Err(ResponderError::BadName { identifier: identifier.clone() });
    }
    Ok(identifier.to_ascii_lowercase())
}

/// The name of an address in the reverse DNS (RFC 1035 §3.5, RFC 3596 §2.5), as tls-alpn-01 uses it.
#[must_use]
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            let labels: Vec<_> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    }
}

/// The address of a name in the reverse DNS.
fn address_of(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<u8> = octets.rsplit('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        return Some(<[u8; 4]>::try_from(octets).ok()?.into());
    }
    let nibbles = name.strip_suffix(".ip6.arpa")?;
    let nibbles: Vec<u8> =
        nibbles.rsplit('.').map(|n| u8::from_str_radix(n, 16)).collect::<Result<_, _>>().ok()?;
    if nibbles.iter().any(|nibble| *nibble > 15) {
        return None;
    }
    let octets: Vec<u8> = nibbles.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect();
    (nibbles.len() == 32).then(|| <[u8; 16]>::try_from(octets).ok().map(IpAddr::from))?
}

/// `0a:1b:…`, 32 bytes.
fn digest(value: &str) -> Option<[u8; 32]> {
    let byte = |text: &str| (text.len() == 2).then(|| u8::from_str_radix(text, 16).ok())?;
    let bytes: Option<Vec<u8>> = value.split(':').map(byte).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

    use super::*;

    fn answer(identifier: &str, value: &str) -> Answer {
        Answer {
            identifier: identifier.into(),
            token: "t".into(),
            value: value.into(),
            wildcard: false,
            record: None,
        }
    }

    fn value() -> String {
        (0..32).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
    }

    #[test]
    fn an_address_has_a_name() {
        assert_eq!(reverse_name("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        let name = reverse_name(six);
        assert_eq!(name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
        assert_eq!(address_of(&name), Some(six));
        assert_eq!(address_of("1.2.0.192.in-addr.arpa"), "192.0.2.1".parse().ok());
        assert_eq!(address_of("a.example"), None);
        assert_eq!(address_of("1.ip6.arpa"), None);
    }

    #[test]
    fn the_certificate_is_what_the_ca_looks_for() {
        for (identifier, dns) in [("A.example", Some("a.example")), ("1.2.0.192.in-addr.arpa", None)] {
            let made = ChallengeCertificate::new(&answer(identifier, &value())).unwrap();
            let (_, parsed) = X509Certificate::from_der(made.certificate.der()).unwrap();
            let extension = parsed
                .extensions()
                .iter()
                .find(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
                .unwrap();
            assert!(extension.critical);
            // An OCTET STRING of 32 bytes.
            let expected: Vec<u8> = [4, 32].into_iter().chain(0..32).collect();
            assert_eq!(extension.value, expected);
            let names = parsed.subject_alternative_name().unwrap().unwrap();
            let expected = match dns {
                Some(name) => GeneralName::DNSName(name),
                None => GeneralName::IPAddress(&[192, 0, 2, 1]),
            };
            assert_eq!(names.value.general_names, [expected]);
            made.for_tls().unwrap();
        }
    }

    #[test]
    fn refuses_what_is_no_answer() {
        let error =
            |identifier: &str, value: &str| match ChallengeCertificate::new(&answer(identifier, value)) {
                Ok(_) => String::new(),
                Err(error) => error.to_string(),
            };
        assert_eq!(error("../a", &value()), "`../a` cannot name a challenge certificate");
        assert_eq!(
            error("a.example", "00:11"),
            "the tls-alpn-01 value for `a.example` is not a SHA-256 in hexadecimal"
        );
    }
}
