//! Rules of tenants exactly as they are written: in `tenants.yml`, in a secret, and in `hydrant.yml`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ca::Ca;
use super::pattern::Pattern;
use super::setting::{List, Setting, Text};
use super::yaml::Document;
use crate::diagnostic::Diagnostic;
use crate::identifier::{DnsName, Identifier, IdentifierError};

/// Who may ask for which certificates. What no rule is meant for is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with the key `tenants`")]
pub struct Tenants {
    /// The rules. A certificate is had when one of them allows all of it.
    pub tenants: Option<List<Tenant>>,
}

/// One rule: `claims`, `prefix`, and `certificates` say for what it is meant, the others what it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
pub struct Tenant {
    /// What messages call it.
    pub name: String,
    /// What Vault must know of the job: claims of its token, such as `namespace_path`, with the value, or a glob with `*`
    /// and `?`. All of them must fit. Default: whoever it is.
    pub claims: Option<BTreeMap<String, String>>,
    /// The folder in Vault, mount included, in which the certificate is kept. Default: wherever it is.
    pub prefix: Option<String>,
    /// What the certificate may be kept under: names, or globs with `*` and `?`. Default: anything.
    pub certificates: Option<List<Text<Pattern>>>,
    /// The domains whose names may be asked for: themselves, and all names below them; `*` for every name there is.
    /// Default: none.
    pub domains: Option<List<Text<Domain>>>,
    /// The IP addresses that may be asked for: `192.0.2.1`, or `192.0.2.0/24`. Default: none.
    pub addresses: Option<List<Text<Network>>>,
    /// Whether wildcards may be asked for. Default: `true`.
    pub wildcards: Option<Text<bool>>,
    /// The CAs that may be asked, by name or URL, and their staging twins. Default: every one.
    pub ca: Option<List<Text<Ca>>>,
    /// The URLs of the accounts that may ask. Default: every one.
    pub account: Option<List<String>>,
    /// The profiles that must be asked for. Default: every one, or none.
    pub profile: Option<List<String>>,
}

impl Tenants {
    /// Reads a text, which `name` is what messages call. What has a fault is left out of the rules.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> (Vec<Tenant>, Vec<Diagnostic>) {
        match Document::parse(name, text) {
            Ok(document) => {
                let (read, mut faults) = document.read::<Self>();
                if read.tenants.is_none() && faults.is_empty() {
                    let missing = "`tenants` is missing: without rules nobody may ask for anything";
                    faults.push(Diagnostic::error("missing-key", None, missing));
                }
                (read.tenants.map(|tenants| tenants.0).unwrap_or_default(), faults)
            }
            Err(fault) => (Vec::new(), vec![*fault]),
        }
    }
}

/// A domain with all names below it, or every name there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `*`
    Any,
    /// This name, and those that end in it, whole labels counted.
    Below(DnsName),
}

/// Why a text is no domain of a rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DomainError {
    /// An address, or what is no name at all.
    #[error("`{text}` is no domain: {source}")]
    Name {
        /// What was written.
        text: String,
        /// Why not.
        source: IdentifierError,
    },
    /// `*.a.example`
    #[error("`{text}`: all names below `{base}` are meant by `{base}`")]
    Wildcard {
        /// What was written.
        text: String,
        /// The same without `*.`.
        base: String,
    },
}

impl Domain {
    /// Whether a name, or all names that a wildcard stands for, are in it.
    #[must_use]
    pub fn contains(&self, name: &DnsName) -> bool {
        let Self::Below(domain) = self else { return true };
        let above = name.base().strip_suffix(domain.as_str());
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }
}

impl Setting for Domain {
    type Error = DomainError;

    const EXPECTED: &'static str = "a domain such as `team.example.org`, or `*`";

    fn read(text: &str) -> Result<Self, DomainError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let name = match text.strip_prefix('.').unwrap_or(text).parse() {
            Ok(Identifier::Dns(name)) => name,
            Ok(Identifier::Ip(_)) => {
                return Err(DomainError::Name {
                    text: text.to_owned(),
                    source: IdentifierError::BareAddress,
                });
            }
            Err(source) => return Err(DomainError::Name { text: text.to_owned(), source }),
        };
        if name.is_wildcard() {
            return Err(DomainError::Wildcard { text: text.to_owned(), base: name.base().to_owned() });
        }
        Ok(Self::Below(name))
    }

    fn write(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Below(name) => name.to_string(),
        }
    }
}

