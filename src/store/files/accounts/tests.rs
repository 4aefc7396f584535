//! Tests of the module above.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

const CA: &str = "https://acme-v02.api.letsencrypt.org/directory";
const ID: &str = "aHR0cHM6Ly9hY21lLXYwMi5hcGkubGV0c2VuY3J5cHQub3JnL2RpcmVjdG9yeQo";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn keeps_an_account_where_dehydrated_does() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("accounts");
    let accounts = FileAccounts::new(directory.clone());
    assert!(accounts.load(CA).await.unwrap().is_none());
    assert!(!directory.exists(), "reading created something");

    let key = Secret::new("KEY\n");
    assert_eq!(accounts.adopt_key(CA, &key).await.unwrap(), key);
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.key_pem, account.url, account.registration), (key, None, None));

    accounts.save_registration(CA, r#"{"status":"valid"}"#, 17).await.unwrap();
    accounts.save_url(CA, "https://ca.example/acct/1").await.unwrap();
    let read = |file: &str| fs::read_to_string(directory.join(ID).join(file)).unwrap();
    assert_eq!(read("account_key.pem"), "KEY\n");
    assert_eq!(read("account_id.json"), "{\"url\":\"https://ca.example/acct/1\"}\n");
    assert_eq!(read("registration_info.json"), r#"{"status":"valid"}"#);
    assert_eq!((mode(&directory), mode(&directory.join(ID))), (0o700, 0o700));
    for entry in fs::read_dir(directory.join(ID)).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }

    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!(account.url.as_deref(), Some("https://ca.example/acct/1"));
    assert!(!account.deactivated);
    accounts.mark_deactivated(CA).await.unwrap();
    assert!(accounts.load(CA).await.unwrap().unwrap().deactivated);
    assert_eq!(read("deactivated"), "");
}

#[tokio::test]
async fn first_runs_at_once_agree_on_one_key() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().join("accounts"));
    let keys: Vec<_> = (0..10).map(|run| Secret::new(format!("KEY {run}"))).collect();
    let runs = keys.iter().map(|key| accounts.adopt_key(CA, key));
    let adopted = futures_util::future::try_join_all(runs).await.unwrap();
    let stored = accounts.load(CA).await.unwrap().unwrap().key_pem;
    assert!(adopted.iter().all(|key| *key == stored));
    assert_eq!(fs::read_dir(accounts.directory(CA)).unwrap().count(), 1);
}

#[tokio::test]
async fn a_rollover_loses_neither_key() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().to_owned());
    let [old, new, newer] = ["OLD", "NEW", "NEWER"].map(Secret::new);
    accounts.adopt_key(CA, &old).await.unwrap();
    assert_eq!(accounts.begin_rollover(CA, &new).await.unwrap(), new);
    // Cut short here, and begun again by another run.
    assert_eq!(accounts.begin_rollover(CA, &newer).await.unwrap(), new);
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.key_pem, account.next_key_pem), (old.clone(), Some(new.clone())));
    accounts.finish_rollover(CA, &new).await.unwrap();
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.key_pem, account.next_key_pem), (new.clone(), None));

    accounts.begin_rollover(CA, &newer).await.unwrap();
    accounts.abandon_rollover(CA).await.unwrap();
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.key_pem, account.next_key_pem), (new, None));
}

#[tokio::test]
async fn what_the_ca_said_before_is_backed_up_when_it_differs() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().to_owned());
    accounts.adopt_key(CA, &Secret::new("KEY")).await.unwrap();
    for (body, now) in [("{\"a\":1}", 1), ("{\"a\":1}", 2), ("{\"a\":2}", 3)] {
        accounts.save_registration(CA, body, now).await.unwrap();
    }
    let directory = accounts.directory(CA);
    assert_eq!(fs::read_to_string(directory.join("registration_info-3.json")).unwrap(), "{\"a\":1}");
    assert!(!directory.join("registration_info-2.json").exists());
    assert_eq!(accounts.load(CA).await.unwrap().unwrap().registration.as_deref(), Some("{\"a\":2}"));
}

#[tokio::test]
async fn a_refused_registration_does_not_look_registered() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().to_owned());
    accounts.adopt_key(CA, &Secret::new("KEY")).await.unwrap();
    for left_by_dehydrated in ["registration_info.json", "account_id.json"] {
        fs::write(accounts.directory(CA).join(left_by_dehydrated), "").unwrap();
    }
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.url, account.registration), (None, None));
}

#[tokio::test]
async fn follows_a_link_to_the_directory_of_an_older_ca() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().to_owned());
    fs::create_dir(base.path().join("old")).unwrap();
    symlink("old", accounts.directory(CA)).unwrap();
    accounts.adopt_key(CA, &Secret::new("KEY")).await.unwrap();
    accounts.save_url(CA, "https://ca.example/acct/1").await.unwrap();
    assert_eq!(fs::read_to_string(base.path().join("old/account_key.pem")).unwrap(), "KEY");
    assert!(accounts.load(CA).await.unwrap().is_some());
}

#[tokio::test]
async fn a_key_is_the_accounts_only_once_the_ca_made_the_account() {
    let base = tempfile::tempdir().unwrap();
    let accounts = FileAccounts::new(base.path().to_owned());
    let [key, other] = ["KEY", "OTHER"].map(Secret::new);
    accounts.adopt_key(CA, &key).await.unwrap();
    let in_use = accounts.directory(CA).join("account_key.pem");
    assert!(!in_use.exists(), "it looks registered to dehydrated");
    assert_eq!(accounts.load(CA).await.unwrap().unwrap().key_pem, key);
    assert_eq!(
        accounts.adopt_key(CA, &other).await.unwrap(),
        key,
        "a run that was killed may have registered it"
    );
    accounts.save_url(CA, "https://ca.example/acct/1").await.unwrap();
    assert_eq!(fs::read_to_string(in_use).unwrap(), "KEY");
    assert_eq!(fs::read_dir(accounts.directory(CA)).unwrap().count(), 2);
}

#[tokio::test]
async fn beside_a_key_of_its_own_an_account_is_in_files_named_after_it() {
    let base = tempfile::tempdir().unwrap();
    let key = base.path().join("my.key.pem");
    let accounts = FileAccounts::beside_key(key.clone()).with_modes(Modes::of_umask(0o027));
    let missing = accounts.load(CA).await.unwrap_err();
    assert_eq!(missing.to_string(), format!("cannot read `{}`", key.display()));
    fs::write(&key, "KEY").unwrap();
    accounts.adopt_key(CA, &Secret::new("OTHER")).await.unwrap();
    accounts.save_registration(CA, "{\"a\":1}", 1).await.unwrap();
    accounts.save_registration(CA, "{\"a\":2}", 3).await.unwrap();
    accounts.save_url(CA, "https://ca.example/acct/1").await.unwrap();
    let account = accounts.load(CA).await.unwrap().unwrap();
    assert_eq!((account.key_pem.expose(), account.registration.as_deref()), ("KEY", Some("{\"a\":2}")));
    let read = |file: &str| fs::read_to_string(base.path().join(file)).unwrap();
    assert_eq!(read("my.key.pem_id.json"), "{\"url\":\"https://ca.example/acct/1\"}\n");
    assert_eq!(
        (read("my.key.pem.json"), read("my.key.pem-3.json")),
        ("{\"a\":2}".into(), "{\"a\":1}".into())
    );
    assert_eq!(mode(&base.path().join("my.key.pem.json")), 0o640);
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 4);
}
