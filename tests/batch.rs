//! The challenges of many certificates in one call, and hooks that can take only one at a time.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::support::{DNS_HOOK, RECORD_HOOK, Rig, Test, assert_good_pair, rig_hook};

/// `hydrant.yml` with the compiled hook of the rig, which announces batches.
fn compiled(more: &str) -> String {
    format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: dns\n    command: {}\n{more}",
        rig_hook().display()
    )
}

/// A test with a bash hook of which the arguments of every call are in `calls`, a line each.
fn with_hook(rig: &Rig, body: &str, settings: &str) -> Test {
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: dns\n    command: ./hook\n{settings}"
    );
    let log = r#"echo "${HYDRANT_BATCH:+batch }$*" >>calls"#;
    Test::new().rig(rig).config(&yaml).hook_script("hook", &format!("{log}\n{body}")).args(["run"])
}

/// A hook that announces batches.
const ANNOUNCE: &str = r#"
case $1 in
deploy_challenge | clean_challenge) ;;
this_*) echo '{"hydrant": 1, "challenges": "batch", "operations": ["deploy_challenge", "clean_challenge"]}'; exit ;;
*) exit ;;
esac"#;

/// The calls of the compiled hook, operation first.
fn logged(test: &Test) -> Vec<Vec<String>> {
    test.read("calls").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn calls_of<'c>(calls: &'c [Vec<String>], operation: &str) -> Vec<&'c [String]> {
    calls.iter().filter(|call| call[0] == operation).map(|call| &call[1..]).collect()
}

/// The names in a call, in its order.
fn names_in(call: &[String]) -> Vec<&str> {
    call.chunks(3).map(|triple| triple[0].as_str()).collect()
}

#[test]
fn the_challenges_of_fifty_certificates_go_into_one_call_a_zone_together() {
    let rig = Rig::start();
    let mut list = String::new();
    for number in 0..25 {
        writeln!(list, "www{number}.a.example\nwww{number}.b.example").unwrap();
    }
    let test =
        Test::new().rig(&rig).domains(&list).config(&compiled("")).env("RIG_HOOK_LOG", "calls").args(["run"]);
    test.run().code(0).stdout_contains("50 certificates: 50 issued\n");
    let calls = logged(&test);
    let deployed = calls_of(&calls, "deploy_challenge");
    assert_eq!(deployed.len(), 1, "one deploy_challenge");
    let names = names_in(deployed[0]);
    let reversed = |name: &&str| name.rsplit('.').map(str::to_owned).collect::<Vec<_>>();
    assert!(names.is_sorted_by_key(reversed), "{names:?}");
    assert_eq!(names.len(), 50);
    // What was deployed was cleaned, each value once.
    let triples = |calls: Vec<&[String]>| -> Vec<Vec<String>> {
        let mut triples: Vec<_> = calls.concat().chunks(3).map(<[String]>::to_vec).collect();
        triples.sort();
        triples
    };
    assert_eq!(triples(calls_of(&calls, "clean_challenge")), triples(deployed));
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (50, 50));
}

#[test]
fn a_batch_is_split_below_100_kb_of_arguments() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    // As long as names can be.
    let (label, last) = ("x".repeat(63), "x".repeat(47));
    let mut list = String::new();
    for number in 100..400 {
        write!(list, "n{number}.{label}.{label}.{label}.{last}.ex ").unwrap();
    }
    list += "> long\n";
    let test =
        Test::new().rig(&rig).domains(&list).config(&compiled("")).env("RIG_HOOK_LOG", "calls").args(["run"]);
    test.run().code(0).stdout_contains("1 certificate: 1 issued\n");
    let calls = logged(&test);
    let deployed = calls_of(&calls, "deploy_challenge");
    assert_eq!(deployed.len(), 2);
    let bytes = |call: &&[String]| call.iter().map(|argument| argument.len() + 1).sum::<usize>();
    assert!(
        deployed.iter().all(|call| bytes(call) < 100_000),
        "{:?}",
        deployed.iter().map(bytes).collect::<Vec<_>>()
    );
    assert_eq!(deployed.iter().flat_map(|call| names_in(call)).collect::<BTreeSet<_>>().len(), 300);
}

#[test]
fn a_name_that_fails_in_a_batch_fails_its_certificate_alone() {
    let rig = Rig::start();
    let test = Test::new()
        .rig(&rig)
        .domains("a.example\nb.example bad.example\nc.example\nd.example\n")
        .config(&compiled(""))
        .env("RIG_HOOK_LOG", "calls")
        .env("RIG_HOOK_FAIL_NAMES", "bad.example")
        .args(["run"]);
    test.run().code(1).stdout_contains("4 certificates: 3 issued, 1 failed\n").stderr(
        "error: b.example: hook `dns` failed at `deploy_challenge` for `bad.example` (told to fail bad.example)\n",
    );
    assert_eq!(calls_of(&logged(&test), "deploy_challenge").len(), 1, "nothing is repeated");
    for name in ["a.example", "c.example", "d.example"] {
        assert_good_pair(&rig, &test.path("certs").join(name), &[name]);
    }
    for name in ["a.example", "b.example", "bad.example"] {
        assert!(rig.challenges(name).is_empty(), "{name} was not cleaned");
    }
    assert_eq!(rig.certificates_issued(), 3);
}

