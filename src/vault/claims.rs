//! What a JWT says (RFC 7519). Its signature is for Vault to check.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use crate::key::Secret;

/// The claims that are texts, numbers, truth values, or lists of them; none of a text that is no JWT.
pub(super) fn of(jwt: &Secret) -> BTreeMap<String, Vec<String>> {
    let payload = jwt.expose().split('.').nth(1).unwrap_or_default();
    let bytes = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap_or_default();
    let claims: BTreeMap<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    claims.into_iter().map(|(name, value)| (name, texts(&value))).filter(|(_, all)| !all.is_empty()).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Array(items) => items.iter().filter(|item| !item.is_array()).flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_texts_or_lists_of_them() {
        let payload =
            r#"{"namespace_path":"team-a","runner_id":1,"groups_direct":["a","b"],"x":{"y":1},"n":null}"#;
        let jwt = Secret::new(format!("e30.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes())));
        let claims = of(&jwt);
        let shown: Vec<_> = claims.iter().map(|(name, all)| format!("{name}={}", all.join(","))).collect();
        assert_eq!(shown, ["groups_direct=a,b", "namespace_path=team-a", "runner_id=1"]);
    }

    #[test]
    fn what_is_no_jwt_has_none() {
        for text in ["", "a", "a.b", "a.%.c", "..", "e30.bnVsbA.x"] {
            assert!(of(&Secret::new(text.to_owned())).is_empty(), "{text}");
        }
    }
}
