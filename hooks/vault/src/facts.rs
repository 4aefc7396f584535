//! What machines want to know about a secret without reading it: its custom metadata.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use hydrant::chain::Leaf;
use time::format_description::well_known::Rfc3339;

/// The custom metadata of a certificate's secret. Members of others stay beside them.
#[must_use]
pub fn of(leaf: &Leaf) -> BTreeMap<String, String> {
    let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
    let facts = [
        // DER puts a zero before what would be negative.
        ("serial", hexadecimal(leaf.serial.strip_prefix(&[0]).unwrap_or(&leaf.serial))),
        ("fingerprint_sha256", leaf.fingerprint.clone()),
        ("not_after", not_after),
        ("names_sha256", names(leaf)),
        (TOOL, concat!("hydrant-hook-vault ", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether what is stored says the same about the certificate, whoever said it.
#[must_use]
pub fn are_stored(facts: &BTreeMap<String, String>, stored: &BTreeMap<String, String>) -> bool {
    facts.iter().filter(|(name, _)| *name != TOOL).all(|(name, value)| stored.get(name) == Some(value))
}

/// Who wrote them, which changes with every version of this hook.
const TOOL: &str = "tool";

/// The names, sorted, a newline behind each: they may be too many for a member, which takes 512 bytes.
fn names(leaf: &Leaf) -> String {
    let mut names: Vec<_> = leaf.names.iter().map(|name| format!("{name}\n")).collect();
    names.sort_unstable();
    hexadecimal(digest(&SHA256, names.concat().as_bytes()).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
