//! dehydrated's other commands, and what hooks hear of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::pair::Pair;
use super::place::{cron, link, operations, place, run, start, told, unregistered};
use crate::support::{CertificateFacts, Rig, Test, openssl};

/// What is said on stdout before anything else.
const NAMED: &str = "# INFO: Using main config file [DIR]/config\n";

/// A request for these names, as openssl writes subject alternative names.
fn request(test: &Test, names: &str, form: &str) {
    openssl(
        Command::new("openssl")
            .args("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /".split(' '))
            .args(["-addext", &format!("subjectAltName={names}"), "-outform", form, "-keyout"])
            .arg(test.path("own.key"))
            .arg("-out")
            .arg(test.path("request")),
    );
}

#[test]
fn signcsr_prints_the_chain_on_stdout_and_calls_hooks_for_challenges_alone() {
    let rig = Rig::start();
    let pair = Pair::new(&rig, "", "").registered();
    request(&pair.theirs, "DNS:a.example", "PEM");
    fs::copy(pair.theirs.path("request"), pair.ours.path("request")).unwrap();
    let script = "echo loud; exec \"$LOUD_THEN\" \"$@\"";
    let pair = pair
        .hook_script("loud", script)
        .env("RECORD_THEN", "./loud")
        .env("LOUD_THEN", crate::support::DNS_HOOK);
    let ran = pair.both(&["--signcsr", "request"], 0);
    assert_eq!(pair.same_calls("a request"), ["deploy_challenge", "clean_challenge"]);
    assert!(ran.ours.stderr.contains("loud\n") && !ran.ours.stdout.contains("loud"));
    // The certificates differ; the lines between them do not.
    let frame = |stdout: &str| -> Vec<String> {
        let is_frame = |line: &&str| line.is_empty() || line.starts_with(['#', '-']);
        let lines = stdout.lines().skip_while(|line| *line != "# CERT #");
        lines.filter(is_frame).map(str::to_owned).collect()
    };
    let ours = &ran.ours.stdout;
    // As under dehydrated, the configuration is named before it; nothing else is.
    let info = "# INFO: Using main config file ";
    assert!(ours.starts_with(info) && ran.theirs.stdout.starts_with(info), "{ours}");
    let (_, document) = ours.split_once('\n').unwrap();
    assert!(document.starts_with("# CERT #\n-----BEGIN CERTIFICATE-----\n"), "{ours}");
    assert!(ours.ends_with("-----END CERTIFICATE-----\n\n"), "{ours}");
    let without_blank =
        |lines: Vec<String>| -> Vec<String> { lines.into_iter().filter(|line| !line.is_empty()).collect() };
    assert_eq!(without_blank(frame(ours)), without_blank(frame(&ran.theirs.stdout)));
    assert!(!pair.ours.path("certs").exists());
}

#[test]
fn full_chain_prints_the_issuers_once_more() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid", "--chain-length", "2"]);
    let test = place(&rig, "", "");
    request(&test, "DNS:a.example", "PEM");
    let path = test.path("request").display().to_string();
    let stdout = run(&test, &["--signcsr", &path, "--full-chain"]).code(0).stdout;
    let (_, document) = stdout.split_once("\n# CERT #\n").unwrap();
    let (certificates, chain) = document.split_once("# CHAIN #\n").unwrap();
    let (leaf, issuers) = certificates.split_once("-----END CERTIFICATE-----\n").unwrap();
    assert!(leaf.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let blocks = |text: &str| text.matches("BEGIN CERTIFICATE").count();
    assert_eq!((blocks(issuers), blocks(chain)), (2, 2));
    assert_eq!(issuers.trim(), chain.trim());
}

#[test]
fn a_request_for_addresses_is_signed_too() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "", "HOOK=\nCHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR");
    request(&test, "DNS:a.example,IP:192.0.2.7", "PEM");
    let path = test.path("request").display().to_string();
    let stdout = run(&test, &["--signcsr", &path]).code(0).stdout;
    let test = test.write("signed.pem", stdout);
    let names = CertificateFacts::of(&test.path("signed.pem")).names;
    assert_eq!(names, ["192.0.2.7", "a.example"].map(str::to_owned).into());
}

#[test]
fn a_request_that_is_none_or_refused_ends_with_exit_hook() {
    let rig = Rig::start();
    let test = place(&rig, "", "");
    run(&test, &["--signcsr", "domains.txt"]).code(1).stdout(NAMED);
    let calls = told(&test);
    assert!(calls.len() == 1 && calls[0].starts_with("exit_hook <"), "{calls:?}");
    request(&test, "DNS:a.blocked-domain.example", "PEM");
    run(&test, &["--signcsr", "request"]).code(1).stdout(NAMED);
    assert_eq!(told(&test), ["request_failure 400 post", "exit_hook <>"]);
}

