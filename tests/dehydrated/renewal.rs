//! When a certificate is renewed through dehydrated's door.

use std::fs;

use serde_json::json;

use super::place::{cron, place, told};
use crate::support::{CertificateFacts, Rig, Test};

fn is_issued(test: &Test) -> bool {
    told(test).iter().any(|call| call.starts_with("deploy_cert"))
}

#[test]
fn renew_days_are_counted_to_the_day() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid", "--profile", "default=7776000"]);
    for (days, renewed) in
        [("30", false), ("89", false), ("90", true), ("soon", true), ("", false), ("-5", false)]
    {
        let test = place(&rig, "a.example\n", &format!("RENEW_DAYS=\"{days}\""));
        cron(&test, &[]).code(0);
        assert!(is_issued(&test));
        cron(&test, &[]).code(0);
        assert_eq!(is_issued(&test), renewed, "RENEW_DAYS={days}");
    }
}

#[test]
fn the_default_follows_the_renewal_window_and_days_that_are_set_do_not() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let past =
        json!({ "suggestedWindow": { "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" } });
    for (settings, renewed) in [("", true), ("RENEW_DAYS=30", false)] {
        let test = place(&rig, "a.example\n", settings);
        cron(&test, &[]).code(0);
        told(&test);
        rig.set_renewal_info(&test.read("certs/a.example/cert.pem"), &past.to_string());
        cron(&test, &[]).code(0);
        assert_eq!(is_issued(&test), renewed, "{settings}");
    }
}

#[test]
fn a_certificate_of_six_days_is_not_renewed_on_every_run() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid", "--profile", "short=518400"]);
    let test = place(&rig, "a.example\n", "");
    for _ in 0..3 {
        cron(&test, &[]).code(0);
    }
    assert_eq!(rig.certificates_issued(), 1);
    // Who sets the days is obeyed.
    let config = test.read("config") + "RENEW_DAYS=10\n";
    test.put("config", &config);
    cron(&test, &[]).code(0);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_certificate_that_cannot_be_read_is_issued_anew() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\nb.example\n", "RENEW_DAYS=30");
    cron(&test, &[]).code(0);
    told(&test);
    for damage in ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"] {
        let file = fs::canonicalize(test.path("certs/a.example/cert.pem")).unwrap();
        fs::write(file, damage).unwrap();
        cron(&test, &[]).code(0);
        let calls = told(&test);
        assert!(calls.contains(&"deploy_cert a.example".to_owned()), "{damage}: {calls:?}");
        assert!(calls.contains(&"unchanged_cert b.example".to_owned()), "{damage}: {calls:?}");
        assert!(test.read("certs/a.example/cert.pem").contains("BEGIN CERTIFICATE"));
    }
}

#[test]
fn a_chain_that_is_preferred_is_found_by_either_spelling_and_a_miss_costs_nothing() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid", "--alternate-roots", "1"]);
    let roots = fs::read_to_string(rig.roots()).unwrap();
    let test = place(&rig, "a.example\n", "").write("roots.pem", &roots);
    // The second of the file is the alternate one.
    let second = roots.split_inclusive("-----END CERTIFICATE-----\n").nth(1).unwrap();
    let test = test.write("second.pem", second);
    let root = CertificateFacts::of(&test.path("second.pem")).issuer;
    let name = root.trim_start_matches("CN=").to_owned();
    let config = test.read("config");
    let issuer = |test: &Test| {
        let chain = test.read("certs/a.example/chain.pem");
        let last = chain.split_inclusive("-----END CERTIFICATE-----\n").last().unwrap().to_owned();
        test.put("last.pem", &last);
        CertificateFacts::of(&test.path("last.pem")).issuer
    };
    for wanted in [name.clone(), format!("issuer=CN = {name}")] {
        test.put("config", &format!("{config}PREFERRED_CHAIN=\"{wanted}\"\n"));
        cron(&test, &["--force"]).code(0).stderr("");
        assert_eq!(issuer(&test), root, "{wanted}");
    }
    cron(&test, &["--force", "--preferred-chain", "Nobody"]).code(0).stderr_contains("Nobody");
    assert_ne!(issuer(&test), root);
}

#[test]
fn a_key_of_521_bits_is_issued_and_a_ca_without_ocsp_fails_nothing() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\n", "KEY_ALGO=secp521r1\nOCSP_FETCH=yes");
    cron(&test, &[]).code(0);
    let facts = CertificateFacts::of(&test.path("certs/a.example/cert.pem"));
    assert!(facts.public_key.lines().nth(1).unwrap().len() > 60, "{}", facts.public_key);
    assert!(is_issued(&test));
    cron(&test, &[]).code(0).stderr("");
    assert!(!is_issued(&test));
}

#[test]
fn refused_nonces_are_no_hooks_business() {
    let rig = Rig::with(&["--nonce-reject", "60", "--always-valid"]);
    let test = place(&rig, "a.example\nb.example\n", "");
    told(&test);
    cron(&test, &[]).code(0);
    let calls = told(&test);
    assert_eq!(calls.len(), 2 + 12 + 1, "{calls:?}");
    assert_eq!(calls.last().unwrap(), "exit_hook");
}
