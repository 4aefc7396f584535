//! Which values there are at the names of challenges.

use hydrant_hook_protocol::{Listed, read_listing};

use super::{hook, rig};
use crate::support::{Route53, Test};

/// `NAME RECORD VALUE`, or `NAME: MESSAGE`.
fn listed(text: &str) -> Vec<String> {
    let line = |line| match line {
        Listed::Value(value) => format!("{} {} {}", value.name, value.record, value.value),
        Listed::Failed(failed) => format!("{}: {}", failed.name, failed.message),
    };
    let mut lines: Vec<_> = read_listing(text).into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn values_at_the_names_of_challenges_are_listed_whoever_put_them_there() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com", "sub.example.com", "validation.test"]);
    route53.set(
        &ids[0],
        "_acme-challenge.example.com",
        "TXT",
        &["\"one\"", "\"two \\\"quoted\\\"\" \" strings\""],
    );
    route53.set(&ids[0], "_mtpnvshnry5jemyg._acme-challenge.example.com", "TXT", &["\"of an account\""]);
    route53.set(&ids[0], "_acme-challenge.not-asked.example.com", "TXT", &["\"x\""]);
    route53.set(&ids[0], "_acme-challenge.www.example.com", "CNAME", &["www.validation.test."]);
    route53.set(&ids[0], "example.com", "TXT", &["\"v=spf1 -all\""]);
    route53.set(&ids[1], "_acme-challenge.sub.example.com", "TXT", &["\"three\""]);
    route53.set(&ids[2], "www.validation.test", "TXT", &["\"four\""]);
    let test = Test::new().route53(&route53);
    let names = ["example.com", "sub.example.com", "www.example.com", "empty.example.com", "nowhere.test"];
    let output = hook(&test, &[&["list_challenges"], &names[..]].concat()).code(1).stderr("");
    assert_eq!(
        listed(&output.stdout),
        [
            "example.com _acme-challenge.example.com one",
            "example.com _acme-challenge.example.com two \"quoted\" strings",
            "example.com _mtpnvshnry5jemyg._acme-challenge.example.com of an account",
            "nowhere.test: no public hosted zone holds `_acme-challenge.nowhere.test`; hint: is the zone in another \
             account? then give its role in HYDRANT_ROUTE53_ZONES",
            "sub.example.com _acme-challenge.sub.example.com three",
            "www.example.com www.validation.test four",
        ]
    );
    // hydrant reads the lines from a file, and says itself which names failed.
    let test = test.env("HYDRANT_RESULTS", "results");
    hook(&test, &["list_challenges", "sub.example.com", "nowhere.test"]).code(0).stdout("").stderr("");
    assert_eq!(listed(&test.read("results")).len(), 2);
}

#[test]
fn a_zone_of_many_names_is_listed_by_its_pages() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com"]);
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_FOLLOW_CNAME", "false");
    let names: Vec<_> = (0..700).map(|number| format!("n{number}.example.com")).collect();
    let triples = names.iter().flat_map(|name| [name.as_str(), "t", name.as_str()]);
    hook(&test, &std::iter::once("deploy_challenge").chain(triples).collect::<Vec<_>>()).code(0);
    // More than a page of labels below one name, and names whose order depends on what sorts them.
    let labels = (0..310).map(|number| format!("_label{number}._acme-challenge.n5.example.com"));
    let others = ["n5-a", "*.n5", "x.n5-a"].map(|name| format!("_acme-challenge.{name}.example.com"));
    let added: Vec<_> = labels.chain(others).collect();
    let sets: Vec<_> = added.iter().map(|name| (name.as_str(), "TXT", &["\"v\""][..])).collect();
    route53.set_all(&ids[0], &sets);
    let before = route53.requests().len();
    let asked = names.iter().map(String::as_str).chain(["n5-a.example.com", "x.n5-a.example.com"]);
    let arguments: Vec<_> = std::iter::once("list_challenges").chain(asked).collect();
    let output = hook(&test, &arguments).code(0).stderr("");
    assert_eq!(listed(&output.stdout).len(), 700 + 310 + 2);
    let requests = &route53.requests()[before..];
    assert!(requests.len() < 12, "{requests:?}");
    // Of one name nothing else is read.
    hook(&test, &["list_challenges", "n7.example.com"]).code(0).stderr("");
    assert_eq!(route53.requests()[before + requests.len()..], ["zones", "read"]);
}
