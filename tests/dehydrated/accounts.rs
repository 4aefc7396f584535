//! Accounts on disk are those of dehydrated: made, adopted, linked and kept as it does, or better.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::{configure, only_directory, pair, rig, walk};
use crate::support::{Output, Rig, Test, dehydrated, openssl};

#[test]
fn a_refused_registration_leaves_nothing_that_looks_registered() {
    let mac = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj";
    let rig = Rig::with(&["--nonce-reject", "0", "--eab", &format!("kid-1={mac}")]);
    let looks_registered = ["account_key.pem", "account_id.json", "registration_info.json"];

    let test = Test::new().rig(&rig).write("right", mac).write("wrong", mac.replace('c', "d"));
    let register = |file: &str| {
        let eab = ["--eab-kid", "kid-1", "--eab-hmac-key-file", file, "--accept-terms"];
        test.hydrant(&[&["account", "register"], &eab[..]].concat())
    };
    register("wrong").code(1).stdout("");
    let id = only_directory(&test.path("accounts"));
    for file in looks_registered {
        assert!(!id.join(file).exists(), "{file}");
    }
    register("right").code(0).stdout_contains("account registered at [CA]");
    assert!(id.join("account_key.pem").exists());

    // The same by dehydrated's words; dehydrated itself says the next time that there is an account.
    let pair = pair(&rig, &format!("EAB_KID=kid-1\nEAB_HMAC_KEY={}", mac.replace('c', "d")));
    let register = ["--register", "--accept-terms"];
    pair.both(&register, 1);
    let id = only_directory(&pair.ours.path("accounts"));
    for file in looks_registered {
        assert!(!id.join(file).exists(), "{file}");
    }
    let ran = pair.run(&register);
    ran.theirs.code(0).stdout_contains("Account already registered!");
    ran.ours.code(1);
    configure(&pair, &format!("EAB_HMAC_KEY={mac}"));
    pair.run(&register).ours.code(0).stdout_contains("+ Done!");
    assert!(looks_registered.iter().all(|file| id.join(file).exists()));
}

#[test]
fn an_account_of_a_very_old_version_is_moved_to_its_place() {
    let rig = rig();
    let pair = pair(&rig, "").registered();
    for test in [&pair.ours, &pair.theirs] {
        let id = only_directory(&test.path("accounts"));
        fs::rename(id.join("account_key.pem"), test.path("private_key.pem")).unwrap();
        fs::rename(id.join("registration_info.json"), test.path("private_key.json")).unwrap();
        fs::remove_dir_all(test.path("accounts")).unwrap();
    }
    let key = pair.ours.read("private_key.pem");
    let ran = pair.both(&["--cron"], 0);
    pair.same_files("adopted");
    let moved = |output: &Output, test: &Test| -> Vec<String> {
        let base = test.path("").display().to_string();
        let lines = output.whole().1.lines().filter(|line| line.contains("Moving"));
        lines.map(|line| line.replace(&base, "[DIR]/")).collect()
    };
    assert_eq!(moved(&ran.ours, &pair.ours), moved(&ran.theirs, &pair.theirs));
    assert_eq!(moved(&ran.ours, &pair.ours).len(), 2);
    let id = only_directory(&pair.ours.path("accounts"));
    assert_eq!(fs::read_to_string(id.join("account_key.pem")).unwrap(), key);
    assert_eq!(rig.certificates_issued(), 2);
    // A key that has its place already stays where it is.
    for test in [&pair.ours, &pair.theirs] {
        test.put("private_key.pem", "another one");
    }
    pair.both(&["--cron"], 0);
    assert_eq!(pair.ours.read("private_key.pem"), "another one");
    pair.same_files("left");
}

#[test]
fn the_account_of_the_ca_under_its_old_address_goes_on() {
    let rig = rig();
    let old = "https://old.example/directory";
    let pair = pair(&rig, &format!("OLDCA={old}")).registered();
    for test in [&pair.ours, &pair.theirs] {
        let id = only_directory(&test.path("accounts"));
        // The old URL and a newline, in base64url.
        let old_id = test.path("accounts/aHR0cHM6Ly9vbGQuZXhhbXBsZS9kaXJlY3RvcnkK");
        fs::rename(&id, old_id).unwrap();
    }
    pair.both(&["--cron"], 0);
    pair.same_files("with a link to the old one");
    let links = |test: &Test| -> Vec<String> {
        let accounts = fs::read_dir(test.path("accounts")).unwrap();
        let links = accounts.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.map(|link| link.display().to_string()).collect()
    };
    assert_eq!(links(&pair.ours), ["aHR0cHM6Ly9vbGQuZXhhbXBsZS9kaXJlY3RvcnkK"]);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn ones_own_key_is_registered_without_a_question_and_its_account_lives_beside_it() {
    let rig = rig();
    let pair = pair(&rig, "");
    let key = "-----BEGIN EC PRIVATE KEY-----";
    for test in [&pair.ours, &pair.theirs] {
        fs::create_dir(test.path("mine")).unwrap();
        let generate = ["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out"];
        openssl(Command::new("openssl").args(generate).arg(test.path("mine/key.pem")));
        assert!(test.read("mine/key.pem").starts_with(key));
    }
    // Not by another command.
    pair.both(&["--cron", "--privkey", "mine/key.pem"], 1);
    assert_eq!(fs::read_dir(pair.ours.path("mine")).unwrap().count(), 1);
    let both_at = |arguments: &[&str]| {
        let all = [&["--config", "config"], arguments].concat();
        pair.ours.as_dehydrated(&all).code(0);
        pair.theirs.program(dehydrated(), &all).code(0);
    };
    both_at(&["--register", "--privkey", "mine/key.pem"]);
    let beside = |test: &Test| {
        let mut found = Vec::new();
        walk(&test.path(""), Path::new("mine"), &mut found);
        found.sort();
        found
    };
    assert_eq!(beside(&pair.ours), beside(&pair.theirs));
    assert_eq!(beside(&pair.ours).len(), 4, "the directory, the key, its account and its URL");
    both_at(&["--cron", "--privkey", "mine/key.pem"]);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn what_the_ca_said_of_an_account_is_kept_when_it_says_something_else() {
    let rig = rig();
    let pair = pair(&rig, "CONTACT_EMAIL=first@a.example").registered();
    pair.both(&["--account"], 0);
    pair.same_files("after the first --account");
    configure(&pair, "CONTACT_EMAIL=second@a.example");
    pair.both(&["--account"], 0);
    pair.same_files("after a change");
    let id = only_directory(&pair.ours.path("accounts"));
    let files = fs::read_dir(&id).unwrap().map(|entry| entry.unwrap().path());
    let is_backup = |path: &PathBuf| path.display().to_string().contains("registration_info-");
    let backups: Vec<String> =
        files.filter(is_backup).map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(backups.iter().any(|text| text.contains("first@a.example")), "{backups:?}");
    let now = fs::read_to_string(id.join("registration_info.json")).unwrap();
    assert!(now.contains("second@a.example"), "{now}");
}