#[test]
fn a_name_to_retry_is_called_again_without_the_others() {
    let rig = Rig::start();
    let body = format!(
        r#"{ANNOUNCE}
operation=$1
shift
index=0
while [ $# -ge 3 ]; do
    outcome=done
    if [ "$operation $1" = "deploy_challenge busy.example" ] && [ $(grep -c "$operation.*busy" calls) -le ${{BUSY:-1}} ]; then
        outcome=retry
    else
        {DNS_HOOK} $operation "$1" "$2" "$3"
    fi
    [ -z "${{HYDRANT_RESULTS:-}}" ] ||
        echo "{{\"index\": $index, \"outcome\": \"$outcome\", \"message\": \"locked\"}}" >>"$HYDRANT_RESULTS"
    index=$((index + 1))
    shift 3
done"#
    );
    let test = with_hook(&rig, &body, "    retries: 1\n").domains("a.example\nbusy.example\n");
    test.run().code(0).stderr("").stdout_contains("2 certificates: 2 issued\n");
    let calls = test.read("calls");
    let deploys: Vec<usize> = calls
        .lines()
        .filter_map(|line| line.strip_prefix("batch deploy_challenge "))
        .map(|triples| triples.split(' ').count() / 3)
        .collect();
    assert_eq!(deploys, [2, 1], "{calls}");

    let test = test.domains("b.example\nbusy.example\n").env("BUSY", "9");
    test.hydrant(&["run", "--force"])
        .code(1)
        .stdout_contains("1 issued, 1 failed")
        .stderr("error: busy.example: hook `dns` failed at `deploy_challenge` for `busy.example` (locked)\n");
}

#[test]
fn a_batch_that_dies_is_cleaned_and_repeated_for_each_certificate() {
    let rig = Rig::start();
    let body = format!(
        r#"{ANNOUNCE}
if [ -n "${{HYDRANT_RESULTS:-}}" ] && [ $1 = deploy_challenge ]; then
    {DNS_HOOK} "$@"
    echo '{{"index": 0, "outcome": "done"}}' >>"$HYDRANT_RESULTS"
    kill -9 $$
fi
if [ -n "${{HYDRANT_RESULTS:-}}" ]; then exit 9; fi
exec {DNS_HOOK} "$@""#
    );
    let test = with_hook(&rig, &body, "").domains("a.example www.a.example\nb.example\n");
    test.run().code(0).stderr("").stdout_contains("2 certificates: 2 issued\n");
    let calls = test.read("calls");
    let mut seen: Vec<(String, usize)> = Vec::new();
    for call in calls.lines().skip(1) {
        let (words, in_batch) = (call.trim_start_matches("batch "), call.starts_with("batch "));
        let operation = words.split(' ').next().unwrap();
        let kind = if in_batch { format!("batch {operation}") } else { operation.to_owned() };
        seen.push((kind, words.split(' ').count() / 3));
    }
    // The broken batch; what it left is cleaned and deployed again, a certificate at a time.
    assert_eq!(seen[0], ("batch deploy_challenge".to_owned(), 3), "{calls}");
    let count = |kind: &str| seen.iter().filter(|(other, _)| other == kind).count();
    assert_eq!((count("batch deploy_challenge"), count("deploy_challenge")), (1, 2), "{calls}");
    // Once before the repetition, once in the end because the batch of cleaning fails too.
    assert_eq!(count("clean_challenge"), 4, "{calls}");
    for name in ["a.example", "www.a.example", "b.example"] {
        assert!(rig.challenges(name).is_empty(), "{name}");
    }
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));
}

#[test]
fn calls_of_a_hook_that_does_not_announce_parallel_never_overlap() {
    let rig = Rig::start();
    let body = format!("echo begin >>turns\n{DNS_HOOK} \"$@\"\nsleep 0.02\necho end >>turns");
    let test = with_hook(&rig, &body, "").domains("a.example\nb.example\nc.example\nd.example\ne.example\n");
    test.run().code(0).stdout_contains("5 certificates: 5 issued\n");
    let turns = test.read("turns");
    let turns: Vec<&str> = turns.lines().collect();
    assert_eq!(turns, ["begin", "end"].repeat(turns.len() / 2));
    // The probe, startup and exit; for each certificate five.
    assert_eq!(turns.len() / 2, 3 + 5 * 5);
}