#[test]
fn commands_that_end_well_call_no_hook() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\n", "CONTACT_EMAIL=somebody@example.com");
    cron(&test, &[]).code(0);
    cron(&test, &["--force"]).code(0);
    told(&test);
    let certificate = test.path("certs/a.example/cert.pem").display().to_string();
    for command in [
        &["--register"][..],
        &["--account"],
        &["--env"],
        &["--version"],
        &["--help"],
        &["--display-terms"],
        &["--cleanup"],
        &["--cleanup-delete"],
        &["--revoke", &certificate],
        &["--deactivate"],
    ] {
        run(&test, command).code(0);
        assert_eq!(told(&test), [""; 0], "{command:?}");
    }
    // What is typed wrong is no hook's business either.
    for wrong in [&["--cron", "--unknown"][..], &["--cron", "--register"], &["--domain"]] {
        run(&test, wrong).code(1);
        assert_eq!(told(&test), [""; 0], "{wrong:?}");
    }
}

#[test]
fn a_revoked_certificate_is_renamed_and_the_next_run_issues_anew() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\n", "");
    cron(&test, &[]).code(0);
    let file = link(&test, "a.example", "cert.pem");
    let certificate = test.path("certs/a.example/cert.pem");
    let serial = CertificateFacts::of(&certificate).serial;
    run(&test, &["--revoke", &certificate.display().to_string()]).code(0);
    assert!(!certificate.exists());
    assert!(test.path(format!("certs/a.example/{}-revoked", file.display())).exists());
    assert_eq!(rig.certificate_status(&serial)["Status"], "Revoked");
    told(&test);
    cron(&test, &[]).code(0);
    assert!(told(&test).contains(&"deploy_cert a.example".to_owned()));
    assert_ne!(CertificateFacts::of(&certificate).serial, serial);
}

#[test]
fn a_revocation_that_is_refused_fails_and_the_file_keeps_its_name() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n", "");
    cron(&test, &[]).code(0);
    told(&test);
    rig.faults(&json!([{ "kind": "revokeCert", "do": "answer", "status": 403, "problem": "unauthorized" }]));
    let certificate = test.path("certs/a.example/cert.pem");
    run(&test, &["--revoke", &certificate.display().to_string()]).code(1);
    assert_eq!(told(&test), ["request_failure 403 post", "exit_hook <>"]);
    assert!(certificate.exists());
    run(&test, &["--revoke", "nowhere.pem"]).code(1);
    let calls = told(&test);
    assert!(calls.len() == 1 && calls[0].starts_with("exit_hook <"), "{calls:?}");
}

#[test]
fn a_refused_registration_does_not_look_registered_afterwards() {
    let rig = Rig::with(&[
        "--nonce-reject",
        "0",
        "--eab",
        "kid-1=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
    ]);
    let wrong =
        "EAB_KID=kid-1\nEAB_HMAC_KEY=AAAAZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let test = unregistered(&rig, "a.example\n", wrong);
    for _ in 0..2 {
        run(&test, &["--register", "--accept-terms"]).code(1);
        assert_eq!(told(&test), ["request_failure 403 post", "exit_hook <>"]);
    }
    test.put("config", &test.read("config").replace("=AAAA", "=zWND"));
    run(&test, &["--register"]).code(1);
    run(&test, &["--register", "--accept-terms"]).code(0).stdout_contains("+ Done!");
    run(&test, &["--register"]).code(0).stdout_contains("+ Account already registered!");
}

#[test]
fn a_cleanup_during_an_issue_takes_nothing_from_it() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n", "").env("GATE_AT", "sync_cert").write("gate", "");
    let mut issuing = start(&test, &["--cron"]);
    issuing.wait_until("files are written and not linked", || test.path("at-the-gate").exists());
    run(&test, &["--cleanup-delete"]).code(0);
    fs::remove_file(test.path("gate")).unwrap();
    issuing.wait().code(0);
    assert!(test.path("certs/a.example/fullchain.pem").exists());
    operations(&test);
}

#[test]
fn a_failed_attempt_leaves_no_files() {
    let rig = Rig::start();
    let test = place(&rig, "bad.example\n", "").write("tmp/none", "");
    let temporary = test.path("tmp");
    let test = test.env("TMPDIR", &temporary);
    let listing = |path: &Path| {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    for arguments in [&[][..], &["-g"], &["-d", "bad.example"]] {
        cron(&test, arguments).code(1);
        assert_eq!(listing(&temporary), ["none"], "{arguments:?}");
        assert_eq!(listing(&test.path("certs/bad.example")), [""; 0], "{arguments:?}");
    }
    assert!(!test.path("lock").exists());
}

#[test]
fn an_error_of_any_command_reaches_exit_hook_with_what_is_exported() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n", "")
        .env("RECORD_ENVIRONMENT", "COMMAND|CONFIG|BASEDIR|CERTDIR|ALPNCERTDIR");
    let refused = json!([{ "kind": "account", "do": "answer", "status": 403, "problem": "unauthorized", "times": null }]);
    rig.faults(&refused);
    for (arguments, command) in [
        (&["--account"][..], "account"),
        (&["--deactivate"], "deactivate"),
        (&["--signcsr", "domains.txt"], "sign_csr"),
        (&["--revoke", "domains.txt"], "revoke"),
    ] {
        run(&test, arguments).code(1);
        let call = test.calls("record").pop().unwrap();
        assert_eq!(call.operation, "exit_hook", "{arguments:?}");
        assert_eq!(call.environment["COMMAND"], command);
        assert_eq!(call.environment["CONFIG"], test.path("config").display().to_string());
        assert_eq!(call.environment["CERTDIR"], test.path("certs").display().to_string());
        told(&test);
    }
}
