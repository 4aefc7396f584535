//! What a run makes of a CA that misbehaves, or that cannot be reached well. The faults come from the proxy of the rig.

mod open_orders;
mod verdict;

use std::fs;

use serde_json::{Value, json};

use crate::support::{Request, Rig, Test, assert_good_pair, rig_hook};

/// An instant as people are told it.
const INSTANT: &str = "0000-00-00 00:00:00Z";

/// `hydrant run` with dns-01 and the compiled hook, for an account that the CA knows already.
fn prepared(rig: &Rig, list: &str, settings: &str) -> Test {
    let hook = rig_hook();
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-01\nhooks: [{{command: {}}}]\n{settings}",
        hook.display()
    );
    let test = Test::new().filter(INSTANT, "[INSTANT]").rig(rig).domains(list).config(&yaml).args(["run"]);
    test.hydrant(&["account", "register"]).code(0);
    if rig.environment().contains_key("RIG_FAULTS") {
        rig.forget_requests();
    }
    test
}

fn of_kind<'a>(requests: &'a [Request], kind: &str) -> Vec<&'a Request> {
    requests.iter().filter(|request| request.kind == kind).collect()
}

fn kinds(rig: &Rig) -> Vec<String> {
    rig.requests().into_iter().map(|request| request.kind).collect()
}

fn answer(kind: &str, status: u16, more: &Value) -> Value {
    let mut rule = json!({ "kind": kind, "do": "answer", "status": status });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rule
}

/// What the next run says: held back, without a request.
fn waits(rig: &Rig, test: &Test, name: &str, arguments: &[&str]) {
    rig.forget_requests();
    test.hydrant(arguments)
        .code(5)
        .stdout_contains(&format!("{name}: waiting, failed once, next attempt from [INSTANT]: "));
    assert_eq!(kinds(rig), [""; 0], "{name}: the CA was asked although it had asked not to be");
}

#[test]
fn refused_nonces_cost_time_and_nothing_else() {
    for percent in ["5", "50"] {
        let rig = Rig::with(&["--nonce-reject", percent]);
        let test = prepared(&rig, "a.example www.a.example\nb.example\nc.example\nd.example\n", "");
        test.run().code(0).stderr("");
        assert_eq!((rig.orders_made(), rig.certificates_issued()), (4, 4), "{percent} %");
        assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
        assert!(rig.challenges("a.example").is_empty());
    }
}

#[test]
fn short_waits_that_the_ca_asks_for_are_waited_for() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "");
    let limited = json!({ "problem": "rateLimited", "retry_after": 1 });
    // A date has no fractions of a second: of two, at least one is left.
    let busy_until = json!({ "retry_after_date": 2 });
    rig.faults(&json!([
        answer("newOrder", 429, &limited),
        answer("authorization", 503, &busy_until),
        answer("order", 429, &limited),
        answer("finalize", 503, &busy_until),
    ]));
    test.run().code(0).stderr("");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));

    let requests = rig.requests();
    for kind in ["newOrder", "authorization", "order", "finalize"] {
        let of_it = of_kind(&requests, kind);
        assert_eq!(of_it[0].fault.as_deref(), Some("answer"), "{kind}");
        let (asked, next) = (of_it[0].at, of_it[1].at);
        assert!(next - asked >= 1.0, "{kind}: asked again after {} s", next - asked);
        // An overloaded CA is to be left alone altogether.
        let early = |request: &&Request| request.at > asked && request.at - asked < 1.0;
        assert!(requests.iter().find(early).is_none(), "{kind}: {:?}", requests.iter().find(early));
    }
}

#[test]
fn long_waits_that_the_ca_asks_for_are_left_to_a_later_run() {
    let rig = Rig::with_faults();
    let hours = json!({ "retry_after": 7200 });
    let limited = json!({ "problem": "rateLimited", "detail": "come back later", "retry_after": 7200 });
    let until = json!({ "retry_after_date": 7200 });
    for (kind, status, more, said) in [
        ("newOrder", 429, &limited, "rateLimited: come back later (HTTP 429)"),
        ("authorization", 503, &hours, "with the body `<html><h1>Sorry</h1></html>`"),
        ("order", 503, &limited, "rateLimited: come back later (HTTP 503)"),
        ("finalize", 503, &until, "with the body `<html><h1>Sorry</h1></html>`"),
        ("certificate", 429, &hours, "with the body `<html><h1>Sorry</h1></html>`"),
    ] {
        let name = format!("{}.example", kind.to_lowercase());
        let test = prepared(&rig, &name, "");
        rig.faults(&json!([answer(kind, status, more)]));
        let failed = test.run().code(5);
        let failed = failed.stderr_contains(&format!("error: {name}: ")).stderr_contains(said);
        failed.stderr_contains("hint: the CA is asked again from [INSTANT] on\n");
        let requests = rig.requests();
        let last = requests.iter().rposition(|request| request.fault.is_some()).unwrap();
        assert_eq!(requests.len(), last + 1, "{kind}: {:?}", &requests[last..]);
        assert!(rig.challenges(&name).is_empty());

        test.hydrant(&["plan"])
            .code(0)
            .stdout_contains(&format!("wait  {name}  failed once, next attempt from "));
        waits(&rig, &test, &name, &["run"]);
    }
    // That is not ours to ignore.
    let test = prepared(&rig, "own.example\n", "");
    rig.faults(&json!([answer("newOrder", 429, &limited)]));
    test.run().code(5);
    waits(&rig, &test, "own.example", &["run", "--ignore-backoff"]);
}

