//! JSON Web Keys (RFC 7517, RFC 7518 §6): written for the CA, read from certbot.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyError, KeyType, PrivateKey};

/// The public JWK of an uncompressed point.
pub(super) fn ec(kind: KeyType, point: &[u8]) -> Value {
    let curve = match kind {
        KeyType::P384 => "P-384",
        KeyType::P521 => "P-521",
        _ => "P-256",
    };
    let coordinates = point.strip_prefix(&[4]).unwrap_or(point);
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    json!({
        "crv": curve,
        "kty": "EC",
        "x": URL_SAFE_NO_PAD.encode(x),
        "y": URL_SAFE_NO_PAD.encode(y),
    })
}

/// The public JWK of a DER `RSAPublicKey` (RFC 8017 appendix A.1.1).
pub(super) fn rsa(public: &[u8]) -> Value {
    let (modulus, exponent) = rsa_numbers(public);
    json!({
        "e": URL_SAFE_NO_PAD.encode(exponent),
        "kty": "RSA",
        "n": URL_SAFE_NO_PAD.encode(modulus),
    })
}

/// RFC 7638; `serde_json` keeps the order of members and writes no blanks.
pub(super) fn thumbprint(jwk: &Value) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.to_string().as_bytes()))
}

/// How long the modulus of a DER `RSAPublicKey` is.
pub(super) fn modulus_bits(public: &[u8]) -> usize {
    let (modulus, _) = rsa_numbers(public);
    let top = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    modulus.len() * 8 - top
}

/// Modulus and exponent without leading zeros; empty for what is no key, which the library never hands out.
fn rsa_numbers(public: &[u8]) -> (&[u8], &[u8]) {
    let numbers = || {
        let (_, sequence) = Any::from_der(public).ok()?;
        let (rest, modulus) = Any::from_der(sequence.data).ok()?;
        let (_, exponent) = Any::from_der(rest).ok()?;
        Some((without_zeros(modulus.data), without_zeros(exponent.data)))
    };
    numbers().unwrap_or_default()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A private JWK.
pub(super) fn read(text: &str) -> Result<PrivateKey, KeyError> {
    let json: Value = serde_json::from_str(text).map_err(|_| KeyError::NotJson)?;
    let jwk = Jwk(json);
    match jwk.0.get("kty").and_then(Value::as_str) {
        Some("RSA") => jwk.rsa(),
        Some("EC") => jwk.ec(),
        Some(_) => Err(KeyError::Unsupported),
        None => Err(KeyError::Jwk { member: "kty" }),
    }
}

struct Jwk(Value);

impl Jwk {
    fn rsa(&self) -> Result<PrivateKey, KeyError> {
        let (modulus, exponent) = (self.number("n")?, self.number("e")?);
        let [d, p, q, dp, dq, qi] = ["d", "p", "q", "dp", "dq", "qi"].map(|member| self.number(member));
        let pair = rsa::KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: without_zeros(&modulus), e: without_zeros(&exponent) },
            d: d?.as_slice(),
            p: p?.as_slice(),
            q: q?.as_slice(),
            dP: dp?.as_slice(),
            dQ: dq?.as_slice(),
            qInv: qi?.as_slice(),
        })?;
        PrivateKey::from_rsa(pair)
    }

    fn ec(&self) -> Result<PrivateKey, KeyError> {
        let (algorithm, octets) = match self.0.get("crv").and_then(Value::as_str) {
            Some("P-256") => (&ECDSA_P256_SHA256_FIXED_SIGNING, 32),
            Some("P-384") => (&ECDSA_P384_SHA384_FIXED_SIGNING, 48),
            Some("P-521") => (&ECDSA_P521_SHA512_FIXED_SIGNING, 66),
            Some(_) => return Err(KeyError::Unsupported),
            None => return Err(KeyError::Jwk { member: "crv" }),
        };
        let mut point = vec![4];
        for member in ["x", "y"] {
            point.extend_from_slice(&self.padded(member, octets)?);
        }
        let d = self.padded("d", octets)?;
        PrivateKey::from_ec(EcdsaKeyPair::from_private_key_and_public_key(algorithm, &d, &point)?)
    }

    fn number(&self, member: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let wrong = || KeyError::Jwk { member };
        let text = self.0.get(member).and_then(Value::as_str).ok_or_else(wrong)?;
        let number = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| wrong())?;
        Ok(Zeroizing::new(number))
    }

    /// A number with as many leading zeros as RFC 7518 §6.2.1.2 asks for, whether they were written or not.
    fn padded(&self, member: &'static str, octets: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let number = self.number(member)?;
        let digits = without_zeros(&number);
        let zeros = octets.checked_sub(digits.len()).ok_or(KeyError::Jwk { member })?;
        let mut padded = Zeroizing::new(vec![0; zeros]);
        padded.extend_from_slice(digits);
        Ok(padded)
    }
}

impl Drop for Jwk {
    fn drop(&mut self) {
        let Value::Object(members) = &mut self.0 else { return };
        for value in members.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_is_that_of_rfc_7638() {
        // RFC 7638 §3.1.
        let jwk = json!({
            "e": "AQAB",
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn reads_the_keys_of_rfc_7517_and_7515() {
        // RFC 7517 appendix A.2, a key on P-256, and its public half in appendix A.1.
        let key = read(
            r#"{"kty":"EC","crv":"P-256",
               "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
               "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
               "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#,
        )
        .unwrap();
        assert_eq!(
            key.public_jwk().to_string(),
            r#"{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#
        );
        // RFC 7515 appendix A.4, a key on P-521; its numbers are written at full length.
        let key = read(
            r#"{"kty":"EC","crv":"P-521",
               "x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
               "y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
               "d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}"#,
        )
        .unwrap();
        assert_eq!(key.key_type(), KeyType::P521);
    }

    #[test]
    fn reads_what_certbot_keeps() {
        let key = read(include_str!("../../tests/fixtures/keys/certbot.private_key.json")).unwrap();
        let pem = include_str!("../../tests/fixtures/keys/rsa2048.pkcs8.pem");
        assert_eq!(key.to_pem().expose(), pem);
    }

    #[test]
    fn says_which_member_is_missing() {
        let cases = [
            ("-----BEGIN", KeyError::NotJson),
            ("{}", KeyError::Jwk { member: "kty" }),
            (r#"{"kty":"OKP"}"#, KeyError::Unsupported),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, KeyError::Jwk { member: "d" }),
            (r#"{"kty":"EC","crv":"P-256","x":"!"}"#, KeyError::Jwk { member: "x" }),
        ];
        for (text, error) in cases {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
    }
}
