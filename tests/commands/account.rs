use std::path::Path;

use serde_json::json;

use super::place;
use crate::support::{Output, Rig, Test};

/// The URL in what `account show` and the like print.
#[track_caller]
fn url(output: &Output) -> String {
    output.stdout.lines().find_map(|line| line.strip_prefix("account: ")).unwrap().to_owned()
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name).display().to_string()
}

/// The name of the directory of the only account.
#[track_caller]
fn directory(test: &Test) -> String {
    let mut found = std::fs::read_dir(test.path("accounts")).unwrap();
    found.next().unwrap().unwrap().file_name().into_string().unwrap()
}

#[test]
fn registers_once_and_shows_what_the_ca_knows() {
    let rig = Rig::start();
    let test = place(&rig, "");
    let registered = test.hydrant(&["account", "register", "--contact", "ops@a.example"]).code(0).stderr("");
    let url = url(&registered);
    let shown = url.replace(rig.address(), "[ADDRESS]");
    let facts = format!("account: {shown}\nkey: p256\nstatus: valid\ncontact: mailto:ops@a.example\n");
    registered.stdout(&format!("account registered at [CA]: {shown}\n{facts}"));
    test.hydrant(&["account", "register"]).code(0).stdout(&facts);
    test.hydrant(&["account", "show"]).code(0).stdout(&facts).stderr("");

    let changed = facts.replace("ops@", "dev@");
    test.hydrant(&["account", "update", "--contact", "dev@a.example"]).code(0).stdout(&changed).stderr("");
    test.hydrant(&["account", "show"]).code(0).stdout(&changed);
    let document = test.hydrant(&["account", "show", "--format", "json"]).code(0).stderr("").json();
    assert_eq!((&document["version"], &document["url"]), (&json!(1), &json!(url)));
    assert_eq!(document["account"]["contact"], json!(["mailto:dev@a.example"]));
}

