//! Files on disk are those of dehydrated: the same tree, modes, links and formats; each program goes on with the other's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pair::Pair;
use crate::support::{
    CertificateFacts, Output, RECORD_HOOK, Rig, TIMESTAMP, Test, dehydrated, openssl, without_times,
};

const LIST: &str = "a.example b.example\n";

/// What lies below the directories of accounts and certificates, and the archive: path, mode, target of a link, first
/// line of a PEM file. Timestamps are `TIME`.
fn tree(test: &Test) -> Vec<String> {
    let mut found = Vec::new();
    for top in ["accounts", "archive", "certs"] {
        if test.path(top).exists() {
            walk(&test.path(""), Path::new(top), &mut found);
        }
    }
    found.sort();
    found
}

pub(super) fn walk(base: &Path, below: &Path, found: &mut Vec<String>) {
    let path = base.join(below);
    let kind = fs::symlink_metadata(&path).unwrap();
    let what = if kind.is_symlink() {
        format!("-> {}", fs::read_link(&path).unwrap().display())
    } else {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let first = text.lines().find(|line| line.starts_with("-----")).unwrap_or_default();
        format!("{:o} {first}", kind.permissions().mode() & 0o7777)
    };
    found.push(without_times(&format!("{} {what}", below.display())));
    if kind.is_dir() {
        for entry in fs::read_dir(&path).unwrap() {
            walk(base, &below.join(entry.unwrap().file_name()), found);
        }
    }
}

/// Takes out every line that begins so; gives how many there were.
fn take(lines: &mut Vec<String>, beginning: &str) -> usize {
    let before = lines.len();
    lines.retain(|line| !line.starts_with(beginning));
    before - lines.len()
}

/// Two installations with a web server's directory and without a hook; `more` is added to their configurations.
pub(super) fn pair(rig: &Rig, more: &str) -> Pair {
    let http = "CHALLENGETYPE=http-01\nHOOK=\nWELLKNOWN=$BASEDIR/www";
    Pair::new(rig, LIST, &format!("{http}\n{more}")).write("www/.keep", "")
}

/// One installation, for hydrant alone or for both in turn.
fn place(rig: &Rig, more: &str) -> Test {
    pair(rig, more).ours.filter(TIMESTAMP, "[TIME]")
}

/// Appends to the configurations of both.
pub(super) fn configure(pair: &Pair, more: &str) {
    add_to_config(&pair.ours, more);
    add_to_config(&pair.theirs, more);
}

fn add_to_config(test: &Test, more: &str) {
    test.put("config", &format!("{}\n{more}\n", test.read("config")));
}

/// What `--cron` is called with where an account may have to be made.
const CRON: &[&str] = &["--config", "config", "--accept-terms", "--cron"];

/// The only directory below another one.
pub(super) fn only_directory(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

pub(super) fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--always-valid"])
}

#[test]
fn the_tree_after_an_issue_is_dehydrateds() {
    let rig = rig();
    let pair = pair(&rig, "KEY_ALGO=secp384r1\nACCOUNT_KEY_ALGO=rsa\nACCOUNT_KEYSIZE=2048");
    pair.both(&["--accept-terms", "--cron"], 0);
    let expected = tree(&pair.theirs);
    assert_eq!(tree(&pair.ours), expected);
    assert_eq!(expected.len(), 17, "{expected:#?}");
    pair.same_files("beside accounts and certificates");
}

