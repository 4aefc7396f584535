use serde_json::json;

use super::place;
use crate::support::{CertificateFacts, Rig, Test};

#[test]
fn shows_what_is_stored_and_what_is_to_be_done() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n*.b.example > b\nc.example\n");
    test.hydrant(&["run", "--only", "a.example", "b"]).code(0);
    let requests = rig.requests_at_ca().len();
    test.hydrant(&["status"]).code(0).stderr("").stdout(
        "certificate  expires               days left  state\n\
         a.example    [WHEN]  89         keep: a renewal is due [WHEN]\n\
         b            [WHEN]  89         keep: a renewal is due [WHEN]\n\
         c.example    -                     -          issue: nothing is stored\n",
    );
    test.hydrant(&["status", "c*", "b"]).code(0).stdout(
        "certificate  expires               days left  state\n\
         b            [WHEN]  89         keep: a renewal is due [WHEN]\n\
         c.example    -                     -          issue: nothing is stored\n",
    );
    test.hydrant(&["status", "d"])
        .code(2)
        .stdout("")
        .stderr("error: no line of the domains list is kept under `d`\n");
    assert_eq!(rig.requests_at_ca().len(), requests);
}

#[test]
fn a_document_has_what_machines_ask_for() {
    let rig = Rig::start();
    let test = place(&rig, "a.example www.a.example\nb.example\n");
    test.hydrant(&["run", "--only", "a.example"]).code(0);
    let document = test.hydrant(&["status", "--format", "json"]).code(0).stderr("").json();
    assert_eq!(document["version"], 1);
    let stored = &document["certificates"][0];
    assert_eq!(stored["names"], json!(["a.example", "www.a.example"]));
    assert_eq!((&stored["action"], &stored["days_left"]), (&json!("keep"), &json!(89)));
    let issuer = CertificateFacts::of(&test.path("certs/a.example/cert.pem")).issuer;
    assert_eq!(format!("CN={}", stored["issuer"].as_str().unwrap()), issuer);
    let fingerprint = test.program(
        "openssl",
        &["x509", "-in", "certs/a.example/cert.pem", "-noout", "-fingerprint", "-sha256"],
    );
    let fingerprint = fingerprint.stdout.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase();
    assert_eq!(stored["fingerprint"], fingerprint);
    assert!(stored["renewal_window"].is_null(), "the CA was not asked yet");
    let missing = &document["certificates"][1];
    assert_eq!((&missing["name"], &missing["action"]), (&json!("b.example"), &json!("issue")));
    assert!(missing["not_after"].is_null() && missing["names"].is_null());

    let window = json!({
        "suggestedWindow": { "start": "2040-01-01T00:00:00Z", "end": "2040-01-02T00:00:00Z" },
        "explanationURL": "https://ca.example/why",
    });
    rig.set_renewal_info(&test.read("certs/a.example/cert.pem"), &window.to_string());
    test.hydrant(&["run", "--only", "a.example"]).code(0);
    let document = test.hydrant(&["status", "--format", "json"]).code(0).stderr("").json();
    let mut found = document["certificates"][0]["renewal_window"].clone();
    let chosen = found["chosen"].take();
    assert!(chosen.as_str().unwrap().starts_with("2040-01-01T"), "{chosen}");
    let expected = json!({
        "start": "2040-01-01T00:00:00Z", "end": "2040-01-02T00:00:00Z", "chosen": null,
        "explanation_url": "https://ca.example/why",
    });
    assert_eq!(found, expected);
    let kept = "a.example    [WHEN]  89         keep: a renewal is due [WHEN], explained at https://ca.example/why\n";
    test.hydrant(&["status", "a.example"]).code(0).stderr("").stdout_contains(kept);
}

#[test]
fn needs_nothing_to_be_there() {
    let test = Test::new().domains("a.example\n");
    test.hydrant(&["status"]).code(0).stderr("").stdout(
        "certificate  expires  days left  state\na.example    -        -          issue: nothing is stored\n",
    );
    assert!(!test.path(".hydrant").exists() && !test.path("certs").exists(), "to look changes nothing");
}

#[test]
fn a_document_that_cannot_be_written_is_no_success() {
    let test = Test::new().domains("a.example\n");
    let hydrant = env!("CARGO_BIN_EXE_hydrant");
    for command in ["status", "status --format json", "plan", "config schema", "completions bash", "man"] {
        let line = format!("{hydrant} {command} >/dev/full");
        test.program("sh", &["-c", &line])
            .code(1)
            .stderr("error: the output cannot be written: No space left on device (os error 28)\n");
    }
    // Who has read enough may go.
    test.program("bash", &["-c", &format!("set -o pipefail; {hydrant} config schema | head -n 1")])
        .code(0)
        .stderr("");
}
