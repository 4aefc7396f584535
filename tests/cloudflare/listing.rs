//! Which values there are at the names of challenges.

use hydrant_hook_protocol::{Listed, read_listing};

use super::{hook, rig};
use crate::support::{Cloudflare, Test};

#[test]
fn values_at_the_names_of_challenges_are_listed_with_their_age_whoever_put_them_there() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let ids = cloudflare.zones(&["example.com", "sub.example.com", "validation.test"]);
    let records = [
        (0, "_acme-challenge.example.com", "TXT", "\"one\""),
        (0, "_acme-challenge.example.com", "TXT", "unquoted"),
        (0, "_mtpnvshnry5jemyg._acme-challenge.example.com", "TXT", "\"of an account\""),
        (0, "_acme-challenge.not-asked.example.com", "TXT", "\"x\""),
        (0, "_acme-challenge.www.example.com", "CNAME", "www.validation.test"),
        (0, "example.com", "TXT", "\"v=spf1 -all\""),
        (1, "_acme-challenge.sub.example.com", "TXT", "\"three\""),
        (2, "www.validation.test", "TXT", "\"four\""),
    ];
    for (zone, name, kind, content) in records {
        cloudflare.set(&ids[zone], name, kind, content);
    }
    let before = cloudflare.records();
    let test = Test::new().cloudflare(&cloudflare);
    let names = ["example.com", "sub.example.com", "www.example.com", "empty.example.com", "nowhere.test"];
    let output = hook(&test, &[&["list_challenges"], &names[..]].concat()).code(1).stderr("");
    let mut lines = Vec::new();
    for line in read_listing(&output.stdout) {
        lines.push(match line {
            Listed::Value(value) => {
                let created = value.created.unwrap();
                assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
                format!("{} {} {}", value.name, value.record, value.value)
            }
            Listed::Failed(failed) => format!("{}: {}", failed.name, failed.message),
        });
    }
    lines.sort();
    assert_eq!(
        lines,
        [
            "example.com _acme-challenge.example.com one",
            "example.com _acme-challenge.example.com unquoted",
            "example.com _mtpnvshnry5jemyg._acme-challenge.example.com of an account",
            "nowhere.test: none of the 4 zones that the token sees holds `_acme-challenge.nowhere.test`; hint: is it \
             in another account, or not among the token's zone resources?",
            "sub.example.com _acme-challenge.sub.example.com three",
            "www.example.com www.validation.test four",
        ]
    );
    // hydrant reads the lines from a file, and says itself which names failed.
    let test = test.env("HYDRANT_RESULTS", "results");
    hook(&test, &["list_challenges", "sub.example.com", "nowhere.test"]).code(0).stdout("").stderr("");
    assert_eq!(read_listing(&test.read("results")).len(), 2);
    assert_eq!(cloudflare.records(), before);
}
