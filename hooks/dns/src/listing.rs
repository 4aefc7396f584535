//! Which values there are at the names of challenges, told as the caller wants to hear it.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;

use hydrant_hook_protocol::{Listed, Listing, NotListed, env as facts};

use crate::name::LABEL;

/// Writes which values there are.
///
/// # Errors
/// When they cannot be written.
pub fn tell(lines: Vec<Listed>) -> io::Result<ExitCode> {
    let mut told = Listing::from_env()?;
    let mut is_failed = false;
    for line in lines {
        match line {
            Listed::Value(value) => told.value(value)?,
            Listed::Failed(NotListed { name, message }) => {
                is_failed = true;
                told.failed(name, message)?;
            }
        }
    }
    // With a file hydrant says which names failed.
    let is_told = std::env::var_os(facts::RESULTS).is_some();
    Ok(if is_failed && !is_told { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A line for each of some names that could not be looked at.
#[must_use]
pub fn failed(names: &BTreeSet<&str>, message: &str) -> Vec<Listed> {
    let line =
        |name: &&str| Listed::Failed(NotListed { name: (*name).to_owned(), message: message.to_owned() });
    names.iter().map(line).collect()
}

/// The wanted record that a record is, or is one account's label before (draft-ietf-acme-dns-account-label).
pub fn wanted(record: &str, is_wanted: impl Fn(&str) -> bool) -> Option<&str> {
    if is_wanted(record) {
        return Some(record);
    }
    let (label, behind) = record.split_once('.')?;
    (label.starts_with('_') && behind.starts_with(LABEL) && is_wanted(behind)).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_an_account_belongs_to_the_record_behind_it() {
        let targets = ["_acme-challenge.a.example", "validation.test"];
        let wanted = |record| wanted(record, |record| targets.contains(&record));
        let target = Some("_acme-challenge.a.example");
        assert_eq!(wanted("_acme-challenge.a.example"), target);
        assert_eq!(wanted("_mtpnvshnry5jemyg._acme-challenge.a.example"), target);
        assert_eq!(wanted("x._acme-challenge.a.example"), None);
        assert_eq!(wanted("_x._y._acme-challenge.a.example"), None);
        assert_eq!(wanted("_x.validation.test"), None, "only below `_acme-challenge`");
        assert_eq!(wanted("_acme-challenge.b.example"), None);
    }
}
