//! What each rule finds, and that the table holds every rule there is.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::diagnostic::Source;
use crate::domains::{self, Domains};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const PRIVATE_CA: &str = "https://ca.internal:14000/dir";

fn list(text: &str) -> Domains {
    domains::parse(&[Arc::new(Source { name: "domains.txt".to_owned(), text: text.to_owned() })])
}

/// Settings under which nothing is wrong with any certificate.
fn subject<'a>(entry: &'a Entry, hook: &'a Hook<'a>) -> Subject<'a> {
    Subject { entry, challenge: "dns-01", profile: None, ca: PRIVATE_CA, hooks: vec![hook] }
}

fn hook(command: &str, state: HookState) -> Hook<'_> {
    Hook { command: Path::new(command), state, answers_challenges: true }
}

/// The findings in a list, a line each, `severity rule message`, with settings changed by `change`.
fn found_with(text: &str, change: impl Fn(&mut Subject)) -> Vec<String> {
    let domains = list(text);
    assert_eq!(domains.refused, 0, "{text}");
    let hook = hook("/hook", HookState::Executable);
    let mut subjects: Vec<_> = domains.entries.iter().map(|entry| subject(entry, &hook)).collect();
    subjects.iter_mut().for_each(change);
    check(&Facts { subjects: &subjects })
        .iter()
        .map(|found| format!("{} {} {}", found.severity.as_str(), found.rule, found.message))
        .collect()
}

fn found(text: &str) -> Vec<String> {
    found_with(text, |_| ())
}

#[test]
fn finds_names_covered_by_a_wildcard() {
    let text = "a.example www.a.example *.a.example x.www.a.example *.b.example a.b.example *.x.b.example";
    let expected = |severity| {
        [
            format!(
                "{severity} covered-by-wildcard `www.a.example` is covered by `*.a.example` of the same certificate"
            ),
            format!(
                "{severity} covered-by-wildcard `a.b.example` is covered by `*.b.example` of the same certificate"
            ),
        ]
    };
    assert_eq!(found(text), expected("warning"));
    let at_lets_encrypt = found_with(text, |subject| subject.ca = LETS_ENCRYPT);
    assert!(expected("error").iter().all(|line| at_lets_encrypt.contains(line)), "{at_lets_encrypt:?}");
}

#[test]
fn finds_the_same_names_twice() {
    assert_eq!(
        found("a.example b.example\nc.example\nb.example A.example > x\nd.example\n"),
        ["warning same-names `x` has the same names as `a.example`"]
    );
}

#[test]
fn finds_public_suffixes() {
    assert_eq!(
        found("co.uk\n*.co.uk > x\nexample.co.uk *.example.co.uk\nxn--p1ai\nexample.ck\nwww.ck\n"),
        [
            "error public-suffix `co.uk` is a public suffix, below which a registry registers names",
            "error public-suffix `co.uk` is a public suffix, below which a registry registers names",
            "error public-suffix `xn--p1ai` is a public suffix, below which a registry registers names",
            "error public-suffix `example.ck` is a public suffix, below which a registry registers names",
        ]
    );
    assert_eq!(
        found("github.io\nme.github.io\n"),
        ["warning private-suffix `github.io` is a suffix below which its owner gives names to others"]
    );
}

#[test]
fn finds_names_outside_the_public_dns_only_for_public_cas() {
    let text = "a.example\nlocalhost\nwww.shop.con\nwww.shop.com\nxn--80ak6aa92e.xn--p1ai\n";
    assert_eq!(
        found_with(text, |subject| subject.ca = LETS_ENCRYPT),
        [
            "warning no-public-suffix `a.example` is outside the public DNS: `example` is reserved for other uses",
            "warning no-public-suffix `localhost` is outside the public DNS: `localhost` is reserved for other uses",
            "warning no-public-suffix `www.shop.con` is outside the public DNS: `con` is no public top-level domain",
        ]
    );
    assert!(found(text).is_empty());
}

#[test]
fn finds_addresses_that_are_not_public() {
    let text =
        "ip:10.1.2.3 ip:8.8.8.8 ip:100.64.0.1 ip:fe80::1 ip:2001:db8::1 ip:2606:4700::1111 ip:100.128.0.1";
    let shortlived = |subject: &mut Subject| {
        (subject.ca, subject.profile, subject.challenge) = (LETS_ENCRYPT, Some("shortlived"), "http-01");
    };
    assert_eq!(
        found_with(text, shortlived),
        [
            "warning reserved-address `ip:10.1.2.3` is not a public address",
            "warning reserved-address `ip:100.64.0.1` is not a public address",
            "warning reserved-address `ip:fe80::1` is not a public address",
            "warning reserved-address `ip:2001:db8::1` is not a public address",
        ]
    );
    assert!(found_with(text, |subject| subject.challenge = "http-01").is_empty());
}

