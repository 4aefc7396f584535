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

/// Every rule by subject: lines, words, certificates, challenges, hooks.
pub const RULES: &[Rule] = &[
    read("alias-required", Error, "a wildcard is first on its line, and the line has no alias"),
    read("empty-alias", Error, "nothing follows `>`"),
    read("no-name", Error, "a line has an alias and no names"),
    read("several-aliases", Error, "a line has more than one alias"),
    read("trailing-comment", Error, "a comment follows names on their line"),
    read("unicode-blank", Error, "a character looks like a blank and is none"),
    read("unsafe-alias", Error, "an alias leaves the certificate directory or is no path"),
    read("wildcard-alias", Error, "an alias begins with `*.`"),
    read("bad-ip", Error, "what follows `ip:` is not an address"),
    read("bare-ip", Error, "an address lacks `ip:`"),
    read("comma", Error, "names are separated by commas"),
    read("control-character", Error, "a word has a control character"),
    read("duplicate-name", Warning, "a name is twice on a line"),
    read("invalid-name", Error, "a word is not a DNS name"),
    read("long-common-name", Warning, "a first name is longer than a common name can be"),
    read("not-utf8", Error, "a word has bytes that are not UTF-8"),
    read("port", Error, "a name has a port"),
    read("stray-wildcard", Error, "a `*` is not the whole first label"),
    read("trailing-dot", Error, "a name ends with a dot"),
    read("underscore", Error, "a name has an underscore"),
    read("url", Error, "a word is a URL or a path"),
    rule("no-public-suffix", Warning, "a public CA certifies no such name", names::no_public_suffix),
    rule("private-suffix", Warning, "a name is a company's suffix, as `github.io`", names::private_suffix),
    rule("public-suffix", Error, "a name is a registry's suffix, as `co.uk`", names::public_suffix),
    rule("reserved-address", Warning, "a public CA certifies no such address", names::reserved_address),
    read("duplicate-certificate", Error, "two lines declare one certificate with different names"),
    read("repeated-certificate", Warning, "two lines declare one certificate with the same names"),
    rule("covered-by-wildcard", Error, "a wildcard covers the name too", names::covered_by_wildcard),
    rule("same-names", Warning, "two certificates have the same names", names::same_names),
    rule("too-many-names", Error, "the profile allows fewer names", limits::too_many_names),
    rule("address-profile", Error, "the profile allows no addresses", limits::address_profile),
    rule("address-with-dns", Error, "DNS challenges cannot validate addresses", challenges::address_with_dns),
    rule("dns-without-hook", Error, "no hook answers the DNS challenge", challenges::dns_without_hook),
    rule(
        "wildcard-without-dns",
        Error,
        "a wildcard is validated over DNS only",
        challenges::wildcard_without_dns,
    ),
    rule("hook-not-executable", Error, "a hook is not an executable file", hooks::not_executable),
    rule("missing-hook", Error, "a hook does not exist", hooks::missing),
];

const fn read(id: &'static str, severity: Severity, summary: &'static str) -> Rule {
    Rule { id, severity, summary, check: None }
}

const fn rule(
    id: &'static str,
    severity: Severity,
    summary: &'static str,
    check: fn(&Facts) -> Vec<Diagnostic>,
) -> Rule {
    Rule { id, severity, summary, check: Some(check) }
}

#[cfg(test)]
mod tests;
