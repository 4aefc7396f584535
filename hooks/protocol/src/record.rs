//! Where the answers of challenges in DNS are written.

use std::env::VarError;

use thiserror::Error;

use crate::call::Triple;
use crate::env;

/// The names of the TXT records of a call, one for each triple, as hydrant says them; under dehydrated those of dns-01
/// (RFC 8555 §8.4): `_acme-challenge` before the name, without the `*.` of a wildcard.
///
/// # Errors
/// What the environment says does not fit the triples.
pub fn record_names(triples: &[Triple]) -> Result<Vec<String>, RecordNamesError> {
    match std::env::var(env::RECORD_NAMES) {
        Ok(said) => fitting(&said, triples.len()),
        Err(VarError::NotPresent) => Ok(triples.iter().map(of_dns01).collect()),
        Err(VarError::NotUnicode(_)) => Err(RecordNamesError { said: 0, triples: triples.len() }),
    }
}

/// The variable names another number of records than there are challenges.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("HYDRANT_RECORD_NAMES has {said} names for {triples} challenges")]
pub struct RecordNamesError {
    /// How many names it has.
    pub said: usize,
    /// How many challenges there are.
    pub triples: usize,
}

fn fitting(said: &str, triples: usize) -> Result<Vec<String>, RecordNamesError> {
    let names: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
    if names.len() == triples { Ok(names) } else { Err(RecordNamesError { said: names.len(), triples }) }
}

fn of_dns01(triple: &Triple) -> String {
    let name = triple.identifier.as_str();
    format!("_acme-challenge.{}", name.strip_prefix("*.").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_name_for_each_triple_or_an_error() {
        assert_eq!(
            fitting("_x._acme-challenge.a.example b", 2).unwrap(),
            ["_x._acme-challenge.a.example", "b"]
        );
        let error = fitting("a", 2).unwrap_err().to_string();
        assert_eq!(error, "HYDRANT_RECORD_NAMES has 1 names for 2 challenges");
    }

    #[test]
    fn without_the_variable_records_are_those_of_dns_01() {
        let triple =
            |name: &str| Triple { identifier: name.into(), token: String::new(), value: String::new() };
        assert_eq!(of_dns01(&triple("a.example")), "_acme-challenge.a.example");
        assert_eq!(of_dns01(&triple("*.a.example")), "_acme-challenge.a.example");
    }
}
