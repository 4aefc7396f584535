//! Private keys: made, read, written, used to sign. The only place that touches their bytes.

mod jwk;
mod kind;
mod read;
mod secret;
mod url;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256,
};
use thiserror::Error;
use zeroize::Zeroizing;

pub use kind::KeyType;
pub(crate) use kind::{P256, P384, P521, curve};
pub use secret::Secret;
pub use url::{bare_url, shown_url};

use crate::pem::{self, PemError};

/// A private key, of an account or of a certificate. Cheap to clone; `Debug` shows its kind only.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    kind: KeyType,
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
    public_key_der: Vec<u8>,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl PrivateKey {
    /// Makes a new key. RSA takes up to seconds of CPU: do it where that blocks nothing.
    ///
    /// # Errors
    /// [`KeyError::NotMade`] for [`KeyType::RsaOther`], [`KeyError::Crypto`] if the machine gives no randomness.
    pub fn generate(kind: KeyType) -> Result<Self, KeyError> {
        let size = match kind {
            KeyType::P256 => return Self::generate_ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            KeyType::P384 => return Self::generate_ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            KeyType::P521 => return Self::generate_ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
            KeyType::Rsa2048 => KeySize::Rsa2048,
            KeyType::Rsa3072 => KeySize::Rsa3072,
            KeyType::Rsa4096 => KeySize::Rsa4096,
            KeyType::Rsa8192 => KeySize::Rsa8192,
            KeyType::RsaOther { bits } => return Err(KeyError::NotMade { bits }),
        };
        Self::from_rsa(rsa::KeyPair::generate(size)?)
    }

    /// Reads a key from PEM: PKCS#8, PKCS#1 or SEC1, whatever the label calls it, with `EC PARAMETERS` or other
    /// blocks in front.
    ///
    /// # Errors
    /// Says what is in the text instead: nothing, an encrypted key, a kind that ACME does not use, RSA below 2048 bits.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        read::from_pem(pem)
    }

    /// Reads a key from JSON (RFC 7517), as certbot keeps its account keys in `private_key.json`.
    ///
    /// # Errors
    /// As [`Self::from_pem`]; also if a member is missing or does not fit the others.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        jwk::read(json)
    }

    /// The key as PKCS#8 PEM, with a newline at the end.
    #[must_use]
    pub fn to_pem(&self) -> Secret {
        pem::encode("PRIVATE KEY", &self.0.pkcs8).into()
    }

    /// The key as SEC1 PEM (`EC PRIVATE KEY`), as dehydrated writes its own; `None` for RSA.
    #[must_use]
    pub fn to_sec1_pem(&self) -> Option<Secret> {
        let Pair::Ec(pair) = &self.0.pair else { return None };
        let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().ok()?;
        Some(pem::encode("EC PRIVATE KEY", der.as_ref()).into())
    }

    /// The key as dehydrated leaves it in files, by way of OpenSSL 3: SEC1 for ECDSA, PKCS#8 for RSA.
    #[must_use]
    pub fn to_file_pem(&self) -> Secret {
        self.to_sec1_pem().unwrap_or_else(|| self.to_pem())
    }

    /// The kind of this key.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.0.kind
    }

    /// The public half, as a DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.public_key_der
    }

    /// The private key as a DER `PrivateKeyInfo`, for a CSR.
    pub(crate) fn pkcs8_der(&self) -> &[u8] {
        &self.0.pkcs8
    }

    /// The public half as a JSON Web Key: required members only, in the order of RFC 7638 §3.3.
    pub(crate) fn public_jwk(&self) -> serde_json::Value {
        match &self.0.pair {
            Pair::Ec(pair) => jwk::ec(self.0.kind, pair.public_key().as_ref()),
            Pair::Rsa(pair) => jwk::rsa(pair.public_key().as_ref()),
        }
    }

    /// base64url of the SHA-256 thumbprint of [`Self::public_jwk`] (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        jwk::thumbprint(&self.public_jwk())
    }

    /// The `alg` of this key's signatures (RFC 7518 §3.1).
    pub(crate) fn jws_algorithm(&self) -> &'static str {
        match self.0.kind {
            KeyType::P256 => "ES256",
            KeyType::P384 => "ES384",
            KeyType::P521 => "ES512",
            _ => "RS256",
        }
    }

    /// A signature in the form of JWS: for ECDSA both numbers at full length, one after the other (RFC 7518 §3.4).
    pub(crate) fn jws_signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.0.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    fn generate_ec(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Self, KeyError> {
        Self::from_ec(EcdsaKeyPair::generate(algorithm)?)
    }

    fn from_ec(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let kind = match pair.algorithm() {
            algorithm if *algorithm == ECDSA_P256_SHA256_FIXED_SIGNING => KeyType::P256,
            algorithm if *algorithm == ECDSA_P384_SHA384_FIXED_SIGNING => KeyType::P384,
            _ => KeyType::P521,
        };
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        Ok(Self(Arc::new(Inner {
            kind,
            pkcs8: Zeroizing::new(pair.to_pkcs8v1()?.as_ref().to_vec()),
            public_key_der: public.as_ref().to_vec(),
            pair: Pair::Ec(pair),
        })))
    }

    fn from_rsa(pair: rsa::KeyPair) -> Result<Self, KeyError> {
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let bits = jwk::modulus_bits(pair.public_key().as_ref());
        Ok(Self(Arc::new(Inner {
            kind: KeyType::rsa(bits),
            pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()),
            public_key_der: public.as_ref().to_vec(),
            pair: Pair::Rsa(pair),
        })))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.0.kind)
    }
}

