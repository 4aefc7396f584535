//! What a person can set, read once from the environment. The table is in the README of this crate.

use std::net::SocketAddr;
use std::time::Duration;

use hydrant_hook_dns::name::normalized;
use hydrant_hook_dns::settings::{BadSetting, Variables};

use crate::error::Fault;

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

impl Settings {
    /// Reads variables. One that is empty is not set.
    ///
    /// # Errors
    /// When a variable holds what it cannot hold.
    pub fn read<F: Fn(&str) -> Option<String>>(variables: &Variables<F>) -> Result<Self, Fault> {
        let ttl = match variables.text("AWS_TTL") {
            None => 60,
            Some(text) => match text.parse() {
                Ok(ttl @ 0..=2_147_483_647) => ttl,
                _ => return Err(setting("AWS_TTL", format!("`{text}` is no number of seconds"))),
            },
        };
        let zones = variables.list(ZONES);
        Ok(Self {
            only_zone: variables.text("AWS_HOSTED_ZONE_ID").map(|id| bare_id(&id).to_owned()),
            zones: zones.iter().map(|entry| NamedZone::parse(entry)).collect::<Result<_, _>>()?,
            role: variables.text("AWS_ASSUME_ROLE_ARN"),
            external_id: variables.text("AWS_EXTERNAL_ID"),
            ttl,
            patience: variables.seconds("AWS_PROPAGATION_TIMEOUT", 120.0)?,
            first_poll: variables.seconds("AWS_POLLING_INTERVAL", 4.0)?,
            wait: variables.flag("AWS_WAIT_FOR_RECORD_SETS_CHANGED", true)?,
            follow: variables.flag("HYDRANT_ROUTE53_FOLLOW_CNAME", true)?,
            nameserver: variables.nameserver("HYDRANT_ROUTE53_NAMESERVER")?,
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
    BadSetting::new(name, reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Settings, Fault> {
        Settings::read(&Variables(|asked: &str| (asked == name).then(|| value.to_owned())))
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
    }
}
