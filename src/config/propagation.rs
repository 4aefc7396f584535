//! Whether and how it is waited until records are visible in DNS.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemars::{Schema, json_schema};

use super::setting::Setting;
use super::values::SettingError;
use crate::propagation::Witnesses;

/// Who has to see a record before the CA is told to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Nobody: that is the hook's business, as under dehydrated.
    #[default]
    No,
    /// All of these.
    By(Witnesses),
}

/// How long it is waited for that, if nobody says otherwise.
pub const PROPAGATION_TIMEOUT: Duration = Duration::from_mins(5);

/// A resolver: an address, with a port if it is not 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolver(pub SocketAddr);

const ALL: [Propagation; 3] =
    [Propagation::No, Propagation::By(Witnesses::Authoritative), Propagation::By(Witnesses::Resolvers)];

impl Setting for Propagation {
    type Error = SettingError;

    const EXPECTED: &'static str = "`no`, `authoritative`, or `resolvers`";
    const WORDS: &'static [&'static str] = &["no", "authoritative", "resolvers"];

    fn read(text: &str) -> Result<Self, SettingError> {
        let at = Self::WORDS.iter().position(|word| word.eq_ignore_ascii_case(text));
        at.map(|at| ALL[at]).ok_or_else(|| SettingError::Word { text: text.to_owned(), words: Self::WORDS })
    }

    fn write(&self) -> String {
        let at = ALL.iter().position(|known| known == self).unwrap_or_default();
        Self::WORDS[at].to_owned()
    }
}

impl Setting for Resolver {
    type Error = SettingError;

    const EXPECTED: &'static str = "an address such as `9.9.9.9`, `127.0.0.1:5353`, or `[2620:fe::fe]:53`";

    fn read(text: &str) -> Result<Self, SettingError> {
        let alone = |text: &str| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        let address = text.parse().or_else(|_| alone(text));
        let wrong = |_| SettingError::Form { text: text.to_owned(), expected: Self::EXPECTED };
        address.map(Self).map_err(wrong)
    }

    fn write(&self) -> String {
        if self.0.port() == 53 { self.0.ip().to_string() } else { self.0.to_string() }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_has_port_53_unless_it_says_so() {
        let read = |text| Resolver::read(text).unwrap();
        for (text, address, written) in [
            ("9.9.9.9", "9.9.9.9:53", "9.9.9.9"),
            ("127.0.0.1:5353", "127.0.0.1:5353", "127.0.0.1:5353"),
            ("::1", "[::1]:53", "::1"),
            ("[::1]:53", "[::1]:53", "::1"),
        ] {
            assert_eq!(read(text).0.to_string(), address);
            assert_eq!(read(text).write(), written);
        }
        Resolver::read("dns.example").unwrap_err();
    }

    #[test]
    fn every_word_is_read_and_written() {
        for word in Propagation::WORDS {
            assert_eq!(Propagation::read(word).unwrap().write(), *word);
        }
        assert_eq!(Propagation::read("no").unwrap(), Propagation::default());
        Propagation::read("yes").unwrap_err();
    }
}
