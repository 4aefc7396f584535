//! Signed requests (RFC 7515, RFC 8555 §6.2).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::account::{EabAlgorithm, ExternalAccount};
use super::{Error, ServerUrl};
use crate::key::{KeyError, PrivateKey};

/// Who signs a request.
#[derive(Clone, Copy)]
pub(crate) enum Signer<'a> {
    /// A key that the CA is to see: of a new account, or of a certificate to revoke.
    Key(&'a PrivateKey),
    /// An account, by its URL.
    Account(&'a PrivateKey, &'a ServerUrl),
}

/// A JWS as a CA takes it: flattened, with everything in the protected header. No payload makes it a POST-as-GET.
pub(crate) fn sign(
    signer: Signer<'_>,
    nonce: Option<&str>,
    url: &ServerUrl,
    payload: Option<&Value>,
) -> Result<Value, KeyError> {
    let (key, mut header) = match signer {
        Signer::Key(key) => (key, json!({"alg": key.jws_algorithm(), "jwk": key.public_jwk()})),
        Signer::Account(key, account) => (key, json!({"alg": key.jws_algorithm(), "kid": account})),
    };
    if let Some(nonce) = nonce {
        header["nonce"] = json!(nonce);
    }
    header["url"] = json!(url);
    let payload = payload.map(Value::to_string).unwrap_or_default();
    flattened(&header, &payload, |input| key.jws_signature(input))
}

/// The binding of a new account to one that the CA knows by other means (RFC 8555 §7.3.4).
pub(crate) fn external_binding(
    account_key: &PrivateKey,
    external: &ExternalAccount,
    new_account: &ServerUrl,
) -> Result<Value, Error> {
    let (name, algorithm) = match external.algorithm {
        EabAlgorithm::Hs256 => ("HS256", hmac::HMAC_SHA256),
        EabAlgorithm::Hs384 => ("HS384", hmac::HMAC_SHA384),
        EabAlgorithm::Hs512 => ("HS512", hmac::HMAC_SHA512),
    };
    let secret = external.hmac_key.expose().trim().trim_end_matches('=');
    let secret = URL_SAFE_NO_PAD.decode(secret).map(zeroize::Zeroizing::new);
    let key = hmac::Key::new(algorithm, &secret.map_err(|_| Error::ExternalAccountKey)?);
    let header = json!({"alg": name, "kid": external.kid, "url": new_account});
    let payload = account_key.public_jwk().to_string();
    flattened(&header, &payload, |input| Ok(hmac::sign(&key, input).as_ref().to_vec())).map_err(Error::Key)
}

/// RFC 7515 §7.2.2.
fn flattened(
    header: &Value,
    payload: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, KeyError>,
) -> Result<Value, KeyError> {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = sign(format!("{header}.{payload}").as_bytes())?;
    Ok(json!({"protected": header, "payload": payload, "signature": URL_SAFE_NO_PAD.encode(signature)}))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

    use super::*;
    use crate::key::{KeyType, Secret};

    fn part(jws: &Value, member: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(jws[member].as_str().unwrap()).unwrap()
    }

    #[test]
    fn signs_header_and_payload() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let (url, account) =
            ("https://ca.example:443/x".parse().unwrap(), "https://ca.example/acct/1".parse().unwrap());
        let jws = sign(Signer::Account(&key, &account), Some("n-1"), &url, Some(&json!({}))).unwrap();
        assert_eq!(
            String::from_utf8(part(&jws, "protected")).unwrap(),
            r#"{"alg":"ES256","kid":"https://ca.example/acct/1","nonce":"n-1","url":"https://ca.example:443/x"}"#
        );
        assert_eq!(part(&jws, "payload"), b"{}");
        let input = format!("{}.{}", jws["protected"].as_str().unwrap(), jws["payload"].as_str().unwrap());
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key_der()).unwrap();
        public.verify_sig(input.as_bytes(), &part(&jws, "signature")).unwrap();
    }

    #[test]
    fn a_read_has_an_empty_payload_and_a_new_key_its_jwk() {
        let key = PrivateKey::generate(KeyType::P384).unwrap();
        let url = "https://ca.example/x".parse().unwrap();
        let jws = sign(Signer::Key(&key), None, &url, None).unwrap();
        assert_eq!(jws["payload"], "");
        let header: Value = serde_json::from_slice(&part(&jws, "protected")).unwrap();
        assert_eq!(header, json!({"alg": "ES384", "jwk": key.public_jwk(), "url": "https://ca.example/x"}));
    }

    #[test]
    fn rs256_makes_the_signature_of_rfc_7515() {
        // RFC 7515 appendix A.2: PKCS #1 v1.5 is deterministic.
        let key = PrivateKey::from_jwk(include_str!("../../tests/fixtures/keys/rfc7515-a2.json")).unwrap();
        let input = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = key.jws_signature(input.as_bytes()).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(signature),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
    }

    #[test]
    fn binds_with_each_algorithm() {
        let key = PrivateKey::generate(KeyType::P256).unwrap();
        let url = "https://ca.example/new-account".parse().unwrap();
        for (algorithm, name, octets) in [
            (EabAlgorithm::Hs256, "HS256", 32),
            (EabAlgorithm::Hs384, "HS384", 48),
            (EabAlgorithm::Hs512, "HS512", 64),
        ] {
            let mut external =
                ExternalAccount { kid: "kid-1".to_owned(), hmac_key: Secret::new("c2VjcmV0"), algorithm };
            let jws = external_binding(&key, &external, &url).unwrap();
            let header: Value = serde_json::from_slice(&part(&jws, "protected")).unwrap();
            assert_eq!(header, json!({"alg": name, "kid": "kid-1", "url": "https://ca.example/new-account"}));
            assert_eq!(part(&jws, "payload"), key.public_jwk().to_string().as_bytes());
            assert_eq!(part(&jws, "signature").len(), octets);
            external.hmac_key = Secret::new("not base64!");
            let error = external_binding(&key, &external, &url).unwrap_err();
            assert!(matches!(error, Error::ExternalAccountKey));
        }
    }
}
