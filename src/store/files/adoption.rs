//! What older versions of dehydrated left where an account is looked for now.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::accounts::Accounts;
use super::blocking;
use crate::store::StoreError;
use crate::store::atomic::{self, FileError};

/// What was found and taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// The account of an older CA, to which the directory is a link now.
    pub older_ca: bool,
    /// `private_key.pem`, which is `account_key.pem` now.
    pub key: bool,
    /// `private_key.json`, which is `registration_info.json` now.
    pub registration: bool,
}

impl Accounts {
    /// Takes over the account of an older CA (dehydrated's `OLDCA`) where there is none at `ca`, and the files that lie
    /// in `base_dir` since the days when there was one account alone. What is there already is never replaced.
    ///
    /// # Errors
    ///
    /// When something cannot be moved or linked. What was moved by then is in its new place.
    pub async fn adopt(
        &self,
        ca: &str,
        older_ca: Option<&str>,
        base_dir: &Path,
    ) -> Result<Adopted, StoreError> {
        let (accounts, ca) = (self.clone(), ca.to_owned());
        let (older_ca, base_dir) = (older_ca.map(str::to_owned), base_dir.to_owned());
        blocking(move || accounts.adopt_now(&ca, older_ca.as_deref(), &base_dir)).await
    }

    fn adopt_now(&self, ca: &str, older_ca: Option<&str>, base_dir: &Path) -> Result<Adopted, StoreError> {
        let mut adopted = Adopted::default();
        let Some(accounts) = self.below() else { return Ok(adopted) };
        let id = |ca: &str| BASE64_URL_SAFE_NO_PAD.encode(format!("{ca}\n"));
        let directory = accounts.join(id(ca));
        if let Some(older) = older_ca.map(id)
            && !is_there(&directory)?
            && is_there(&accounts.join(&older))?
        {
            atomic::link_all(accounts, &[(&id(ca), &older)])?;
            adopted.older_ca = true;
        }
        adopted.key = self.move_in(&base_dir.join("private_key.pem"), &directory, "account_key.pem")?;
        let registration = base_dir.join("private_key.json");
        adopted.registration = self.move_in(&registration, &directory, "registration_info.json")?;
        Ok(adopted)
    }

    fn move_in(&self, from: &Path, directory: &Path, name: &str) -> Result<bool, StoreError> {
        if !from.is_file() || is_there(&directory.join(name))? {
            return Ok(false);
        }
        atomic::create_directory_as(directory, self.modes().directory)?;
        atomic::rename(from, &directory.join(name))?;
        Ok(true)
    }
}

/// Whether something has that name, be it a link to nothing.
fn is_there(path: &Path) -> Result<bool, FileError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::new("look up", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "https://acme-v02.api.letsencrypt.org/directory";
    const OLD: &str = "https://acme-v01.api.letsencrypt.org/directory";

    #[tokio::test]
    async fn files_of_the_first_days_move_into_the_accounts_directory_once() {
        let base = tempfile::tempdir().unwrap();
        let accounts = Accounts::new(base.path().join("accounts"));
        assert_eq!(accounts.adopt(NEW, Some(OLD), base.path()).await.unwrap(), Adopted::default());
        assert!(!base.path().join("accounts").exists());
        fs::write(base.path().join("private_key.pem"), "KEY").unwrap();
        fs::write(base.path().join("private_key.json"), "{}").unwrap();
        let adopted = accounts.adopt(NEW, None, base.path()).await.unwrap();
        assert_eq!(adopted, Adopted { older_ca: false, key: true, registration: true });
        let account = accounts.load(NEW).await.unwrap().unwrap();
        assert_eq!((account.key_pem.expose(), account.registration.as_deref()), ("KEY", Some("{}")));
        assert!(!base.path().join("private_key.pem").exists());
        fs::write(base.path().join("private_key.pem"), "OTHER").unwrap();
        assert_eq!(accounts.adopt(NEW, None, base.path()).await.unwrap(), Adopted::default());
        assert_eq!(accounts.load(NEW).await.unwrap().unwrap().key_pem.expose(), "KEY");
    }

    #[tokio::test]
    async fn the_account_of_an_older_ca_is_linked_to() {
        let base = tempfile::tempdir().unwrap();
        let accounts = Accounts::new(base.path().to_owned());
        fs::create_dir(accounts.directory(OLD)).unwrap();
        fs::write(accounts.directory(OLD).join("account_key.pem"), "KEY").unwrap();
        let adopted = accounts.adopt(NEW, Some(OLD), base.path()).await.unwrap();
        assert_eq!(adopted, Adopted { older_ca: true, ..Adopted::default() });
        let target = fs::read_link(accounts.directory(NEW)).unwrap();
        assert_eq!(Some(target.as_os_str()), accounts.directory(OLD).file_name());
        assert_eq!(accounts.load(NEW).await.unwrap().unwrap().key_pem.expose(), "KEY");
        assert_eq!(accounts.adopt(NEW, Some(OLD), base.path()).await.unwrap(), Adopted::default());
    }
}