#[test]
fn a_persons_umask_a_key_made_ahead_and_a_kept_key_leave_the_same_tree_too() {
    let rig = rig();
    let pair = pair(
        &rig,
        "KEY_ALGO=rsa\nKEYSIZE=2048\numask 027\nOCSP_MUST_STAPLE=yes\nPRIVATE_KEY_ROLLOVER=yes\n\
         HOOK=$RECORD_HOOK",
    );
    let pair = pair.env("RECORD_HOOK", RECORD_HOOK).env("RECORD_THEN", "");
    let key = |file: &str| pair.ours.read(&format!("certs/a.example/{file}"));
    for renewal in [false, true] {
        let ready = renewal.then(|| key("privkey.roll.pem"));
        let force: &[&str] = if renewal { &["--force"] } else { &[] };
        pair.both(&[&["--accept-terms", "--cron"], force].concat(), 0);
        let mut expected = tree(&pair.theirs);
        // Written by openssl or by the shell, and so of one mode or another.
        assert_eq!(take(&mut expected, "certs/a.example/privkey.roll.pem 6"), 1);
        let mut found = tree(&pair.ours);
        assert_eq!(take(&mut found, "certs/a.example/privkey.roll.pem 600 -----BEGIN PRIVATE KEY-----"), 1);
        if renewal {
            // A key that was made ahead keeps the mode that openssl gave it, so that under dehydrated the group loses it.
            let lost = "certs/a.example/privkey-TIME.pem 600 -----BEGIN PRIVATE KEY-----";
            assert_eq!((take(&mut expected, lost), take(&mut found, lost)), (1, 0));
            let kept = "certs/a.example/privkey-TIME.pem 640 -----BEGIN PRIVATE KEY-----";
            assert_eq!((take(&mut expected, kept), take(&mut found, kept)), (1, 2));
        }
        assert_eq!(found, expected, "renewal: {renewal}");
        assert_ne!(key("privkey.roll.pem"), key("privkey.pem"));
        assert!(ready.is_none_or(|ready| ready == key("privkey.pem")), "the key was made ahead");
    }
    let staple = CertificateFacts::of(&pair.ours.path("certs/a.example/cert.pem")).text;
    let csr = openssl(
        Command::new("openssl")
            .args(["req", "-noout", "-text", "-in"])
            .arg(pair.ours.path("certs/a.example/cert.csr")),
    );
    assert!(csr.contains("status_request") || staple.contains("status_request"), "{csr}");

    // Kept from here on, and none made ahead any more.
    let before = key("privkey.pem");
    configure(&pair, "PRIVATE_KEY_RENEW=no\nPRIVATE_KEY_ROLLOVER=no");
    pair.calls();
    pair.both(&["--cron", "--force"], 0);
    let (mut expected, mut found) = (tree(&pair.theirs), tree(&pair.ours));
    for key in ["certs/a.example/privkey-TIME.pem 600", "certs/a.example/privkey-TIME.pem 640"] {
        take(&mut expected, key);
        take(&mut found, key);
    }
    assert_eq!(found, expected);
    assert_eq!(key("privkey.pem"), before);
    assert!(!pair.ours.path("certs/a.example/privkey.roll.pem").exists());
    // dehydrated tells sync_cert of a key that nobody made; here it is the one that is kept.
    let synced = |test: &Test| -> PathBuf {
        let calls = test.calls("record");
        let call = calls.iter().find(|call| call.operation == "sync_cert").unwrap();
        PathBuf::from(&call.arguments[0])
    };
    assert!(!synced(&pair.theirs).exists());
    assert_eq!(fs::read_to_string(synced(&pair.ours)).unwrap(), before);
}

#[test]
fn each_goes_on_with_what_the_other_left() {
    let rig = rig();
    for account in ["rsa", "secp384r1"] {
        let test = place(&rig, &format!("ACCOUNT_KEYSIZE=2048\nACCOUNT_KEY_ALGO={account}"));
        let theirs = |arguments: &[&str]| test.program(dehydrated(), arguments).code(0);
        theirs(CRON);
        let issued = rig.certificates_issued();
        let before = tree(&test);
        let id = only_directory(&test.path("accounts"));
        let url = || fs::read_to_string(id.join("account_id.json")).unwrap();
        let known = url();
        // Lost, and asked for again.
        fs::remove_file(id.join("account_id.json")).unwrap();
        test.as_dehydrated(&["--config", "config", "--account"]).code(0);
        assert_eq!(url(), known);
        test.as_dehydrated(CRON).code(0);
        assert_eq!(rig.certificates_issued(), issued, "nothing was due");
        test.as_dehydrated(&[CRON, &["--force"]].concat()).code(0);
        assert_eq!(url(), known);
        assert_eq!(rig.certificates_issued(), issued + 1);
        // Five more files, but the links are the same.
        let after = tree(&test);
        assert!(before.iter().all(|line| after.contains(line)), "{before:#?}\n{after:#?}");
        assert_eq!(after.len(), before.len() + 5);
        theirs(CRON);
        assert_eq!(rig.certificates_issued(), issued + 1, "dehydrated finds nothing due either");
        theirs(&["--config", "config", "--account"]);
    }
}

