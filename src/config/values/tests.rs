//! Tests of the module above.

use std::fmt;

use super::*;
use crate::hook::{Chaining, Operation};
use crate::key::KeyType;

fn error<T: Setting + fmt::Debug>(text: &str) -> String {
    T::read(text).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_back() {
    fn inverse<T: Setting + PartialEq + fmt::Debug>() {
        for word in T::WORDS {
            let value = T::read(word).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(value.write(), *word);
        }
    }
    inverse::<KeyType>();
    inverse::<ChallengeType>();
    inverse::<IpVersion>();
    inverse::<MacAlgorithm>();
    inverse::<Format>();
    inverse::<Chaining>();
    inverse::<Operation>();
    let operations: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    assert_eq!(Operation::WORDS, operations);
    let kinds: Vec<_> = KeyType::ALL.iter().map(KeyType::to_string).collect();
    assert_eq!(KeyType::WORDS, kinds);
}

#[test]
fn a_port_alone_means_all_addresses() {
    let listen = |text| Listen::read(text).unwrap().write();
    assert_eq!(listen("80"), "[::]:80");
    assert_eq!(listen(":80"), "[::]:80");
    assert_eq!(listen("127.0.0.1:5002"), "127.0.0.1:5002");
    assert_eq!(
        error::<Listen>("localhost:80"),
        "`localhost:80` is not an address and a port such as `[::]:80`, or a port"
    );
}

#[test]
fn a_contact_is_one_plain_address() {
    assert_eq!(Contact::read("mailto:ops@example.org").unwrap().url(), "mailto:ops@example.org");
    for bad in ["ops", "@example.org", "a@b@c", "a@b,c@d", "a@b?subject=x", "a b@c"] {
        assert_eq!(error::<Contact>(bad), format!("`{bad}` is not an e-mail address"));
    }
}

#[test]
fn a_proxys_password_is_not_shown() {
    let proxy = Proxy::read("http://me:pass@proxy.example:3128").unwrap();
    assert_eq!(proxy, Proxy::Url("http://me:pass@proxy.example:3128".to_owned()));
    assert_eq!(proxy.write(), "http://[secret]@proxy.example:3128/");
    assert_eq!(format!("{proxy:?}"), "Proxy(http://[secret]@proxy.example:3128/)");
    assert!(!error::<Proxy>("ftp://me:pass@proxy.example").contains("pass@"));
}
