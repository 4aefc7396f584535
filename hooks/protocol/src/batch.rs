//! The two files of a batch: what hydrant tells the hook about its certificates, and what the hook says about each
//! challenge.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::env;

/// A certificate whose challenges are in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchFact {
    /// The name the certificate is kept under.
    pub certificate: String,
    /// All its names, as `domains.txt` writes them.
    pub names: Vec<String>,
    /// The type of its challenges.
    pub challenge: String,
    /// The directory URL of its CA.
    pub ca: String,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// Who owns it, where the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Which triples of this call are its own, counted from 0. Triples stand in the order of their zones, so those of
    /// one certificate need not be neighbours.
    pub triples: Vec<usize>,
}

/// The document in the file that [`env::BATCH`] names.
#[derive(Serialize, Deserialize)]
struct Batch {
    certificates: Vec<BatchFact>,
}

/// The text for the file that [`env::BATCH`] names: one JSON object with a member `certificates`.
///
/// # Errors
/// None for values of these types; the serializer's, if it has any.
pub fn write_batch(certificates: Vec<BatchFact>) -> io::Result<String> {
    Ok(serde_json::to_string(&Batch { certificates })?)
}

/// For a hook: the certificates of this batch. `None` when the call is no batch.
///
/// # Errors
/// When the file cannot be read.
pub fn batch_facts() -> io::Result<Option<Vec<BatchFact>>> {
    let Some(path) = std::env::var_os(env::BATCH) else { return Ok(None) };
    let batch: Batch = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    Ok(Some(batch.certificates))
}

/// What became of one challenge: one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripleResult {
    /// Which triple of the call, counted from 0.
    pub index: usize,
    /// What became of it.
    pub outcome: TripleOutcome,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of one challenge in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TripleOutcome {
    /// It is deployed, or cleaned.
    Done,
    /// Not now: to be tried again.
    Retry,
    /// It cannot be done.
    Failed,
}

/// Reads the lines that a hook wrote. A line that is none, such as half of the last one of a hook that was killed, is
/// left out: its challenge then has no result. Of two lines about one challenge both are returned, in order.
#[must_use]
pub fn read_results(text: &str) -> Vec<TripleResult> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// For a hook: the file to which it writes what became of each challenge.
///
/// ```no_run
/// # fn set_record(_: usize) -> Result<(), String> { Ok(()) }
/// use hydrant_hook_protocol::Results;
/// let mut results = Results::from_env()?;
/// for index in 0..3 {
///     match set_record(index) {
///         Ok(()) => results.done(index)?,
///         Err(message) => results.failed(index, message)?,
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Results {
    file: Option<File>,
}

impl Results {
    /// Opens the file of this call. Outside a batch there is none: then what is written goes nowhere, and the exit
    /// code alone counts.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn from_env() -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        Ok(Self { file: std::env::var_os(env::RESULTS).map(open).transpose()? })
    }

    /// This challenge is deployed, or cleaned.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn done(&mut self, index: usize) -> io::Result<()> {
        self.write(&TripleResult { index, outcome: TripleOutcome::Done, message: None })
    }

    /// This challenge is to be tried again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn retry(&mut self, index: usize, message: impl Into<String>) -> io::Result<()> {
        self.write(&TripleResult { index, outcome: TripleOutcome::Retry, message: Some(message.into()) })
    }

    /// This challenge cannot be done.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn failed(&mut self, index: usize, message: impl Into<String>) -> io::Result<()> {
        self.write(&TripleResult { index, outcome: TripleOutcome::Failed, message: Some(message.into()) })
    }

    fn write(&mut self, result: &TripleResult) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        // One write a line: several workers of a hook may append to the file at once.
        file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_no_result() {
        let text = "{\"index\": 0, \"outcome\": \"done\"}\n\
                    {\"index\": 1, \"outcome\": \"failed\", \"message\": \"no such zone\", \"zone\": 7}\n\
                    {\"index\": 2, \"outco";
        let results = read_results(text);
        assert_eq!(results.len(), 2);
        assert_eq!(results[1].outcome, TripleOutcome::Failed);
        assert_eq!(results[1].message.as_deref(), Some("no such zone"));
    }

    #[test]
    fn the_facts_of_a_batch_are_read_back() {
        let fact = BatchFact {
            certificate: "web".into(),
            names: vec!["a.example".into(), "*.a.example".into()],
            challenge: "dns-01".into(),
            ca: "https://ca.example/directory".into(),
            attempt: 1,
            owner: None,
            triples: vec![0, 3],
        };
        let text = write_batch(vec![fact.clone()]).unwrap();
        let read: Batch = serde_json::from_str(&text).unwrap();
        assert_eq!(read.certificates, [fact]);
    }
}
