//! Accounts at CAs, in dehydrated's directories:
//!
//! ```text
//! accounts/<id>/              <id> is the CA's directory URL and a newline, in base64url
//!   account_key.pem           the key
//!   account_id.json           {"url":"<account URL>"}
//!   registration_info.json    the CA's answer to newAccount, as it came
//!   deactivated               empty; there once the account was deactivated
//!   registration_info-<t>.json  an earlier answer, where a later one differed
//!   account_key.new.pem       hydrant's own: the key of an account that the CA has not made yet
//!   account_key.next.pem      hydrant's own: the key of a rollover that the CA has not confirmed yet
//! ```
//!
//! Or all beside one key file, `KEY`: `KEY_id.json`, `KEY.json`, and so on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::blocking;
use crate::key::Secret;
use crate::store::atomic::{self, FileError, Modes};
use crate::store::{Accounts, Pending, StoreError, StoredAccount};

/// The accounts below one directory. What writes blocks on the disk in a thread of its own.
#[derive(Clone, Debug)]
pub struct FileAccounts {
    place: Place,
    modes: Modes,
}

#[derive(Clone, Debug)]
enum Place {
    /// One account for each CA, below this directory.
    Below(PathBuf),
    /// One account, whatever the CA, beside its key.
    Beside(PathBuf),
}

/// The files of one account.
struct Files {
    directory: PathBuf,
    key: PathBuf,
    new_key: PathBuf,
    next_key: PathBuf,
    url: PathBuf,
    registration: PathBuf,
    deactivated: PathBuf,
    /// Whether the key is a person's own: it is never made or moved, and has to be there.
    own_key: bool,
    modes: Modes,
}

impl FileAccounts {
    /// `directory` is dehydrated's ACCOUNTDIR. It does not have to exist.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { place: Place::Below(directory), modes: Modes::PRIVATE }
    }

    /// The account of this key alone, with its data beside it: dehydrated's `--privkey`.
    #[must_use]
    pub fn beside_key(key: PathBuf) -> Self {
        Self { place: Place::Beside(key), modes: Modes::PRIVATE }
    }

    /// The same with other modes for what is created.
    #[must_use]
    pub fn with_modes(self, modes: Modes) -> Self {
        Self { modes, ..self }
    }

    /// The directory of the account at the CA with this directory URL. May be a link.
    #[cfg(test)]
    pub(crate) fn directory(&self, ca: &str) -> PathBuf {
        self.files(ca).directory
    }

    fn files(&self, ca: &str) -> Files {
        let modes = self.modes;
        match &self.place {
            Place::Below(directory) => {
                let directory = directory.join(BASE64_URL_SAFE_NO_PAD.encode(format!("{ca}\n")));
                Files {
                    key: directory.join("account_key.pem"),
                    new_key: directory.join("account_key.new.pem"),
                    next_key: directory.join("account_key.next.pem"),
                    url: directory.join("account_id.json"),
                    registration: directory.join("registration_info.json"),
                    deactivated: directory.join("deactivated"),
                    directory,
                    own_key: false,
                    modes,
                }
            }
            Place::Beside(key) => {
                let beside = |suffix: &str| {
                    let mut path = key.clone().into_os_string();
                    path.push(suffix);
                    PathBuf::from(path)
                };
                Files {
                    directory: atomic::parent(key).to_owned(),
                    key: key.clone(),
                    new_key: beside(".new"),
                    next_key: beside(".next"),
                    url: beside("_id.json"),
                    registration: beside(".json"),
                    deactivated: beside("_deactivated"),
                    own_key: true,
                    modes,
                }
            }
        }
    }

    /// Removes temporary files that killed runs left, if they are at least so old; gives their number. Blocks.
    pub(crate) fn sweep(&self, age: Duration) -> Result<usize, FileError> {
        let Place::Below(directory) = &self.place else { return Ok(0) };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(FileError::new("read", directory, error)),
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry.map_err(FileError::at("read", directory))?.path();
            if path.is_dir() {
                removed += atomic::sweep(&path, age)?;
            }
        }
        Ok(removed)
    }
}

impl Accounts for FileAccounts {
    fn place(&self, ca: &str) -> String {
        let directory = self.files(ca).directory;
        directory.canonicalize().unwrap_or(directory).display().to_string()
    }

    fn load<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<Option<StoredAccount>, StoreError>> {
        let files = self.files(ca);
        Box::pin(async move { files.load() })
    }

    fn is_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<bool, StoreError>> {
        let path = self.files(ca).deactivated;
        Box::pin(async move { Ok(path.try_exists().map_err(FileError::at("look up", &path))?) })
    }

