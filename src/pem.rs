//! The textual form of keys, requests and certificates (RFC 7468): text to blocks, bytes to text.
//!
//! Text outside of blocks is explanatory and skipped. Labels are given as they stand: what may be in a file is the reader's business.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

/// One `-----BEGIN …-----` to its `-----END …-----`.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// What it says it is: `CERTIFICATE`.
    pub(crate) label: &'a str,
    /// Where it stands in the text, both marker lines included.
    pub(crate) range: Range<usize>,
    body: &'a [u8],
}

impl Block<'_> {
    /// Whether its headers say that it is encrypted (RFC 1421 §4.6.1.1, as OpenSSL writes it).
    pub(crate) fn is_encrypted(&self) -> bool {
        self.body.starts_with(b"Proc-Type: 4,ENCRYPTED")
    }

    /// The bytes it stands for; wiped when dropped, since they may be a key.
    pub(crate) fn der(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        decode(&Zeroizing::new(self.base64())).map(Zeroizing::new)
    }

    /// The same for what anybody may read: of hundreds of certificates, wiping is what takes longest.
    pub(crate) fn public_der(&self) -> Result<Vec<u8>, PemError> {
        decode(&self.base64())
    }

    /// Its body without the white space.
    fn base64(&self) -> Vec<u8> {
        let mut base64 = Vec::with_capacity(self.body.len());
        for piece in self.body.split(u8::is_ascii_whitespace) {
            base64.extend_from_slice(piece);
        }
        base64
    }
}

fn decode(base64: &[u8]) -> Result<Vec<u8>, PemError> {
    STANDARD.decode(base64).map_err(|_| PemError::NotBase64)
}

/// The blocks of a text, in order; ends after the first broken one.
pub(crate) fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks { text, at: 0 }
}

/// The text of one block: lines of 64 characters, a newline at the end.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 65 / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// What [`blocks`] gives.
pub(crate) struct Blocks<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    /// The next line without its end, and where it begins.
    fn line(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at = start + length + 1;
        Some((start, rest[..length].trim_ascii_end()))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, PemError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (start, label) = loop {
            let (start, line) = self.line()?;
            if let Some(label) = marker(line, b"-----BEGIN ") {
                break (start, label);
            }
        };
        let body = self.at.min(self.text.len());
        while let Some((at, line)) = self.line() {
            if let Some(end) = marker(line, b"-----END ") {
                if end != label {
                    break;
                }
                let range = start..at + line.len();
                return Some(Ok(Block { label, range, body: &self.text[body..at] }));
            }
        }
        self.at = self.text.len();
        Some(Err(PemError::Unterminated { label: label.to_owned() }))
    }
}

/// The label of a marker line.
fn marker<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    std::str::from_utf8(label).ok()
}

/// Why a block cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PemError {
    /// Something else than base64 between the markers.
    #[error("a PEM block holds something else than base64")]
    NotBase64,
    /// No end marker, or that of another label.
    #[error("the PEM block `{label}` has no end")]
    Unterminated {
        /// Its label.
        label: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        for length in [0_usize, 1, 47, 48, 49, 1000] {
            let der = vec![0xa5; length];
            let text = encode("THING", &der);
            assert!(text.lines().all(|line| line.len() <= 64));
            let blocks: Vec<_> = blocks(text.as_bytes()).map(Result::unwrap).collect();
            assert_eq!(blocks.len(), 1);
            assert_eq!(blocks[0].label, "THING");
            assert_eq!(*blocks[0].der().unwrap(), der);
            assert_eq!(blocks[0].public_der().unwrap(), der);
        }
    }

    #[test]
    fn skips_text_between_blocks_and_takes_both_line_ends() {
        let text = "subject=x\r\n-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\n\n \n-----BEGIN B-----\n-----END B-----";
        let found: Vec<_> = blocks(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|block| block.label).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(*found[0].der().unwrap(), [0, 0, 0]);
        assert_eq!(&text[found[0].range.clone()], "-----BEGIN A-----\r\nAAAA\r\n-----END A-----");
    }

    #[test]
    fn refuses_a_block_without_its_end() {
        for text in ["-----BEGIN A-----", "-----BEGIN A-----\nAAAA\n-----END B-----\n"] {
            let found: Vec<_> = blocks(text.as_bytes()).collect();
            assert!(matches!(found[..], [Err(PemError::Unterminated { .. })]), "{text}");
        }
        let text = b"-----BEGIN A-----\n!!\n-----END A-----\n";
        assert_eq!(blocks(text).next().unwrap().unwrap().der().unwrap_err(), PemError::NotBase64);
    }
}