#[test]
fn superseded_files_are_tidied_away_after_a_run_where_that_is_wanted() {
    let rig = rig();
    let pair = pair(&rig, "AUTO_CLEANUP=yes").registered();
    let count = |directory: &str| fs::read_dir(pair.ours.path(directory)).unwrap().count();
    let certificate = ["a.example", "single.example"];
    // A list or a single certificate: dehydrated tidies all directories after each.
    for (number, name) in certificate.iter().enumerate() {
        let only: &[&str] = if number == 0 { &[] } else { &["--domain", name] };
        for (force, archived) in [(&[][..], 0), (&["--force"][..], 5)] {
            let ran = pair.both(&[&["--cron"], only, force].concat(), 0);
            let said = |output: &Output| -> Vec<String> {
                let (_, stdout, _) = output.whole();
                let of_cleanup = |line: &&str| line.contains(" unused file") || line.contains("cleanup");
                stdout.lines().filter(of_cleanup).map(without_times).collect()
            };
            assert_eq!(said(&ran.ours), said(&ran.theirs));
            assert_eq!(said(&ran.ours).len(), 1 + archived, "once each");
            let archive = count(&format!("archive/{name}"));
            assert_eq!((archive, count(&format!("certs/{name}"))), (archived, 10));
            pair.same_files(name);
        }
    }
    configure(&pair, "AUTO_CLEANUP_DELETE=yes");
    pair.both(&["--cron", "--force"], 0);
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (5, 10));
    pair.same_files("deleted");
    // A run that does not come to its end tidies nothing.
    fs::remove_file(pair.ours.path("domains.txt")).unwrap();
    fs::remove_file(pair.theirs.path("domains.txt")).unwrap();
    for test in [&pair.ours, &pair.theirs] {
        fs::write(test.path("certs/a.example/cert-1234567890.pem"), "").unwrap();
    }
    pair.both(&["--cron"], 1);
    assert!(pair.ours.path("certs/a.example/cert-1234567890.pem").exists());
    pair.same_files("without a list");
}

#[test]
fn cleanup_leaves_what_dehydrateds_leaves() {
    let rig = rig();
    for command in ["--cleanup", "--cleanup-delete"] {
        let pair = pair(&rig, "PRIVATE_KEY_ROLLOVER=yes").registered();
        pair.both(&["--cron"], 0);
        pair.both(&["--cron", "--force"], 0);
        pair.both(&["--revoke", "certs/a.example/cert.pem"], 0);
        for test in [&pair.ours, &pair.theirs] {
            let certs = test.path("certs");
            for file in [
                "a.example/config",
                "a.example/notes-1.txt",
                "a.example/ocsp-1234567890.der",
                "a.example/cert-by-hand.pem",
                "a-file",
            ] {
                fs::create_dir_all(certs.join(file).parent().unwrap()).unwrap();
                fs::write(certs.join(file), "").unwrap();
                fs::set_permissions(certs.join(file), fs::Permissions::from_mode(0o600)).unwrap();
            }
            fs::create_dir(certs.join("empty")).unwrap();
            fs::set_permissions(certs.join("empty"), fs::Permissions::from_mode(0o700)).unwrap();
            symlink("ocsp-1.der", certs.join("a.example/ocsp.der")).unwrap();
            // Openssl's mode or the shell's, see above.
            fs::remove_file(certs.join("a.example/privkey.roll.pem")).unwrap();
        }
        pair.same_files("before");
        let ran = pair.both(&[command], 0);
        let said = |output: &Output, test: &Test| -> Vec<String> {
            let (_, stdout, stderr) = output.whole();
            assert_eq!(stderr, "");
            let base = test.path("").display().to_string();
            let lines = stdout.lines().filter(|line| !line.starts_with("# INFO"));
            let mut lines: Vec<_> = lines.map(|line| without_times(&line.replace(&base, "[DIR]/"))).collect();
            lines.sort();
            lines
        };
        assert_eq!(said(&ran.ours, &pair.ours), said(&ran.theirs, &pair.theirs));
        pair.same_files(command);
        assert!(!pair.ours.path("certs/a.example/cert.pem").is_symlink(), "it led nowhere");
        let archived = tree(&pair.ours).iter().filter(|line| line.starts_with("archive/")).count();
        // Two directories; in one the five files of the first issue, the revoked one, and two of the test's own.
        assert_eq!(archived, if command == "--cleanup" { 10 } else { 0 });
        // Directories in directories are certificates as well: dehydrated never looks there.
        let nested = "certs/empty/deeper/cert-1234567890.pem";
        for test in [&pair.ours, &pair.theirs] {
            fs::create_dir(test.path("certs/empty/deeper")).unwrap();
            test.put(nested, "");
        }
        pair.both(&[command], 0);
        assert_eq!((pair.theirs.path(nested).exists(), pair.ours.path(nested).exists()), (true, false));
    }
}

