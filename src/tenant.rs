//! Who may ask for which name.
//!
//! Rules come from a place that the job cannot write, and from `hydrant.yml`, which everybody can change who can propose a
//! change of the list: all of them have to allow a certificate, so the latter can only take away. Pure: who reads the
//! rules, and asks Vault who the job is, is `commands::tenants`.
//!
//! This keeps honest jobs within their bounds. It stops nobody who can run a program of their own with the same token:
//! the policy of that token does, and the CAA record that names the account (RFC 8657).

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;
use wildmatch::WildMatch;

use crate::config::setting::{self as settings, Setting as _};
use crate::config::tenants::Tenant;
use crate::config::{Ca, CertificateSettings};
use crate::identifier::{CertName, Identifier};
use crate::report::words::List;

/// What is known of the job, and can be relied on: names and values of claims.
pub type Claims = BTreeMap<String, Vec<String>>;

/// The rules that hold, and who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    rules: Vec<Rules>,
    claims: Claims,
}

/// The rules of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The place.
    pub place: String,
    /// The rules.
    pub tenants: Vec<Tenant>,
}

/// A certificate that is to be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What it is kept under.
    pub name: &'a CertName,
    /// What is on it.
    pub names: &'a [Identifier],
    /// Who is asked.
    pub ca: &'a Ca,
    /// As what.
    pub profile: Option<&'a str>,
    /// Where in Vault it is kept: mount and path.
    pub path: Option<&'a str>,
    /// The URL of the account that asks, once it is known.
    pub account: Option<&'a str>,
}

/// Why a certificate is not asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{why}")]
pub struct Refusal {
    why: Box<Why>,
    hints: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// No rule is meant for it.
    Stranger { place: String },
    /// Names outside of what a rule allows.
    Names { tenant: String, names: Vec<Identifier> },
    /// Wildcards.
    Wildcards { tenant: String, names: Vec<Identifier> },
    /// Another CA.
    Ca { tenant: String, ca: String },
    /// Another profile, or none.
    Profile { tenant: String, profile: Option<String> },
    /// Another account.
    Account { tenant: String, account: String },
}

impl Tenancy {
    /// These rules, all of which must allow what is asked for by who has these claims.
    #[must_use]
    pub fn new(rules: Vec<Rules>, claims: Claims) -> Self {
        Self { rules, claims }
    }

    /// Whether a certificate may be asked for.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Refusal> {
        self.rules.iter().try_for_each(|rules| rules.check(request, &self.claims))
    }
}

impl Rules {
    /// Whether anything has to be known of the job to apply them.
    #[must_use]
    pub fn need_claims(&self) -> bool {
        self.tenants.iter().any(|tenant| tenant.claims.is_some())
    }

    fn check(&self, request: &Request<'_>, claims: &Claims) -> Result<(), Refusal> {
        let mut nearest = None;
        for tenant in self.tenants.iter().filter(|tenant| is_meant(tenant, request, claims)) {
            match allows(tenant, request) {
                Ok(()) => return Ok(()),
                Err(why) => nearest = nearest.or(Some((why, allowed(tenant)))),
            }
        }
        let mut hints = Vec::new();
        let why = if let Some((why, allowed)) = nearest {
            hints.extend(allowed);
            why
        } else {
            hints.push(known(claims));
            Why::Stranger { place: self.place.clone() }
        };
        hints.push(format!("the rules are in {}", self.place));
        Err(Refusal { why: Box::new(why), hints })
    }
}

impl<'a> Request<'a> {
    /// A certificate of the list with its settings. `path` is where in Vault it is kept.
    #[must_use]
    pub fn new(
        name: &'a CertName,
        names: &'a [Identifier],
        settings: &'a CertificateSettings,
        path: Option<&'a str>,
    ) -> Self {
        let profile = settings.profile.as_deref();
        Self { name, names, ca: &settings.ca, profile, path, account: None }
    }
}

impl Refusal {
    /// What a person may do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger { place } => write!(f, "no rule in {place} is meant for this certificate"),
            Self::Names { tenant, names } => {
                write!(f, "the tenant `{tenant}` may not ask for {}", List(names))
            }
            Self::Wildcards { tenant, names } => {
                write!(f, "the tenant `{tenant}` may not ask for wildcards: {}", List(names))
            }
            Self::Ca { tenant, ca } => write!(f, "the tenant `{tenant}` may not ask the CA {ca}"),
            Self::Profile { tenant, profile: Some(profile) } => {
                write!(f, "the tenant `{tenant}` may not ask for the profile `{profile}`")
            }
            Self::Profile { tenant, profile: None } => {
                write!(f, "the tenant `{tenant}` may not leave the profile to the CA")
            }
            Self::Account { tenant, account } => {
                write!(f, "the tenant `{tenant}` may not use the account {account}")
            }
        }
    }
}

