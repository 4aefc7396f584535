//! Tests of the module above.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::ledger::{KeySource, Staged};
use crate::store::{LeaseOutcome, Store as _};

struct Base {
    directory: TempDir,
    store: FileStore,
    accounts: FileAccounts,
}

impl Base {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        let store = FileStore::new(base.join("certs"), &base.join(".hydrant"));
        let accounts = FileAccounts::new(base.join("accounts"));
        Self { directory, store, accounts }
    }

    /// Three issues, of which the second is in use, and what else may lie there.
    fn certificate(&self, name: &str) -> PathBuf {
        let dir = self.store.certs().join(name);
        fs::create_dir_all(&dir).unwrap();
        for (base, extension) in
            [("cert", "csr"), ("cert", "pem"), ("chain", "pem"), ("fullchain", "pem"), ("privkey", "pem")]
        {
            for timestamp in [1, 2, 3] {
                fs::write(dir.join(format!("{base}-{timestamp}.{extension}")), "x").unwrap();
            }
            symlink(format!("{base}-2.{extension}"), dir.join(format!("{base}.{extension}"))).unwrap();
        }
        for kept in ["config", "privkey.roll.pem", "notes-1.txt", "cert-1.der", "mycert-1.pem"] {
            fs::write(dir.join(kept), "x").unwrap();
        }
        fs::write(dir.join("cert-0.pem-revoked"), "x").unwrap();
        fs::write(dir.join("ocsp-1.der"), "x").unwrap();
        symlink("ocsp-0.der", dir.join("ocsp.der")).unwrap();
        dir
    }

    fn archive(&self, below: &str) -> PathBuf {
        self.directory.path().join("archive").join(below)
    }

    async fn archive_all(&self) -> Cleanup {
        cleanup(&self.store, &self.accounts, &Superseded::Archive(self.archive(""))).await.unwrap()
    }
}

fn names(dir: &Path) -> Vec<String> {
    list(dir).unwrap()
}

const IN_USE: [&str; 15] = [
    "cert-1.der",
    "cert-2.csr",
    "cert-2.pem",
    "cert.csr",
    "cert.pem",
    "chain-2.pem",
    "chain.pem",
    "config",
    "fullchain-2.pem",
    "fullchain.pem",
    "mycert-1.pem",
    "notes-1.txt",
    "privkey-2.pem",
    "privkey.pem",
    "privkey.roll.pem",
];

const SUPERSEDED: [&str; 12] = [
    "cert-0.pem-revoked",
    "cert-1.csr",
    "cert-1.pem",
    "cert-3.csr",
    "cert-3.pem",
    "chain-1.pem",
    "chain-3.pem",
    "fullchain-1.pem",
    "fullchain-3.pem",
    "ocsp-1.der",
    "privkey-1.pem",
    "privkey-3.pem",
];

#[tokio::test]
async fn moves_what_is_not_in_use_to_the_archive() {
    let base = Base::new();
    let dir = base.certificate("a.example");
    fs::create_dir(base.store.certs().join("empty.example")).unwrap();
    let done = base.archive_all().await;
    assert_eq!(names(&dir), IN_USE);
    assert_eq!(names(&base.archive("a.example")), SUPERSEDED);
    // As dehydrated does: one for each certificate.
    assert!(names(&base.archive("empty.example")).is_empty());
    assert_eq!(done.done.len(), SUPERSEDED.len() + 1);
    let certificate = || "a.example".to_owned();
    assert!(
        done.done.contains(&Tidied::BrokenLink { certificate: certificate(), file: "ocsp.der".to_owned() })
    );
    let archived = Tidied::Archived { certificate: certificate(), file: "cert-1.csr".to_owned() };
    assert!(done.done.contains(&archived));
    assert!(done.failed.is_empty() && done.held.is_empty());

    assert!(base.archive_all().await.done.is_empty());
}

