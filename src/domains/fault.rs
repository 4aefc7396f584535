//! Everything that can be wrong with a line, one function a rule. What to do is the help.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::diagnostic::{Diagnostic, Span};
use crate::identifier::{CertNameError, Identifier, IdentifierError};

use super::Entry;

pub(super) fn address_form(word: &str, address: IpAddr, place: Span) -> Diagnostic {
    let has_prefix = word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("ip:"));
    let rule = if has_prefix { "bad-ip" } else { "bare-ip" };
    let message = format!("{} is not how an address is written", quoted(word));
    Diagnostic::error(rule, Some(place), message).with_help(format!("write `ip:{address}`"))
}

pub(super) fn alias_required(place: Span) -> Diagnostic {
    let message = "a line whose first name is a wildcard needs an alias";
    Diagnostic::error("alias-required", Some(place), message)
        .with_help("add `> alias` to the line, or put a name without `*.` first")
}

pub(super) fn another_alias(place: Span) -> Diagnostic {
    Diagnostic::error("several-aliases", Some(place), "the line has more than one alias")
        .with_help("a certificate is kept under one name: keep one `> alias`")
}

pub(super) fn bad_address(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("bad-ip", Some(place), format!("{} is not an IP address", quoted(word)))
        .with_help("an address is written `ip:192.0.2.1` or `ip:2001:db8::1`")
}

pub(super) fn comma(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("comma", Some(place), format!("{} has a comma", quoted(word)))
        .with_help("separate names with blanks")
}

pub(super) fn control_character(word: &str, character: char, place: Span) -> Diagnostic {
    let message = format!("{} has the control character U+{:04X}", quoted(word), u32::from(character));
    Diagnostic::error("control-character", Some(place), message)
        .with_help("remove it; editors may not show it")
}

pub(super) fn duplicate_certificate(first: &Entry, again: Entry) -> Diagnostic {
    let message = format!("the certificate `{}` is already declared with other names", again.name);
    let help =
        format!("the first is at {}; join the lines, or give this one an alias, `> name`", place_of(first));
    Diagnostic::error("duplicate-certificate", Some(again.span), message).with_help(help)
}

pub(super) fn duplicate_name(identifier: &Identifier, place: Span) -> Diagnostic {
    let message = format!("`{identifier}` is already on this line");
    Diagnostic::warning("duplicate-name", Some(place), message)
        .with_help("it is requested once; remove this one")
}

pub(super) fn empty_alias(place: Span) -> Diagnostic {
    Diagnostic::error("empty-alias", Some(place), "there is no alias after `>`")
        .with_help("write the alias after `>`, or remove the `>`")
}

pub(super) fn invalid_name(word: &str, error: &IdentifierError, place: Span) -> Diagnostic {
    Diagnostic::error("invalid-name", Some(place), format!("{} is no DNS name: {error}", quoted(word)))
}

pub(super) fn long_common_name(length: usize, place: Span) -> Diagnostic {
    let message = format!("the first name has {length} octets, and a common name can have 64");
    Diagnostic::warning("long-common-name", Some(place), message)
        .with_help("hydrant requests it without a common name; for dehydrated put a shorter name first")
}

pub(super) fn no_name(place: Span) -> Diagnostic {
    Diagnostic::error("no-name", Some(place), "the line has an alias but no names")
}

pub(super) fn not_utf8(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("not-utf8", Some(place), format!("{} has bytes that are not UTF-8", quoted(word)))
        .with_help("save the list as UTF-8, or write the name with A-labels (`xn--…`)")
}

pub(super) fn port(word: &str, host: &str, place: Span) -> Diagnostic {
    Diagnostic::error("port", Some(place), format!("{} has a port", quoted(word)))
        .with_help(format!("a certificate is good for every port: write {}", quoted(host)))
}

pub(super) fn repeated_certificate(first: &Entry, again: Entry) -> Diagnostic {
    let message = format!("the certificate `{}` is declared again with the same names", again.name);
    let help = format!("it is declared at {}; remove this line", place_of(first));
    Diagnostic::warning("repeated-certificate", Some(again.span), message).with_help(help)
}

pub(super) fn stray_wildcard(word: &str, place: Span) -> Diagnostic {
    let message = format!("{} has a `*` that is not its whole first label", quoted(word));
    Diagnostic::error("stray-wildcard", Some(place), message)
        .with_help("a wildcard is `*.` in front of a name without `*`, as in `*.a.example`")
}

pub(super) fn strange_blank(place: Span) -> Diagnostic {
    let character = place.source.text[place.range.clone()].chars().next().unwrap_or_default();
    let name = match character {
        '\u{a0}' => " (no-break space)",
        '\u{200b}' => " (zero width space)",
        '\u{feff}' => " (byte order mark)",
        _ => "",
    };
    let message = format!("U+{:04X}{name} does not separate names", u32::from(character));
    Diagnostic::error("unicode-blank", Some(place), message)
        .with_help("replace it with an ordinary blank or remove it")
}

pub(super) fn trailing_comment(place: Span) -> Diagnostic {
    Diagnostic::error("trailing-comment", Some(place), "a comment cannot follow names on their line")
        .with_help("put it on a line of its own; dehydrated would take its words for names")
}

pub(super) fn trailing_dot(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("trailing-dot", Some(place), format!("{} ends with a dot", quoted(word)))
        .with_help(format!("write {}", quoted(word.trim_end_matches('.'))))
}

pub(super) fn underscore(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("underscore", Some(place), format!("{} has an underscore", quoted(word)))
        .with_help("a name in a certificate has letters, digits and hyphens only")
}

pub(super) fn unsafe_alias(word: &str, error: &CertNameError, place: Span) -> Diagnostic {
    let message = format!("{} cannot name a certificate: {error}", quoted(word));
    Diagnostic::error("unsafe-alias", Some(place), message)
        .with_help("the alias is a path below the certificate directory, such as `shop` or `team/shop`")
}

pub(super) fn url(word: &str, place: Span) -> Diagnostic {
    let after_scheme = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host = after_scheme.split(['/', ':', '?']).next().unwrap_or_default();
    let fault =
        Diagnostic::error("url", Some(place), format!("{} is a URL or a path, not a name", quoted(word)));
    match host.parse::<Identifier>() {
        Ok(name) => fault.with_help(format!("write `{name}`")),
        Err(_) => fault,
    }
}

pub(super) fn wildcard_alias(word: &str, place: Span) -> Diagnostic {
    Diagnostic::error("wildcard-alias", Some(place), format!("the alias {} begins with `*.`", quoted(word)))
        .with_help("an alias names a directory; choose one without `*`")
}

fn place_of(entry: &Entry) -> String {
    format!("{}:{}", entry.span.source.name, entry.line())
}

/// A word in backticks, shortened where it would bury the message.
fn quoted(word: &str) -> String {
    const LONGEST: usize = 80;
    let shown = match word.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &word[..end])),
        None => Cow::Borrowed(word),
    };
    format!("`{shown}`")
}
