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
fn a_certificate_without_a_record_is_renewed_by_the_next_run() {
    let rig = Rig::start();
    let config = format!("accept_terms: true\nrenew_before: 30d\n{}", dns_01(""));
    let test = place(&rig, "a.example > a\nb.example > b\n").config(&config);
    test.hydrant(&["run"]).code(0);
    std::fs::remove_dir_all(test.path(".hydrant")).unwrap();
    let copy = test.read("certs/b/cert.pem");
    let test = test.write("copy.pem", copy);
    for (file, name) in [("certs/a/cert.pem", "a"), ("copy.pem", "b")] {
        test.hydrant(&["revoke", file])
            .code(0)
            .stdout(&format!("{file}: revoked; the next run renews it\n"))
            .stderr("");
        test.hydrant(&["plan"]).code(0).stdout_contains(&format!("renew  {name}  it was revoked\n"));
    }
    test.hydrant(&["run"]).code(0).stdout_contains("2 certificates: 2 renewed\n");
}

#[test]
fn only_of_what_is_declared_it_is_said_that_the_next_run_renews_it() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n");
    test.hydrant(&["issue", "k.example"]).code(0);
    test.hydrant(&["revoke", "k.example"]).code(0).stdout("k.example: revoked\n").stderr("");
    let document = test.hydrant(&["revoke", "k.example", "--format", "json"]).code(0).json();
    assert_eq!((&document["already"], &document["renewed_by_the_next_run"]), (&json!(true), &json!([])));
    // There may be no list at all.
    std::fs::remove_file(test.path("domains.txt")).unwrap();
    test.hydrant(&["revoke", "k.example"]).code(0).stdout("k.example: was revoked already\n").stderr("");
}

#[test]
fn a_damaged_record_does_not_hold_a_revocation_back() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run"]).code(0);
    let said = |name: &str| {
        format!(
            "error: {name}: revoked, but the next run does not know it: cannot read \
             `[DIR]/.hydrant/certificates/{name}.json`: the record is malformed: EOF while parsing a value at line 1 \
             column 0\n\
             hint: removing `[DIR]/.hydrant/certificates/{name}.json` loses no certificate, only what hydrant knows to be \
             pending or owed\n\
             hint: then revoke it once more, so that the next run renews it\n"
        )
    };
    let damage = |name: &str| test.put(&format!(".hydrant/certificates/{name}.json"), "");
    damage("a.example");
    test.hydrant(&["revoke", "a.example", "--reason", "key-compromise"])
        .code(1)
        .stdout("a.example: revoked\n")
        .stderr(&said("a.example"));
    assert_eq!(rig.certificate_status(&serial(&test, "a.example"))["Reason"], 1);
    damage("b.example");
    let by_file = test.hydrant(&["revoke", "certs/b.example/cert.pem"]).code(1);
    by_file.stdout("certs/b.example/cert.pem: revoked\n").stderr(&said("b.example"));
    assert_eq!(rig.certificate_status(&serial(&test, "b.example"))["Status"], "Revoked");

    std::fs::remove_file(test.path(".hydrant/certificates/a.example.json")).unwrap();
    test.hydrant(&["revoke", "a.example", "--reason", "key-compromise"])
        .code(0)
        .stdout("a.example: was revoked already; the next run renews it\n");
    let document = test.hydrant(&["revoke", "b.example", "--format", "json"]).code(1).json();
    assert_eq!((&document["already"], &document["renewed_by_the_next_run"]), (&json!(true), &json!([])));
    assert_eq!(document["problems"].as_array().unwrap().len(), 1);
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
