use serde_json::{Value, json};

use super::place;
use crate::support::{Rig, Test, own_hook_config, rig_hook};

/// The rig's hook; while the file `lazy` is there it says that it cleans, and does not.
const LAZY: &str = r#"[ "$1" = clean_challenge ] && [ -e lazy ] || exec "$RIG_HOOK" "$@""#;

const CAPABILITIES: &str = r#"{"hydrant":1,"operations":["deploy_challenge","clean_challenge","list_challenges"],"challenges":"certificate"}"#;

/// A place whose hook has left the value of a.example behind; gives that value too.
fn place_with_leftover(rig: &Rig) -> (Test, String) {
    let test = place(rig, "a.example *.a.example\n")
        .own_hook(LAZY, "deploy_challenge, clean_challenge")
        .env("RIG_HOOK_CAPABILITIES", CAPABILITIES)
        .write("lazy", "");
    test.hydrant(&["run"]).code(0);
    let values = rig.challenges("a.example");
    // Two authorizations, unless one was enough.
    let value = values.last().unwrap().clone();
    for other in &values[..values.len() - 1] {
        rig.dns().remove([("_acme-challenge.a.example".to_owned(), other.as_str())]).unwrap();
    }
    rig.dns().add([("_acme-challenge.a.example".to_owned(), "of another client")]).unwrap();
    std::fs::remove_file(test.path("lazy")).unwrap();
    (test, value)
}

/// Certificate and state of each value.
fn states(document: &Value) -> Vec<(String, Value, Value)> {
    let value = |value: &Value| {
        (value["value"].as_str().unwrap().to_owned(), value["certificate"].clone(), value["state"].clone())
    };
    document["values"].as_array().unwrap().iter().map(value).collect()
}

#[test]
fn values_are_shown_with_their_owner_and_age_and_only_old_ones_of_our_own_are_removed() {
    let rig = Rig::start();
    let (test, value) = place_with_leftover(&rig);
    let test = test.env("RIG_HOOK_CREATED", "2020-01-01T00:00:00Z").filter("0000d", "[AGE]");
    let line = |value: &str, rest: &str| format!("_acme-challenge.a.example  {value:<43}  [AGE]  {rest}\n");
    let text = |state: &str, summary: &str| {
        let mut lines = [
            line(&value, &format!("a.example    {state}")),
            line("of another client", "-            foreign"),
        ];
        lines.sort();
        let head = format!("{:<25}  {:<43}  age    certificate  state\n", "record", "value");
        format!("{head}{}{summary}\n", lines.concat())
    };
    let requests = rig.requests_at_ca().len();
    let kept = text("left behind", "0 challenges cleaned, 0 values removed, 1 left behind, 1 foreign");
    test.hydrant(&["dns", "gc"]).code(0).stdout(&kept).stderr("");
    test.hydrant(&["dns", "gc", "--older-than", "90000d"]).code(2);
    test.hydrant(&["dns", "gc", "--older-than", "36000d"]).code(0).stdout(&kept);
    let would =
        "dry run, nothing is changed: 0 challenges cleaned, 1 value removed, 0 left behind, 1 foreign";
    let dry = ["dns", "gc", "--older-than", "1d", "--dry-run"];
    test.hydrant(&dry).code(0).stdout(&text("would be removed", would)).stderr("");
    assert_eq!(rig.challenges("a.example").len(), 2, "a dry run changes nothing");
    let removed = text("removed", "0 challenges cleaned, 1 value removed, 0 left behind, 1 foreign");
    test.hydrant(&["dns", "gc", "--older-than", "1d"]).code(0).stdout(&removed).stderr("");
    assert_eq!(rig.challenges("a.example"), ["of another client"]);
    assert_eq!(rig.requests_at_ca().len(), requests, "no CA is asked");
    // What is gone is forgotten.
    let record = test.read(".hydrant/certificates/a.example.json");
    assert!(!record.contains(&value), "{record}");
}

#[test]
fn where_the_provider_knows_no_age_the_time_of_deploying_counts() {
    let rig = Rig::start();
    let (test, value) = place_with_leftover(&rig);
    let gc = |age: &str| test.hydrant(&["dns", "gc", "--older-than", age, "--format", "json"]).code(0).json();
    let document = gc("1d");
    assert_eq!(
        (&document["version"], &document["dry_run"], &document["problems"]),
        (&json!(1), &json!(false), &json!([]))
    );
    let mut expected = vec![
        (value.clone(), json!("a.example"), json!("left behind")),
        ("of another client".to_owned(), Value::Null, json!("foreign")),
    ];
    expected.sort_by_key(|(value, ..)| value.clone());
    assert_eq!(states(&document), expected);
    // Two days pass.
    let mut known = test.record("a.example");
    for deployed in known["deployed"].as_array_mut().unwrap() {
        deployed["at"] = json!(deployed["at"].as_i64().unwrap() - 2 * 86_400);
    }
    test.put(".hydrant/certificates/a.example.json", &known.to_string());
    let document = gc("1d");
    assert!(states(&document).contains(&(value, json!("a.example"), json!("removed"))), "{document:#}");
    let foreign =
        document["values"].as_array().unwrap().iter().find(|value| value["state"] == "foreign").unwrap();
    assert_eq!((&foreign["age"], &foreign["since"]), (&Value::Null, &Value::Null));
    assert_eq!(rig.challenges("a.example"), ["of another client"]);
}

