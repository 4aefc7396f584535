//! TXT records as Route 53 keeps them, and which changes turn what is there into what is wanted. Pure.

use std::collections::BTreeSet;

use hydrant_hook_dns::Wish;

use crate::error::Fault;

/// One name's set of TXT values, exactly as the API gives it: a deletion must repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtSet {
    /// Seconds.
    pub ttl: i64,
    /// Values in their quoted form.
    pub values: Vec<String>,
}

/// One element of a change batch. There is no UPSERT here: it replaces whatever is there, unread values too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Refused when the name has TXT values already.
    Create(TxtSet),
    /// Refused when the name's set is not exactly this.
    Delete(TxtSet),
}

impl Change {
    /// The set that is created or deleted.
    #[must_use]
    pub fn set(&self) -> &TxtSet {
        let (Self::Create(set) | Self::Delete(set)) = self;
        set
    }
}

/// Values of one set at most: <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>.
const VALUES_IN_A_SET: usize = 400;
/// Bytes of one string of a TXT record (RFC 1035 §3.3).
const STRING: usize = 255;

/// The change to make of a name that nobody has looked at: right where the values are the only ones.
#[must_use]
pub fn unread(wish: Wish, values: &BTreeSet<String>, ttl: i64) -> Vec<Change> {
    let set = TxtSet { ttl, values: values.iter().map(|value| quoted(value)).collect() };
    vec![match wish {
        Wish::Present => Change::Create(set),
        Wish::Absent => Change::Delete(set),
    }]
}

/// The changes to make of a name whose set was read: compare and swap in one atomic batch. None when all is as wanted.
///
/// # Errors
/// When the set would hold more values than Route 53 takes.
pub fn read(
    found: Option<&TxtSet>,
    wish: Wish,
    values: &BTreeSet<String>,
    ttl: i64,
) -> Result<Vec<Change>, Fault> {
    let there = found.map_or(&[][..], |set| &set.values);
    let is_ours =
        |text: &String| unquoted(text).is_some_and(|bytes| values.iter().any(|v| v.as_bytes() == bytes));
    let wanted: Vec<String> = match wish {
        Wish::Present => {
            let known: Vec<_> = there.iter().filter_map(|text| unquoted(text)).collect();
            let missing = values.iter().filter(|value| !known.iter().any(|bytes| bytes == value.as_bytes()));
            there.iter().cloned().chain(missing.map(|value| quoted(value))).collect()
        }
        Wish::Absent => there.iter().filter(|text| !is_ours(text)).cloned().collect(),
    };
    if wanted.len() == there.len() {
        return Ok(Vec::new());
    }
    if wish == Wish::Present && wanted.len() > VALUES_IN_A_SET {
        return Err(Fault::TooManyValues { there: there.len() });
    }
    let mut changes: Vec<_> = found.cloned().map(Change::Delete).into_iter().collect();
    if !wanted.is_empty() {
        // The TTL of the others is theirs to choose.
        changes.push(Change::Create(TxtSet { ttl: found.map_or(ttl, |set| set.ttl), values: wanted }));
    }
    Ok(changes)
}

/// A text as a TXT value: strings in quotes, none longer than 255 bytes; what is neither printable nor ASCII as an
/// octal escape (Route 53 developer guide, «TXT record type»).
#[must_use]
pub fn quoted(text: &str) -> String {
    let string = |bytes: &[u8]| {
        let mut string = String::from("\"");
        for &byte in bytes {
            match byte {
                b'"' | b'\\' => string.extend(['\\', char::from(byte)]),
                b' '..=b'~' => string.push(char::from(byte)),
                other => string.push_str(&format!("\\{other:03o}")),
            }
        }
        string.push('"');
        string
    };
    if text.is_empty() {
        return string(b"");
    }
    text.as_bytes().chunks(STRING).map(string).collect::<Vec<_>>().join(" ")
}

/// The bytes that a TXT value stands for, whoever quoted it. `None` for what Route 53 would not have taken.
#[must_use]
pub fn unquoted(value: &str) -> Option<Vec<u8>> {
    let mut rest = value.as_bytes();
    let mut bytes = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(bytes),
            [b'"', more @ ..] => rest = one_string(more, &mut bytes)?,
            _ => return None,
        }
    }
}

/// Reads up to the closing quote; gives what follows it.
fn one_string<'t>(mut rest: &'t [u8], bytes: &mut Vec<u8>) -> Option<&'t [u8]> {
    loop {
        rest = match rest {
            [b'"', more @ ..] => return Some(more),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', more @ ..] => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                more
            }
            [b'\\', escaped, more @ ..] => {
                bytes.push(*escaped);
                more
            }
            [byte, more @ ..] => {
                bytes.push(*byte);
                more
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests;