#[test]
fn a_limit_of_the_account_is_heard_of_once_in_a_run() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\nc.example\n", "in_flight: 1\n");
    let limited =
        json!({ "problem": "rateLimited", "detail": "too many orders", "retry_after": 7200, "times": null });
    rig.faults(&json!([answer("newOrder", 429, &limited)]));
    let output = test.args(["run", "--format", "json"]).run().code(5);
    assert_eq!(of_kind(&rig.requests(), "newOrder").len(), 1);
    let left_alone = output.stderr.matches("; the CA is left alone as it asks\n").count();
    assert_eq!(left_alone, 2, "{}", output.stderr);
    let certificates = output.json()["certificates"].as_array().unwrap().clone();
    assert_eq!(certificates.len(), 3);
    for certificate in certificates {
        assert_eq!(certificate["outcome"], "failed");
        assert!(certificate["next_attempt"].is_string(), "{certificate}");
    }
}

#[test]
fn a_limit_of_one_name_holds_back_no_other() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\nc.example\n", "jobs: 1\n");
    let limited = json!({
        "problem": "rateLimited",
        "detail": "too many certificates already issued for \"a.example\"",
        "retry_after": 7200,
    });
    rig.faults(&json!([answer("newOrder", 429, &limited)]));
    test.run().code(5).stdout_contains("3 certificates: 2 issued, 1 failed\n");
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn pages_in_the_place_of_answers_are_shown_or_sat_out() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "");
    rig.faults(&json!([
        answer("directory", 503, &json!({})),
        answer("newNonce", 502, &json!({})),
        answer("newOrder", 502, &json!({})),
        answer("authorization", 500, &json!({})),
        answer("challenge", 503, &json!({})),
        answer("order", 500, &json!({})),
        answer("finalize", 502, &json!({})),
        answer("certificate", 500, &json!({})),
    ]));
    test.run().code(0).stderr("");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));

    let test = test.domains("b.example\n");
    let page = json!({ "body": "<html>\n <title>Blocked</title>\n your request was blocked</html>" });
    rig.faults(&json!([answer("newOrder", 403, &page)]));
    test.run().code(1).stderr(&format!(
        "error: b.example: HTTP 403 from {} with the body \
         `<html> <title>Blocked</title> your request was blocked</html>`\n",
        rig.ca().replace("/dir", "/order-plz").replace(rig.address(), "[ADDRESS]"),
    ));
}

#[test]
fn connections_that_break_at_every_request_cost_no_second_certificate() {
    let rig = Rig::with_faults();
    let steps = [
        "directory",
        "newNonce",
        "newOrder",
        "authorization",
        "challenge",
        "order",
        "finalize",
        "certificate",
    ];
    for (fault, orders) in [("reset-before", 1), ("reset-after", 2), ("truncate", 2)] {
        let name = format!("{fault}.example");
        let (orders_before, issued_before) = (rig.orders_made(), rig.certificates_issued());
        let test = prepared(&rig, &name, "");
        rig.faults(&steps.iter().map(|kind| json!({ "kind": kind, "do": fault })).collect());
        test.run().code(0).stderr("");
        let met = rig.requests().iter().filter(|request| request.fault.is_some()).count();
        assert_eq!(met, steps.len(), "{fault}");
        assert_eq!(rig.certificates_issued() - issued_before, 1, "{fault}");
        // The answer to the first order is lost with its URL: a CA like Let's Encrypt gives the same order again.
        assert_eq!(rig.orders_made() - orders_before, orders, "{fault}");
        assert_good_pair(&rig, &test.path("certs").join(&name), &[&name]);
        assert!(rig.challenges(&name).is_empty());
    }
}

#[test]
fn a_ca_that_does_not_answer_is_unreachable_and_holds_nothing_back() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "request_timeout: 1s\n");
    rig.faults(&json!([{ "kind": "newOrder", "do": "hang", "times": null }]));
    let output = test.run().code(75);
    assert!(output.stderr.starts_with("error: a.example: no answer from "), "{}", output.stderr);
    let output = output.stderr_contains(": timed out\n");
    assert!(output.elapsed.as_secs() < 20, "{:?}", output.elapsed);
    // Once it answers again, it is asked again.
    rig.faults(&json!([{ "kind": "newOrder", "do": "hang" }]));
    test.run().code(0).stderr("");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn a_replacement_that_the_ca_refuses_is_ordered_as_a_new_certificate() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "").args(["run", "--force"]);
    test.run().code(0);
    for (status, problem) in [(409, "alreadyReplaced"), (404, "malformed"), (403, "unauthorized")] {
        rig.forget_requests();
        rig.faults(&json!([answer("newOrder", status, &json!({ "problem": problem }))]));
        test.run().code(0).stderr("").stdout_contains("a.example: renewed, ");
        assert_eq!(of_kind(&rig.requests(), "newOrder").len(), 2, "{problem}");
    }
    assert_eq!(rig.certificates_issued(), 4);
}

