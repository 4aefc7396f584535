//! Tests of the module above.

use time::macros::datetime;

use super::*;

const FULLCHAIN: &str = include_str!("../../tests/fixtures/chain/fullchain.pem");
const KEY: &str = include_str!("../../tests/fixtures/keys/p256.pkcs8.pem");

fn names(texts: &[&str]) -> Vec<Identifier> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn splits_leaf_and_chain_without_changing_them() {
    let chain = Chain::parse(FULLCHAIN).unwrap();
    assert_eq!(chain.fullchain_pem(), FULLCHAIN);
    assert_eq!(format!("{}{}", chain.cert_pem(), chain.chain_pem()), FULLCHAIN);
    assert_eq!(chain.cert_pem().matches("BEGIN").count(), 1);
    assert_eq!(chain.chain_pem().matches("BEGIN").count(), 1);
    let with_text = format!("issuer=x\n\n{}", FULLCHAIN.replace('\n', "\r\n"));
    assert_eq!(Chain::parse(&with_text).unwrap(), chain);
    let leaf_alone = Chain::parse(chain.cert_pem()).unwrap();
    assert_eq!(leaf_alone.chain_pem(), "");
}

#[test]
fn reads_the_leaf() {
    let leaf = Leaf::parse_first(FULLCHAIN.as_bytes()).unwrap();
    assert_eq!(&leaf, Chain::parse(FULLCHAIN).unwrap().leaf());
    assert_eq!(leaf.names, names(&["a.example.com", "*.a.example.com", "ip:192.0.2.1", "ip:2001:db8::1"]));
    assert!(!leaf.has_unnamed);
    assert_eq!(leaf.issuer, "Fixture intermediate");
    // The serial number and key identifier of the example in RFC 9773 §4.1.
    assert_eq!(leaf.serial, [0, 0x87, 0x65, 0x43, 0x21]);
    assert_eq!(leaf.renewal_id.as_deref(), Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
    assert_eq!(leaf.not_before, datetime!(2026-01-01 00:00:00 UTC));
    assert_eq!(leaf.not_after, datetime!(2026-04-01 00:00:00 UTC));
    assert_eq!(leaf.fingerprint, include_str!("../../tests/fixtures/chain/fingerprint").trim());
}

#[test]
fn knows_where_a_chain_ends() {
    let chain = Chain::parse(FULLCHAIN).unwrap();
    assert!(chain.ends_at("Fixture root"));
    for written_for_dehydrated in ["issuer=CN = Fixture root", "issuer=CN=Fixture root"] {
        assert!(chain.ends_at(written_for_dehydrated));
    }
    assert!(!chain.ends_at("CN = Fixture root"));
    assert!(!chain.ends_at("Fixture"));
    assert!(!chain.ends_at("fixture root"));
}

#[test]
fn refuses_anything_but_certificates() {
    let smuggled = format!("{FULLCHAIN}{KEY}");
    let error = Chain::parse(&smuggled).unwrap_err();
    assert_eq!(error, ChainError::ForeignBlock { label: "PRIVATE KEY".to_owned() });
    assert_eq!(Chain::parse("").unwrap_err(), ChainError::Empty);
    assert_eq!(Chain::parse("<html>").unwrap_err(), ChainError::Empty);
    let cut = &FULLCHAIN[..FULLCHAIN.len() - 10];
    assert!(matches!(Chain::parse(cut).unwrap_err(), ChainError::Pem(_)));
    let damaged = pem::encode(CERTIFICATE, b"no certificate");
    assert_eq!(Chain::parse(&damaged).unwrap_err(), ChainError::Damaged);
    assert!(matches!(Leaf::parse_first(KEY.as_bytes()).unwrap_err(), ChainError::ForeignBlock { .. }));
}

#[test]
fn checks_key_names_and_time() {
    let chain = Chain::parse(FULLCHAIN).unwrap();
    let key = chain.leaf().public_key_der.clone();
    let ordered = names(&["ip:2001:db8::1", "*.A.example.com", "a.example.com", "ip:192.0.2.1"]);
    let now = datetime!(2026-02-01 00:00:00 UTC);
    chain.check(&key, &ordered, now).unwrap();
    chain.check(&key, &ordered, datetime!(2025-12-31 23:30:00 UTC)).unwrap();

    let other = crate::key::PrivateKey::generate(crate::key::KeyType::P256).unwrap();
    assert_eq!(chain.check(other.public_key_der(), &ordered, now).unwrap_err(), ChainError::OtherKey);
    assert_eq!(
        chain.check(&key, &names(&["a.example.com", "b.example.com"]), now).unwrap_err().to_string(),
        "the certificate is for other names than ordered; missing: `b.example.com`; \
         not ordered: `*.a.example.com`, `ip:192.0.2.1`, `ip:2001:db8::1`"
    );
    let late = chain.check(&key, &ordered, datetime!(2026-04-01 00:00:00 UTC));
    assert!(matches!(late, Err(ChainError::Expired { .. })));
    let early = chain.check(&key, &ordered, datetime!(2025-12-31 22:30:00 UTC));
    assert!(matches!(early, Err(ChainError::NotYetValid { .. })));
}
