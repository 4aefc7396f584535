//! Files on disk are those of dehydrated: the same tree, modes, links and formats; each program goes on with the other's.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hydrant::commands::gather::Gathered;
use hydrant::commands::revoke::{self, RevokedFile};
use hydrant::config::AutoCleanup;
use hydrant::error::{Error, ExitCode};
use hydrant::key::KeyType;
use hydrant::runner::Authorities;

use crate::support::{CertificateFacts, Engine, Rig, TIMESTAMP, Test, dehydrated, openssl};

/// What lies below a directory: path, mode, target of a link, first line of a PEM file. Timestamps are `TIME`.
fn tree(test: &Test) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for top in ["accounts", "certs"] {
        walk(&test.path(""), Path::new(top), &mut found);
    }
    found
}

fn walk(base: &Path, below: &Path, found: &mut BTreeSet<String>) {
    let path = base.join(below);
    let kind = fs::symlink_metadata(&path).unwrap();
    let what = if kind.is_symlink() {
        format!("-> {}", fs::read_link(&path).unwrap().display())
    } else {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let first = text.lines().find(|line| line.starts_with("-----")).unwrap_or_default();
        format!("{:o} {first}", kind.permissions().mode() & 0o7777)
    };
    found.insert(without_timestamps(&format!("{} {what}", below.display())));
    if kind.is_dir() {
        for entry in fs::read_dir(&path).unwrap() {
            walk(base, &below.join(entry.unwrap().file_name()), found);
        }
    }
}

fn without_timestamps(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(at) = text.as_bytes().windows(10).position(|window| window.iter().all(u8::is_ascii_digit))
    {
        text.replace_range(at..at + 10, "TIME");
    }
    text
}

/// A place for dehydrated; `config` are more lines of its configuration.
fn theirs(rig: &Rig, config: &str) -> Test {
    let test = Test::new().rig(rig).domains("a.example b.example\n").write("www/.keep", "");
    configure(test, rig, config)
}

fn configure(test: Test, rig: &Rig, config: &str) -> Test {
    let base = test.path("").display().to_string();
    let base = base.trim_end_matches('/');
    let config = format!(
        "CA={}\nCURL_OPTS='--cacert {} --noproxy *'\nBASEDIR={base}\nWELLKNOWN={base}/www\n{config}",
        rig.ca(),
        rig.environment()["HYDRANT_CA_ROOTS"],
    );
    test.write("config", config)
}

fn cron(test: &Test, more: &[&str]) {
    let arguments = [&["--config", "config", "--accept-terms", "--cron"], more].concat();
    test.program(dehydrated(), &arguments).code(0);
}

async fn revoke_file(gathered: &Gathered, path: &Path) -> Result<RevokedFile, Error> {
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    revoke::revoke_file(gathered, &authorities, path).await
}

fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--always-valid"])
}

#[test]
fn the_tree_after_an_issue_is_dehydrateds() {
    let rig = rig();
    let ours = Test::new().rig(&rig).domains("a.example b.example\n");
    let mut engine = Engine::new(&ours, &rig);
    engine.config.certificates.base.key_type = KeyType::P384;
    engine.config.account.key_type = KeyType::Rsa2048;
    let theirs = theirs(&rig, "ACCOUNT_KEYSIZE=2048\n");
    cron(&theirs, &[]);
    assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    let expected = tree(&theirs);
    assert_eq!(tree(&ours), expected);
    assert_eq!(expected.len(), 17, "{expected:#?}");
}

