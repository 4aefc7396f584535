//! The file store as a whole.

mod lease;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use tempfile::TempDir;

use super::*;
use crate::ledger::KeySource;
use crate::store::{Damage, Stored};
use layout::Kind;

/// A base directory with a store in it.
struct Base {
    directory: TempDir,
    store: FileStore,
}

/// What a CA and a key generator give.
struct Issue {
    key: CertificateKey,
    public_key: Vec<u8>,
    chain: Chain,
}

fn issue() -> Issue {
    let certificate = |key: &KeyPair| {
        CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(key).unwrap().pem()
    };
    let key = KeyPair::generate().unwrap();
    let chain = certificate(&key).replace("\r\n", "\n") + &certificate(&KeyPair::generate().unwrap());
    Issue {
        public_key: key.subject_public_key_info(),
        key: CertificateKey::New(Secret::new(key.serialize_pem())),
        chain: Chain::parse(&chain).unwrap(),
    }
}

fn name(text: &str) -> CertName {
    text.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

impl Base {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path().join("certs"), &directory.path().join(".hydrant"));
        Self { directory, store }
    }

    fn certs(&self, below: &str) -> PathBuf {
        self.directory.path().join("certs").join(below)
    }

    fn state(&self, below: &str) -> PathBuf {
        self.directory.path().join(".hydrant").join(below)
    }

    async fn lease(&self, text: &str) -> Box<dyn Leased> {
        match self.store.lease(&name(text)).await.unwrap() {
            LeaseOutcome::Taken(lease) => lease,
            LeaseOutcome::HeldBy(holder) => panic!("held by {holder}"),
        }
    }

    async fn holder(&self, text: &str) -> Option<String> {
        match self.store.lease(&name(text)).await.unwrap() {
            LeaseOutcome::Taken(_) => None,
            LeaseOutcome::HeldBy(holder) => Some(holder),
        }
    }

    async fn issue(&self, text: &str, timestamp: u64) -> Issue {
        let issue = issue();
        let mut lease = self.lease(text).await;
        lease.stage(timestamp, &issue.key, "CSR\n", &issue.chain).await.unwrap();
        lease.switch(timestamp).await.unwrap();
        issue
    }

    async fn load(&self, text: &str) -> Loaded {
        self.store.load(&name(text)).await.unwrap()
    }
}

#[tokio::test]
async fn lays_files_out_as_dehydrated_does() {
    let base = Base::new();
    let issue = base.issue("a.example", 1_700_000_000).await;

    assert_eq!((mode(&base.certs("")), mode(&base.certs("a.example"))), (0o700, 0o700));
    let mut found: Vec<_> = fs::read_dir(base.certs("a.example"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_link(entry.path()).ok()))
        .map(|(name, target)| (name, target.map(|target| target.to_str().unwrap().to_owned())))
        .collect();
    found.sort();
    let files = ["cert-1700000000.csr", "cert-1700000000.pem", "chain-1700000000.pem"];
    let files = files.into_iter().chain(["fullchain-1700000000.pem", "privkey-1700000000.pem"]);
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for file in files {
        assert_eq!(mode(&base.certs("a.example").join(file)), 0o600, "{file}");
        wanted.push((file.to_owned(), None));
        wanted.push((file.replace("-1700000000", ""), Some(file.to_owned())));
    }
    wanted.sort();
    assert_eq!(found, wanted);

    let read = |file: &str| fs::read_to_string(base.certs("a.example").join(file)).unwrap();
    assert_eq!(read("cert.pem"), issue.chain.cert_pem());
    assert_eq!(read("chain.pem"), issue.chain.chain_pem());
    assert_eq!(read("fullchain.pem"), issue.chain.fullchain_pem());
    assert_eq!(read("cert.csr"), "CSR\n");

    let loaded = base.load("a.example").await;
    let stored = loaded.stored.unwrap();
    assert!(loaded.damage.is_none());
    assert_eq!(stored.leaf.public_key_der, issue.public_key);
    assert_eq!(stored.timestamp, Some(1_700_000_000));
    let paths = base.store.files(&name("a.example")).await.unwrap();
    assert_eq!(paths.key, base.certs("a.example/privkey.pem"));
}

