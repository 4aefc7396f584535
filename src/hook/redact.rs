//! Keeping known secrets out of what hooks print.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use zeroize::Zeroizing;

/// The end of the first and of the last line of a private key in PEM, whatever kind it is.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Shorter ones would blacken ordinary words.
const SHORTEST: usize = 6;

/// The secrets known to this run. Clones share one list.
#[derive(Clone, Default)]
pub struct Redaction(Rc<RefCell<Vec<Zeroizing<String>>>>);

impl Redaction {
    /// From now on shows `[secret]` in place of this text. Of a text of several lines, such as a key in PEM, each line
    /// is hidden. What has fewer than six characters stays visible.
    pub fn hide(&self, secret: &str) {
        let mut known = self.0.borrow_mut();
        for line in secret.lines().map(str::trim) {
            let boundary = line.starts_with("-----") && line.ends_with("-----");
            if line.len() >= SHORTEST && !boundary && !known.iter().any(|other| other.as_str() == line) {
                known.push(Zeroizing::new(line.to_owned()));
            }
        }
        // A secret within another must not uncover the rest of it.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without what is known to be secret.
    #[must_use]
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in self.0.borrow().iter() {
            if clean.contains(secret.as_str()) {
                clean = Cow::Owned(clean.replace(secret.as_str(), "[secret]"));
            }
        }
        clean
    }

    /// The length in bytes of the longest secret; 0 when none is known.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.0.borrow().first().map_or(0, |secret| secret.len())
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redaction({} secrets)", self.0.borrow().len())
    }
}

/// Keeps private keys in PEM out of one stream, known or not: a hook may well print the key it is to deliver.
#[derive(Debug, Default)]
pub(super) struct PrivateKeys {
    /// Whether a key has begun and not ended.
    inside: bool,
}

impl PrivateKeys {
    /// The next line, or piece of one, with `[secret]` in place of what belongs to a private key.
    pub(super) fn hide<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        // What cannot be within a key ends one that was cut short.
        if self.inside && !may_be_within(text) {
            self.inside = false;
        }
        if !self.inside && !text.contains(PRIVATE_KEY) {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut rest) = (String::new(), text);
        loop {
            let boundary = if self.inside { "-----END " } else { "-----BEGIN " };
            let found = boundary_of_key(rest, boundary);
            let (start, end) = found.unwrap_or((rest.len(), rest.len()));
            match (self.inside, found) {
                (false, _) => shown.push_str(&rest[..start]),
                (true, _) => shown.push_str("[secret]"),
            }
            rest = &rest[end..];
            if found.is_none() {
                return Cow::Owned(shown);
            }
            self.inside = !self.inside;
            if self.inside && rest.is_empty() {
                shown.push_str("[secret]");
                return Cow::Owned(shown);
            }
        }
    }
}

/// Where the first or last line of a private key is: `boundary`, a label, and what all of them end in.
fn boundary_of_key(text: &str, boundary: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find(boundary) {
        let start = from + found;
        let label = start + boundary.len();
        let end = label + text[label..].find("-----")? + "-----".len();
        if text[start..end].ends_with(PRIVATE_KEY) {
            return Some((start, end));
        }
        from = label;
    }
    None
}

/// Whether a line can be one of a private key: base64, a header of an encrypted one, or its end.
fn may_be_within(line: &str) -> bool {
    let line = line.trim();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    line.bytes().all(is_base64)
        || line.starts_with("Proc-Type:")
        || line.starts_with("DEK-Info:")
        || boundary_of_key(line, "-----END ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_hidden_whosever_it_is() {
        let shown = |lines: &[&str]| -> Vec<String> {
            let mut keys = PrivateKeys::default();
            lines.iter().map(|line| keys.hide(line).into_owned()).collect()
        };
        let lines =
            ["key:", "-----BEGIN EC PRIVATE KEY-----", "MHcCAQ+/==", "-----END EC PRIVATE KEY-----", "on"];
        assert_eq!(shown(&lines), ["key:", "[secret]", "[secret]", "[secret]", "on"]);
        let quoted = r#"{"key":"-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n","n":1}"#;
        assert_eq!(shown(&[quoted]), [r#"{"key":"[secret]\n","n":1}"#]);
        let cut = ["+ x='-----BEGIN PRIVATE KEY-----", "MIG", "could not read the rest", "MIG"];
        assert_eq!(shown(&cut), ["+ x='[secret]", "[secret]", "could not read the rest", "MIG"]);
        let public = ["-----BEGIN CERTIFICATE-----", "MII", "PRIVATE KEY-----"];
        assert_eq!(shown(&public), public);
    }

    #[test]
    fn hides_every_line_of_a_secret_and_the_longer_one_first() {
        let redaction = Redaction::default();
        redaction.hide("hunter2hunter2");
        redaction.hide("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----\n");
        redaction.hide("hunter");
        redaction.hide("a");
        assert_eq!(redaction.apply("pass=hunter2hunter2 a"), "pass=[secret] a");
        assert_eq!(redaction.apply("got MIIEvQIBADAN"), "got [secret]");
        assert_eq!(redaction.apply("-----BEGIN PRIVATE KEY-----"), "-----BEGIN PRIVATE KEY-----");
        assert_eq!(format!("{redaction:?}"), "Redaction(3 secrets)");
    }
}
