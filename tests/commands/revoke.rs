use serde_json::json;

use super::{dns_01, place};
use crate::support::{CertificateFacts, Rig, Test};

#[track_caller]
fn serial(test: &Test, name: &str) -> String {
    CertificateFacts::of(&test.path(format!("certs/{name}/cert.pem"))).serial
}

#[test]
fn by_the_account_and_the_next_run_renews_it() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run"]).code(0);
    let (a, b) = (serial(&test, "a.example"), serial(&test, "b.example"));
    test.hydrant(&["revoke", "a.example", "--reason", "superseded"])
        .code(0)
        .stdout("a.example: revoked; the next run renews it\n")
        .stderr("");
    let status = rig.certificate_status(&a);
    assert_eq!((&status["Status"], &status["Reason"]), (&json!("Revoked"), &json!(4)));
    assert_eq!(rig.certificate_status(&b)["Status"], "Valid");
    test.hydrant(&["status", "a.example", "--format", "json"]).code(0).stdout_contains("\"revoked\": true");

    // Who asks twice is not told that it went wrong.
    test.hydrant(&["revoke", "a.example"])
        .code(0)
        .stdout("a.example: was revoked already; the next run renews it\n");
    test.hydrant(&["run"]).code(0).stdout(
        "a.example: renew: it was revoked\n\
         a.example: renewed, valid until [WHEN]\n\
         2 certificates: 1 renewed, 1 unchanged\n",
    );
    assert_eq!(rig.certificate_status(&serial(&test, "a.example"))["Status"], "Valid");
    test.hydrant(&["run"]).code(0).stdout("2 certificates: 2 unchanged\n");
}

#[test]
fn by_the_certificates_own_key_without_an_account() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n");
    test.hydrant(&["run"]).code(0);
    let elsewhere = Test::new()
        .rig(&rig)
        .write("cert.pem", test.read("certs/a.example/cert.pem"))
        .write("privkey.pem", test.read("certs/a.example/privkey.pem"))
        .write("other.pem", include_str!("../fixtures/keys/p256.pkcs8.pem"));
    elsewhere.hydrant(&["revoke", "cert.pem"]).code(2).stdout("").stderr(
        "error: there is no account at [CA]\nhint: register one: `hydrant account register --accept-terms`\n",
    );
    let wrong = elsewhere.hydrant(&["revoke", "cert.pem", "--key", "other.pem"]).code(1).stdout("");
    wrong.stderr_contains("error: unauthorized: ");
    let serial = serial(&test, "a.example");
    assert_eq!(rig.certificate_status(&serial)["Status"], "Valid");
    elsewhere
        .hydrant(&["revoke", "cert.pem", "--key", "privkey.pem", "--reason", "key-compromise"])
        .code(0)
        .stdout("cert.pem: revoked\n")
        .stderr("");
    assert_eq!(rig.certificate_status(&serial)["Reason"], 1);
}

#[test]
fn the_file_of_a_stored_certificate_is_that_certificate() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run"]).code(0);
    let document =
        test.hydrant(&["revoke", "certs/b.example/fullchain.pem", "--format", "json"]).code(0).json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["already"], false);
    assert_eq!(document["renewed_by_the_next_run"], json!(["b.example"]));
    test.hydrant(&["plan"]).code(0).stdout_contains("renew  b.example  it was revoked\n");
}

#[test]
fn a_persons_own_rule_does_not_keep_a_revoked_certificate() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n").env("HYDRANT_RENEW_BEFORE", "1d");
    test.hydrant(&["run"]).code(0);
    test.hydrant(&["revoke", "a.example"]).code(0);
    test.hydrant(&["run"]).code(0).stdout_contains("1 certificate: 1 renewed\n");
}

#[test]
fn a_compromised_key_is_never_used_again() {
    let rig = Rig::start();
    let config = format!("accept_terms: true\nreuse_key: true\n{}", dns_01(""));
    let test = place(&rig, "a.example\n").config(&config);
    test.hydrant(&["run"]).code(0);
    let key = test.read("certs/a.example/privkey.pem");
    test.hydrant(&["run", "--force"]).code(0);
    assert_eq!(test.read("certs/a.example/privkey.pem"), key);
    test.hydrant(&["revoke", "a.example", "--reason", "key-compromise"]).code(0);
    test.hydrant(&["run"]).code(0);
    let next = test.read("certs/a.example/privkey.pem");
    assert_ne!(next, key);
    test.hydrant(&["run", "--force"]).code(0);
    assert_eq!(test.read("certs/a.example/privkey.pem"), next);
}

#[test]
fn what_is_neither_stored_nor_a_file_is_refused() {
    let test = Test::new().write("key.pem", include_str!("../fixtures/keys/p256.pkcs8.pem"));
    test.hydrant(&["revoke", "a.example"])
        .code(2)
        .stdout("")
        .stderr("error: `a.example` is neither a stored certificate nor a file\n");
    test.hydrant(&["revoke", "key.pem"])
        .code(2)
        .stdout("")
        .stderr_contains("error: cannot use `key.pem`: the chain has ");
    test.hydrant(&["revoke", "key.pem", "--reason", "because"])
        .code(2)
        .stdout("")
        .stderr_contains("superseded");
}