#[tokio::test]
async fn deletes_what_is_not_in_use() {
    let base = Base::new();
    let dir = base.certificate("a.example");
    let done = cleanup(&base.store, &base.accounts, &Superseded::Delete).await.unwrap();
    assert_eq!(names(&dir), IN_USE);
    assert!(!base.archive("").exists());
    let file = "privkey-3.pem".to_owned();
    assert!(done.done.contains(&Tidied::Deleted { certificate: "a.example".to_owned(), file }));
}

#[tokio::test]
async fn tidies_nested_certificates_too() {
    let base = Base::new();
    let dir = base.certificate("s/d");
    base.archive_all().await;
    assert_eq!(names(&dir), IN_USE);
    assert_eq!(names(&base.archive("s/d")), SUPERSEDED);
}

#[tokio::test]
async fn files_that_wait_for_their_switch_stay() {
    let base = Base::new();
    let dir = base.certificate("a.example");
    let name = "a.example".parse().unwrap();
    let LeaseOutcome::Taken(mut lease) = base.store.lease(&name).await.unwrap() else { unreachable!() };
    let staged = Staged { timestamp: 3, key: KeySource::New, switch: false };
    lease.save(&Record { staged: Some(staged), ..Record::default() }).await.unwrap();
    drop(lease);
    base.archive_all().await;
    for file in ["cert-3.csr", "cert-3.pem", "chain-3.pem", "fullchain-3.pem", "privkey-3.pem"] {
        assert!(dir.join(file).exists(), "{file}");
    }
    assert!(!dir.join("cert-1.pem").exists());
}

#[tokio::test]
async fn leaves_a_certificate_alone_that_is_being_issued() {
    let base = Base::new();
    let dir = base.certificate("a.example");
    base.certificate("b.example");
    let before = names(&dir);
    let name = "a.example".parse().unwrap();
    let lease = base.store.lease(&name).await.unwrap();
    let done = base.archive_all().await;
    assert_eq!(names(&dir), before);
    assert_eq!(done.held.len(), 1);
    assert_eq!(done.held[0].0, "a.example");
    assert!(!done.done.is_empty(), "the other one was not tidied");
    drop(lease);
}

#[tokio::test]
async fn an_unreadable_record_protects_its_certificate_and_no_other() {
    let base = Base::new();
    let dir = base.certificate("a.example");
    base.certificate("b.example");
    fs::create_dir_all(base.store.records()).unwrap();
    fs::write(base.store.records().join("a.example.json"), "{").unwrap();
    let before = names(&dir);
    let done = base.archive_all().await;
    assert_eq!(names(&dir), before);
    assert_eq!((done.failed.len(), done.failed[0].0.as_str()), (1, "a.example"));
    assert_eq!(names(&base.archive("b.example")), SUPERSEDED);
}

#[tokio::test]
async fn removes_what_killed_runs_left() {
    let base = Base::new();
    let dir = base.store.certs().join("a.example");
    let account = base.accounts.directory("https://ca.example/directory");
    fs::create_dir_all(base.store.records()).unwrap();
    for directory in [&dir, &account] {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(".hydrant-AbCdEf.tmp"), "half").unwrap();
    }
    let young = base.store.records().join(".hydrant-AbCdEf.tmp");
    fs::write(&young, "being written").unwrap();
    let old = fs::File::open(account.join(".hydrant-AbCdEf.tmp")).unwrap();
    old.set_modified(std::time::SystemTime::now() - 2 * ABANDONED).unwrap();
    assert_eq!(base.archive_all().await.swept, 2);
    assert!(names(&dir).is_empty() && names(&account).is_empty());
    assert!(young.exists(), "another run may be writing it");
}

#[tokio::test]
async fn without_certificates_there_is_nothing_to_do() {
    let base = Base::new();
    let done = base.archive_all().await;
    assert!(done.done.is_empty() && done.failed.is_empty());
    assert!(!base.store.records().exists());
}
