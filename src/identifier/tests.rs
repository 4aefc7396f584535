//! Tests of the module above.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Identifier {
    text.parse().unwrap()
}

#[test]
fn reads_what_domains_txt_may_say() {
    assert_eq!(name("WWW.Example.ORG").to_string(), "www.example.org");
    assert_eq!(name("bücher.example").to_string(), "xn--bcher-kva.example");
    assert_eq!(name("*.Bücher.example").to_string(), "*.xn--bcher-kva.example");
    assert_eq!(name("IP:2001:DB8:0:0:0:0:0:1").to_string(), "ip:2001:db8::1");
    assert_eq!(name("localhost").value(), "localhost");
    assert_eq!(name("ip:192.0.2.1").value(), "192.0.2.1");
}

#[test]
fn refuses_what_no_ca_would_take() {
    let error = |text: &str| text.parse::<Identifier>().unwrap_err();
    assert_eq!(error("a.example."), IdentifierError::TrailingDot);
    assert_eq!(error("a..example"), IdentifierError::EmptyLabel);
    assert_eq!(error("_a.example"), IdentifierError::BadCharacter { character: '_' });
    assert_eq!(error("a.example:443"), IdentifierError::BadCharacter { character: ':' });
    assert_eq!(error("*.*.a.example"), IdentifierError::StrayWildcard);
    assert_eq!(error("*"), IdentifierError::StrayWildcard);
    assert_eq!(error("-d.example"), IdentifierError::HyphenAtEdge);
    assert_eq!(error("192.0.2.1"), IdentifierError::BareAddress);
    assert_eq!(error("ip:[2001:db8::1]"), IdentifierError::BadAddress);
    assert_eq!(error(&format!("{}.example", "a".repeat(64))), IdentifierError::LabelTooLong { length: 64 });
}

#[test]
fn a_wildcard_covers_one_label() {
    let covers =
        |wildcard: &str, other: &str| wildcard.parse::<DnsName>().unwrap().covers(&other.parse().unwrap());
    assert!(covers("*.a.example", "www.a.example"));
    assert!(!covers("*.a.example", "a.example"));
    assert!(!covers("*.a.example", "x.www.a.example"));
    assert!(!covers("*.a.example", "*.a.example"));
}

#[test]
fn an_alias_stays_in_its_directory() {
    let error = |text: &str| text.parse::<CertName>().unwrap_err();
    assert_eq!("S/D".parse::<CertName>().unwrap().as_str(), "s/d");
    assert_eq!(error("../o"), CertNameError::LeavesDirectory);
    assert_eq!(error("a/../../x"), CertNameError::LeavesDirectory);
    assert_eq!(error("/etc"), CertNameError::Absolute);
    assert_eq!(error("a//b"), CertNameError::EmptyComponent);
}

proptest! {
    #[test]
    fn display_and_parse_are_inverse(text in "\\PC{0,80}") {
        if let Ok(identifier) = text.parse::<Identifier>() {
            prop_assert_eq!(identifier.to_string().parse::<Identifier>(), Ok(identifier));
        }
    }
}
