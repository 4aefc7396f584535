//! What a hook finds at the names of challenges, in answer to `list_challenges`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::env;

/// One line of JSON: a value, or a name that could not be looked at. A name without values has no line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Listed {
    /// A value is there.
    Value(ListedValue),
    /// Nobody knows whether there are any.
    Failed(NotListed),
}

/// A TXT value at the name of a challenge, whoever put it there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListedValue {
    /// For which of the given names it was found.
    pub name: String,
    /// Where it stands: `_acme-challenge.` and the name, `_LABEL._acme-challenge.` and the name (dns-account-01), or
    /// where a CNAME there leads. Lower case, without a dot at the end.
    pub record: String,
    /// What it says, without the quotes of zone files.
    pub value: String,
    /// When it was created, where the provider knows: RFC 3339, such as `2026-11-22T08:01:41Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// A name that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NotListed {
    /// Which of the given names.
    pub name: String,
    /// Why, for people.
    pub message: String,
}

/// Reads the lines that a hook wrote. A line that is none, such as half of the last one of a hook that was killed, is
/// left out.
#[must_use]
pub fn read_listing(text: &str) -> Vec<Listed> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// For a hook: where it writes what it found.
///
/// ```no_run
/// # use hydrant_hook_protocol::ListedValue;
/// # fn values_at(_: &str) -> Result<Vec<ListedValue>, String> { Ok(Vec::new()) }
/// use hydrant_hook_protocol::Listing;
/// let mut listing = Listing::from_env()?;
/// for name in ["a.example", "b.example"] {
///     match values_at(name) {
///         Ok(values) => values.into_iter().try_for_each(|value| listing.value(value))?,
///         Err(message) => listing.failed(name, message)?,
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Listing {
    file: Option<File>,
}

impl Listing {
    /// Opens the file that [`env::RESULTS`] names. Without one the lines go to stdout: a person called the hook.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn from_env() -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        Ok(Self { file: std::env::var_os(env::RESULTS).map(open).transpose()? })
    }

    /// This value is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn value(&mut self, value: ListedValue) -> io::Result<()> {
        self.write(&Listed::Value(value))
    }

    /// This name could not be looked at.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn failed(&mut self, name: impl Into<String>, message: impl Into<String>) -> io::Result<()> {
        self.write(&Listed::Failed(NotListed { name: name.into(), message: message.into() }))
    }

    fn write(&mut self, line: &Listed) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        match &mut self.file {
            Some(file) => file.write_all(&text),
            None => io::stdout().lock().write_all(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_value_or_a_name_that_failed() {
        let text = "{\"name\": \"a.example\", \"record\": \"_acme-challenge.a.example\", \"value\": \"v\"}\n\
                    {\"name\": \"b.example\", \"message\": \"no such zone\", \"colour\": \"blue\"}\n\
                    {\"name\": \"c.exam";
        let value = ListedValue {
            name: "a.example".into(),
            record: "_acme-challenge.a.example".into(),
            value: "v".into(),
            created: None,
        };
        let failed = NotListed { name: "b.example".into(), message: "no such zone".into() };
        assert_eq!(read_listing(text), [Listed::Value(value), Listed::Failed(failed)]);
    }
}
