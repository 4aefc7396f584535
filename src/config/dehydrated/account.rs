//! The directory of the account, named after the CA's URL; and what older versions kept elsewhere.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{LoadError, Variables};
use crate::error::Error;
use crate::store::atomic;

/// Sets `ACCOUNTDIR` and `CAHASH`, and makes the directory, new, or a link to the account at the CA's old URL; with `make`
/// as its mode, else not.
pub(super) fn directory(
    variables: &mut Variables,
    make: Option<u32>,
    say: &dyn Fn(&str),
) -> Result<PathBuf, LoadError> {
    let identifier = identifier(variables.value("CA"));
    let mut default = variables.value("BASEDIR").to_owned();
    default.push("/accounts");
    variables.default_to("ACCOUNTDIR", default);
    variables.set("CAHASH", &identifier);
    let accounts = variables.path("ACCOUNTDIR");
    let directory = accounts.join(&identifier);
    if let Some(mode) = make.filter(|_| !directory.exists()) {
        atomic::create_directory_as(&accounts, mode).map_err(Error::failed)?;
        let old = self::identifier(variables.value("OLDCA"));
        if !variables.is_empty("OLDCA") && accounts.join(&old).exists() {
            say(&format!("! Reusing account from {}", variables.text("OLDCA")));
            atomic::link_all(&accounts, &[(&identifier, &old)]).map_err(Error::failed)?;
        } else {
            atomic::create_directory_as(&directory, mode).map_err(Error::failed)?;
        }
    }
    Ok(directory)
}

/// Sets where the account's files are, and brings those there that very old versions kept in `BASEDIR`.
pub(super) fn files(
    variables: &mut Variables,
    directory: &Path,
    say: &dyn Fn(&str),
) -> Result<(), LoadError> {
    let accounts = variables.value("ACCOUNTDIR").to_owned();
    let at = |file: &str| {
        let mut path = accounts.clone();
        for part in [OsStr::new("/"), variables.value("CAHASH"), OsStr::new("/"), OsStr::new(file)] {
            path.push(part);
        }
        path
    };
    let key = at("account_key.pem");
    let json = at("registration_info.json");
    let id = at("account_id.json");
    if directory.join("deactivated").is_file() {
        let why = "Account has been deactivated. Remove account and create a new one using --register.";
        return Err(LoadError::refuse(why));
    }
    let base_dir = variables.path("BASEDIR");
    for (name, to) in [("private_key.pem", &key), ("private_key.json", &json)] {
        let from = base_dir.join(name);
        if from.is_file() && !Path::new(to).is_file() {
            say(&format!("! Moving {name} to {}", Path::new(to).display()));
            atomic::rename(&from, Path::new(to)).map_err(Error::failed)?;
        }
    }
    variables.set("ACCOUNT_KEY", key);
    variables.set("ACCOUNT_KEY_JSON", json);
    variables.set("ACCOUNT_ID_JSON", id);
    Ok(())
}

/// The URL and a newline, as base64url: the newline slipped in once and stays.
fn identifier(url: &OsStr) -> String {
    let mut line = OsString::from(url);
    line.push("\n");
    BASE64_URL_SAFE_NO_PAD.encode(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_has_the_newline() {
        let identifier = identifier(OsStr::new("https://acme-v02.api.letsencrypt.org/directory"));
        assert_eq!(identifier, "aHR0cHM6Ly9hY21lLXYwMi5hcGkubGV0c2VuY3J5cHQub3JnL2RpcmVjdG9yeQo");
    }
}
