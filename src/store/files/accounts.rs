//! Accounts at CAs, in dehydrated's directories:
//!
//! ```text
//! accounts/<id>/              <id> is the CA's directory URL and a newline, in base64url
//!   account_key.pem           the key
//!   account_id.json           {"url":"<account URL>"}
//!   registration_info.json    the CA's answer to newAccount, as it came
//!   deactivated               empty; there once the account was deactivated
//!   account_key.next.pem      hydrant's own: the key of a rollover that the CA has not confirmed yet
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::blocking;
use crate::key::Secret;
use crate::store::StoreError;
use crate::store::atomic::{self, FILE_MODE, FileError};

const KEY: &str = "account_key.pem";
const NEXT_KEY: &str = "account_key.next.pem";
const URL: &str = "account_id.json";
const REGISTRATION: &str = "registration_info.json";
const DEACTIVATED: &str = "deactivated";

/// The accounts below one directory. Every method blocks on the disk in a thread of its own.
#[derive(Clone, Debug)]
pub struct Accounts {
    directory: PathBuf,
}

/// An account as it is stored.
#[derive(Clone, Debug)]
pub struct StoredAccount {
    /// Its key, PEM.
    pub key_pem: Secret,
    /// The key it is being changed to: the CA may know the account under this one already.
    pub next_key_pem: Option<Secret>,
    /// Its URL. `None` when the CA was not asked or has refused: a key alone is no account yet.
    pub url: Option<String>,
    /// What the CA said about it last, JSON.
    pub registration: Option<String>,
    /// Whether it was deactivated, which cannot be undone.
    pub deactivated: bool,
}

impl Accounts {
    /// `directory` is dehydrated's ACCOUNTDIR. It does not have to exist.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The directory of the account at the CA with this directory URL. May be a link.
    #[must_use]
    pub fn directory(&self, ca: &str) -> PathBuf {
        self.directory.join(BASE64_URL_SAFE_NO_PAD.encode(format!("{ca}\n")))
    }

    /// The account at a CA.
    ///
    /// # Errors
    ///
    /// When a file is there and cannot be read.
    pub async fn load(&self, ca: &str) -> Result<Option<StoredAccount>, StoreError> {
        let directory = self.directory(ca);
        blocking(move || load(&directory)).await
    }

    /// Stores a new account's key before the CA is asked, unless there is one: gives the key to use. Of several runs
    /// that find no account at once, all get the key of one, and so make one account.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn adopt_key(&self, ca: &str, key: &Secret) -> Result<Secret, StoreError> {
        let (directory, key) = (self.directory(ca), key.clone());
        blocking(move || {
            let _alone = enter(&directory)?;
            let path = directory.join(KEY);
            if atomic::write_new(&path, key.expose().as_bytes(), FILE_MODE)? {
                return Ok(key);
            }
            let winner = fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
            Ok(Secret::new(winner))
        })
        .await
    }

    /// Stores the account's URL.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn save_url(&self, ca: &str, url: &str) -> Result<(), StoreError> {
        let directory = self.directory(ca);
        let text = format!("{}\n", json!({ "url": url }));
        blocking(move || {
            let _alone = enter(&directory)?;
            Ok(atomic::write(&directory.join(URL), text.as_bytes(), FILE_MODE)?)
        })
        .await
    }

    /// Stores what the CA said about the account, as it came. Where that differs from what it said before, the old text
    /// is kept as `registration_info-<now>.json` (`now` in seconds since the epoch).
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn save_registration(&self, ca: &str, body: &str, now: i64) -> Result<(), StoreError> {
        let (directory, body) = (self.directory(ca), body.to_owned());
        blocking(move || {
            let _alone = enter(&directory)?;
            let path = directory.join(REGISTRATION);
            match read(&path)? {
                Some(old) if old == body => return Ok(()),
                Some(old) if !old.is_empty() => {
                    let backup = directory.join(format!("registration_info-{now}.json"));
                    atomic::write(&backup, old.as_bytes(), FILE_MODE)?;
                }
                _ => {}
            }
            Ok(atomic::write(&path, body.as_bytes(), FILE_MODE)?)
        })
        .await
    }

    /// Notes that the account was deactivated.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn mark_deactivated(&self, ca: &str) -> Result<(), StoreError> {
        let directory = self.directory(ca);
        blocking(move || {
            let _alone = enter(&directory)?;
            Ok(atomic::write(&directory.join(DEACTIVATED), b"", FILE_MODE)?)
        })
        .await
    }

    /// Stores the key that the CA is about to be asked to change to; gives the one to ask with. That is an earlier one,
    /// from a rollover that was cut short, if there is one.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn begin_rollover(&self, ca: &str, next: &Secret) -> Result<Secret, StoreError> {
        let (directory, next) = (self.directory(ca), next.clone());
        blocking(move || {
            let _alone = enter(&directory)?;
            let path = directory.join(NEXT_KEY);
            if atomic::write_new(&path, next.expose().as_bytes(), FILE_MODE)? {
                return Ok(next);
            }
            let earlier = fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
            Ok(Secret::new(earlier))
        })
        .await
    }

    /// The CA knows the account under the next key: it takes the place of the old one.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub async fn finish_rollover(&self, ca: &str) -> Result<(), StoreError> {
        let directory = self.directory(ca);
        blocking(move || Ok(atomic::rename(&directory.join(NEXT_KEY), &directory.join(KEY))?)).await
    }

    /// The CA refused the next key: it is forgotten.
    ///
    /// # Errors
    ///
    /// When it could not be removed.
    pub async fn abandon_rollover(&self, ca: &str) -> Result<(), StoreError> {
        let path = self.directory(ca).join(NEXT_KEY);
        blocking(move || Ok(atomic::remove(&path).map(|_| ())?)).await
    }

    /// Removes temporary files that killed runs left, if they are at least so old; gives their number. Blocks.
    pub(crate) fn sweep(&self, age: Duration) -> Result<usize, FileError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(FileError::new("read", &self.directory, error)),
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry.map_err(FileError::at("read", &self.directory))?.path();
            if path.is_dir() {
                removed += atomic::sweep(&path, age)?;
            }
        }
        Ok(removed)
    }
}

