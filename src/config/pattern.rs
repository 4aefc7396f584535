//! Which certificates are meant: a name, or a glob over names.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use wildmatch::WildMatch;

use super::setting::Setting;
use crate::identifier::CertName;

/// A certificate's name, or a glob: `*` stands for any text, `?` for one character.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    glob: WildMatch,
}

impl Pattern {
    /// As it was written, in lower case as names are.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it says this certificate's very name.
    #[must_use]
    pub fn names(&self, name: &CertName) -> bool {
        self.text == name.as_str()
    }

    /// Whether it is meant, by name or by glob.
    #[must_use]
    pub fn matches(&self, name: &CertName) -> bool {
        self.names(name) || self.glob.matches(name.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.to_ascii_lowercase();
        Ok(Self { glob: WildMatch::new(&text), text })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Setting for Pattern {
    type Error = Infallible;

    const EXPECTED: &'static str = "a name or glob";

    fn read(text: &str) -> Result<Self, Infallible> {
        text.parse()
    }

    fn write(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_names_and_a_name_only_itself() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<Pattern>().unwrap().matches(&name.parse::<CertName>().unwrap())
        };
        assert!(matches("*.Example.com", "www.example.com"));
        assert!(matches("*.example.com", "a.b.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(matches("team-?", "team-a"));
        assert!(matches("a.example", "a.example"));
        assert!(!matches("a.example", "aa.example"));
        assert!(matches("*", "anything/at.all"));
    }
}
