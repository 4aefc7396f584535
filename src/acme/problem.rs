//! What a CA says when something is wrong (RFC 7807, RFC 8555 §6.7).

use std::fmt;

use serde_json::Value;

use crate::identifier::Identifier;

/// A problem document. Its types are open-ended, so that they are text here.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The type as the CA wrote it: `urn:ietf:params:acme:error:rateLimited`.
    pub kind: String,
    /// What the CA says in words; its title if it has no detail.
    pub detail: String,
    /// The HTTP status it names, if it does.
    pub status: Option<u16>,
    /// The name a subproblem is about.
    pub identifier: Option<Identifier>,
    /// What is wrong with single names (RFC 8555 §6.7.1).
    pub subproblems: Vec<Problem>,
    /// Where a person can read more; for `userActionRequired` what to agree to.
    pub instance: Option<String>,
    /// The whole document.
    pub raw: Value,
}

impl Problem {
    /// Reads the body of an answer; `None` if it is no JSON object with a type or a detail.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let says_something = ["type", "detail", "title"].iter().any(|member| value.get(member).is_some());
        (value.is_object() && says_something).then(|| Self::from_value(value))
    }

    /// Reads the `error` member of an order or a challenge. Total: what is missing is empty.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
        let subproblems = value.get("subproblems").and_then(Value::as_array);
        Self {
            // RFC 7807 §4.2: no type means that the status says it all.
            kind: text("type").unwrap_or_else(|| "about:blank".to_owned()),
            detail: text("detail").or_else(|| text("title")).unwrap_or_default(),
            status: value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()),
            identifier: value.get("identifier").and_then(identifier),
            subproblems: subproblems.into_iter().flatten().cloned().map(Self::from_value).collect(),
            instance: text("instance"),
            raw: value,
        }
    }

    /// Whether it is of an ACME type, `rateLimited` for example.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.kind.strip_prefix(ACME) == Some(name)
    }

    /// The type without its prefix, for people: `rateLimited`.
    #[must_use]
    pub fn short_kind(&self) -> &str {
        self.kind.strip_prefix(ACME).unwrap_or(&self.kind)
    }

    /// The names it is about, its own and those of its subproblems.
    #[must_use]
    pub fn identifiers(&self) -> Vec<&Identifier> {
        let below = self.subproblems.iter().flat_map(Self::identifiers);
        self.identifier.iter().chain(below).collect()
    }
}

/// `rateLimited: too many certificates; a.example: …`: all of it that a person needs, on one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_kind())?;
        if !self.detail.is_empty() {
            // The text comes from outside: it must not be able to move a terminal's cursor.
            let detail = self.detail.replace(char::is_control, " ");
            write!(f, ": {}", detail.trim_end_matches('.'))?;
        }
        for problem in &self.subproblems {
            match &problem.identifier {
                Some(identifier) => write!(f, "; `{identifier}`: {problem}")?,
                None => write!(f, "; {problem}")?,
            }
        }
        Ok(())
    }
}

const ACME: &str = "urn:ietf:params:acme:error:";

/// An identifier object (RFC 8555 §7.1.3); `None` for types and values we cannot hold.
pub(crate) fn identifier(value: &Value) -> Option<Identifier> {
    let text = value.get("value")?.as_str()?;
    match value.get("type")?.as_str()? {
        "dns" => text.parse().ok().map(Identifier::Dns),
        "ip" => text.parse().ok().map(Identifier::Ip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_detail_subproblems_and_identifiers() {
        // After RFC 8555 §6.7.1.
        let problem = Problem::parse(
            br#"{
            "type": "urn:ietf:params:acme:error:malformed",
            "detail": "Some of the identifiers requested were rejected",
            "status": 400,
            "subproblems": [
                {"type": "urn:ietf:params:acme:error:malformed", "detail": "Invalid underscore",
                 "identifier": {"type": "dns", "value": "example.org"}},
                {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Not for you.",
                 "identifier": {"type": "ip", "value": "192.0.2.1"}},
                {"type": "urn:example:odd", "identifier": {"type": "email", "value": "a@b"}}
            ]}"#,
        )
        .unwrap();
        assert!(problem.is("malformed"));
        assert_eq!(problem.status, Some(400));
        assert_eq!(
            problem.identifiers(),
            [&"example.org".parse().unwrap(), &"ip:192.0.2.1".parse::<Identifier>().unwrap()]
        );
        assert_eq!(
            problem.to_string(),
            "malformed: Some of the identifiers requested were rejected; \
             `example.org`: malformed: Invalid underscore; \
             `ip:192.0.2.1`: rejectedIdentifier: Not for you; urn:example:odd"
        );
        assert_eq!(problem.raw["subproblems"][2]["identifier"]["value"], "a@b");
    }

    #[test]
    fn takes_what_is_hardly_a_problem() {
        let problem = Problem::parse(br#"{"title": "Gone"}"#).unwrap();
        assert_eq!(problem.to_string(), "about:blank: Gone");
        for body in ["", "[]", "{}", "\"type\"", "<html>", "{\"status\": 500}"] {
            assert_eq!(Problem::parse(body.as_bytes()), None, "{body}");
        }
        let problem = Problem::parse(br#"{"type": 5, "status": -1, "subproblems": {}}"#).unwrap();
        assert_eq!((problem.status, problem.subproblems.len()), (None, 0));
    }
}
