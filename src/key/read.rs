//! Keys from PEM: what a block holds is told by its bytes, since labels are often wrong.

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use x509_parser::asn1_rs::{Any, FromDer, Oid, Sequence, Tag, oid};

use super::{KeyError, PrivateKey};
use crate::pem;

/// The first private key of the text.
pub(super) fn from_pem(text: &str) -> Result<PrivateKey, KeyError> {
    for block in pem::blocks(text.as_bytes()) {
        let block = block?;
        if block.label == "ENCRYPTED PRIVATE KEY" || block.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        if block.label.ends_with("PRIVATE KEY") {
            return from_der(&block.der()?);
        }
    }
    Err(KeyError::NotFound)
}

/// PKCS#8 has an algorithm behind the version, PKCS#1 a number, SEC1 the octets of the key.
fn from_der(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let (_, outer) = Sequence::from_der(der).map_err(|_| damaged())?;
    let (rest, _version) = Any::from_der(outer.content.as_ref()).map_err(|_| damaged())?;
    let (_, second) = Any::from_der(rest).map_err(|_| damaged())?;
    match second.tag() {
        Tag::Sequence => from_pkcs8(der, second.data),
        Tag::Integer => PrivateKey::from_rsa(rsa::KeyPair::from_der(der)?),
        Tag::OctetString => from_ec(der, curve_of_length(second.data.len())?),
        _ => Err(damaged()),
    }
}

/// RFC 5208 §5, with the algorithms of RFC 8017 and RFC 5480.
fn from_pkcs8(der: &[u8], algorithm: &[u8]) -> Result<PrivateKey, KeyError> {
    let (rest, algorithm) = Oid::from_der(algorithm).map_err(|_| damaged())?;
    if algorithm == oid!(1.2.840.113549.1.1.1) {
        return PrivateKey::from_rsa(rsa::KeyPair::from_pkcs8(der)?);
    }
    if algorithm != oid!(1.2.840.10045.2.1) {
        return Err(KeyError::Unsupported);
    }
    // Parameters spelled out instead of named make a curve that nobody takes.
    let (_, curve) = Oid::from_der(rest).map_err(|_| KeyError::Unsupported)?;
    if curve == oid!(1.2.840.10045.3.1.7) {
        from_ec(der, &ECDSA_P256_SHA256_FIXED_SIGNING)
    } else if curve == oid!(1.3.132.0.34) {
        from_ec(der, &ECDSA_P384_SHA384_FIXED_SIGNING)
    } else if curve == oid!(1.3.132.0.35) {
        from_ec(der, &ECDSA_P521_SHA512_FIXED_SIGNING)
    } else {
        Err(KeyError::Unsupported)
    }
}

/// SEC1 may leave the curve to an `EC PARAMETERS` block; the key's octets are as many as the curve needs (RFC 5915 §3).
fn curve_of_length(octets: usize) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match octets {
        32 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        48 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        66 => Ok(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => Err(KeyError::Unsupported),
    }
}

fn from_ec(der: &[u8], algorithm: &'static EcdsaSigningAlgorithm) -> Result<PrivateKey, KeyError> {
    PrivateKey::from_ec(EcdsaKeyPair::from_private_key_der(algorithm, der)?)
}

fn damaged() -> KeyError {
    KeyError::Rejected { reason: "InvalidEncoding".to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::key::{KeyError, KeyType, PrivateKey};

    macro_rules! file {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/keys/", $name))
        };
    }

    #[test]
    fn reads_every_form_openssl_writes() {
        let cases = [
            (file!("rsa2048.pkcs1.pem"), KeyType::Rsa2048),
            (file!("rsa2048.pkcs8.pem"), KeyType::Rsa2048),
            (file!("rsa2560.pkcs8.pem"), KeyType::RsaOther { bits: 2560 }),
            (file!("p256.sec1.pem"), KeyType::P256),
            (file!("p256.sec1-parameters.pem"), KeyType::P256),
            (file!("p256.sec1-bare.pem"), KeyType::P256),
            (file!("p256.pkcs8.pem"), KeyType::P256),
            (file!("p384.sec1.pem"), KeyType::P384),
            (file!("p384.pkcs8.pem"), KeyType::P384),
            (file!("p521.sec1.pem"), KeyType::P521),
            (file!("p521.pkcs8.pem"), KeyType::P521),
        ];
        for (pem, kind) in cases {
            let key = PrivateKey::from_pem(pem).unwrap();
            assert_eq!(key.key_type(), kind, "{pem}");
            let again = PrivateKey::from_pem(key.to_pem().expose()).unwrap();
            assert_eq!(again.public_key_der(), key.public_key_der());
            assert_eq!(again.to_pem(), key.to_pem());
        }
    }

    #[test]
    fn the_forms_of_one_key_are_one_key() {
        let key = PrivateKey::from_pem(file!("p256.pkcs8.pem")).unwrap();
        for pem in [file!("p256.sec1.pem"), file!("p256.sec1-parameters.pem"), file!("p256.sec1-bare.pem")] {
            assert_eq!(PrivateKey::from_pem(pem).unwrap().thumbprint(), key.thumbprint());
        }
        assert_eq!(key.to_pem().expose(), file!("p256.pkcs8.pem"));
        assert_eq!(key.to_sec1_pem().unwrap().expose(), file!("p256.sec1.pem"));
        let rsa = PrivateKey::from_pem(file!("rsa2048.pkcs1.pem")).unwrap();
        assert_eq!(rsa.to_pem().expose(), file!("rsa2048.pkcs8.pem"));
        assert!(rsa.to_sec1_pem().is_none());
    }

    #[test]
    fn the_bytes_count_and_not_the_label() {
        for pem in [file!("p256.sec1.pem"), file!("p256.pkcs8.pem"), file!("rsa2048.pkcs1.pem")] {
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
                let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
                let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
                let key = PrivateKey::from_pem(&text).unwrap();
                assert_eq!(key.thumbprint(), PrivateKey::from_pem(pem).unwrap().thumbprint());
            }
        }
    }

    #[test]
    fn says_what_it_found_instead_of_a_key() {
        let cases = [
            ("", KeyError::NotFound),
            (file!("p256.public.pem"), KeyError::NotFound),
            (file!("p256.encrypted-pkcs8.pem"), KeyError::Encrypted),
            (file!("rsa2048.encrypted-pkcs1.pem"), KeyError::Encrypted),
            (file!("rsa1024.pkcs1.pem"), KeyError::RsaTooShort),
            (file!("rsa1024.pkcs8.pem"), KeyError::RsaTooShort),
            (file!("ed25519.pkcs8.pem"), KeyError::Unsupported),
            (file!("secp256k1.pkcs8.pem"), KeyError::Unsupported),
        ];
        for (pem, error) in cases {
            assert_eq!(PrivateKey::from_pem(pem).unwrap_err(), error, "{pem}");
        }
        PrivateKey::from_pem(file!("secp256k1.sec1.pem")).unwrap_err();
        let cut = file!("rsa2048.pkcs8.pem").replace('A', "B");
        PrivateKey::from_pem(&cut).unwrap_err();
    }
}