/// IP addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text that is no network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{0}` is neither an address nor a network such as `192.0.2.0/24`")]
pub struct NetworkError(String);

impl Network {
    /// Whether an address is one of these. IPv4 addresses in IPv6's clothes are IPv4 addresses.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let differ = u32::from(ours) ^ u32::from(other);
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let differ = u128::from(ours) ^ u128::from(other);
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl Setting for Network {
    type Error = NetworkError;

    const EXPECTED: &'static str = "an address, or a network such as `192.0.2.0/24`";

    fn read(text: &str) -> Result<Self, NetworkError> {
        let refuse = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.strip_prefix("ip:").unwrap_or(address).parse().map_err(|_| refuse())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| refuse()))?;
        if bits > all { Err(refuse()) } else { Ok(Self { address, bits }) }
    }

    fn write(&self) -> String {
        format!("{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DnsName {
        text.parse().unwrap()
    }

    fn domain(text: &str) -> Domain {
        Domain::read(text).unwrap()
    }

    #[test]
    fn a_domain_has_itself_and_what_is_below_it() {
        let team = domain("Team.example");
        for inside in ["team.example", "a.team.example", "*.team.example", "*.a.b.team.example"] {
            assert!(team.contains(&name(inside)), "{inside}");
        }
        for outside in ["example", "ateam.example", "*.example", "team.example.org", "team.exampl"] {
            assert!(!team.contains(&name(outside)), "{outside}");
        }
        assert!(domain("*").contains(&name("*.anything.test")));
        assert!(domain("bücher.example").contains(&name("www.xn--bcher-kva.example")));
        assert!(domain("xn--bcher-kva.example").contains(&name("www.BÜCHER.example")));
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let refused = |text| Domain::read(text).unwrap_err().to_string();
        assert_eq!(
            refused("*.a.example"),
            "`*.a.example`: all names below `a.example` are meant by `a.example`"
        );
        assert_eq!(refused("a..example"), "`a..example` is no domain: the name has an empty label");
        assert_eq!(refused(""), "`` is no domain: the name is empty");
        assert!(Domain::read("192.0.2.1").is_err() && Domain::read("ip:192.0.2.1").is_err());
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        let contains =
            |network: &str, address: &str| Network::read(network).unwrap().contains(address.parse().unwrap());
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.0"));
        assert!(contains("192.0.2.1", "::ffff:192.0.2.1") && contains("0.0.0.0/0", "198.51.100.7"));
        assert!(contains("2001:db8::/32", "2001:db8:1::") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(!contains("::/0", "192.0.2.1"));
        for bad in ["192.0.2.0/33", "192.0.2", "a.example", "192.0.2.0/", "::/129", "192.0.2.0/-1"] {
            assert!(Network::read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// Whatever the labels are, only whole ones count.
        #[test]
        fn labels_are_whole(labels in proptest::collection::vec("[a-z0-9]{1,6}", 2..6), at in 1usize..5, wild: bool) {
            let full = labels.join(".");
            let text = if wild { format!("*.{full}") } else { full.clone() };
            let inside = name(&text);
            prop_assert!(domain(&full).contains(&inside));
            let suffix = labels[at.min(labels.len() - 1)..].join(".");
            prop_assert!(domain(&suffix).contains(&inside));
            // A longer first label is another domain.
            let other = domain(&format!("x{suffix}"));
            let expected = inside.base().split('.').collect::<Vec<_>>();
            let wanted: Vec<_> = format!("x{suffix}").split('.').map(str::to_owned).collect();
            prop_assert_eq!(other.contains(&inside), expected.ends_with(&wanted.iter().map(String::as_str).collect::<Vec<_>>()));
        }

        #[test]
        fn every_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = (Domain::read(&text), Network::read(&text));
            let (_rules, _faults) = Tenants::parse("tenants.yml", &text);
        }
    }
}
