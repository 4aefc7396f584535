//! Many writers of one name at a time.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{hook, rig};
use crate::support::{Route53, Test};

const NAME: &str = "_acme-challenge.example.com";
const WRITERS: usize = 8;
/// `HYDRANT_RACE_SECONDS` says for how long; what is proved does not depend on it.
const SECONDS: u64 = 10;

#[test]
fn of_eight_writers_and_a_foreign_one_that_moves_exactly_the_foreign_values_remain() {
    let rig = rig(&["--route53-busy", "5"]);
    let route53 = Route53::new(&rig);
    let zone = &route53.zones(&["example.com"])[0];
    route53.set(zone, NAME, "TXT", &["\"still\""]);
    let seconds = std::env::var("HYDRANT_RACE_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let foreign = Command::new(&rig.environment()["RIG_PYTHON"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/route53_writer.py"))
        .args([zone, NAME])
        .envs(rig.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let test = Test::new().route53(&route53).deadline(Duration::from_mins(3));
    let test = test.env("HYDRANT_ROUTE53_FOLLOW_CNAME", "false");
    // The wait for name servers has nothing to do with it.
    let test = test.env("AWS_WAIT_FOR_RECORD_SETS_CHANGED", "false");
    let rounds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (test, rounds) = (&test, &rounds);
            scope.spawn(move || {
                for round in 0.. {
                    if round > 1 && Instant::now() > end {
                        break;
                    }
                    let value = format!("value-{writer}-{round}");
                    for operation in ["deploy_challenge", "clean_challenge"] {
                        hook(test, &[operation, "example.com", "t", &value]).code(0).stderr("");
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    // That closes its standard input.
    let output = foreign.wait_with_output().unwrap();
    assert!(output.status.success());
    let last = String::from_utf8(output.stdout).unwrap();
    let changes: usize = last.trim().trim_matches('"').split_once(' ').unwrap().1.parse().unwrap();
    let rounds = rounds.into_inner();
    println!(
        "{WRITERS} writers in {seconds} s: {rounds} values written and cleaned, {changes} foreign changes"
    );
    assert!(changes > 1, "the foreign value did not move");
    assert_eq!(route53.records(zone), [format!("{NAME}. 300 TXT {} \"still\"", last.trim())]);
}
