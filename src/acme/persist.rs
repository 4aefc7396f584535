//! dns-persist-01 (draft-ietf-acme-dns-persist): one record that stands for good proves a name again and again.
//!
//! Still a draft: its grammar is that of CAA's issue property (RFC 8659 §4.2), the parameters are those that CAs read
//! today, and the CA's own words are taken from its challenge and its directory.

use serde_json::Value;
use thiserror::Error;
use time::OffsetDateTime;

use super::Challenge;
use crate::identifier::Identifier;

/// What CAs call it.
pub const TYPE: &str = "dns-persist-01";

/// The name of the TXT record; that of a wildcard is the one of the name below which it is.
#[must_use]
pub fn record_name(name: &Identifier) -> String {
    format!("_validation-persist.{}", name.base().value())
}

/// The names that a CA goes by in such records.
#[must_use]
pub fn issuers(challenge: &Challenge) -> Vec<String> {
    // The draft has changed how it is spelled; CAs have both.
    let names =
        ["issuer-domain-names", "issuerDomainNames"].into_iter().find_map(|key| challenge.raw.get(key));
    let names = names.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The account as the CA wants it in the record, where it says so.
#[must_use]
pub fn account(challenge: &Challenge) -> Option<&str> {
    challenge.raw.get("accounturi").and_then(Value::as_str)
}

/// What a record has to say so that it proves a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The names the CA goes by; one of them has to be there.
    pub issuers: Vec<String>,
    /// The account's URI.
    pub account: String,
    /// Whether it has to be for the wildcard too.
    pub wildcard: bool,
}

/// Why a record does not prove a name, the nearest last.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// There is none.
    #[error("there is none")]
    Nothing,
    /// It is for other CAs.
    #[error("it names another CA")]
    Issuer,
    /// Not what a CA can read.
    #[error("it is malformed")]
    Malformed,
    /// It is for another account.
    #[error("it names another account")]
    Account,
    /// It is not for the wildcard.
    #[error("it does not say `policy=wildcard`")]
    Wildcard,
    /// Its time is over.
    #[error("its `persistUntil` is over")]
    Expired,
}

impl Claim {
    /// The value that says so, until a certain second if there is one.
    #[must_use]
    pub fn value(&self, until: Option<OffsetDateTime>) -> String {
        let issuer = self.issuers.first().map_or("", String::as_str);
        let mut value = format!("{issuer}; accounturi={}", self.account);
        if self.wildcard {
            value.push_str("; policy=wildcard");
        }
        if let Some(until) = until {
            value.push_str(&format!("; persistUntil={}", until.unix_timestamp()));
        }
        value
    }

    /// None when one of these values proves it, else what is wrong with the one that comes nearest.
    #[must_use]
    pub fn best_of(&self, values: &[String], now: OffsetDateTime) -> Option<Unfit> {
        let mut nearest = Unfit::Nothing;
        for value in values {
            match self.check(value, now) {
                Ok(()) => return None,
                Err(unfit) => nearest = nearest.max(unfit),
            }
        }
        Some(nearest)
    }

    /// Whether this value proves it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, value: &str, now: OffsetDateTime) -> Result<(), Unfit> {
        let mut parts = value.split(';').map(str::trim);
        // Compared as it is: CAs give their names in lower case, and take no other (draft §4).
        if !parts.next().is_some_and(|issuer| self.issuers.iter().any(|own| own == issuer)) {
            return Err(Unfit::Issuer);
        }
        let parameters = Parameters::read(parts)?;
        if parameters.account.ok_or(Unfit::Malformed)? != self.account {
            return Err(Unfit::Account);
        }
        if self.wildcard && !parameters.policy.is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard")) {
            return Err(Unfit::Wildcard);
        }
        match parameters.until.map(str::parse::<i64>) {
            Some(Err(_)) => Err(Unfit::Malformed),
            Some(Ok(until)) if until < now.unix_timestamp() => Err(Unfit::Expired),
            _ => Ok(()),
        }
    }
}

/// The parameters that are known; others are ignored.
#[derive(Default)]
struct Parameters<'v> {
    account: Option<&'v str>,
    policy: Option<&'v str>,
    until: Option<&'v str>,
}

impl<'v> Parameters<'v> {
    fn read(parts: impl Iterator<Item = &'v str>) -> Result<Self, Unfit> {
        let mut seen = Vec::new();
        let mut parameters = Self::default();
        for part in parts {
            let (name, value) = part.split_once('=').ok_or(Unfit::Malformed)?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "accounturi" => parameters.account = Some(value),
                "policy" => parameters.policy = Some(value),
                "persistuntil" => parameters.until = Some(value),
                _ => {}
            }
            if seen.contains(&name) {
                return Err(Unfit::Malformed);
            }
            seen.push(name);
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(wildcard: bool) -> Claim {
        Claim { issuers: vec!["ca.example".into()], account: "https://ca.example/acct/1".into(), wildcard }
    }

    #[test]
    fn what_is_printed_is_what_is_wanted() {
        let until = OffsetDateTime::from_unix_timestamp(1_795_309_620).unwrap();
        let value = claim(true).value(Some(until));
        assert_eq!(
            value,
            "ca.example; accounturi=https://ca.example/acct/1; policy=wildcard; persistUntil=1795309620"
        );
        assert_eq!(claim(true).check(&value, OffsetDateTime::UNIX_EPOCH), Ok(()));
        assert_eq!(claim(false).check(&value, OffsetDateTime::UNIX_EPOCH), Ok(()));
    }

    /// As Pebble 2.10 judges them.
    #[test]
    fn what_does_not_fit_is_told_apart() {
        let now = OffsetDateTime::from_unix_timestamp(1000).unwrap();
        let a = "accounturi=https://ca.example/acct/1";
        for (wildcard, value, expected) in [
            (false, format!("ca.example;{a}"), Ok(())),
            (false, format!("ca.example; colour=blue; {a}; persistUntil=1001"), Ok(())),
            (true, format!("ca.example; {a}; POLICY=WILDCARD"), Ok(())),
            (true, format!("ca.example; {a}"), Err(Unfit::Wildcard)),
            (false, format!("ca.example; {a}; persistUntil=999"), Err(Unfit::Expired)),
            (false, format!("ca.example; {a}; persistUntil=soon"), Err(Unfit::Malformed)),
            (false, format!("CA.EXAMPLE; {a}"), Err(Unfit::Issuer)),
            (false, format!("other.example; {a}"), Err(Unfit::Issuer)),
            (false, "ca.example; accounturi=https://ca.example/acct/2".into(), Err(Unfit::Account)),
            (false, "ca.example".into(), Err(Unfit::Malformed)),
            (false, format!("ca.example; {a};"), Err(Unfit::Malformed)),
            (false, format!("ca.example; {a}; {a}"), Err(Unfit::Malformed)),
        ] {
            assert_eq!(claim(wildcard).check(&value, now), expected, "{value}");
        }
    }

    #[test]
    fn of_several_records_one_that_fits_is_enough() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let values = ["v=spf1".to_owned(), claim(false).value(None)];
        assert_eq!(claim(false).best_of(&values, now), None);
        assert_eq!(claim(true).best_of(&values, now), Some(Unfit::Wildcard));
        assert_eq!(claim(true).best_of(&[], now), Some(Unfit::Nothing));
    }
}
