//! What many names cost.

use std::time::{Duration, Instant};

use super::{hook, rig};
use crate::support::{Route53, Test};

const ZONES: usize = 40;
const NAMES: usize = 2000;
/// Of which the way of one name at a time is measured.
const SAMPLE: usize = 20;

#[test]
fn two_thousand_names_over_forty_zones_take_a_fiftieth_of_the_requests_of_one_at_a_time() {
    // The limits that AWS publishes: 50 requests at once and 10 more a second. A change is in sync after 100 ms: the first
    // question about it waits for that.
    let rig = rig(&["--route53-bucket", "50:10", "--route53-busy", "30", "--route53-pending", "0.1"]);
    let route53 = Route53::new(&rig);
    let zones: Vec<_> = (0..ZONES).map(|number| format!("zone{number}.test")).collect();
    let ids = route53.zones(&zones.iter().map(String::as_str).collect::<Vec<_>>());
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_FOLLOW_CNAME", "false");
    let mut triples = Vec::new();
    for number in 0..NAMES {
        // In the order of their zones, as hydrant gives them.
        let zone = number / (NAMES / ZONES);
        triples.push([format!("n{number}.zone{zone}.test"), "token".into(), format!("{number:043}")]);
    }
    let call = |operation: &'static str, triples: &[[String; 3]]| {
        let arguments = triples.iter().flatten().map(String::as_str);
        hook(&test, &std::iter::once(operation).chain(arguments).collect::<Vec<_>>()).code(0).stderr("");
    };
    // Below 100 kB of arguments, as hydrant splits batches.
    let batches = timed(|| {
        for operation in ["deploy_challenge", "clean_challenge"] {
            triples.chunks(NAMES / 2).for_each(|batch| call(operation, batch));
        }
    });
    let requests = route53.requests();
    let by_zone = route53.requests_by_zone();
    assert_eq!(by_zone.len(), ZONES);
    for id in ids.iter().step_by(13) {
        assert!(route53.records(id).is_empty());
    }
    let singles = timed(|| {
        for triple in &triples[..SAMPLE] {
            call("deploy_challenge", std::slice::from_ref(triple));
            call("clean_challenge", std::slice::from_ref(triple));
        }
    });
    let sample = route53.requests().len() - requests.len();
    let throttled = requests.iter().filter(|request| request.contains("Throttling")).count();
    let scale = u32::try_from(NAMES / SAMPLE).unwrap();
    println!(
        "{NAMES} names over {ZONES} zones: {} requests ({throttled} of them throttled) in {:.1} s; one at a time {} \
         requests in {:.0} s (measured with {SAMPLE})\nrequests about each zone: {by_zone:?}",
        requests.len(),
        batches.as_secs_f64(),
        sample * NAMES / SAMPLE,
        (singles * scale).as_secs_f64(),
    );
    assert!(requests.len() * 50 <= sample * NAMES / SAMPLE, "{} {sample}", requests.len());
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