#[test]
fn finds_what_the_profile_does_not_allow() {
    let names = |count| (0..count).map(|n| format!("n{n}.shop.com")).collect::<Vec<_>>().join(" ");
    let at_lets_encrypt = |count, profile| {
        found_with(&names(count), |subject| (subject.ca, subject.profile) = (LETS_ENCRYPT, profile))
    };
    assert!(at_lets_encrypt(100, None).is_empty());
    assert!(at_lets_encrypt(25, Some("tlsserver")).is_empty());
    assert_eq!(
        at_lets_encrypt(101, None),
        ["error too-many-names `n0.shop.com` has 101 names, and the profile `classic` allows 100"]
    );
    assert_eq!(
        at_lets_encrypt(26, Some("tlsserver")),
        ["error too-many-names `n0.shop.com` has 26 names, and the profile `tlsserver` allows 25"]
    );
    assert_eq!(
        found(&names(101)),
        ["warning too-many-names `n0.shop.com` has 101 names, and most CAs allow 100"]
    );
    assert_eq!(
        found_with("a.shop.com ip:8.8.8.8", |subject| (subject.ca, subject.challenge) =
            (LETS_ENCRYPT, "http-01")),
        ["error address-profile `ip:8.8.8.8` cannot be certified under the profile `classic`"]
    );
}

#[test]
fn finds_names_that_the_challenge_cannot_validate() {
    assert_eq!(
        found("a.example ip:192.0.2.1"),
        ["error address-with-dns `ip:192.0.2.1` cannot be validated with dns-01"]
    );
    for challenge in ["http-01", "tls-alpn-01"] {
        assert_eq!(
            found_with("a.example *.a.example ip:192.0.2.1", |subject| subject.challenge = challenge),
            [format!("error wildcard-without-dns `*.a.example` cannot be validated with {challenge}")]
        );
    }
}

#[test]
fn finds_dns_challenges_that_no_hook_answers() {
    assert_eq!(
        found_with("a.example\nb.example\n", |subject| subject.hooks.clear()),
        ["error dns-without-hook no hook answers dns-01 for `a.example` and 1 other certificate"]
    );
    let no_hook = |challenge| {
        found_with("a.example", move |subject| {
            subject.hooks.clear();
            subject.challenge = challenge;
        })
    };
    assert!(no_hook("dns-persist-01").is_empty());
    assert!(no_hook("http-01").is_empty());

    let domains = list("a.example");
    let deploys = Hook { answers_challenges: false, ..hook("/deploy", HookState::Executable) };
    let found = check(&Facts { subjects: &[subject(&domains.entries[0], &deploys)] });
    assert_eq!(found[0].message, "no hook answers dns-01 for `a.example`");
}

#[test]
fn finds_hooks_that_cannot_be_started_once_each() {
    let domains = list("a.example\nb.example\nc.example\n");
    let hooks = [hook("/gone", HookState::Missing), hook("/text", HookState::NotExecutable)];
    let subjects: Vec<_> = domains
        .entries
        .iter()
        .map(|entry| Subject { hooks: hooks.iter().collect(), ..subject(entry, &hooks[0]) })
        .collect();
    let messages: Vec<_> = check(&Facts { subjects: &subjects })
        .into_iter()
        .map(|found| format!("{} {}", found.rule, found.message))
        .collect();
    assert_eq!(
        messages,
        [
            "hook-not-executable the hook `/text` of 3 certificates is not executable",
            "missing-hook the hook `/gone` of 3 certificates does not exist",
        ]
    );
}

#[test]
fn findings_come_in_the_order_of_the_list() {
    let domains = list("b.example\na.example a.example\nb_.example\nco.uk\nb.example > c\n");
    let hook = hook("/gone", HookState::Missing);
    let subjects: Vec<_> = domains.entries.iter().map(|entry| subject(entry, &hook)).collect();
    let mut found = check(&Facts { subjects: &subjects });
    found.extend(domains.diagnostics);
    sort(&mut found);
    let rules: Vec<_> = found.iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["duplicate-name", "underscore", "public-suffix", "same-names", "missing-hook"]);
}

#[test]
fn every_rule_has_one_row() {
    let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    assert!(
        ids.iter().all(|id| id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
}

/// One line for every rule that reading applies.
#[test]
fn what_reading_finds_is_in_the_table() {
    let long = format!("{}.{}.example", "a".repeat(40), "b".repeat(40));
    let lines = [
        "*.a.example",
        "a.example >",
        "> x",
        "a.example > x > y",
        "a.example # x",
        "a.example\u{a0}",
        "a.example > ..",
        "a.example > *.x",
        "ip:a",
        "192.0.2.1",
        "a,b",
        "a\u{7}",
        "a a",
        "a..b",
        &long,
        "\u{fffd}",
        "a:1",
        "b*",
        "b.",
        "b_",
        "http://c",
        "d\nd",
        "e\ne f",
    ];
    let text = lines.join("\n");
    let mut expected: Vec<_> =
        RULES.iter().filter(|rule| rule.check.is_none()).map(|rule| (rule.id, rule.severity)).collect();
    let mut found: Vec<_> =
        list(&text).diagnostics.iter().map(|found| (found.rule, found.severity)).collect();
    expected.sort_unstable();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, expected);
}

#[test]
fn the_example_list_has_no_faults() {
    let text = include_str!("../../domains.txt.example");
    assert_eq!(list(text).diagnostics, []);
    assert_eq!(list(text).entries.len(), 5);
    assert!(found(text).is_empty());
}