/// Makes sure that an account's directory is there and that nobody else writes in it as long as what this gives is
/// held. Removes what killed runs left, which may hold a key.
fn enter(directory: &Path) -> Result<Option<File>, FileError> {
    atomic::create_directory(directory)?;
    let alone = atomic::lock_directory(directory)?;
    if alone.is_some() {
        atomic::sweep(directory, Duration::ZERO)?;
    }
    Ok(alone)
}

fn load(directory: &Path) -> Result<Option<StoredAccount>, StoreError> {
    let Some(key) = read(&directory.join(KEY))? else { return Ok(None) };
    let deactivated = directory.join(DEACTIVATED);
    let account = StoredAccount {
        key_pem: Secret::new(key),
        next_key_pem: read(&directory.join(NEXT_KEY))?.map(Secret::new),
        url: read(&directory.join(URL))?.as_deref().and_then(account_url),
        registration: read(&directory.join(REGISTRATION))?.filter(|body| !body.is_empty()),
        deactivated: deactivated.try_exists().map_err(FileError::at("look up", &deactivated))?,
    };
    Ok(Some(account))
}

/// The URL in `account_id.json`. One that cannot be read is as good as none: the CA gives it again for the key.
fn account_url(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    value.get("url")?.as_str().map(str::to_owned)
}

fn read(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error)),
    }
}

#[cfg(test)]
mod tests {
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
        let accounts = Accounts::new(directory.clone());
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
        let accounts = Accounts::new(base.path().join("accounts"));
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
        let accounts = Accounts::new(base.path().to_owned());
        let [old, new, newer] = ["OLD", "NEW", "NEWER"].map(Secret::new);
        accounts.adopt_key(CA, &old).await.unwrap();
        assert_eq!(accounts.begin_rollover(CA, &new).await.unwrap(), new);
        // Cut short here, and begun again by another run.
        assert_eq!(accounts.begin_rollover(CA, &newer).await.unwrap(), new);
        let account = accounts.load(CA).await.unwrap().unwrap();
        assert_eq!((account.key_pem, account.next_key_pem), (old.clone(), Some(new.clone())));
        accounts.finish_rollover(CA).await.unwrap();
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
        let accounts = Accounts::new(base.path().to_owned());
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
        let accounts = Accounts::new(base.path().to_owned());
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
        let accounts = Accounts::new(base.path().to_owned());
        fs::create_dir(base.path().join("old")).unwrap();
        symlink("old", accounts.directory(CA)).unwrap();
        accounts.adopt_key(CA, &Secret::new("KEY")).await.unwrap();
        assert_eq!(fs::read_to_string(base.path().join("old/account_key.pem")).unwrap(), "KEY");
        assert!(accounts.load(CA).await.unwrap().is_some());
    }
}