    fn adopt_key<'a>(&'a self, ca: &'a str, key: &'a Secret) -> Pending<'a, Result<Secret, StoreError>> {
        let (files, key) = (self.files(ca), key.clone());
        Box::pin(blocking(move || {
            let _alone = files.enter()?;
            if let Some(found) = files.read_key()? {
                return Ok(found);
            }
            atomic::write(&files.new_key, key.expose().as_bytes(), files.modes.file)?;
            Ok(key)
        }))
    }

    fn save_url<'a>(&'a self, ca: &'a str, url: &'a str) -> Pending<'a, Result<(), StoreError>> {
        let files = self.files(ca);
        let text = format!("{}\n", json!({ "url": url }));
        Box::pin(blocking(move || {
            let _alone = files.enter()?;
            atomic::write(&files.url, text.as_bytes(), files.modes.file)?;
            files.settle()
        }))
    }

    /// Where the CA says something else than before, the old text is kept as `registration_info-<now>.json`.
    fn save_registration<'a>(
        &'a self,
        ca: &'a str,
        body: &'a str,
        now: i64,
    ) -> Pending<'a, Result<(), StoreError>> {
        let (files, body) = (self.files(ca), body.to_owned());
        Box::pin(blocking(move || {
            let _alone = files.enter()?;
            let path = &files.registration;
            match read(path)? {
                Some(old) if old == body => return Ok(()),
                Some(old) if !old.is_empty() => {
                    let mut backup = path.with_extension("").into_os_string();
                    backup.push(format!("-{now}.json"));
                    atomic::write(Path::new(&backup), old.as_bytes(), files.modes.file)?;
                }
                _ => {}
            }
            Ok(atomic::write(path, body.as_bytes(), files.modes.file)?)
        }))
    }

    fn mark_deactivated<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>> {
        let files = self.files(ca);
        Box::pin(blocking(move || {
            let _alone = files.enter()?;
            Ok(atomic::write(&files.deactivated, b"", files.modes.file)?)
        }))
    }

    fn begin_rollover<'a>(
        &'a self,
        ca: &'a str,
        next: &'a Secret,
    ) -> Pending<'a, Result<Secret, StoreError>> {
        let (files, next) = (self.files(ca), next.clone());
        Box::pin(blocking(move || {
            let _alone = files.enter()?;
            let path = &files.next_key;
            if atomic::write_new(path, next.expose().as_bytes(), files.modes.file)? {
                return Ok(next);
            }
            let earlier = fs::read_to_string(path).map_err(FileError::at("read", path))?;
            Ok(Secret::new(earlier))
        }))
    }

    fn finish_rollover<'a>(&'a self, ca: &'a str, next: &'a Secret) -> Pending<'a, Result<(), StoreError>> {
        let (files, next) = (self.files(ca), next.clone());
        Box::pin(blocking(move || {
            if read(&files.next_key)?.map(Secret::new).as_ref() == Some(&next) {
                return Ok(atomic::rename(&files.next_key, &files.key)?);
            }
            Ok(atomic::write(&files.key, next.expose().as_bytes(), files.modes.file)?)
        }))
    }

    fn abandon_rollover<'a>(&'a self, ca: &'a str) -> Pending<'a, Result<(), StoreError>> {
        let path = self.files(ca).next_key;
        Box::pin(blocking(move || Ok(atomic::remove(&path).map(|_| ())?)))
    }
}

impl Files {
    /// Makes sure that an account's directory is there and that nobody else writes in it as long as what this gives is
    /// held. Removes what killed runs left, which may hold a key.
    fn enter(&self) -> Result<Option<File>, FileError> {
        atomic::create_directory_as(&self.directory, self.modes.directory)?;
        let alone = atomic::lock_directory(&self.directory)?;
        if alone.is_some() {
            atomic::sweep(&self.directory, Duration::ZERO)?;
        }
        Ok(alone)
    }

    /// The account's key, or that of an account to be.
    fn read_key(&self) -> Result<Option<Secret>, FileError> {
        if self.own_key {
            let key = fs::read_to_string(&self.key).map_err(FileError::at("read", &self.key))?;
            return Ok(Some(Secret::new(key)));
        }
        let key = match read(&self.key)? {
            None => read(&self.new_key)?,
            found => found,
        };
        Ok(key.map(Secret::new))
    }

    fn load(&self) -> Result<Option<StoredAccount>, StoreError> {
        let Some(key_pem) = self.read_key()? else { return Ok(None) };
        let deactivated = &self.deactivated;
        let account = StoredAccount {
            key_pem,
            next_key_pem: read(&self.next_key)?.map(Secret::new),
            url: read(&self.url)?.as_deref().and_then(account_url),
            registration: read(&self.registration)?.filter(|body| !body.is_empty()),
            deactivated: deactivated.try_exists().map_err(FileError::at("look up", deactivated))?,
        };
        Ok(Some(account))
    }

    /// The key of an account that was made is its key.
    fn settle(&self) -> Result<(), StoreError> {
        let exists = |path: &Path| path.try_exists().map_err(FileError::at("look up", path));
        if !self.own_key && exists(&self.new_key)? {
            if exists(&self.key)? {
                atomic::remove(&self.new_key)?;
            } else {
                atomic::rename(&self.new_key, &self.key)?;
            }
        }
        Ok(())
    }
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
mod tests;