/// Why a key cannot be read, made or used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The cryptographic library failed, without a reason.
    #[error("the cryptographic library refused the operation")]
    Crypto,
    /// It needs a passphrase, and there is nobody to ask.
    #[error("the key is encrypted; hydrant reads keys without a passphrase only")]
    Encrypted,
    /// What a JSON Web Key is lacking, or says wrongly.
    #[error("the JSON Web Key has no usable `{member}`")]
    Jwk {
        /// The member.
        member: &'static str,
    },
    /// The text is no JSON.
    #[error("the text is not a JSON Web Key")]
    NotJson,
    /// A length of RSA key that can be read but not made.
    #[error("an RSA key of {bits} bits cannot be made")]
    NotMade {
        /// Length of its modulus.
        bits: usize,
    },
    /// The text has no private key.
    #[error("there is no private key in the text")]
    NotFound,
    /// The text is damaged.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Its bytes are no key, or its parts do not fit together.
    #[error("the key is damaged ({reason})")]
    Rejected {
        /// The word of the cryptographic library.
        reason: String,
    },
    /// RSA over 8192 bits.
    #[error("the RSA key has more than 8192 bits")]
    RsaTooLong,
    /// RSA below 2048 bits.
    #[error("the RSA key has less than 2048 bits")]
    RsaTooShort,
    /// A name that stands for no kind of key.
    #[error("`{text}` is no key type: p256, p384, p521, rsa2048, rsa3072, rsa4096 and rsa8192 are")]
    UnknownType {
        /// The name.
        text: String,
    },
    /// A kind of key that no ACME CA takes, or a curve that is not NIST's.
    #[error("the key is neither RSA nor ECDSA on P-256, P-384 or P-521")]
    Unsupported,
}

impl From<KeyRejected> for KeyError {
    fn from(rejected: KeyRejected) -> Self {
        match rejected.to_string().as_str() {
            "TooSmall" => Self::RsaTooShort,
            "TooLarge" => Self::RsaTooLong,
            "WrongAlgorithm" => Self::Unsupported,
            reason => Self::Rejected { reason: reason.to_owned() },
        }
    }
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
        RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
    };

    use super::*;

    #[test]
    fn signs_what_its_public_half_verifies() {
        let cases: [(KeyType, &'static dyn VerificationAlgorithm, &str); 4] = [
            (KeyType::P256, &ECDSA_P256_SHA256_FIXED, "ES256"),
            (KeyType::P384, &ECDSA_P384_SHA384_FIXED, "ES384"),
            (KeyType::P521, &ECDSA_P521_SHA512_FIXED, "ES512"),
            (KeyType::Rsa2048, &RSA_PKCS1_2048_8192_SHA256, "RS256"),
        ];
        for (kind, algorithm, name) in cases {
            let key = PrivateKey::generate(kind).unwrap();
            assert_eq!((key.key_type(), key.jws_algorithm()), (kind, name));
            let signature = key.jws_signature(b"message").unwrap();
            let public = ParsedPublicKey::new(algorithm, key.public_key_der()).unwrap();
            public.verify_sig(b"message", &signature).unwrap();
            public.verify_sig(b"massage", &signature).unwrap_err();
        }
    }

    #[test]
    fn does_not_show_itself() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(p256)");
    }
}
