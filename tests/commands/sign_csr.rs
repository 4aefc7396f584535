use std::fs;

use super::place;
use crate::support::{CertificateFacts, Rig, Test};

const REQUEST: &str = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj / \
                       -addext subjectAltName=DNS:r.example,DNS:www.r.example -out request.pem 2>/dev/null";

#[track_caller]
fn with_request(test: Test) -> Test {
    test.program("sh", &["-c", REQUEST]).code(0);
    let request = test.read("request.pem");
    test.stdin(request)
}

#[test]
fn prints_the_chain_and_nothing_else_and_stores_nothing() {
    let rig = Rig::start();
    let test = with_request(place(&rig, ""));
    // The first use registers the account; that is told elsewhere.
    let signed = test.hydrant(&["sign-csr", "-"]).code(0).stderr_contains("account registered at [CA]: ");
    let test = test.write("chain.pem", &signed.stdout);
    assert_eq!(signed.stdout.matches("-----BEGIN ").count(), 2);
    assert_eq!(signed.stdout.matches("-----BEGIN CERTIFICATE-----\n").count(), 2);
    let leaf = CertificateFacts::of(&test.path("chain.pem"));
    assert_eq!(leaf.names.iter().collect::<Vec<_>>(), ["r.example", "www.r.example"]);
    test.program("openssl", &["pkey", "-in", "key.pem", "-pubout"]).code(0).stdout(&leaf.public_key);
    test.program(
        "openssl",
        &["verify", "-CAfile", rig.roots().to_str().unwrap(), "-untrusted", "chain.pem", "chain.pem"],
    )
    .code(0);
    assert!(!test.path("certs").exists());
    assert!(rig.challenges("r.example").is_empty());
    let left: Vec<_> = fs::read_dir(test.path(".hydrant")).unwrap().collect();
    assert!(left.iter().all(|entry| entry.as_ref().unwrap().path().is_dir()), "{left:?}");

    // As much about it as is wished, but not on stdout.
    let again = test.hydrant(&["sign-csr", "request.pem", "-vv"]).code(0);
    assert!(again.stdout.starts_with("-----BEGIN CERTIFICATE-----\n"));
    again.stderr_contains(": being validated\n").stderr_contains("GET [CA]: 200");
}

#[test]
fn takes_a_request_in_der_as_well() {
    let rig = Rig::start();
    let test = with_request(place(&rig, ""));
    test.program("openssl", &["req", "-in", "request.pem", "-outform", "der", "-out", "request.der"]).code(0);
    let signed = test.hydrant(&["sign-csr", "request.der"]).code(0);
    let leaf = CertificateFacts::of(&test.write("chain.pem", &signed.stdout).path("chain.pem"));
    assert_eq!(leaf.names.iter().collect::<Vec<_>>(), ["r.example", "www.r.example"]);
}

#[test]
fn a_document_has_leaf_and_chain_apart() {
    let rig = Rig::start();
    let test = with_request(place(&rig, ""));
    let document = test.hydrant(&["sign-csr", "-", "--format", "json"]).code(0).json();
    assert_eq!(document["version"], 1);
    let text = |member: &str| document[member].as_str().unwrap().to_owned();
    assert_eq!(text("certificate") + &text("chain"), text("fullchain"));
}

#[test]
fn a_request_that_is_none_is_refused_before_anything_is_done() {
    let rig = Rig::start();
    let test = place(&rig, "").write("key.pem", include_str!("../fixtures/keys/p256.pkcs8.pem"));
    test.hydrant(&["sign-csr", "key.pem"])
        .code(2)
        .stdout("")
        .stderr("error: cannot use `key.pem`: there is no certificate request in the text\n");
    test.hydrant(&["sign-csr", "nowhere.pem"])
        .code(2)
        .stdout("")
        .stderr("error: cannot read `nowhere.pem`: No such file or directory (os error 2)\n");
    test.program("openssl", &["pkey", "-in", "key.pem", "-outform", "der", "-out", "key.der"]).code(0);
    test.hydrant(&["sign-csr", "key.der"])
        .code(2)
        .stderr("error: cannot use `key.der`: the CSR is damaged\n");
    let no_names = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/csr/no-names.pem");
    test.hydrant(&["sign-csr", no_names])
        .code(2)
        .stdout("")
        .stderr(&format!("error: cannot use `{no_names}`: the CSR has no names\n"));
    let short = "req -new -newkey rsa:1024 -nodes -keyout short.key -subj /CN=a.example -out short.pem";
    test.program("openssl", &short.split(' ').collect::<Vec<_>>()).code(0);
    test.hydrant(&["sign-csr", "short.pem"]).code(2).stdout("").stderr(
        "error: cannot use `short.pem`: the CSR is for an RSA key of 1024 bits, and CAs certify none below 2048\n",
    );
    assert_eq!(rig.requests_at_ca().len(), 0);
}
