//! Certificates by dns-01 through Route 53.

use super::rig;
use crate::support::{Route53, Test, assert_good_pair, dehydrated, route53_hook};

const NAMES: [&str; 5] =
    ["*.example.com", "*.sub.example.com", "a.sub.example.com", "deep.b.example.org", "example.com"];

/// One certificate of apex, wildcard, a delegated zone below and a second zone.
const LIST: &str = "example.com *.example.com a.sub.example.com *.sub.example.com deep.b.example.org\n";

#[test]
fn hydrant_issues_apex_wildcard_and_several_zones_with_one_change_a_zone() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com", "sub.example.com", "example.org"]);
    route53.set(&ids[0], "_acme-challenge.example.com", "TXT", &["\"of another client\""]);
    let hook = route53_hook();
    let yaml = format!("accept_terms: true\nchallenge: dns-01\nhooks:\n  - command: {}\n", hook.display());
    let test = Test::new().route53(&route53).domains(LIST).config(&yaml).args(["run"]);
    test.run().code(0).stdout_contains("1 certificate: 1 issued\n").stderr("");
    assert_good_pair(&rig, &test.path("certs/example.com"), &NAMES);
    assert_eq!(route53.records(&ids[0]), ["_acme-challenge.example.com. 300 TXT \"of another client\""]);
    assert!(route53.records(&ids[1]).is_empty() && route53.records(&ids[2]).is_empty());
    let requests = route53.requests();
    let count = |what: &str| requests.iter().filter(|request| *request == what).count();
    // Deploying and cleaning, three zones each; the wait is for three changes, once.
    assert_eq!((count("change"), count("status"), count("zones")), (6, 3, 2), "{requests:?}");
    // One name has another's value: it alone is read.
    assert_eq!((count("read"), count("change InvalidChangeBatch")), (2, 2), "{requests:?}");
}

#[test]
fn the_real_dehydrated_issues_with_the_same_hook() {
    for chain in ["no", "yes"] {
        let rig = rig(&[]);
        let route53 = Route53::new(&rig);
        let ids = route53.zones(&["example.com", "sub.example.com", "example.org"]);
        let config = format!(
            "CA={}\nCHALLENGETYPE=dns-01\nHOOK={}\nHOOK_CHAIN={chain}\nCURL_OPTS=\"--cacert {}\"\nKEY_ALGO=secp384r1\n",
            rig.ca(),
            route53_hook().display(),
            rig.environment()["HYDRANT_CA_ROOTS"],
        );
        let test = Test::new().route53(&route53).domains(LIST).write("config", config);
        let config = test.path("config").display().to_string();
        test.program(dehydrated(), &["--config", &config, "--register", "--accept-terms"]).code(0);
        test.program(dehydrated(), &["--config", &config, "--cron"]).code(0);
        let certificate = crate::support::CertificateFacts::of(&test.path("certs/example.com/cert.pem"));
        assert_eq!(certificate.names.iter().map(String::as_str).collect::<Vec<_>>(), NAMES, "{chain}");
        for id in &ids {
            assert!(route53.records(id).is_empty(), "HOOK_CHAIN={chain}: {:?}", route53.records(id));
        }
    }
}

#[test]
fn hydrant_proves_names_at_the_records_of_an_account_of_its_own() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com", "sub.example.com", "example.org"]);
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-account-01\nhooks:\n  - command: {}\n",
        route53_hook().display()
    );
    // Two certificates in one batch.
    let list = format!("{LIST}b.example.org\n");
    let test = Test::new().route53(&route53).domains(&list).config(&yaml).args(["run"]);
    test.run().code(0).stdout_contains("2 certificates: 2 issued\n").stderr("");
    assert_good_pair(&rig, &test.path("certs/example.com"), &NAMES);
    assert_good_pair(&rig, &test.path("certs/b.example.org"), &["b.example.org"]);
    for id in &ids {
        assert!(route53.records(id).is_empty());
    }
}