#[test]
fn the_file_of_a_revoked_certificate_is_renamed_and_the_next_run_issues() {
    let rig = rig();
    let test = place(&rig, "");
    test.as_dehydrated(CRON).code(0);
    let link = test.path("certs/a.example/cert.pem");
    let real = link.with_file_name(fs::read_link(&link).unwrap());
    let revoked = PathBuf::from(format!("{}-revoked", real.display()));
    let serial = CertificateFacts::of(&link).serial;
    let status = |serial: &str| rig.certificate_status(serial)["Status"].clone();
    let stranger = place(&rig, "");
    stranger.put("domains.txt", "b.example\n");
    stranger.as_dehydrated(CRON).code(0);
    let revoke = |test: &Test, more: &[&str]| {
        test.as_dehydrated(&[&["--config", "config", "--revoke"], more].concat())
    };

    // Another account may not: nothing is renamed. dehydrated says that it did, and renames.
    let output = revoke(&stranger, &[&link.display().to_string()]).code(1).stderr_contains("unauthorized");
    assert!(!output.stdout.contains("Renaming"), "{}", output.stdout);
    assert!(real.exists() && link.exists());
    assert_eq!(status(&serial), "Valid");

    revoke(&test, &["certs/a.example/cert.pem"]).code(0).stderr("").stdout(
        "# INFO: Using main config file config\nRevoking certs/a.example/cert-[TIME].pem\n + Done.\n \
         + Renaming certificate to certs/a.example/cert-[TIME].pem-revoked\n",
    );
    assert!(revoked.exists() && !real.exists() && link.is_symlink());
    assert_eq!(status(&serial), "Revoked");
    // Once more, by the name that it has now.
    revoke(&test, &[&revoked.display().to_string()]).code(0).stdout_contains(" + Was revoked already.\n");
    assert!(revoked.with_extension("pem-revoked-revoked").exists());
    test.as_dehydrated(CRON).code(0);
    assert_eq!(rig.certificates_issued(), 3);

    // The leaf of a full chain, by the certificate's own key, from a place without an account.
    let serial = CertificateFacts::of(&link).serial;
    let fullchain = test.path("certs/a.example/fullchain.pem");
    revoke(&test, &["certs/a.example/fullchain.pem", "--privkey", "certs/a.example/privkey.pem"]).code(0);
    assert_eq!(status(&serial), "Revoked");
    assert!(!fullchain.exists() && link.exists());
    test.as_dehydrated(CRON).code(0);
    assert_eq!(rig.certificates_issued(), 4, "cert.pem is still there, but it is revoked");
    revoke(&test, &["/none.pem"]).code(1).stderr_contains("there is no certificate `/none.pem`");
}

#[test]
fn links_are_switched_in_dehydrateds_order_when_all_files_are_there() {
    let rig = rig();
    let mut test = place(&rig, "");
    for more in [&[][..], &["--force"]] {
        test = test.args([&["dehydrated"], CRON, more].concat());
        let (output, trace) = test.run_traced("symlink,symlinkat,rename,renameat,renameat2");
        output.code(0);
        let certificate = trace.lines().filter(|line| line.contains("/certs/a.example/"));
        let to = |line: &str| line.rsplit('"').nth(1).map(|path| path.rsplit('/').next().unwrap().to_owned());
        let named: Vec<String> = certificate.filter_map(to).collect();
        let is_link = |name: &&String| {
            !name.starts_with('.') && !name.chars().any(|character| character.is_ascii_digit())
        };
        let links: Vec<_> = named.iter().filter(is_link).cloned().collect();
        assert_eq!(links, ["privkey.pem", "chain.pem", "fullchain.pem", "cert.csr", "cert.pem"], "{trace}");
    }
}

#[test]
fn a_failed_attempt_leaves_no_empty_files() {
    let rig = Rig::start();
    // Nobody serves what is put there.
    let pair = pair(&rig, "").registered();
    for _ in 0..2 {
        pair.both(&["--cron"], 1);
    }
    let files = |test: &Test| fs::read_dir(test.path("certs/a.example")).map_or(0, Iterator::count);
    assert!(files(&pair.theirs) >= 3, "a request, a key and an empty certificate");
    assert_eq!(files(&pair.ours), 0);
    assert_eq!(fs::read_dir(pair.ours.path("www")).unwrap().count(), 1, "no token is left either");
}
