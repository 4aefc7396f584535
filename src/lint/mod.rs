//! The declared list against rules.
//!
//! One rule is one function and one row of `RULES`. Rules do no I/O: what they need to know, the command gathers into
//! `Facts`. Rules without a function are those that `domains` applies while it reads.

mod challenges;
mod hooks;
mod limits;
mod names;

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::diagnostic::Severity::{self, Error, Warning};
use crate::domains::Entry;

pub use hooks::HookState;

/// What rules may look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The certificates in the order they are declared.
    pub subjects: &'a [Subject<'a>],
}

/// A certificate and those of its settings that rules need.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// What the list declares.
    pub entry: &'a Entry,
    /// The challenge type: `dns-01`.
    pub challenge: &'a str,
    /// The profile asked for, if any.
    pub profile: Option<&'a str>,
    /// The URL of the CA's directory.
    pub ca: &'a str,
    /// The hooks of this certificate, in their order.
    pub hooks: Vec<&'a Hook<'a>>,
}

/// A hook as the command found it.
#[derive(Clone, Debug)]
pub struct Hook<'a> {
    /// The command as it is configured.
    pub command: &'a Path,
    /// What is there.
    pub state: HookState,
    /// Whether its operations include `deploy_challenge`.
    pub answers_challenges: bool,
}

/// A rule: what it is called, what it says, and how it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable identifier, in kebab case.
    pub id: &'static str,
    /// How bad a finding is. Where a CA's own limits decide, an error is a warning for a CA whose limits are unknown.
    pub severity: Severity,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// Finds it; `None` for what is found while the list is read.
    pub check: Option<fn(&Facts) -> Vec<Diagnostic>>,
}

impl Rule {
    const fn reading(id: &'static str, severity: Severity, summary: &'static str) -> Self {
        Self { id, severity, summary, check: None }
    }

    const fn facts(
        id: &'static str,
        severity: Severity,
        summary: &'static str,
        check: fn(&Facts) -> Vec<Diagnostic>,
    ) -> Self {
        Self { id, severity, summary, check: Some(check) }
    }
}

/// Applies every rule that looks at facts, and sorts what was found by place; what has no place comes last.
#[must_use]
pub fn check(facts: &Facts) -> Vec<Diagnostic> {
    let mut found: Vec<_> =
        RULES.iter().filter_map(|rule| rule.check).flat_map(|check| check(facts)).collect();
    sort(&mut found);
    found
}

/// Sorts by place, in the order the list is read; what has no place comes last.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    // The drop-in files sort behind the list whose name theirs begins with, and among themselves alphabetically.
    diagnostics.sort_by(|a, b| match (&a.span, &b.span) {
        (Some(a), Some(b)) => (&a.source.name, a.range.start).cmp(&(&b.source.name, b.range.start)),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
}

/// Every rule by subject: lines, names, certificates, challenges, hooks.
pub const RULES: &[Rule] = &[
    Rule::reading("alias-required", Error, "a wildcard is first on its line, and the line has no alias"),
    Rule::reading("empty-alias", Error, "nothing follows `>`"),
    Rule::reading("no-name", Error, "a line has an alias and no names"),
    Rule::reading("several-aliases", Error, "a line has more than one alias"),
    Rule::reading("trailing-comment", Error, "a comment follows names on their line"),
    Rule::reading("unicode-blank", Error, "a character looks like a blank and is none"),
    Rule::reading("unsafe-alias", Error, "an alias leaves the certificate directory or is no path"),
    Rule::reading("wildcard-alias", Error, "an alias begins with `*.`"),
    Rule::reading("bad-ip", Error, "what follows `ip:` is not an address"),
    Rule::reading("bare-ip", Error, "an address lacks `ip:`"),
    Rule::reading("comma", Error, "names are separated by commas"),
    Rule::reading("control-character", Error, "a word has a control character"),
    Rule::reading("duplicate-name", Warning, "a name is twice on a line"),
    Rule::reading("invalid-name", Error, "a word is not a DNS name"),
    Rule::reading("long-common-name", Warning, "a first name is longer than a common name can be"),
    Rule::reading("not-utf8", Error, "a word has bytes that are not UTF-8"),
    Rule::reading("port", Error, "a name has a port"),
    Rule::reading("stray-wildcard", Error, "a `*` is not the whole first label"),
    Rule::reading("trailing-dot", Error, "a name ends with a dot"),
    Rule::reading("underscore", Error, "a name has an underscore"),
    Rule::reading("url", Error, "a word is a URL or a path"),
    Rule::facts(
        "no-public-suffix",
        Warning,
        "a public CA is asked for a name outside the public DNS",
        names::no_public_suffix,
    ),
    Rule::facts(
        "private-suffix",
        Warning,
        "a name is a suffix below which a company registers names",
        names::private_suffix,
    ),
    Rule::facts("public-suffix", Error, "a name is a registry's suffix, as `co.uk`", names::public_suffix),
    Rule::facts(
        "reserved-address",
        Warning,
        "a public CA is asked for an address that is not public",
        names::reserved_address,
    ),
    Rule::reading("duplicate-certificate", Error, "two lines declare one certificate with different names"),
    Rule::reading("repeated-certificate", Warning, "two lines declare one certificate with the same names"),
    Rule::facts(
        "covered-by-wildcard",
        Error,
        "a name is covered by a wildcard of the same certificate",
        names::covered_by_wildcard,
    ),
    Rule::facts("same-names", Warning, "two certificates have the same names", names::same_names),
    Rule::facts(
        "too-many-names",
        Error,
        "a certificate has more names than its profile allows",
        limits::too_many_names,
    ),
    Rule::facts(
        "address-profile",
        Error,
        "a certificate has addresses and its profile allows none",
        limits::address_profile,
    ),
    Rule::facts(
        "address-with-dns",
        Error,
        "an address is to be validated over DNS",
        challenges::address_with_dns,
    ),
    Rule::facts("dns-without-hook", Error, "no hook answers the DNS challenge", challenges::dns_without_hook),
    Rule::facts(
        "wildcard-without-dns",
        Error,
        "a wildcard is to be validated without DNS",
        challenges::wildcard_without_dns,
    ),
    Rule::facts("hook-not-executable", Error, "a hook is not an executable file", hooks::not_executable),
    Rule::facts("missing-hook", Error, "a hook does not exist", hooks::missing),
];

#[cfg(test)]
mod tests;
