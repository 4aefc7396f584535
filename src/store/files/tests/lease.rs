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
async fn a_place_that_takes_no_files_is_named() {
    let store = FileStore::new(PathBuf::from("/proc/self"), Path::new("/proc/self"));
    let error = store.lease(&name("a.example")).await.err().unwrap();
    assert_eq!(error.to_string(), "cannot create the directory `/proc/self/certificates`");
    let error = store.prepare(&name("a.example")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot create the directory `/proc/self/a.example`");
}
