//! Zones with more records than a page has, and others who change them from one page to the next.

use std::ops::Range;

use hydrant_hook_protocol::{Listed, read_listing};
use serde_json::{Value, json};

use super::{hook, rig};
use crate::support::{Cloudflare, Output, Rig, Test};

fn record(number: usize) -> String {
    format!("_acme-challenge.n{number:04}.test.example")
}

/// Calls the hook for names with these numbers.
#[track_caller]
fn call(test: &Test, operation: &str, numbers: Range<usize>) -> Output {
    let name = |number| format!("n{number:04}.test.example");
    let triple = |number| match operation {
        "list_challenges" => vec![name(number)],
        _ => vec![name(number), "t".to_owned(), format!("v{number}")],
    };
    let arguments: Vec<_> = numbers.flat_map(triple).collect();
    let arguments: Vec<_> = std::iter::once(operation).chain(arguments.iter().map(String::as_str)).collect();
    hook(test, &arguments)
}

/// A zone with so many records, in the order of their numbers.
#[track_caller]
fn zone(rig: &Rig, records: usize) -> (Cloudflare<'_>, Test) {
    let cloudflare = Cloudflare::with_zones(rig, &["test.example"]);
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    call(&test, "deploy_challenge", 0..records).code(0).stderr("");
    assert_eq!(cloudflare.records().len(), records);
    (cloudflare, test)
}

/// Others delete these just before the nth page is read.
fn before_page(nth: usize, numbers: Range<usize>) -> Value {
    json!({ "call": "records", "nth": nth, "delete": numbers.map(record).collect::<Vec<_>>() })
}

#[test]
fn records_that_slip_to_a_page_that_was_read_already_are_cleaned_all_the_same() {
    let rig = rig(&[]);
    let (cloudflare, test) = zone(&rig, 1400);
    cloudflare.let_others(&json!([before_page(2, 0..400)]));
    call(&test, "clean_challenge", 900..1400).code(0).stderr("");
    let left: Vec<_> = (400..900).map(|number| format!("{} 60 TXT \"v{number}\"", record(number))).collect();
    assert_eq!(cloudflare.records(), left);
    // Two pages of which one had become empty, and the one that was left.
    assert_eq!((cloudflare.count("records"), cloudflare.count("delete")), (3, 0));
}

#[test]
fn of_several_pages_only_what_is_missed_is_read_for_again() {
    let rig = rig(&[]);
    let (cloudflare, test) = zone(&rig, 2300);
    call(&test, "clean_challenge", 2290..2300).code(0).stderr("");
    assert_eq!(cloudflare.count("records"), 3);
    // One of them is not there: up and down.
    call(&test, "clean_challenge", 2280..2291).code(0).stderr("");
    assert_eq!(cloudflare.count("records"), 3 + 6);
    // Some slip past the reader on its way up.
    cloudflare.let_others(&json!([before_page(2, 0..100)]));
    call(&test, "clean_challenge", 1000..1100).code(0).stderr("");
    assert_eq!(cloudflare.count("records"), 3 + 6 + 6);
    assert_eq!(cloudflare.records().len(), 2300 - 20 - 200);
    // And once more up, as the two did not see the same.
    cloudflare.let_others(&json!([before_page(3, 1100..1150)]));
    call(&test, "clean_challenge", 0..100).code(0).stderr("");
    assert_eq!(cloudflare.count("records"), 3 + 6 + 6 + 9);
    assert_eq!(cloudflare.records().len(), 2300 - 20 - 200 - 50);
}

#[test]
fn a_listing_has_all_that_nobody_has_deleted() {
    let rig = rig(&[]);
    let (cloudflare, test) = zone(&rig, 1400);
    cloudflare.let_others(&json!([before_page(2, 0..150)]));
    let listed = call(&test, "list_challenges", 0..1400).code(0).stderr("").stdout;
    let name = |line| match line {
        Listed::Value(value) => value.name,
        Listed::Failed(failed) => panic!("{failed:?}"),
    };
    let mut listed: Vec<_> = read_listing(&listed).into_iter().map(name).collect();
    listed.sort();
    let left: Vec<_> = (150..1400).map(|number| format!("n{number:04}.test.example")).collect();
    assert_eq!(listed, left);
}

#[test]
fn in_a_zone_that_never_rests_what_was_not_found_is_put_off() {
    let rig = rig(&[]);
    let (cloudflare, test) = zone(&rig, 1400);
    let restless: Vec<_> = (1..=60).map(|nth| before_page(nth, nth..nth + 1)).collect();
    cloudflare.let_others(&json!(restless));
    let message = "listing records did not succeed in time: others kept changing the zone";
    // Nobody has the last one.
    call(&test, "clean_challenge", 1390..1401)
        .code(75)
        .stderr(&format!("cloudflare: n1400.test.example: {message}\n"));
    assert!(!cloudflare.records().iter().any(|text| text.contains("n139")));
    let listed = call(&test, "list_challenges", 1300..1310).code(1).stderr("").stdout;
    assert_eq!((listed.lines().count(), listed.matches(message).count()), (10, 10), "{listed}");
}