#[test]
fn a_persons_umask_a_key_made_ahead_and_a_kept_key_leave_the_same_tree_too() {
    let rig = rig();
    let ours = Test::new().rig(&rig).domains("a.example b.example\n");
    let mut engine = Engine::new(&ours, &rig);
    engine.config.umask = 0o027;
    engine.config.account.key_type = KeyType::P256;
    let base = &mut engine.config.certificates.base;
    (base.key_type, base.key_rollover, base.must_staple) = (KeyType::Rsa2048, true, true);
    let settings =
        "KEY_ALGO=rsa\nKEYSIZE=2048\nACCOUNT_KEY_ALGO=prime256v1\numask 027\nOCSP_MUST_STAPLE=yes\n";
    let theirs = theirs(&rig, &format!("{settings}PRIVATE_KEY_ROLLOVER=yes\n"));
    let key = |test: &Test, file: &str| test.read(&format!("certs/a.example/{file}"));
    for renewal in [false, true] {
        let ready = renewal.then(|| key(&ours, "privkey.roll.pem"));
        cron(&theirs, if renewal { &["--force"] } else { &[] });
        assert_eq!(engine.run(renewal).unwrap(), ExitCode::Success);
        let mut expected = tree(&theirs);
        // Written by openssl or by the shell, and so of one mode or another.
        let made_ahead = |line: &str| line.starts_with("certs/a.example/privkey.roll.pem 6");
        assert_eq!(expected.extract_if(.., |line| made_ahead(line)).count(), 1);
        // A key that was made ahead keeps the mode that openssl gave it, so that under dehydrated the group loses it.
        let lost = "certs/a.example/privkey-TIME.pem 600 -----BEGIN PRIVATE KEY-----";
        assert_eq!(expected.remove(lost), renewal);
        let mut found = tree(&ours);
        assert!(found.remove("certs/a.example/privkey.roll.pem 600 -----BEGIN PRIVATE KEY-----"));
        assert_eq!(found, expected, "renewal: {renewal}");
        assert_ne!(key(&ours, "privkey.roll.pem"), key(&ours, "privkey.pem"));
        assert!(ready.is_none_or(|ready| ready == key(&ours, "privkey.pem")), "the key was made ahead");
    }
    let staple = CertificateFacts::of(&ours.path("certs/a.example/cert.pem")).text;
    let csr = openssl(
        std::process::Command::new("openssl")
            .args(["req", "-noout", "-text", "-in"])
            .arg(ours.path("certs/a.example/cert.csr")),
    );
    assert!(csr.contains("status_request") || staple.contains("status_request"), "{csr}");

    // Kept from here on, and none made ahead any more.
    let before = key(&ours, "privkey.pem");
    let theirs = configure(theirs, &rig, &format!("{settings}PRIVATE_KEY_RENEW=no\n"));
    let base = &mut engine.config.certificates.base;
    (base.key_rollover, base.reuse_key) = (false, true);
    cron(&theirs, &["--force"]);
    assert_eq!(engine.run(true).unwrap(), ExitCode::Success);
    let mut expected = tree(&theirs);
    expected.retain(|line| !line.starts_with("certs/a.example/privkey-TIME.pem 600"));
    assert_eq!(tree(&ours), expected);
    assert_eq!(key(&ours, "privkey.pem"), before);
    assert!(!ours.path("certs/a.example/privkey.roll.pem").exists());
}

#[test]
fn each_goes_on_with_what_the_other_left() {
    let rig = rig();
    for account in ["rsa", "secp384r1"] {
        let test = theirs(&rig, &format!("ACCOUNT_KEYSIZE=2048\nACCOUNT_KEY_ALGO={account}\n"));
        cron(&test, &[]);
        let issued = rig.certificates_issued();
        let engine = Engine::new(&test, &rig);
        let before = tree(&test);
        let account = |test: &Test| {
            let id = fs::read_dir(test.path("accounts")).unwrap().next().unwrap().unwrap().path();
            fs::read_to_string(id.join("account_id.json")).unwrap()
        };
        let url = account(&test);
        // Lost, and asked for again.
        let id = fs::read_dir(test.path("accounts")).unwrap().next().unwrap().unwrap().path();
        fs::remove_file(id.join("account_id.json")).unwrap();
        assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
        assert_eq!(rig.certificates_issued(), issued, "nothing was due");
        assert_eq!(engine.run(true).unwrap(), ExitCode::Success);
        assert_eq!(account(&test), url);
        assert_eq!(rig.certificates_issued(), issued + 1);
        // Five more files, but the links are the same.
        assert!(tree(&test).is_superset(&before));
        cron(&test, &[]);
        assert_eq!(rig.certificates_issued(), issued + 1, "dehydrated finds nothing due either");
        test.program(dehydrated(), &["--config", "config", "--account"]).code(0);
    }
}

