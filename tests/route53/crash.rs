//! The hook and hydrant killed (-9) at any request: the next run, or `dns gc`, leaves the zones as they were before.

use serde_json::json;

use super::{hook, rig};
use crate::support::{Rig, Route53, Test, assert_good_pair, route53_hook};

const NAME: &str = "_acme-challenge.example.com";

/// Zones with records of others, at the names of our own challenges too.
fn zones(route53: &Route53) -> Vec<String> {
    let ids = route53.zones(&["example.com", "example.org"]);
    route53.set_all(
        &ids[0],
        &[
            (NAME, "TXT", &["\"of another client\"", "\"and one more\""]),
            ("_acme-challenge.www.example.com", "TXT", &["\"not ours\""]),
            ("example.com", "TXT", &["\"v=spf1 -all\""]),
        ],
    );
    ids
}

fn place(rig: &Rig, route53: &Route53) -> Test {
    let hook = route53_hook();
    let yaml = format!("accept_terms: true\nchallenge: dns-01\nhooks:\n  - command: {}\n", hook.display());
    let test = Test::new().rig(rig).route53(route53).config(&yaml);
    test.domains("example.com *.example.com a.example.org\n").args(["run"])
}

/// Kills at one request after the other of a run, until there is none left; after each, `mend` has to make it good.
fn kill_at_every_request(with_hydrant: bool, mend: &[&str]) {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = zones(&route53);
    let all = || ids.iter().map(|id| route53.records(id)).collect::<Vec<_>>();
    let before = all();
    for when in ["before", "after"] {
        for nth in 0.. {
            let test = place(&rig, &route53);
            route53.kill(&json!({ "when": when, "skip": nth, "parent": with_hydrant }));
            let seen = route53.requests().len();
            let output = test.run();
            let requests = route53.requests().split_off(seen);
            if !requests.iter().any(|request| request.starts_with("killed")) {
                // Whoever is left must not meet it.
                route53.kill(&json!({ "when": when, "skip": 1_000_000 }));
                output.code(0);
                assert!(nth > 8, "{when}: only {nth} requests were seen");
                break;
            }
            eprintln!("--- killed {when} request {nth}: {requests:?}");
            assert_eq!(output.was_killed(), with_hydrant, "{}", output.stderr);
            test.hydrant(mend).code(0);
            assert_eq!(all(), before, "killed {when} request {nth}");
            if mend == ["run"] {
                let names = ["*.example.com", "a.example.org", "example.com"];
                assert_good_pair(&rig, &test.path("certs/example.com"), &names);
            }
        }
    }
}

#[test]
fn hydrant_and_the_hook_killed_at_any_request_leave_nothing_that_gc_does_not_clean() {
    kill_at_every_request(true, &["dns", "gc"]);
}

#[test]
fn the_hook_killed_at_any_request_leaves_nothing_after_the_next_run() {
    kill_at_every_request(false, &["run"]);
}

#[test]
fn cleaning_needs_no_more_than_its_arguments() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = zones(&route53);
    let before = route53.records(&ids[0]);
    let challenge = ["example.com", "token", "mine", "b.example.com", "token", "alone"];
    let deploy = Test::new().route53(&route53);
    hook(&deploy, &[&["deploy_challenge"], &challenge[..]].concat()).code(0);
    assert_ne!(route53.records(&ids[0]), before);
    // Another process in another directory, long after, with nothing but the token's place empty.
    let clean = Test::new().route53(&route53);
    let challenge = challenge.map(|word| if word == "token" { "" } else { word });
    hook(&clean, &[&["clean_challenge"], &challenge[..]].concat()).code(0).stdout("").stderr("");
    assert_eq!(route53.records(&ids[0]), before);
}
