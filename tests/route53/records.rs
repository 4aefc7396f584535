//! What the hook does to records, its own and those of others.

use std::fmt::Write;

use hydrant_hook_protocol::{TripleOutcome, read_results};

use super::{hook, rig};
use crate::support::{Route53, Test};

const NAME: &str = "_acme-challenge.example.com";

#[test]
fn values_of_others_and_their_ttl_stay() {
    // Both documents with which Route 53 refuses a change.
    for form in ["error", "messages"] {
        let rig = rig(&["--route53-form", form]);
        let route53 = Route53::new(&rig);
        let zone = &route53.zones(&["example.com"])[0];
        route53.set(zone, NAME, "TXT", &["\"one\"", "\"two \\\"quoted\\\"\" \"strings\""]);
        let before = route53.records(zone);
        let test = Test::new().route53(&route53);
        hook(&test, &["deploy_challenge", "example.com", "t", "mine", "example.com", "t", "mine-too"])
            .code(0)
            .stdout("")
            .stderr("");
        assert_eq!(
            route53.records(zone),
            [format!("{NAME}. 300 TXT \"mine\" \"mine-too\" \"one\" \"two \\\"quoted\\\"\" \"strings\"")]
        );
        // Once more is no fault, and taking away twice neither.
        hook(&test, &["deploy_challenge", "example.com", "t", "mine"]).code(0);
        for _ in 0..2 {
            let both = ["clean_challenge", "example.com", "t", "mine", "example.com", "t", "mine-too"];
            hook(&test, &both).code(0).stdout("").stderr("");
            assert_eq!(route53.records(zone), before);
        }
    }
}

#[test]
fn of_writers_at_the_same_time_nobody_loses_a_value() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let zone = &route53.zones(&["example.com"])[0];
    route53.set(zone, NAME, "TXT", &["\"foreign\""]);
    let before = route53.records(zone);
    let test = Test::new().route53(&route53);
    let in_all = |operations: &[&str], rounds: usize| {
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let test = &test;
                scope.spawn(move || {
                    let value = format!("value-{writer}");
                    for operation in operations.repeat(rounds) {
                        hook(test, &[operation, "example.com", "t", &value]).code(0).stderr("");
                    }
                });
            }
        });
    };
    in_all(&["deploy_challenge", "clean_challenge"], 3);
    assert_eq!(route53.records(zone), before);
    in_all(&["deploy_challenge"], 1);
    let deployed = route53.records(zone).concat();
    assert!(deployed.contains("\"foreign\""), "{deployed}");
    for writer in 0..8 {
        assert!(deployed.contains(&format!("\"value-{writer}\"")), "{deployed}");
    }
    in_all(&["clean_challenge"], 1);
    assert_eq!(route53.records(zone), before);
}

#[test]
fn one_bad_name_fails_alone() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let zone = &route53.zones(&["example.com"])[0];
    route53.set(zone, "_acme-challenge.bad.example.com", "CNAME", &["elsewhere.test."]);
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_FOLLOW_CNAME", "false");
    let test = test.env("HYDRANT_RESULTS", "results");
    let triples = [
        "a.example.com",
        "t",
        "a",
        "bad.example.com",
        "t",
        "b",
        "nowhere.test",
        "t",
        "c",
        "d.example.com",
        "t",
        "d",
    ];
    hook(&test, &[&["deploy_challenge"], &triples[..]].concat()).code(0).stderr("");
    let results = read_results(&test.read("results"));
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(
        outcomes,
        [TripleOutcome::Done, TripleOutcome::Failed, TripleOutcome::Failed, TripleOutcome::Done]
    );
    assert_eq!(
        results[1].message.as_deref(),
        Some(
            "Route 53 refused the record: RRSet of type TXT with DNS name _acme-challenge.bad.example.com. is not \
             permitted as it conflicts with other records with the same DNS name in zone example.com."
        )
    );
    hook(&test, &[&["clean_challenge"], &triples[..]].concat()).code(0).stderr("");
    assert_eq!(route53.records(zone), ["_acme-challenge.bad.example.com. 300 CNAME elsewhere.test."]);
}

#[test]
fn a_batch_beyond_the_limits_is_split_and_a_throttled_account_is_waited_for() {
    let rig = rig(&["--route53-bucket", "4:8", "--route53-busy", "50"]);
    let route53 = Route53::new(&rig);
    let zones: Vec<_> = (0..5).map(|number| format!("zone{number}.test")).collect();
    let ids = route53.zones(&zones.iter().map(String::as_str).collect::<Vec<_>>());
    let mut arguments = String::from("OPERATION");
    // 32,000 characters are 711 quoted values of 43.
    for number in 0..720 {
        write!(arguments, " n{number}.zone0.test t {:x<43}", format!("v{number}")).unwrap();
    }
    for zone in &zones[1..] {
        write!(arguments, " {zone} t v").unwrap();
    }
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_FOLLOW_CNAME", "false");
    let call = |operation| {
        let arguments = arguments.replace("OPERATION", operation);
        hook(&test, &arguments.split(' ').collect::<Vec<_>>()).code(0).stderr("");
    };
    call("deploy_challenge");
    let requests = route53.requests();
    assert_eq!(requests.iter().filter(|request| *request == "change").count(), 6, "{requests:?}");
    call("clean_challenge");
    for id in &ids {
        assert!(route53.records(id).is_empty());
    }
}
