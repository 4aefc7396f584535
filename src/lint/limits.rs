//! What CAs allow in one certificate.

use super::{Facts, Subject};
use crate::diagnostic::{Diagnostic, Severity};
use crate::identifier::Identifier;

/// More names than the profile allows.
pub(super) fn too_many_names(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for subject in facts.subjects {
        let names = subject.entry.names.len();
        let profile = profile_of(subject);
        let most = profile.map_or(COMMON_MOST_NAMES, |profile| profile.most_names);
        if names <= most {
            continue;
        }
        let allowed = match profile {
            Some(profile) => format!("the profile `{}` allows {most}", profile.name),
            None => format!("most CAs allow {most}"),
        };
        let severity = if profile.is_some() { Severity::Error } else { Severity::Warning };
        found.push(Diagnostic {
            severity,
            rule: "too-many-names",
            span: Some(subject.entry.span.clone()),
            message: format!("`{}` has {names} names, and {allowed}", subject.entry.name),
            help: Some("divide them among several certificates, or use a wildcard".to_owned()),
        });
    }
    found
}

/// Addresses under a profile that has none.
pub(super) fn address_profile(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for subject in facts.subjects {
        let Some(profile) = profile_of(subject).filter(|profile| !profile.has_addresses) else { continue };
        let mut named = subject.entry.names.iter().zip(&subject.entry.name_spans);
        if let Some((address, place)) = named.find(|(name, _)| matches!(name, Identifier::Ip(_))) {
            let message = format!("`{address}` cannot be certified under the profile `{}`", profile.name);
            found.push(
                Diagnostic::error("address-profile", Some(place.clone()), message)
                    .with_help("set `profile: shortlived` for this certificate"),
            );
        }
    }
    found
}

/// Whether the CA refuses a name that a wildcard of the same order covers.
///
/// Boulder does: `wildcardOverlap` in its registration authority.
pub(super) fn refuses_covered_names(ca: &str) -> bool {
    host_of(ca).is_some_and(is_lets_encrypt)
}

/// Whether the CA is one that browsers trust, and so certifies only names of the public DNS.
pub(super) fn is_public(ca: &str) -> bool {
    let is_below = |host: &str, domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    host_of(ca).is_some_and(|host| PUBLIC_CAS.iter().any(|domain| is_below(host, domain)))
}

/// What a profile allows.
struct Profile {
    name: &'static str,
    most_names: usize,
    has_addresses: bool,
}

/// The profile that is meant, where its limits are known. No profile means the CA's default.
fn profile_of(subject: &Subject) -> Option<&'static Profile> {
    let host = host_of(subject.ca)?;
    let name = subject.profile.unwrap_or(LETS_ENCRYPT_DEFAULT);
    LETS_ENCRYPT.iter().find(|profile| is_lets_encrypt(host) && profile.name == name)
}

fn is_lets_encrypt(host: &str) -> bool {
    host.ends_with(".api.letsencrypt.org")
}

fn host_of(url: &str) -> Option<&str> {
    url.strip_prefix("https://")?.split(['/', ':']).next()
}

/// What a CA without documented limits is taken to allow.
const COMMON_MOST_NAMES: usize = 100;

/// <https://letsencrypt.org/docs/profiles/>, as of July 2026.
const LETS_ENCRYPT: &[Profile] = &[
    Profile { name: "classic", most_names: 100, has_addresses: false },
    Profile { name: "shortlived", most_names: 25, has_addresses: true },
    Profile { name: "tlsserver", most_names: 25, has_addresses: false },
];

const LETS_ENCRYPT_DEFAULT: &str = "classic";

/// Domains under which publicly trusted CAs have their ACME directories.
const PUBLIC_CAS: &[&str] =
    &["acme.ssl.com", "actalis.com", "api.buypass.com", "letsencrypt.org", "pki.goog", "zerossl.com"];
