//! What a person can set, read once from the environment. The table is in the README of this crate.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::Fault;
use crate::zone::normalized;

/// What a person can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The one zone that everything is written to.
    pub only_zone: Option<String>,
    /// Zones that need not be looked for, or that another account has.
    pub zones: Vec<NamedZone>,
    /// The role to take before anything else.
    pub role: Option<String>,
    /// What the roles want to hear.
    pub external_id: Option<String>,
    /// Of the records that are created.
    pub ttl: i64,
    /// How long to wait for the name servers, and for an answer of the API.
    pub patience: Duration,
    /// Between a change and the first question about it.
    pub first_poll: Duration,
    /// Whether to wait for the name servers at all.
    pub wait: bool,
    /// Whether CNAMEs of `_acme-challenge` names are followed.
    pub follow: bool,
    /// Who is asked for CNAMEs instead of the system's resolver.
    pub nameserver: Option<SocketAddr>,
}

/// One entry of `HYDRANT_ROUTE53_ZONES`: `NAME[=ID][@ROLE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedZone {
    /// Its name, normalized.
    pub name: String,
    /// Its id; else it is looked for.
    pub id: Option<String>,
    /// The role that may write it.
    pub role: Option<String>,
}

const ZONES: &str = "HYDRANT_ROUTE53_ZONES";
const NAMESERVER: &str = "HYDRANT_ROUTE53_NAMESERVER";

impl Settings {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When a variable holds what it cannot hold.
    pub fn from_env() -> Result<Self, Fault> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables. One that is empty is not set.
    ///
    /// # Errors
    /// When a variable holds what it cannot hold.
    pub fn read(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, Fault> {
        let text = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let seconds = |name, otherwise: f64| -> Result<Duration, Fault> {
            let Some(text) = text(name) else { return Ok(Duration::from_secs_f64(otherwise)) };
            let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
            seconds.ok_or_else(|| setting(name, format!("`{text}` is no number of seconds")))
        };
        let flag = |name, otherwise| match text(name).as_deref() {
            None => Ok(otherwise),
            Some("1" | "true" | "yes") => Ok(true),
            Some("0" | "false" | "no") => Ok(false),
            Some(other) => Err(setting(name, format!("`{other}` is neither true nor false"))),
        };
        let ttl = match text("AWS_TTL") {
            None => 60,
            Some(text) => match text.parse() {
                Ok(ttl @ 0..=2_147_483_647) => ttl,
                _ => return Err(setting("AWS_TTL", format!("`{text}` is no number of seconds"))),
            },
        };
        let nameserver = match text(NAMESERVER) {
            None => None,
            Some(text) => {
                let address = text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, 53)));
                Some(address.map_err(|_| setting(NAMESERVER, format!("`{text}` is no address")))?)
            }
        };
        let zones = text(ZONES).unwrap_or_default();
        let zones = zones.split([' ', ',', '\n']).filter(|entry| !entry.is_empty()).map(NamedZone::parse);
        Ok(Self {
            only_zone: text("AWS_HOSTED_ZONE_ID").map(|id| bare_id(&id).to_owned()),
            zones: zones.collect::<Result<_, _>>()?,
            role: text("AWS_ASSUME_ROLE_ARN"),
            external_id: text("AWS_EXTERNAL_ID"),
            ttl,
            patience: seconds("AWS_PROPAGATION_TIMEOUT", 120.0)?,
            first_poll: seconds("AWS_POLLING_INTERVAL", 4.0)?,
            wait: flag("AWS_WAIT_FOR_RECORD_SETS_CHANGED", true)?,
            follow: flag("HYDRANT_ROUTE53_FOLLOW_CNAME", true)?,
            nameserver,
        })
    }
}

impl NamedZone {
    fn parse(entry: &str) -> Result<Self, Fault> {
        let (zone, role) = match entry.split_once('@') {
            Some((zone, role)) => (zone, Some(role.to_owned())),
            None => (entry, None),
        };
        let (name, id) = match zone.split_once('=') {
            Some((name, id)) => (name, Some(bare_id(id).to_owned())),
            None => (zone, None),
        };
        let is_empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
        if name.is_empty() || is_empty(&id) || is_empty(&role) || (id.is_none() && role.is_none()) {
            return Err(setting(ZONES, format!("`{entry}` is not NAME=ID, NAME@ROLE or NAME=ID@ROLE")));
        }
        Ok(Self { name: normalized(name), id, role })
    }
}

/// The API gives ids as `/hostedzone/Z123` and takes both.
pub(crate) fn bare_id(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

fn setting(name: &'static str, reason: String) -> Fault {
    Fault::Setting { name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Settings, Fault> {
        Settings::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn zones_have_ids_and_roles() {
        let zones =
            with(ZONES, "Example.com.=/hostedzone/Z1,b.example@arn:aws:iam::2:role/acme c.example=Z3@r");
        let zone = |name: &str, id: Option<&str>, role: Option<&str>| NamedZone {
            name: name.into(),
            id: id.map(str::to_owned),
            role: role.map(str::to_owned),
        };
        assert_eq!(
            zones.unwrap().zones,
            [
                zone("example.com", Some("Z1"), None),
                zone("b.example", None, Some("arn:aws:iam::2:role/acme")),
                zone("c.example", Some("Z3"), Some("r")),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |name, value| with(name, value).unwrap_err().to_string();
        assert_eq!(
            error(ZONES, "a.example"),
            "HYDRANT_ROUTE53_ZONES: `a.example` is not NAME=ID, NAME@ROLE or NAME=ID@ROLE"
        );
        assert_eq!(error("AWS_TTL", "soon"), "AWS_TTL: `soon` is no number of seconds");
        assert_eq!(
            error("AWS_PROPAGATION_TIMEOUT", "-1"),
            "AWS_PROPAGATION_TIMEOUT: `-1` is no number of seconds"
        );
        assert_eq!(error(NAMESERVER, "ns1"), "HYDRANT_ROUTE53_NAMESERVER: `ns1` is no address");
    }

    #[test]
    fn an_address_has_port_53_unless_it_says_so() {
        let address = |text| with(NAMESERVER, text).unwrap().nameserver.unwrap().to_string();
        assert_eq!(address("127.0.0.2"), "127.0.0.2:53");
        assert_eq!(address("[::1]:5353"), "[::1]:5353");
    }
}
