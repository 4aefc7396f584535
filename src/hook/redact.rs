//! Keeping known secrets out of what hooks print.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use zeroize::Zeroizing;

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

#[cfg(test)]
mod tests {
    use super::*;

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
