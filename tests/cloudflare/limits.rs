//! Limits of the account and of a batch, and a server that is not well.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{hook, rig};
use crate::support::{Cloudflare, Test};

#[test]
fn an_account_that_asked_too_much_waits_as_long_as_it_is_told_and_goes_on() {
    let rig = rig(&["--cloudflare-limit", "3:2"]);
    let cloudflare = Cloudflare::with_zones(&rig, &["a.test", "b.test", "c.test", "d.test"]);
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    let names = ["a.test", "b.test", "c.test", "d.test"];
    let triples: Vec<_> = names.iter().flat_map(|name| [name, "t", "v"]).collect();
    let started = Instant::now();
    hook(&test, &[&["deploy_challenge"], &triples[..]].concat()).code(0).stderr("");
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(cloudflare.records().len(), 4);
    let limited = cloudflare.requests().iter().filter(|request| request.status == 429).count();
    // Those that were under way when the first one was refused, and none after it.
    assert!((1..=4).contains(&limited), "{:?}", cloudflare.requests());
}

#[test]
fn a_wait_beyond_all_patience_is_put_off() {
    let rig = rig(&["--cloudflare-limit", "1:300"]);
    let cloudflare = Cloudflare::with_zones(&rig, &["a.test"]);
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    let test = test.env("HYDRANT_CLOUDFLARE_PATIENCE", "60");
    let started = Instant::now();
    hook(&test, &["deploy_challenge", "a.test", "t", "v"]).code(75).stderr(
        "cloudflare: a.test: the record did not succeed in time: Please wait and consider throttling your request \
         speed (971)\n",
    );
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_last_request_that_is_left_is_not_followed_by_one_too_many() {
    let rig = rig(&["--cloudflare-plain"]);
    let cloudflare = Cloudflare::with_zones(&rig, &["a.test"]);
    let body = json!({ "success": true, "errors": [], "messages": [], "result": [
        { "id": "0123456789abcdef0123456789abcdef", "name": "b.test" } ] });
    let headers = json!({ "ratelimit": "\"default\";r=0;t=2" });
    cloudflare.prepare(&json!([{ "call": "zones", "status": 200, "headers": headers, "body": body }]));
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    let started = Instant::now();
    hook(&test, &["clean_challenge", "b.test", "t", "v"])
        .code(1)
        .stderr_contains("there is no zone with the id ");
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_server_that_is_not_well_is_asked_again_and_an_answer_that_got_lost_does_no_harm() {
    let rig = rig(&["--cloudflare-plain"]);
    let cloudflare = Cloudflare::with_zones(&rig, &["a.test"]);
    cloudflare.prepare(&json!([
        { "call": "zones", "status": 502, "body": "<html>bad gateway</html>" },
        { "call": "batch", "status": 520, "body": "", "act": true },
        { "call": "create", "status": 500, "body": "", "act": true },
    ]));
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    let both = ["a.test", "t", "v1", "a.test", "t", "v2"];
    hook(&test, &[&["deploy_challenge"], &both[..]].concat()).code(0).stderr("");
    hook(&test, &["deploy_challenge", "b.a.test", "t", "v3"]).code(0).stderr("");
    assert_eq!(cloudflare.records().len(), 3);
    cloudflare.prepare(&json!([
        { "call": "batch", "status": 500, "body": "", "act": true },
        { "call": "delete", "status": 500, "body": "", "act": true },
    ]));
    let all = [&["clean_challenge"], &both[..], &["b.a.test", "t", "v3"]].concat();
    hook(&test, &all).code(0).stderr("");
    assert!(cloudflare.records().is_empty());
}

#[test]
fn a_server_that_stays_ill_is_left_alone_after_a_while() {
    let rig = rig(&["--cloudflare-plain"]);
    let cloudflare = Cloudflare::with_zones(&rig, &["a.test"]);
    let headers = json!({ "retry-after": "0" });
    cloudflare
        .prepare(&json!([{ "call": "zones", "status": 503, "body": "", "headers": headers, "times": 99 }]));
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    hook(&test, &["deploy_challenge", "a.test", "t", "v"])
        .code(75)
        .stderr("cloudflare: a.test: listing zones did not succeed in time: HTTP status 503\n");
    assert_eq!(cloudflare.count("zones"), 6);
}

#[test]
fn many_names_take_as_few_requests_as_batches_hold() {
    let rig = rig(&[]);
    let zones: Vec<_> = (0..4).map(|number| format!("zone{number}.test")).collect();
    let cloudflare = Cloudflare::with_zones(&rig, &zones.iter().map(String::as_str).collect::<Vec<_>>());
    let mut arguments = String::from("OPERATION");
    for number in 0..450 {
        write!(arguments, " n{number}.zone0.test t {:x<43}", format!("v{number}")).unwrap();
    }
    for number in 0..90 {
        write!(arguments, " n{number}.{} t v", zones[1 + number % 3]).unwrap();
    }
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "false");
    let call = |operation| {
        let arguments = arguments.replace("OPERATION", operation);
        hook(&test, &arguments.split(' ').collect::<Vec<_>>()).code(0).stderr("");
    };
    call("deploy_challenge");
    assert_eq!(cloudflare.records().len(), 540);
    call("clean_challenge");
    assert!(cloudflare.records().is_empty());
    let counts = ["zones", "batch", "records", "create", "delete"].map(|call| cloudflare.count(call));
    assert_eq!(counts, [2, 12, 4, 0, 0]);
    assert!(cloudflare.requests().iter().all(|request| request.status == 200 && request.records <= 200));
}
