//! Link headers: targets and relations are parts of the text.

#![no_main]

use hydrant::acme::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    for link in Link::parse_all(value) {
        assert!(value.contains(&link.target));
    }
});
