//! What a secret holds.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::Error;

/// The fields of a secret: a JSON object, wiped from memory when dropped, of which `Debug` shows the names alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Data(Value);

impl Data {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self(Value::Object(Map::new()))
    }

    /// The members of a value that becomes an object.
    ///
    /// # Errors
    /// It becomes something else.
    pub fn of(value: &impl Serialize) -> Result<Self, Error> {
        match serde_json::to_value(value) {
            Ok(value @ Value::Object(_)) => Ok(Self(value)),
            Ok(mut other) => {
                wipe(&mut other);
                Err(Error::NotFields { reason: "it is no object".to_owned() })
            }
            Err(error) => Err(Error::NotFields { reason: error.to_string() }),
        }
    }

    /// The fields as a value.
    ///
    /// # Errors
    /// They are not what it is made of. The error does not quote them.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // The library's own message may quote a value.
        T::deserialize(&self.0).map_err(|_| Error::NotFields { reason: "the fields are others".to_owned() })
    }

    /// The text in a field; `None` where there is no such field, or no text in it.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// Whether there is such a field, whatever it holds.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some()
    }

    /// Puts text into a field.
    pub fn set(&mut self, field: &str, text: &str) {
        self.remove(field);
        if let Value::Object(fields) = &mut self.0 {
            fields.insert(field.to_owned(), Value::String(text.to_owned()));
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, field: &str) {
        if let Value::Object(fields) = &mut self.0
            && let Some(mut old) = fields.shift_remove(field)
        {
            wipe(&mut old);
        }
    }

    /// The names of the fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// Takes charge of what Vault sent, if that is an object.
    pub(super) fn received(value: Value) -> Option<Self> {
        value.is_object().then_some(Self(value))
    }

    pub(super) fn as_value(&self) -> &Value {
        &self.0
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields()).finish()
    }
}

/// Overwrites every text in a document.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a document is as RFC 7396 leaves one that was patched.
pub(super) fn is_patched(document: &Value, patch: &Value) -> bool {
    let Value::Object(changes) = patch else { return document == patch };
    document.is_object()
        && changes.iter().all(|(name, change)| match (document.get(name), change) {
            (None, Value::Null) => true,
            (None, _) | (Some(_), Value::Null) => false,
            (Some(there), change) => is_patched(there, change),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_fields_are_shown() {
        let mut data = Data::new();
        data.set("key", "hunter2");
        data.set("cert", "x");
        assert_eq!(format!("{data:?}"), r#"{"key", "cert"}"#);
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_quoted() {
        assert_eq!(
            Data::of(&"hunter2").unwrap_err().to_string(),
            "these are no fields of a secret: it is no object"
        );
        let mut data = Data::new();
        data.set("n", "hunter2");
        let error = data.to::<std::collections::BTreeMap<String, u8>>().unwrap_err();
        assert_eq!(error.to_string(), "these are no fields of a secret: the fields are others");
    }

    #[test]
    fn wiping_leaves_no_text() {
        let mut value = serde_json::json!({ "a": ["b", { "c": "d" }], "e": 1 });
        wipe(&mut value);
        assert_eq!(value, serde_json::json!({ "a": ["", { "c": "" }], "e": 1 }));
    }

    #[test]
    fn a_patch_is_seen_in_what_it_made() {
        use serde_json::json;
        let document = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
        for patch in [json!({}), json!({ "a": 1 }), json!({ "x": null, "b": { "c": 2, "y": null } })] {
            assert!(is_patched(&document, &patch), "{patch}");
        }
        for patch in [json!({ "a": 2 }), json!({ "a": null }), json!({ "x": 1 }), json!({ "b": { "c": {} } })]
        {
            assert!(!is_patched(&document, &patch), "{patch}");
        }
    }
}
