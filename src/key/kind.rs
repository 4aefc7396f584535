//! The kinds of private keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::KeyError;

/// What kind of key, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// RSA, 8192 bits.
    Rsa8192,
    /// RSA of another length: such a key can be read and used, but not made or asked for.
    RsaOther {
        /// Length of the modulus.
        bits: usize,
    },
}

impl KeyType {
    /// The kinds that can be made, as they are written.
    pub const ALL: [Self; 7] =
        [Self::P256, Self::P384, Self::P521, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::Rsa8192];

    /// Whether this is one of the RSA kinds.
    #[must_use]
    pub fn is_rsa(self) -> bool {
        !matches!(self, Self::P256 | Self::P384 | Self::P521)
    }

    /// Whether such a key is made in microseconds, not in up to a second.
    #[must_use]
    pub fn is_quick(self) -> bool {
        !self.is_rsa()
    }

    /// The algorithm in dehydrated's words, as hooks know it: `rsa`, `prime256v1`.
    #[must_use]
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "prime256v1",
            Self::P384 => "secp384r1",
            Self::P521 => "secp521r1",
            _ => "rsa",
        }
    }

    /// The kind of a public key, a DER `SubjectPublicKeyInfo`; `None` for one that is not made here.
    #[must_use]
    pub fn of_public_key(der: &[u8]) -> Option<Self> {
        let (_, key) = SubjectPublicKeyInfo::from_der(der).ok()?;
        match key.parsed().ok()? {
            PublicKey::RSA(key) => Some(Self::rsa(key.key_size())),
            PublicKey::EC(_) => Some(match curve(&key).as_str() {
                P256 => Self::P256,
                P384 => Self::P384,
                P521 => Self::P521,
                _ => return None,
            }),
            _ => None,
        }
    }

    /// The RSA kind of a modulus of `bits`.
    pub(crate) fn rsa(bits: usize) -> Self {
        match bits {
            2048 => Self::Rsa2048,
            3072 => Self::Rsa3072,
            4096 => Self::Rsa4096,
            8192 => Self::Rsa8192,
            bits => Self::RsaOther { bits },
        }
    }
}

/// The object identifier of a key's curve (RFC 5480 §2.1.1); empty for a key on none.
pub(crate) fn curve(key: &SubjectPublicKeyInfo<'_>) -> String {
    let curve = key.algorithm.parameters.as_ref().and_then(|oid| oid.as_oid().ok());
    curve.map(|oid| oid.to_id_string()).unwrap_or_default()
}

pub(crate) const P256: &str = "1.2.840.10045.3.1.7";
pub(crate) const P384: &str = "1.3.132.0.34";
pub(crate) const P521: &str = "1.3.132.0.35";

/// `p256`, `rsa4096`.
impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("p256"),
            Self::P384 => f.write_str("p384"),
            Self::P521 => f.write_str("p521"),
            Self::Rsa2048 => f.write_str("rsa2048"),
            Self::Rsa3072 => f.write_str("rsa3072"),
            Self::Rsa4096 => f.write_str("rsa4096"),
            Self::Rsa8192 => f.write_str("rsa8192"),
            Self::RsaOther { bits } => write!(f, "rsa{bits}"),
        }
    }
}

/// Reads our own names in any case, and those of dehydrated and OpenSSL: `prime256v1`, `secp384r1`, `rsa` (4096 bits).
impl FromStr for KeyType {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.to_ascii_lowercase().as_str() {
            "p256" | "p-256" | "prime256v1" | "secp256r1" => Ok(Self::P256),
            "p384" | "p-384" | "secp384r1" => Ok(Self::P384),
            "p521" | "p-521" | "secp521r1" => Ok(Self::P521),
            "rsa2048" | "rsa-2048" => Ok(Self::Rsa2048),
            "rsa3072" | "rsa-3072" => Ok(Self::Rsa3072),
            "rsa" | "rsa4096" | "rsa-4096" => Ok(Self::Rsa4096),
            "rsa8192" | "rsa-8192" => Ok(Self::Rsa8192),
            _ => Err(KeyError::UnknownType { text: text.to_owned() }),
        }
    }
}

impl Serialize for KeyType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in KeyType::ALL {
            assert_eq!(kind.to_string().parse::<KeyType>().unwrap(), kind);
        }
    }

    #[test]
    fn takes_the_names_of_dehydrated() {
        for (text, kind) in [
            ("rsa", KeyType::Rsa4096),
            ("prime256v1", KeyType::P256),
            ("secp384r1", KeyType::P384),
            ("secp521r1", KeyType::P521),
        ] {
            assert_eq!(text.parse::<KeyType>().unwrap(), kind);
        }
        let error = "rsa1024".parse::<KeyType>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`rsa1024` is no key type: p256, p384, p521, rsa2048, rsa3072, rsa4096 and rsa8192 are"
        );
    }
}