/// Whether a rule is about this certificate and this job at all.
fn is_meant(tenant: &Tenant, request: &Request<'_>, claims: &Claims) -> bool {
    let of_claim = |(name, glob): (&String, &String)| {
        let glob = WildMatch::new(glob);
        claims.get(name).is_some_and(|values| values.iter().any(|value| glob.matches(value)))
    };
    let is_below = |prefix: &String| {
        let rest = request.path.and_then(|path| path.strip_prefix(prefix.trim_matches('/')));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    tenant.claims.iter().flatten().all(of_claim)
        && tenant.prefix.iter().all(is_below)
        && tenant
            .certificates
            .as_ref()
            .is_none_or(|patterns| patterns.0.iter().any(|pattern| pattern.0.matches(request.name)))
}

fn allows(tenant: &Tenant, request: &Request<'_>) -> Result<(), Why> {
    let name = || tenant.name.clone();
    let mut outside = request.names.to_vec();
    outside.retain(|identifier| match identifier {
        Identifier::Dns(name) => !listed(tenant.domains.as_ref()).any(|domain| domain.0.contains(name)),
        Identifier::Ip(ip) => !listed(tenant.addresses.as_ref()).any(|network| network.0.contains(*ip)),
    });
    if !outside.is_empty() {
        return Err(Why::Names { tenant: name(), names: outside });
    }
    let wildcards = request.names.iter().filter(|name| name.is_wildcard());
    if tenant.wildcards.as_ref().is_some_and(|allowed| !allowed.0) && wildcards.clone().count() > 0 {
        return Err(Why::Wildcards { tenant: name(), names: wildcards.cloned().collect() });
    }
    let is_asked = |ca: &Ca| ca.directory == request.ca.directory;
    let is_allowed = |ca: &Ca| is_asked(ca) || ca.staging_twin().is_some_and(|twin| is_asked(&twin));
    if tenant.ca.as_ref().is_some_and(|allowed| !allowed.0.iter().any(|ca| is_allowed(&ca.0))) {
        return Err(Why::Ca { tenant: name(), ca: request.ca.shown() });
    }
    let is_one_of = |list: &[String], word: Option<&str>| list.iter().any(|one| Some(one.as_str()) == word);
    if tenant.profile.as_ref().is_some_and(|allowed| !is_one_of(&allowed.0, request.profile)) {
        return Err(Why::Profile { tenant: name(), profile: request.profile.map(str::to_owned) });
    }
    if let (Some(allowed), Some(account)) = (&tenant.account, request.account)
        && !is_one_of(&allowed.0, Some(account))
    {
        return Err(Why::Account { tenant: name(), account: account.to_owned() });
    }
    Ok(())
}

/// What is known of the job, for one that no rule is meant for.
fn known(claims: &Claims) -> String {
    if claims.is_empty() {
        return "nothing is known of the job that a rule with `claims` could be meant for".to_owned();
    }
    let known: Vec<_> = claims.iter().map(|(name, values)| format!("{name}={}", values.join(","))).collect();
    format!("what Vault knows of the job: {}", known.join(" "))
}

/// What a rule allows, for who came too near its bounds.
fn allowed(tenant: &Tenant) -> Option<String> {
    let domains: Vec<String> = listed(tenant.domains.as_ref()).map(|domain| domain.0.write()).collect();
    let networks: Vec<String> = listed(tenant.addresses.as_ref()).map(|network| network.0.write()).collect();
    let domains = (!domains.is_empty()).then(|| format!("names of {}", List(&domains)));
    let networks = (!networks.is_empty()).then(|| format!("addresses of {}", List(&networks)));
    let all: Vec<String> = domains.into_iter().chain(networks).collect();
    (!all.is_empty()).then(|| format!("`{}` may ask for {}", tenant.name, all.join(", and for ")))
}

fn listed<T>(list: Option<&settings::List<T>>) -> impl Iterator<Item = &T> {
    list.into_iter().flat_map(|list| &list.0)
}

#[cfg(test)]
mod tests;