#[test]
fn a_profile_that_is_gone_is_not_asked_for_and_those_there_are_are_named() {
    let rig = Rig::with(&[
        "--nonce-reject",
        "0",
        "--profile",
        "classic=7776000",
        "--profile",
        "short=518400",
        "--faults",
    ]);
    let test = prepared(&rig, "a.example\n", "profile: tiny\n");
    test.run().code(1).stderr(
        "error: a.example: the CA has no profile `tiny`, only `classic` and `short`\n\
         hint: set `profile:` to one of `classic` and `short`, or remove it\n",
    );
    assert_eq!(kinds(&rig), ["directory"]);
}

#[test]
fn an_account_that_was_closed_elsewhere_is_said_to_be() {
    let rig = Rig::start();
    let test = prepared(&rig, "a.example\n", "");
    let elsewhere = Test::new().rig(&rig).config("accept_terms: true\n");
    let copied = elsewhere.program("cp", &["-r", &test.path("accounts").display().to_string(), "."]);
    copied.code(0);
    elsewhere.hydrant(&["account", "deactivate"]).code(0);
    test.run().code(1).stderr(
        "error: a.example: unauthorized: Account has been deactivated (HTTP 403)\n\
         hint: the account is closed for good: remove its directory, or name another CA, to register a new one\n",
    );
    fs::remove_dir_all(test.path("accounts")).unwrap();
    test.hydrant(&["run", "--ignore-backoff"]).code(0).stdout_contains("account registered at [CA]: ");
}

#[test]
fn terms_that_changed_are_told_with_the_page_to_agree_on() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\n", "");
    let problem = json!({
        "type": "urn:ietf:params:acme:error:userActionRequired",
        "detail": "the terms of service have changed",
        "instance": "https://ca.example/agree?token=1",
    });
    let more = json!({ "type": "application/problem+json", "body": problem.to_string() });
    rig.faults(&json!([answer("newOrder", 403, &more)]));
    test.run().code(1).stderr(
        "error: a.example: userActionRequired: the terms of service have changed (HTTP 403)\n\
         hint: the CA asks you to visit https://ca.example/agree?token=1\n",
    );
}

#[test]
fn the_directory_is_fetched_once_a_run_and_never_kept() {
    let rig = Rig::with_faults();
    let test = prepared(&rig, "a.example\nb.example\nc.example\n", "");
    test.run().code(0);
    assert_eq!(of_kind(&rig.requests(), "directory").len(), 1);
    let test = test.domains("a.example\nb.example\nc.example\nd.example\n");
    test.run().code(0);
    assert_eq!(of_kind(&rig.requests(), "directory").len(), 2);
    test.program("grep", &["-rl", "newNonce", "."]).code(1).stdout("");
}

#[test]
fn an_order_of_n_names_costs_2n_plus_5_requests_and_two_for_the_run() {
    let rig = Rig::with_faults();
    // On a slow machine a request rather fetches a nonce of its own than waits for long for that of another.
    let settings = "in_flight: 1\n";
    for names in [&["one.example"][..], &["a.example", "b.example", "*.b.example", "c.example"]] {
        let test = prepared(&rig, &names.join(" "), settings);
        // By the time it is looked at, the CA is through with what it has to do, however slow this machine is.
        rig.faults(&json!([{ "kind": "order", "do": "delay", "seconds": 0.5, "times": null }]));
        test.run().code(0);
        let mut counted = std::collections::BTreeMap::new();
        for kind in kinds(&rig) {
            *counted.entry(kind).or_insert(0) += 1;
        }
        let n = names.len();
        let expected = [
            ("authorization", n),
            ("certificate", 1),
            ("challenge", n),
            ("directory", 1),
            ("finalize", 1),
            ("newNonce", 1),
            ("newOrder", 1),
            ("order", 2),
        ];
        assert_eq!(counted, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
        assert_eq!(counted.values().sum::<usize>(), 2 * n + 5 + 2);
    }
}

#[test]
fn one_connection_carries_all_requests_of_a_run() {
    let rig = Rig::start();
    let test = prepared(&rig, "a.example www.a.example\nb.example\nc.example\n", "");
    let (output, trace) = test.run_traced("connect");
    output.code(0);
    let to_ca =
        trace.lines().filter(|line| line.contains("connect(") && line.contains("htons(14000)")).count();
    assert_eq!(to_ca, 1, "{trace}");
}