#[tokio::test]
async fn a_staged_issue_changes_nothing_that_is_in_use() {
    let base = Base::new();
    let old = base.issue("a.example", 17).await;
    let new = issue();
    let mut lease = base.lease("a.example").await;
    lease.stage(18, &new.key, "CSR\n", &new.chain).await.unwrap();
    let staged = Staged { timestamp: 18, key: new.key.source(), switch: false };
    let paths = lease.staged(&staged).await.unwrap();
    assert_eq!(paths.key, base.certs("a.example/privkey-18.pem"));
    assert_eq!(paths.cert, base.certs("a.example/cert-18.pem"));
    assert_eq!(paths.fullchain, base.certs("a.example/fullchain-18.pem"));
    assert_eq!(paths.chain, base.certs("a.example/chain-18.pem"));
    assert_eq!(paths.csr, base.certs("a.example/cert-18.csr"));
    let loaded = base.load("a.example").await;
    assert_eq!(loaded.stored.unwrap().leaf.public_key_der, old.public_key);
    assert!(loaded.damage.is_none());

    lease.switch(18).await.unwrap();
    assert_eq!(lease.files().await.unwrap().cert, base.certs("a.example/cert.pem"));
    let stored = lease.loaded().stored.as_ref().unwrap();
    assert_eq!((stored.leaf.public_key_der.as_slice(), stored.timestamp), (&*new.public_key, Some(18)));
}

/// A run killed after each of the five links.
#[tokio::test]
async fn a_switch_cut_short_is_seen_and_completed() {
    for moved in 0..=Kind::ALL.len() {
        let base = Base::new();
        base.issue("a.example", 17).await;
        let new = issue();
        base.lease("a.example").await.stage(18, &new.key, "CSR\n", &new.chain).await.unwrap();
        for kind in &Kind::ALL[..moved] {
            let link = base.certs("a.example").join(kind.link());
            fs::remove_file(&link).unwrap();
            symlink(kind.file(18), link).unwrap();
        }

        let damage = base.load("a.example").await.damage;
        match moved {
            0 | 5 => assert!(damage.is_none(), "{moved}: {damage:?}"),
            1 => assert!(matches!(damage, Some(Damage::WrongKey)), "{damage:?}"),
            _ => assert!(matches!(damage, Some(Damage::Mixed)), "{moved}: {damage:?}"),
        }

        let mut lease = base.lease("a.example").await;
        lease.switch(18).await.unwrap();
        assert!(lease.loaded().damage.is_none());
        assert_eq!(lease.loaded().stored.as_ref().unwrap().leaf.public_key_der, new.public_key);
        for kind in Kind::ALL {
            let target = fs::read_link(base.certs("a.example").join(kind.link())).unwrap();
            assert_eq!(target, Path::new(&kind.file(18)));
        }
    }
}

#[tokio::test]
async fn a_kept_key_keeps_its_link_and_sync_cert_gets_a_file_that_exists() {
    let base = Base::new();
    let old = base.issue("a.example", 17).await;
    let mut lease = base.lease("a.example").await;
    let CertificateKey::New(pem) = &old.key else { unreachable!() };
    assert_eq!(lease.existing_key().await.unwrap().as_ref(), Some(pem));
    lease.stage(18, &CertificateKey::Kept, "CSR\n", &old.chain).await.unwrap();
    let staged = Staged { timestamp: 18, key: KeySource::Kept, switch: false };
    let paths = lease.staged(&staged).await.unwrap();
    assert_eq!(paths.key, base.certs("a.example/privkey-17.pem"));
    lease.switch(18).await.unwrap();
    assert!(lease.loaded().damage.is_none(), "{:?}", lease.loaded().damage);
    let link = fs::read_link(base.certs("a.example/privkey.pem")).unwrap();
    assert_eq!(link, Path::new("privkey-17.pem"));
    let link = fs::read_link(base.certs("a.example/cert.pem")).unwrap();
    assert_eq!(link, Path::new("cert-18.pem"));
}

