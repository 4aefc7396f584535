//! Rules of tenants: any text gives rules and diagnostics, and rules say yes or no to any name.

#![no_main]

use hydrant::config::CertificateSettings;
use hydrant::config::tenants::Tenants;
use hydrant::tenant::{Claims, Request, Rules, Tenancy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (tenants, _diagnostics) = Tenants::parse("tenants.yml", text);
    // The last line is a name to ask for.
    let Ok(asked) = text.lines().next_back().unwrap_or_default().trim().parse() else { return };
    let rules = Rules { place: "tenants.yml".to_owned(), tenants };
    let tenancy = Tenancy::new(vec![rules], Claims::new());
    let (names, settings) = ([asked], CertificateSettings::default());
    let Ok(name) = "name".parse() else { return };
    if let Err(refusal) = tenancy.check(&Request::new(&name, &names, &settings, Some("kv/name"))) {
        let _ = (refusal.to_string(), refusal.hints());
    }
});