#[test]
fn superseded_files_are_tidied_away_after_a_run_where_that_is_wanted() {
    let rig = rig();
    let test = Test::new().rig(&rig).domains("a.example\n");
    let mut engine = Engine::new(&test, &rig);
    engine.config.auto_cleanup = AutoCleanup::Archive;
    engine.run(false).unwrap();
    let count = |directory: &str| fs::read_dir(test.path(directory)).unwrap().count();
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (0, 10));
    engine.run(true).unwrap();
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (5, 10));
    engine.config.auto_cleanup = AutoCleanup::Delete;
    engine.run(true).unwrap();
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (5, 10));
}

#[test]
fn the_file_of_a_revoked_certificate_is_renamed_and_the_next_run_issues() {
    let rig = rig();
    let test = Test::new().rig(&rig).domains("a.example\n").filter(TIMESTAMP, "[TIME]");
    let mut engine = Engine::new(&test, &rig);
    engine.run(false).unwrap();
    let link = test.path("certs/a.example/cert.pem");
    let real = link.with_file_name(fs::read_link(&link).unwrap());
    let serial = CertificateFacts::of(&link).serial;
    let key = test.path("certs/a.example/privkey.pem");
    let elsewhere = Test::new().rig(&rig).domains("b.example\n");
    let stranger = Engine::new(&elsewhere, &rig);
    stranger.run(false).unwrap();

    // Another account may not: nothing is renamed.
    let refused = stranger.with(async |gathered| revoke_file(&gathered, &link).await).unwrap_err();
    assert!(refused.to_string().contains("unauthorized"), "{refused}");
    assert!(real.exists() && link.exists());
    assert_eq!(rig.certificate_status(&serial)["Status"], "Valid");

    let revoked = engine.with(async |gathered| revoke_file(&gathered, &link).await).unwrap();
    assert_eq!((revoked.file.as_path(), revoked.already), (real.as_path(), false));
    assert_eq!(revoked.renamed.display().to_string(), format!("{}-revoked", real.display()));
    assert!(revoked.renamed.exists() && !real.exists() && link.is_symlink());
    assert_eq!(rig.certificate_status(&serial)["Status"], "Revoked");
    // Once more, by the name that it has now.
    let again = engine.with(async |gathered| revoke_file(&gathered, &revoked.renamed).await).unwrap();
    assert!(again.already && again.renamed.exists());
    assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    assert_eq!(rig.certificates_issued(), 3);

    // The leaf of a full chain, by the certificate's own key, from a place without an account.
    let serial = CertificateFacts::of(&link).serial;
    let fullchain = test.path("certs/a.example/fullchain.pem");
    let account = &mut engine.config.account;
    (account.key_file, account.stays_with_key) = (Some(key), true);
    engine.with(async |gathered| revoke_file(&gathered, &fullchain).await).unwrap();
    assert_eq!(rig.certificate_status(&serial)["Status"], "Revoked");
    assert!(!fullchain.exists() && link.exists());
    let account = &mut engine.config.account;
    (account.key_file, account.stays_with_key) = (None, false);
    assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    assert_eq!(rig.certificates_issued(), 4, "cert.pem is still there, but it is revoked");
    let missing =
        engine.with(async |gathered| revoke_file(&gathered, Path::new("/none.pem")).await).unwrap_err();
    assert_eq!(missing.to_string(), "there is no certificate `/none.pem`");
}

#[test]
fn a_refused_registration_leaves_nothing_that_looks_registered() {
    let mac = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj";
    let rig = Rig::with(&["--nonce-reject", "0", "--eab", &format!("kid-1={mac}")]);
    let test = Test::new().rig(&rig).write("right", mac).write("wrong", mac.replace('c', "d"));
    let register = |file: &str| {
        let eab = ["--eab-kid", "kid-1", "--eab-hmac-key-file", file, "--accept-terms"];
        test.hydrant(&[&["account", "register"], &eab[..]].concat())
    };
    register("wrong").code(1).stdout("");
    let id = fs::read_dir(test.path("accounts")).unwrap().next().unwrap().unwrap().path();
    for looks_registered in ["account_key.pem", "account_id.json", "registration_info.json"] {
        assert!(!id.join(looks_registered).exists(), "{looks_registered}");
    }
    register("right").code(0).stdout_contains("account registered at [CA]");
    assert!(id.join("account_key.pem").exists());
}
