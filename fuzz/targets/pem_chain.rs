//! Certificate chains: what is taken can be split and put together again.

#![no_main]

use hydrant::chain::{Chain, Leaf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Leaf::parse_first(text.as_bytes());
    let Ok(chain) = Chain::parse(text) else { return };
    assert_eq!(chain.fullchain_pem(), format!("{}{}", chain.cert_pem(), chain.chain_pem()));
    let again = Chain::parse(chain.fullchain_pem()).expect("what was written is read");
    assert_eq!(again.fullchain_pem(), chain.fullchain_pem());
});