#[tokio::test]
async fn a_key_that_a_hook_keeps_is_not_here() {
    let base = Base::new();
    let issue = issue();
    let mut lease = base.lease("a.example").await;
    lease.stage(17, &CertificateKey::Foreign, "CSR\n", &issue.chain).await.unwrap();
    let staged = Staged { timestamp: 17, key: KeySource::Foreign, switch: false };
    let paths = lease.staged(&staged).await.unwrap();
    assert_eq!(paths.key, base.certs("a.example/privkey-17.pem"));
    lease.switch(17).await.unwrap();
    assert!(lease.loaded().stored.is_some());
    assert!(matches!(lease.loaded().damage, Some(Damage::KeyMissing)));
    assert_eq!(lease.existing_key().await.unwrap(), None);
}

#[tokio::test]
async fn switches_all_links_or_none_when_a_staged_file_is_gone() {
    let base = Base::new();
    base.issue("a.example", 17).await;
    let new = issue();
    let mut lease = base.lease("a.example").await;
    lease.stage(18, &new.key, "CSR\n", &new.chain).await.unwrap();
    fs::remove_file(base.certs("a.example/cert-18.pem")).unwrap();
    let error = lease.switch(18).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotStaged { path } if *path == base.certs("a.example/cert-18.pem")));
    assert!(!error.hints().is_empty());
    let staged = Staged { timestamp: 18, key: KeySource::New, switch: false };
    assert!(matches!(lease.staged(&staged).await, Err(StoreError::NotStaged { .. })));
    let key = fs::read_link(base.certs("a.example/privkey.pem")).unwrap();
    assert_eq!(key, Path::new("privkey-17.pem"));
    assert!(lease.loaded().damage.is_none());
}

#[tokio::test]
async fn staging_again_replaces_what_a_killed_run_staged() {
    let base = Base::new();
    let dir = base.certs("a.example");
    atomic::create_directory(&dir).unwrap();
    fs::write(dir.join("cert-17.pem"), "half").unwrap();
    fs::write(dir.join(".hydrant-AbCdEf.tmp"), "half").unwrap();
    base.issue("a.example", 17).await;
    assert!(base.load("a.example").await.damage.is_none());
    assert!(!dir.join(".hydrant-AbCdEf.tmp").exists());
}

#[tokio::test]
async fn no_two_issues_of_a_certificate_have_one_timestamp() {
    let base = Base::new();
    let mut lease = base.lease("a.example").await;
    assert_eq!(lease.fresh_timestamp(1_700_000_000).await.unwrap(), 1_700_000_000);
    atomic::create_directory(&base.certs("a.example")).unwrap();
    fs::write(base.certs("a.example/privkey-1700000004.pem"), "").unwrap();
    fs::write(base.certs("a.example/cert-1700000005.pem-revoked"), "").unwrap();
    fs::write(base.certs("a.example/privkey.roll.pem"), "").unwrap();
    assert_eq!(lease.fresh_timestamp(1_700_000_000).await.unwrap(), 1_700_000_006);
    assert_eq!(lease.fresh_timestamp(1_800_000_000).await.unwrap(), 1_800_000_000);
}

#[tokio::test]
async fn an_alias_may_be_nested() {
    let base = Base::new();
    base.issue("s/d", 17).await;
    assert_eq!((mode(&base.certs("s")), mode(&base.certs("s/d"))), (0o700, 0o700));
    assert!(base.load("s/d").await.stored.is_some());
    assert!(base.load("s").await.stored.is_none());
    assert!(base.state("certificates/s%2fd.lock").exists());
}

#[tokio::test]
async fn an_existing_directory_keeps_its_mode() {
    let base = Base::new();
    fs::create_dir_all(base.certs("a.example")).unwrap();
    fs::set_permissions(base.certs("a.example"), fs::Permissions::from_mode(0o750)).unwrap();
    let directory = base.store.prepare(&name("a.example")).await.unwrap();
    assert_eq!(directory, base.certs("a.example"));
    base.issue("a.example", 17).await;
    assert_eq!(mode(&base.certs("a.example")), 0o750);
}