#[test]
fn without_an_account_there_is_nothing_to_show() {
    let rig = Rig::start();
    let test = place(&rig, "");
    for action in ["show", "update", "rollover", "deactivate"] {
        test.hydrant(&["account", action]).code(2).stdout("").stderr(
            "error: there is no account at [CA]\nhint: register one: `hydrant account register --accept-terms`\n",
        );
    }
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one() {
    let rig = Rig::with_faults();
    let test = place(&rig, "a.example\n").write("next.pem", include_str!("../fixtures/keys/p384.pkcs8.pem"));
    let url = url(&test.hydrant(&["account", "register"]).code(0));
    let shown = url.replace(rig.address(), "[ADDRESS]");
    test.hydrant(&["account", "rollover"])
        .code(0)
        .stdout(&format!("account key changed: {shown}\n"))
        .stderr("");
    test.hydrant(&["run"]).code(0).stdout_contains("1 certificate: 1 issued\n");
    let document =
        test.hydrant(&["account", "rollover", "--new-key", "next.pem", "--format", "json"]).code(0).json();
    assert_eq!(document, json!({ "version": 1, "url": url, "done": "key changed" }));
    test.hydrant(&["account", "show"])
        .code(0)
        .stdout(&format!("account: {shown}\nkey: p384\nstatus: valid\n"));
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("1 certificate: 1 renewed\n");
    // A CA that refuses leaves the key we have.
    rig.faults(&json!([{ "kind": "keyChange", "do": "answer", "status": 409, "problem": "malformed", "detail": "in use" }]));
    let refused = test.hydrant(&["account", "rollover", "--new-key", &fixture("p521.pkcs8.pem")]).code(1);
    refused.stdout("").stderr("error: malformed: in use (HTTP 409)\n");
    test.hydrant(&["account", "show"]).code(0).stdout_contains("key: p384\n");
    test.hydrant(&["run", "--force"]).code(0);
}

#[test]
fn a_deactivated_account_is_said_to_be_one() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n");
    let url = url(&test.hydrant(&["account", "register"]).code(0));
    let shown = url.replace(rig.address(), "[ADDRESS]");
    test.hydrant(&["account", "deactivate"])
        .code(0)
        .stdout(&format!("account deactivated: {shown}\n"))
        .stderr("");
    let said = "error: the account at [CA] is deactivated\n\
                hint: remove the account's directory, or name another CA, to register a new account\n";
    test.hydrant(&["account", "show"]).code(1).stdout("").stderr(said);
    test.hydrant(&["account", "register"]).code(1).stdout("").stderr(said);
    test.hydrant(&["run"]).code(1).stderr(said).stdout_contains("1 certificate: 1 failed\n");
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn an_external_account_is_bound() {
    let rig =
        Rig::with(&["--nonce-reject", "0", "--eab", "kid-1=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj"]);
    let test = place(&rig, "a.example\n").write("mac", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj\n");
    test.hydrant(&["run"]).code(2).stdout("").stderr(
        "error: [CA] registers only accounts that are bound to an external one\n\
         hint: set `external_account:` with the key id and HMAC key that the CA gave you\n",
    );
    let bound = |file: &str| {
        test.hydrant(&["account", "register", "--eab-kid", "kid-1", "--eab-hmac-key-file", file])
    };
    bound("nowhere").code(2).stdout("").stderr(
        "error: cannot read the external account's MAC key `[DIR]/nowhere`: No such file or directory (os error 2)\n",
    );
    bound("mac").code(0).stderr("").stdout_contains("status: valid\n");
    // Only the registration needs it.
    test.hydrant(&["run"]).code(0).stdout_contains("1 certificate: 1 issued\n");
}

#[test]
fn existing_keys_of_every_kind_are_taken_over() {
    let rig = Rig::start();
    let keys = [
        ("certbot.private_key.json", "rsa2048"),
        ("rsa2048.pkcs1.pem", "rsa2048"),
        ("rsa2048.pkcs8.pem", "rsa2048"),
        ("p256.pkcs8.pem", "p256"),
        ("p256.sec1.pem", "p256"),
        ("p256.sec1-parameters.pem", "p256"),
        ("p384.pkcs8.pem", "p384"),
        ("p384.sec1.pem", "p384"),
        ("p521.pkcs8.pem", "p521"),
        ("p521.sec1.pem", "p521"),
    ];
    for (file, kind) in keys {
        let first =
            place(&rig, "").hydrant(&["account", "register", "--account-key", &fixture(file)]).code(0);
        let first = url(&first.stdout_contains(&format!("\nkey: {kind}\nstatus: valid\n")));
        // On an empty disk the key finds the account again.
        let again =
            place(&rig, "").hydrant(&["account", "register", "--account-key", &fixture(file)]).code(0);
        assert_eq!(url(&again), first, "{file}");
        assert!(!again.stdout.contains("registered"), "{file}: {}", again.stdout);
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let rig = Rig::start();
    for (file, reason) in [
        ("rsa1024.pkcs8.pem", "the RSA key has less than 2048 bits"),
        ("ed25519.pkcs8.pem", "the key is neither RSA nor ECDSA on P-256, P-384 or P-521"),
        ("secp256k1.pkcs8.pem", "the key is neither RSA nor ECDSA on P-256, P-384 or P-521"),
        ("p256.encrypted-pkcs8.pem", "the key is encrypted; hydrant reads keys without a passphrase only"),
        ("p256.public.pem", "there is no private key in the text"),
    ] {
        place(&rig, "")
            .hydrant(&["account", "register", "--account-key", &fixture(file)])
            .code(2)
            .stdout("")
            .stderr(&format!("error: cannot use the account key `{}`: {reason}\n", fixture(file)));
    }
    let missing = place(&rig, "").hydrant(&["account", "register", "--account-key", "nowhere.pem"]).code(2);
    missing.stderr("error: cannot read `[DIR]/nowhere.pem`: No such file or directory (os error 2)\n");
    assert!(!rig.requests_at_ca().iter().any(|request| request.starts_with("POST")));
}

#[test]
fn a_named_key_means_the_account_of_that_key() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n").write("b.pem", include_str!("../fixtures/keys/p384.pkcs8.pem"));
    let ours = url(&test.hydrant(&["account", "register"]).code(0));
    place(&rig, "").hydrant(&["account", "register", "--account-key", &fixture("p384.pkcs8.pem")]).code(0);
    let said = format!(
        "error: the account at [CA] in `[DIR]/accounts/{}` has another key than `[DIR]/b.pem`\n\
         hint: to go on with the stored account, also after a rollover, leave out `account_key`\n\
         hint: to give it this key, leave that out too, and run `hydrant account rollover --new-key [DIR]/b.pem`\n\
         hint: to use the account of `[DIR]/b.pem`, give it a `base_dir` of its own, or in Vault a `state_prefix`\n",
        directory(&test),
    );
    let posts = || rig.requests_at_ca().iter().filter(|request| request.starts_with("POST")).count();
    let before = posts();
    for action in ["register", "show", "update", "rollover", "deactivate"] {
        test.hydrant(&["account", action, "--account-key", "b.pem"]).code(2).stdout("").stderr(&said);
    }
    test.hydrant(&["run", "--account-key", "b.pem"]).code(2).stdout("").stderr(&said);
    let missing = "error: cannot read `[DIR]/nowhere.pem`: No such file or directory (os error 2)\n";
    for command in [&["account", "deactivate"][..], &["run"]] {
        let command = [command, &["--account-key", "nowhere.pem"]].concat();
        test.hydrant(&command).code(2).stdout("").stderr(missing);
    }
    assert_eq!(posts(), before, "nothing was done");
    let shown = test.hydrant(&["account", "show"]).code(0);
    assert_eq!(url(&shown), ours);
    test.hydrant(&["run"]).code(0);
    // With nothing due nobody asks for the account.
    test.hydrant(&["run", "--account-key", "nowhere.pem"]).code(0).stderr("");
}

#[test]
fn the_same_key_is_the_same_however_it_is_written() {
    let rig = Rig::start();
    let test = place(&rig, "");
    let known =
        url(&test.hydrant(&["account", "register", "--account-key", &fixture("certbot.private_key.json")]));
    let pem = format!("accounts/{}/account_key.pem", directory(&test));
    for key in [&fixture("certbot.private_key.json"), &pem] {
        let shown = test.hydrant(&["account", "show", "--account-key", key]).code(0).stderr("");
        assert_eq!(url(&shown), known);
    }
}

#[test]
fn a_rollover_says_that_the_named_key_is_no_longer_the_accounts() {
    let rig = Rig::start();
    let test = place(&rig, "")
        .write("old.pem", include_str!("../fixtures/keys/p256.pkcs8.pem"))
        .write("new.pem", include_str!("../fixtures/keys/p384.pkcs8.pem"));
    test.hydrant(&["account", "register", "--account-key", "old.pem"]).code(0);
    let rollover = |to: &[&str]| test.hydrant(&[&["account", "rollover"], to].concat()).code(0);
    rollover(&["--account-key", "old.pem", "--new-key", "new.pem"]).stderr(
        "note: `[DIR]/old.pem` is not the account's key any more; leave out `account_key` from now on\n",
    );
    test.hydrant(&["account", "show", "--account-key", "old.pem"])
        .code(2)
        .stderr_contains("another key than");
    test.hydrant(&["account", "show", "--account-key", "new.pem"]).code(0).stdout_contains("key: p384\n");
    rollover(&["--new-key", "old.pem"]).stderr("");
}

#[test]
fn an_unknown_ca_is_a_usage_error() {
    Test::new()
        .hydrant(&["account", "show", "--ca", "letsencript"])
        .code(2)
        .stdout("")
        .stderr_contains("letsencrypt");
}

#[test]
fn a_damaged_key_or_roots_file_is_named() {
    let rig = Rig::start();
    let test = place(&rig, "");
    test.hydrant(&["account", "register"]).code(0);
    let directory = directory(&test);
    let key = format!("accounts/{directory}/account_key.pem");
    let whole = test.read(&key);
    let test = test.write(&key, &whole[..whole.len() / 2]);
    let error = format!("error: cannot use the account key in `[DIR]/accounts/{directory}`: ");
    let test = test.domains("a.example\n");
    for command in [&["account", "show"][..], &["account", "register"], &["run", "-t", "dns-01"]] {
        test.hydrant(command).code(2).stderr_contains(&error);
    }
    let test = test.write(&key, &whole).write("roots.pem", "nothing\n");
    let test = test.write("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    test.hydrant(&["account", "show", "--ca-roots", "roots.pem"])
        .code(2)
        .stderr("error: the roots in `[DIR]/roots.pem` cannot be used: there is no certificate in it\n");
    test.hydrant(&["account", "show", "--ca-roots", "bad.pem"])
        .code(2)
        .stderr("error: the roots in `[DIR]/bad.pem` cannot be used: a certificate in it is damaged\n");
}