#[test]
fn a_batch_hook_and_an_old_one_work_side_by_side() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example www.a.example\nb.example\nc.example\n");
    let record = test.path("record").display().to_string();
    let old = format!("  - name: old\n    command: {RECORD_HOOK}\n    env: {{RECORD: {record}}}\n");
    let test = test.config(&compiled(&old)).env("RIG_HOOK_LOG", "calls").args(["run"]);
    test.run().code(0).stdout_contains("3 certificates: 3 issued\n");
    let calls = logged(&test);
    let deployed = calls_of(&calls, "deploy_challenge");
    assert_eq!(deployed.len(), 1);
    let mut in_batch: Vec<Vec<String>> = deployed[0].chunks(3).map(<[String]>::to_vec).collect();
    let deployed = |operation: &str| -> Vec<Vec<String>> {
        let calls = test.calls("record").into_iter().filter(|call| call.operation == operation);
        let mut triples: Vec<_> = calls.map(|call| call.arguments).collect();
        triples.sort();
        triples
    };
    in_batch.sort();
    assert_eq!(
        deployed("deploy_challenge"),
        in_batch,
        "the old one gets the same, each in a call of its own"
    );
    assert_eq!(deployed("clean_challenge"), in_batch);
    assert_eq!(deployed("deploy_cert").len(), 3, "the batch hook takes no deliveries");
}

#[test]
fn certificates_that_fail_for_good_take_no_other_with_them() {
    const ALL: usize = 60;
    let rig = Rig::start();
    let mut list = String::new();
    for number in 0..ALL {
        list += &match number % 20 {
            3 => format!("n{number}.blocked-domain.example\n"),
            11 => format!("failing{number}.example\n"),
            17 => format!("skipped{number}.example\n"),
            _ => format!("good{number}.example www.good{number}.example\n"),
        };
    }
    let names = |kind: &str| {
        let names: Vec<&str> = list.split_whitespace().filter(|name| name.starts_with(kind)).collect();
        names.join(" ")
    };
    let test = Test::new()
        .rig(&rig)
        .domains(&list)
        .config(&compiled(""))
        .env("RIG_HOOK_FAIL_NAMES", names("failing"))
        .env("RIG_HOOK_SKIP_NAMES", names("skipped"))
        .env("RIG_HOOK_LOG", "calls")
        .args(["run"]);
    let output = test.run().code(1).stdout_contains("60 certificates: 51 issued, 9 failed\n");
    let failed: BTreeSet<&str> =
        output.stderr.lines().filter_map(|line| line.strip_prefix("error: ")?.split(':').next()).collect();
    let bad: BTreeSet<&str> = list.lines().filter(|line| !line.contains(' ')).collect();
    assert_eq!(failed, bad);
    assert_eq!(rig.certificates_issued(), 51);
    let calls = logged(&test);
    let mut deployed: Vec<&str> =
        calls_of(&calls, "deploy_challenge").into_iter().flat_map(names_in).collect();
    let count = deployed.len();
    deployed.sort_unstable();
    deployed.dedup();
    // All that the CA took orders for.
    let wanted = list.split_whitespace().filter(|name| !name.contains("blocked")).count();
    assert_eq!((count, deployed.len()), (wanted, wanted), "nothing is deployed twice");
    // Once more: what failed is held back, and the rest is at rest.
    test.run().code(1).stderr("").stdout_contains("60 certificates: 51 unchanged, 9 waiting\n");
    assert_eq!(rig.certificates_issued(), 51);
}

#[test]
fn what_certificates_owe_that_left_the_list_is_cleaned_in_one_call() {
    let rig = Rig::start();
    let kill = r#"if [ "$1" = deploy_challenge ] && [ -n "${KILL-}" ]; then "$RIG_HOOK" "$@"; kill -KILL "$PPID"; exit 1; fi
exec "$RIG_HOOK" "$@""#;
    let list = (0..20).map(|number| format!("n{number}.example\n")).collect::<Vec<_>>().concat();
    let test = Test::new().rig(&rig).domains(&list).own_hook(kill, "deploy_challenge, clean_challenge");
    let test = test.args(["run"]).env("KILL", "1");
    assert!(test.run().was_killed());
    let test = test.env("KILL", "").env("RIG_HOOK_LOG", "calls").domains("other.example\n");
    test.run().code(0).stderr("").stdout_contains("1 certificate: 1 issued\n");
    let calls = logged(&test);
    let cleaned: Vec<usize> =
        calls_of(&calls, "clean_challenge").iter().map(|call| names_in(call).len()).collect();
    assert_eq!(cleaned.iter().sum::<usize>(), 21);
    assert!(cleaned.contains(&20), "{cleaned:?}");
    assert!(rig.challenges("n7.example").is_empty());
}