#[tokio::test]
async fn a_revoked_certificate_is_no_certificate() {
    let base = Base::new();
    base.issue("a.example", 17).await;
    fs::rename(base.certs("a.example/cert-17.pem"), base.certs("a.example/cert-17.pem-revoked")).unwrap();
    let loaded = base.load("a.example").await;
    assert!(loaded.stored.is_none() && loaded.damage.is_none());
}

#[tokio::test]
async fn says_what_is_damaged() {
    let cases = [
        ("privkey-17.pem", Damage::KeyMissing),
        ("chain-17.pem", Damage::ChainMissing),
        ("fullchain.pem", Damage::FullchainMissing),
    ];
    for (file, damage) in cases {
        let base = Base::new();
        base.issue("a.example", 17).await;
        fs::remove_file(base.certs("a.example").join(file)).unwrap();
        let loaded = base.load("a.example").await;
        assert_eq!(loaded.damage, Some(damage), "{file}");
        assert!(loaded.stored.is_some());
    }
    // What a full disk leaves; only a file of issuers may be empty.
    for (file, damage) in [
        ("privkey-17.pem", Some(Damage::KeyMissing)),
        ("chain-17.pem", None),
        ("fullchain-17.pem", Some(Damage::FullchainMissing)),
    ] {
        let base = Base::new();
        base.issue("a.example", 17).await;
        fs::write(base.certs("a.example").join(file), "").unwrap();
        assert_eq!(base.load("a.example").await.damage, damage, "{file}");
    }
    for content in ["", "-----BEGIN CERTIFICATE-----\nMIIB", "\u{0}"] {
        let base = Base::new();
        base.issue("a.example", 17).await;
        fs::write(base.certs("a.example/cert-17.pem"), content).unwrap();
        let loaded = base.load("a.example").await;
        assert!(matches!(loaded.damage, Some(Damage::Unreadable(_))), "{:?}", loaded.damage);
        assert!(loaded.stored.is_none());
    }
}

#[tokio::test]
async fn takes_files_without_timestamps_and_absolute_links_as_they_are() {
    let base = Base::new();
    let issue = base.issue("a.example", 17).await;
    let dir = base.certs("a.example");
    fs::remove_file(dir.join("fullchain.pem")).unwrap();
    symlink(dir.join("fullchain-17.pem"), dir.join("fullchain.pem")).unwrap();
    assert!(base.load("a.example").await.damage.is_none());
    for kind in Kind::ALL {
        fs::rename(dir.join(kind.file(17)), dir.join(kind.link())).unwrap();
    }
    let loaded = base.load("a.example").await;
    assert!(matches!(&loaded.stored, Some(Stored { timestamp: None, .. })) && loaded.damage.is_none());
    assert_eq!(loaded.stored.unwrap().leaf.public_key_der, issue.public_key);
}

#[tokio::test]
async fn loads_many_in_their_order_and_one_bad_record_fails_alone() {
    let base = Base::new();
    let names: Vec<CertName> = (0..250).map(|number| name(&format!("n{number}.example"))).collect();
    base.issue("n7.example", 17).await;
    base.issue("n201.example", 18).await;
    fs::write(base.state("certificates/n8.example.json"), "{").unwrap();
    let loaded = base.store.load_all(&names).await.unwrap();
    assert_eq!(loaded.len(), names.len());
    for (number, result) in loaded.iter().enumerate() {
        match (number, result) {
            (8, Err(error)) => {
                let path = base.state("certificates/n8.example.json");
                assert_eq!(error.to_string(), format!("cannot read `{}`", path.display()));
                assert!(error.hints().concat().contains("loses no certificate"));
            }
            (7 | 201, Ok(loaded)) => assert!(loaded.stored.is_some()),
            (_, Ok(loaded)) => assert!(loaded.stored.is_none() && loaded.record == Record::default()),
            (_, Err(error)) => panic!("{number}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_empty_disk_has_no_certificates() {
    let base = Base::new();
    assert!(base.load("a.example").await.stored.is_none());
    assert!(base.store.recorded(&[]).await.unwrap().is_empty());
    assert!(!base.certs("").exists() && !base.state("").exists(), "reading created something");
}
