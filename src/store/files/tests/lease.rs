//! Records and leases.

use super::*;

#[tokio::test]
async fn a_record_is_kept_with_its_fence_and_only_for_us() {
    let base = Base::new();
    let mut lease = base.lease("a.example").await;
    let mut record = Record { settings: Some("x".to_owned()), ..Record::default() };
    lease.save(&record).await.unwrap();
    lease.save(&record).await.unwrap();
    assert_eq!(lease.loaded().record.fence, 2);
    assert_eq!(mode(&base.state("")), 0o700);
    assert_eq!(mode(&base.state("certificates")), 0o700);
    assert_eq!(mode(&base.state("certificates/a.example.json")), 0o600);
    assert_eq!(mode(&base.state("certificates/a.example.lock")), 0o600);
    drop(lease);
    record.fence = 2;
    assert_eq!(base.load("a.example").await.record, record);
    assert_eq!(base.lease("a.example").await.loaded().record, record);
    assert_eq!(base.store.recorded(&[]).await.unwrap(), [name("a.example")]);
}

#[tokio::test]
async fn a_certificate_has_one_lease_at_a_time() {
    let base = Base::new();
    let lease = base.lease("a.example").await;
    let holder = base.holder("a.example").await.unwrap();
    assert!(holder.starts_with(&format!("process {} on ", std::process::id())), "{holder}");
    assert_eq!(base.holder("b.example").await, None);
    drop(lease);
    assert_eq!(base.holder("a.example").await, None);
}

#[test]
fn runs_that_contend_for_a_lease_lose_no_write() {
    let base = Base::new();
    let add_five = |store: FileStore| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..5 {
                let patience = Duration::from_mins(1);
                let outcome = store.lease_wait(&name("a.example"), patience).await.unwrap();
                let LeaseOutcome::Taken(mut lease) = outcome else { panic!("waited too long") };
                let mut record = lease.loaded().record.clone();
                let count: u32 = record.settings.as_deref().unwrap_or("0").parse().unwrap();
                record.settings = Some((count + 1).to_string());
                lease.save(&record).await.unwrap();
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| add_five(base.store.clone()));
        }
    });
    let json = fs::read(base.state("certificates/a.example.json")).unwrap();
    let record = Record::parse(&json).unwrap();
    assert_eq!((record.settings.as_deref(), record.fence), (Some("30"), 30));
}

#[tokio::test]
async fn waiting_for_a_lease_ends() {
    let base = Base::new();
    let lease = base.lease("a.example").await;
    let outcome = base.store.lease_wait(&name("a.example"), Duration::from_millis(30)).await.unwrap();
    assert!(matches!(outcome, LeaseOutcome::HeldBy(_)));
    let (name, patience) = (name("a.example"), Duration::from_mins(1));
    let release = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(lease);
    };
    let (outcome, ()) = tokio::join!(base.store.lease_wait(&name, patience), release);
    assert!(matches!(outcome.unwrap(), LeaseOutcome::Taken(_)));
}

#[tokio::test]
async fn a_write_under_way_keeps_the_lease() {
    let base = Base::new();
    // With another in work a write is on a thread of its own.
    let _other = base.lease("b.example").await;
    let mut lease = base.lease("a.example").await;
    let record = Record::default();
    let mut save = lease.save(&record);
    assert!(futures_util::poll!(save.as_mut()).is_pending());
    drop(save);
    drop(lease);
    let outcome = base.store.lease_wait(&name("a.example"), Duration::from_mins(1)).await.unwrap();
    let LeaseOutcome::Taken(lease) = outcome else { panic!("the lease was not given back") };
    assert_eq!(lease.loaded().record.fence, 1);
}

#[tokio::test]
async fn a_late_writer_is_refused() {
    let base = Base::new();
    let mut late = base.lease("a.example").await;
    late.save(&Record::default()).await.unwrap();
    fs::remove_dir_all(base.state("")).unwrap();
    let error = late.save(&Record::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    // With the lock file gone, another run gets a lease of its own.
    base.lease("a.example").await.save(&Record::default()).await.unwrap();
    assert!(matches!(late.save(&Record::default()).await, Err(StoreError::LeaseLost { .. })));

    let mut lease = base.lease("b.example").await;
    let written = Record { fence: 7, ..Record::default() };
    fs::write(base.state("certificates/b.example.json"), written.to_json()).unwrap();
    assert!(matches!(lease.save(&Record::default()).await, Err(StoreError::LeaseLost { .. })));
}

#[tokio::test]
async fn records_of_one_lease_follow_each_other_and_the_newest_counts() {
    let base = Base::new();
    let path = base.state("certificates/a.example.json");
    let mut lease = base.lease("a.example").await;
    for count in 1..=3 {
        let settings = Some(count.to_string());
        lease.save(&Record { settings, ..Record::default() }).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), count);
        assert_eq!(base.load("a.example").await.record, lease.loaded().record);
    }
    drop(lease);

    // What a cut-short write left goes with the next.
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"format\":1,\"fen");
    fs::write(&path, torn).unwrap();
    let mut lease = base.lease("a.example").await;
    assert_eq!((lease.loaded().record.settings.as_deref(), lease.loaded().record.fence), (Some("3"), 3));
    lease.save(&Record::default()).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), *Record { fence: 4, ..Record::default() }.to_json());
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_key_that_is_not_needed_any_more_is_not_in_the_file() {
    let base = Base::new();
    let path = base.state("certificates/a.example.json");
    let mut lease = base.lease("a.example").await;
    let intent = |key: &str| crate::ledger::Intent {
        ca: "https://ca.example/directory".to_owned(),
        account: "https://ca.example/account/1".to_owned(),
        profile: None,
        replaces: None,
        names: vec!["a.example".to_owned()],
        timestamp: 17,
        key: CertificateKey::New(Secret::new(key)),
        csr: None,
        order: None,
        started: 17,
    };
    let mut record = Record { intent: Some(intent("FIRST")), ..Record::default() };
    lease.save(&record).await.unwrap();
    record.ordered("https://ca.example/order/1");
    lease.save(&record).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().matches("FIRST").count(), 2);
    record.request(CertificateKey::New(Secret::new("SECOND")), "CSR".to_owned());
    lease.save(&record).await.unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("FIRST"));
    record.abandon();
    lease.save(&record).await.unwrap();
    record.failed("no", 17, None);
    lease.save(&record).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("SECOND") && text.lines().count() == 2, "{text}");
}

#[tokio::test]
async fn a_record_does_not_grow_without_end() {
    let base = Base::new();
    let mut lease = base.lease("a.example").await;
    let mut longest = 0;
    for count in 0..300 {
        let settings = Some(format!("{count}{}", "x".repeat(2_000)));
        lease.save(&Record { settings, ..Record::default() }).await.unwrap();
        longest = longest.max(fs::metadata(base.state("certificates/a.example.json")).unwrap().len());
    }
    assert!((200_000..300_000).contains(&longest), "{longest}");
    assert_eq!(base.load("a.example").await.record, lease.loaded().record);
}

#[tokio::test]
async fn a_place_that_takes_no_files_is_named() {
    let store = FileStore::new(PathBuf::from("/proc/self"), Path::new("/proc/self"));
    let error = store.lease(&name("a.example")).await.err().unwrap();
    assert_eq!(error.to_string(), "cannot create the directory `/proc/self/certificates`");
    let error = store.prepare(&name("a.example")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot create the directory `/proc/self/a.example`");
}
