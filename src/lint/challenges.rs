//! Whether a certificate's names can be validated the way they are to be.

use std::collections::BTreeMap;

use super::{Facts, Subject};
use crate::diagnostic::Diagnostic;
use crate::identifier::Identifier;

/// Addresses are validated by http-01 or tls-alpn-01 only (RFC 8738 §7).
pub(super) fn address_with_dns(facts: &Facts) -> Vec<Diagnostic> {
    unsuited_names(
        facts,
        "address-with-dns",
        |challenge, name| is_dns(challenge) && matches!(name, Identifier::Ip(_)),
        "validate it with http-01 or tls-alpn-01, in a certificate of its own if the other names need DNS",
    )
}

/// A wildcard's zone can only be proven over DNS (Baseline Requirements §3.2.2.4).
pub(super) fn wildcard_without_dns(facts: &Facts) -> Vec<Diagnostic> {
    unsuited_names(
        facts,
        "wildcard-without-dns",
        |challenge, name| matches!(challenge, "http-01" | "tls-alpn-01") && name.is_wildcard(),
        "validate it with dns-01",
    )
}

/// dns-persist-01 is left out: its record outlives the run, and no hook has to set it.
pub(super) fn dns_without_hook(facts: &Facts) -> Vec<Diagnostic> {
    let mut unanswered: BTreeMap<&str, Vec<&Subject>> = BTreeMap::new();
    for subject in facts.subjects {
        let is_answered = subject.hooks.iter().any(|hook| hook.answers_challenges);
        if matches!(subject.challenge, "dns-01" | "dns-account-01") && !is_answered {
            unanswered.entry(subject.challenge).or_default().push(subject);
        }
    }
    // One missing setting is one finding, however many certificates share it.
    unanswered
        .into_iter()
        .map(|(challenge, subjects)| {
            let first = subjects[0].entry;
            let others = match subjects.len() - 1 {
                0 => String::new(),
                1 => " and 1 other certificate".to_owned(),
                count => format!(" and {count} other certificates"),
            };
            let message = format!("no hook answers {challenge} for `{}`{others}", first.name);
            Diagnostic::error("dns-without-hook", Some(first.span.clone()), message).with_help(
                "name a hook that handles `deploy_challenge`: `--hook PATH`, or `hooks:` in hydrant.yml",
            )
        })
        .collect()
}

fn unsuited_names(
    facts: &Facts,
    rule: &'static str,
    is_unsuited: fn(&str, &Identifier) -> bool,
    help: &str,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for Subject { entry, challenge, .. } in facts.subjects {
        for (name, place) in entry.names.iter().zip(&entry.name_spans) {
            if is_unsuited(challenge, name) {
                let message = format!("`{name}` cannot be validated with {challenge}");
                found.push(Diagnostic::error(rule, Some(place.clone()), message).with_help(help));
            }
        }
    }
    found
}

fn is_dns(challenge: &str) -> bool {
    challenge.starts_with("dns-")
}