#[test]
fn what_a_killed_run_left_is_cleaned_also_of_certificates_that_are_no_longer_declared() {
    let rig = Rig::start();
    let kill = r#"if [ "$1" = deploy_challenge ] && [ -n "${KILL-}" ]; then "$RIG_HOOK" "$@"; kill -KILL "$PPID"; exit 1; fi
exec "$RIG_HOOK" "$@""#;
    let test = place(&rig, "a.example\nb.example\n").own_hook(kill, "deploy_challenge, clean_challenge");
    let test = test.env("RIG_HOOK_CAPABILITIES", r#"{"hydrant":1,"challenges":"batch"}"#).env("KILL", "1");
    assert!(test.hydrant(&["run"]).was_killed());
    let test = test.env("KILL", "").env("RIG_HOOK_LOG", "calls").domains("a.example\n");
    assert_eq!((rig.challenges("a.example").len(), rig.challenges("b.example").len()), (1, 1));
    let dry = "a.example: 1 challenge would be cleaned\nb.example: 1 challenge would be cleaned\n\
               dry run, nothing is changed: 2 challenges cleaned\n";
    let note = "note: no hook here can list challenges; what others left behind is not known\n";
    test.hydrant(&["dns", "gc", "--dry-run"]).code(0).stdout(dry).stderr(note);
    assert_eq!(rig.challenges("a.example").len(), 1);
    // With a choice of certificates the others are not looked at.
    let chosen = "a.example: 1 challenge cleaned\n1 challenge cleaned\n";
    test.hydrant(&["dns", "gc", "--only", "a.example"]).code(0).stdout(chosen).stderr(note);
    assert!(rig.challenges("a.example").is_empty());
    test.hydrant(&["dns", "gc"]).code(0).stdout("b.example: 1 challenge cleaned\n1 challenge cleaned\n");
    assert!(rig.challenges("b.example").is_empty());
    test.hydrant(&["dns", "gc"]).code(0).stdout("0 challenges cleaned\n");
    assert!(!test.read("calls").contains("list_challenges"), "it did not announce it");
}

#[test]
fn what_many_certificates_owe_is_cleaned_in_one_call() {
    let rig = Rig::start();
    let kill = r#"if [ "$1" = deploy_challenge ] && [ -n "${KILL-}" ]; then "$RIG_HOOK" "$@"; kill -KILL "$PPID"; exit 1; fi
exec "$RIG_HOOK" "$@""#;
    let list = (0..20).map(|number| format!("n{number}.example\n")).collect::<Vec<_>>().concat();
    let test = place(&rig, &list).own_hook(kill, "deploy_challenge, clean_challenge").env("KILL", "1");
    assert!(test.hydrant(&["run"]).was_killed());
    let test = test.env("KILL", "").env("RIG_HOOK_LOG", "calls");
    test.hydrant(&["dns", "gc"])
        .code(0)
        .stdout_contains("20 challenges cleaned, 0 values removed, 0 left behind, 0 foreign\n");
    let calls = test.read("calls");
    assert_eq!(calls.lines().filter(|call| call.contains("clean_challenge")).count(), 1, "{calls}");
    assert_eq!(calls.lines().filter(|call| call.contains("list_challenges")).count(), 1, "{calls}");
}

#[test]
fn a_certificate_that_another_run_has_in_work_is_named_and_left_alone() {
    let rig = Rig::start();
    let gate = r#"[ "$1" != deploy_challenge ] || [ ! -e gate ] || {
    "$RIG_HOOK" "$@"; touch at-the-gate; while [ -e gate ]; do sleep 0.02; done; exit; }
exec "$RIG_HOOK" "$@""#;
    let test = place(&rig, "a.example\n").own_hook(gate, "deploy_challenge, clean_challenge");
    let test = test.write("gate", "").args(["run"]);
    let mut run = test.start();
    run.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    let note = format!("note: a.example: in work elsewhere (process {} on ", run.pid());
    let output = test.hydrant(&["dns", "gc", "--older-than", "1s"]).code(0);
    let output = output.stderr_contains(&note).stdout_contains("  a.example    in work\n");
    output.stdout_contains("0 challenges cleaned, 0 values removed, 0 left behind, 0 foreign\n");
    let document = test.hydrant(&["dns", "gc", "--format", "json"]).code(0).json();
    assert_eq!(document["held"][0]["name"], "a.example");
    assert_eq!(rig.challenges("a.example").len(), 1);
    std::fs::remove_file(test.path("gate")).unwrap();
    run.wait().code(0);
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn what_cannot_be_cleaned_or_looked_at_is_said_and_ends_with_1() {
    let rig = Rig::start();
    let script = format!(
        r#"case "$1" in
list_challenges) echo '{{"name": "a.example", "message": "no such zone"}}' >>"$HYDRANT_RESULTS" ;;
clean_challenge) exit 1 ;;
*) exec {} "$@" ;;
esac"#,
        rig_hook().display()
    );
    let test = place(&rig, "a.example\n").own_hook(&script, "deploy_challenge, clean_challenge");
    let test = test.env("RIG_HOOK_CAPABILITIES", CAPABILITIES);
    test.hydrant(&["run"]).code(1);
    test.hydrant(&["dns", "gc"])
        .code(1)
        .stdout("0 challenges cleaned, 0 values removed, 0 left behind, 0 foreign\n")
        .stderr(
            "error: a.example: hook `hook` ended with exit code 1 at `clean_challenge`\n\
         hint: the next run, or `hydrant deliver`, cleans it\n\
         error: a.example: hook: no such zone\n",
        );
    // The hook that owes it is not here any more.
    let test = test.config(&own_hook_config("other", "deploy_challenge, clean_challenge"));
    let note = "note: a.example: a challenge is owed by hook `hook`, which is not part of this run\n";
    test.hydrant(&["dns", "gc"]).code(1).stderr_contains(note);
}
