//! Names that make no sense where they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::net::IpAddr;

use psl::Type;

use super::{Facts, Subject, limits};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::identifier::{DnsName, Identifier};

/// A name that a wildcard of the same certificate covers.
pub(super) fn covered_by_wildcard(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for subject in facts.subjects {
        let wildcards: HashMap<&str, &DnsName> = dns_names(subject)
            .filter(|(name, _)| name.is_wildcard())
            .map(|(name, _)| (name.base(), name))
            .collect();
        let severity =
            if limits::refuses_covered_names(subject.ca) { Severity::Error } else { Severity::Warning };
        for (name, place) in dns_names(subject) {
            let parent = name.as_str().split_once('.').map_or("", |(_, parent)| parent);
            let wildcard = wildcards.get(parent).filter(|wildcard| wildcard.covers(name));
            if let Some(wildcard) = wildcard {
                found.push(Diagnostic {
                    severity,
                    rule: "covered-by-wildcard",
                    span: Some(place.clone()),
                    message: format!("`{name}` is covered by `{wildcard}` of the same certificate"),
                    help: Some("remove one of them; Let's Encrypt refuses both together".to_owned()),
                });
            }
        }
    }
    found
}

/// The names of another certificate, in any order.
pub(super) fn same_names(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut first_with = HashMap::with_capacity(facts.subjects.len());
    for Subject { entry, .. } in facts.subjects {
        let mut names: Vec<_> = entry.names.iter().collect();
        names.sort();
        let first = match first_with.entry(names) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
                continue;
            }
            Slot::Occupied(slot) => *slot.get(),
        };
        let message = format!("`{}` has the same names as `{}`", entry.name, first.name);
        let help = format!(
            "the other is at {}:{}; rate limits count them together",
            first.span.source.name,
            first.line()
        );
        found.push(Diagnostic::warning("same-names", Some(entry.span.clone()), message).with_help(help));
    }
    found
}

/// A name that is a registry's suffix itself: no CA may certify it (Baseline Requirements §3.2.2.6).
pub(super) fn public_suffix(facts: &Facts) -> Vec<Diagnostic> {
    suffixes(facts, Type::Icann)
        .map(|(name, place)| {
            let message =
                format!("`{}` is a public suffix, below which a registry registers names", name.base());
            Diagnostic::error("public-suffix", Some(place.clone()), message)
                .with_help("no CA certifies it; the registered name is missing")
        })
        .collect()
}

/// A name that is a company's suffix itself, as `github.io`: only that company can prove control of it.
pub(super) fn private_suffix(facts: &Facts) -> Vec<Diagnostic> {
    suffixes(facts, Type::Private)
        .map(|(name, place)| {
            let message =
                format!("`{}` is a suffix below which its owner gives names to others", name.base());
            Diagnostic::warning("private-suffix", Some(place.clone()), message)
                .with_help("only that owner can be certified for it; elsewhere the first label is missing")
        })
        .collect()
}

/// A name below no public suffix, where the CA is a public one.
pub(super) fn no_public_suffix(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, place) in
        facts.subjects.iter().filter(|subject| limits::is_public(subject.ca)).flat_map(dns_names)
    {
        if suffix_type(name).is_some() {
            continue;
        }
        let top = name.base().rsplit('.').next().unwrap_or_default();
        let reason =
            if RESERVED.contains(&top) { "reserved for other uses" } else { "no public top-level domain" };
        let message = format!("`{name}` is outside the public DNS: `{top}` is {reason}");
        found
            .push(Diagnostic::warning("no-public-suffix", Some(place.clone()), message).with_help(
                "correct the name, or use a private CA; a public one certifies only public names",
            ));
    }
    found
}

/// An address that is not reachable from everywhere, where the CA is a public one.
pub(super) fn reserved_address(facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for subject in facts.subjects.iter().filter(|subject| limits::is_public(subject.ca)) {
        for (name, place) in subject.entry.names.iter().zip(&subject.entry.name_spans) {
            if let Identifier::Ip(address) = name
                && is_reserved(*address)
            {
                let message = format!("`{name}` is not a public address");
                found.push(
                    Diagnostic::warning("reserved-address", Some(place.clone()), message)
                        .with_help("use a private CA; a public one certifies only public addresses"),
                );
            }
        }
    }
    found
}

/// The DNS names that are suffixes of a kind themselves, or wildcards directly below one.
fn suffixes<'a>(facts: &Facts<'a>, kind: Type) -> impl Iterator<Item = (&'a DnsName, &'a Span)> {
    facts.subjects.iter().flat_map(dns_names).filter(move |(name, _)| {
        psl::suffix(name.base().as_bytes())
            .is_some_and(|suffix| suffix.typ() == Some(kind) && suffix.as_bytes() == name.base().as_bytes())
    })
}

/// What kind of public suffix a name ends in, if in any.
fn suffix_type(name: &DnsName) -> Option<Type> {
    psl::suffix(name.base().as_bytes()).and_then(|suffix| suffix.typ())
}

fn dns_names<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (&'a DnsName, &'a Span)> {
    let entry = subject.entry;
    entry.names.iter().zip(&entry.name_spans).filter_map(|(name, place)| match name {
        Identifier::Dns(name) => Some((name, place)),
        Identifier::Ip(_) => None,
    })
}

/// The larger blocks of the IANA special-purpose address registries.
fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            // 100.64.0.0/10 is shared address space (RFC 6598).
            let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
                || is_shared
        }
        IpAddr::V6(address) => {
            // 2001:db8::/32 is for documentation (RFC 3849); only 2000::/3 is global unicast (RFC 4291 §2.4).
            let segments = address.segments();
            segments[0] & 0xe000 != 0x2000 || segments[..2] == [0x2001, 0x0db8]
        }
    }
}

/// Top-level domains that will never be delegated: RFC 2606, RFC 6762, RFC 9476, and `internal` by ICANN's decision.
const RESERVED: &[&str] = &["alt", "example", "internal", "invalid", "local", "localhost", "test"];
