//! What the hook does to records, its own and those of others.

use hydrant_hook_protocol::TripleOutcome::{Done, Failed};
use hydrant_hook_protocol::read_results;
use serde_json::json;

use super::{hook, rig};
use crate::support::{Cloudflare, Test};

const NAME: &str = "_acme-challenge.example.com";

#[test]
fn records_of_others_stay_as_they_are() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, NAME, "TXT", "\"one\"");
    cloudflare.set(zone, NAME, "TXT", "unquoted");
    cloudflare.set(zone, NAME, "TXT", "\"two \\\"quoted\\\"\" \"strings\"");
    cloudflare.set(zone, "www.example.com", "TXT", "\"mine\"");
    cloudflare.set(zone, "alias.example.com", "CNAME", "www.example.com");
    let before = cloudflare.records();
    let test = Test::new().cloudflare(&cloudflare);
    let both = ["example.com", "t", "mine", "example.com", "t", "mine-too"];
    hook(&test, &[&["deploy_challenge"], &both[..]].concat()).code(0).stdout("").stderr("");
    let mut after = before.clone();
    after.extend(["mine", "mine-too"].map(|value| format!("{NAME} 60 TXT \"{value}\"")));
    after.sort();
    assert_eq!(cloudflare.records(), after);
    // Once more is no fault, alone and with others, and taking away twice neither.
    hook(&test, &["deploy_challenge", "example.com", "t", "mine"]).code(0).stderr("");
    hook(&test, &[&["deploy_challenge"], &both[..], &["example.com", "t", "third"]].concat())
        .code(0)
        .stderr("");
    assert_eq!(cloudflare.records().len(), after.len() + 1);
    for _ in 0..2 {
        let all = [&["clean_challenge"], &both[..], &["example.com", "t", "third"]].concat();
        hook(&test, &all).code(0).stdout("").stderr("");
        assert_eq!(cloudflare.records(), before);
    }
}

#[test]
fn a_value_that_somebody_wrote_without_quotes_is_found_as_well() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, NAME, "TXT", "value");
    let test = Test::new().cloudflare(&cloudflare);
    hook(&test, &["deploy_challenge", "example.com", "t", "value"]).code(0).stderr("");
    assert_eq!(cloudflare.records().len(), 1);
    hook(&test, &["clean_challenge", "example.com", "t", "value"]).code(0).stderr("");
    assert!(cloudflare.records().is_empty());
}

#[test]
fn one_bad_name_fails_alone() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, "_acme-challenge.bad.example.com", "CNAME", "elsewhere.test");
    let before = cloudflare.records();
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "false");
    let test = test.env("HYDRANT_RESULTS", "results");
    let triples = ["a.example.com", "bad.example.com", "nowhere.test", "d.example.com", "e.example.org"];
    let triples: Vec<_> = triples.iter().flat_map(|name| [name, "t", "value"]).collect();
    hook(&test, &[&["deploy_challenge"], &triples[..]].concat()).code(0).stderr("");
    let results = read_results(&test.read("results"));
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Done, Failed, Failed, Done, Done]);
    let message = |index: usize| results[index].message.as_deref().unwrap();
    assert_eq!(
        message(1),
        "Cloudflare refused the record: A CNAME record with that host already exists (81054)"
    );
    assert_eq!(
        message(2),
        "none of the 2 zones that the token sees holds `_acme-challenge.nowhere.test`; hint: is it in another \
         account, or not among the token's zone resources?"
    );
    assert_eq!(cloudflare.records().len(), before.len() + 3);
    hook(&test, &[&["clean_challenge"], &triples[..]].concat()).code(0).stderr("");
    assert_eq!(cloudflare.records(), before);
}

#[test]
fn where_batches_are_refused_records_are_written_one_by_one() {
    let refusals = [
        (404, 7000, "No route for that URI"),
        (403, 10000, "Authentication error"),
        (405, 10405, "Method not allowed for this authentication scheme"),
    ];
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.com"]);
    for (status, code, message) in refusals {
        let body = json!({
            "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": null,
        });
        // One for deploying and one for cleaning: the hook learns it with the first.
        cloudflare.prepare(&json!([{ "call": "batch", "status": status, "body": body, "times": 2 }]));
        let test = Test::new().cloudflare(&cloudflare);
        let names: Vec<_> = (0..7).map(|number| format!("n{number}.example.com")).collect();
        let triples: Vec<_> = names.iter().flat_map(|name| [name.as_str(), "t", "value"]).collect();
        hook(&test, &[&["deploy_challenge"], &triples[..]].concat()).code(0).stderr("");
        assert_eq!(cloudflare.records().len(), 7, "{status}");
        hook(&test, &[&["clean_challenge"], &triples[..]].concat()).code(0).stderr("");
        assert!(cloudflare.records().is_empty(), "{status}");
    }
    let counts = ["batch", "create", "delete"].map(|call| cloudflare.count(call));
    assert_eq!(counts, [6, 21, 21], "{:?}", cloudflare.requests());
}

#[test]
fn of_writers_at_the_same_time_nobody_loses_a_value() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, NAME, "TXT", "\"foreign\"");
    let before = cloudflare.records();
    let test = Test::new().cloudflare(&cloudflare);
    let in_all = |operation: &str| {
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let test = &test;
                scope.spawn(move || {
                    // One value is everybody's, as where two runners have the same order.
                    let own = format!("value-{writer}");
                    let both = [operation, "example.com", "t", &own, "example.com", "t", "shared"];
                    hook(test, &both).code(0).stderr("");
                });
            }
        });
    };
    in_all("deploy_challenge");
    assert_eq!(cloudflare.records().len(), 10);
    in_all("clean_challenge");
    assert_eq!(cloudflare.records(), before);
}
