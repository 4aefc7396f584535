//! Many writers of one name at a time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{hook, rig};
use crate::support::{Route53, Test};

const NAME: &str = "_acme-challenge.example.com";
const WRITERS: usize = 8;
/// `RIG_RACE_SECONDS` says for how long; what is proved does not depend on it.
const SECONDS: u64 = 10;

#[test]
fn of_eight_writers_and_a_foreign_one_that_moves_exactly_the_foreign_values_remain() {
    let rig = rig(&["--route53-busy", "5"]);
    let route53 = Route53::new(&rig);
    let zone = &route53.zones(&["example.com"])[0];
    route53.set(zone, NAME, "TXT", &["\"still\""]);
    let seconds = std::env::var("RIG_RACE_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut foreign = Command::new(&rig.environment()["RIG_PYTHON"])
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
    let (rounds, changes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let output = BufReader::new(foreign.stdout.take().unwrap());
    let last = thread::scope(|scope| {
        let (test, rounds, changes) = (&test, &rounds, &changes);
        let values = output.lines().inspect(|_| _ = changes.fetch_add(1, Ordering::Relaxed));
        let following = scope.spawn(move || values.last().unwrap().unwrap());
        let write = |writer| {
            move || {
                for round in 0.. {
                    // On a busy machine the foreign one loses again and again.
                    let is_over = Instant::now() > end && changes.load(Ordering::Relaxed) > 1;
                    if round > 1 && is_over {
                        break;
                    }
                    let value = format!("value-{writer}-{round}");
                    for operation in ["deploy_challenge", "clean_challenge"] {
                        hook(test, &[operation, "example.com", "t", &value]).code(0).stderr("");
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        // That ends it.
        drop(foreign.stdin.take());
        following.join().unwrap()
    });
    assert!(foreign.wait().unwrap().success());
    let (rounds, changes) = (rounds.into_inner(), changes.into_inner());
    println!(
        "{WRITERS} writers in {seconds} s: {rounds} values written and cleaned, {changes} foreign changes"
    );
    assert_eq!(route53.records(zone), [format!("{NAME}. 300 TXT {last} \"still\"")]);
}
