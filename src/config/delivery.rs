//! Where `hydrant-hook-vault` delivers to: what variables say, and below them `vault.inc`.
//!
//! The hook reads this, and who asks beforehand whether it will be allowed to. The table is in the README of the hook.

use std::collections::BTreeMap;
use std::path::PathBuf;

use thiserror::Error;

use super::dehydrated::variables;
use crate::vault::{self, Options};

/// What is said.
pub struct Said<'a> {
    environment: Lookup<'a>,
    file: Lookup<'a>,
}

type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// A folder of a KV mount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Base {
    /// The mount.
    pub mount: String,
    /// The path in it; empty for the mount itself.
    pub folder: String,
}

/// A setting cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name}: {reason}")]
pub struct BadSetting {
    /// The variable, or the file.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl<'a> Said<'a> {
    /// By these variables, and by the file that they name, or the usual one where there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(environment: impl Fn(&str) -> Option<String> + 'a) -> Result<Self, BadSetting> {
        let named = set(environment(INC)).map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| USUAL_INC.into());
        let file = if named.is_some() || path.exists() {
            variables(&path).map_err(|error| bad(&path.display().to_string(), error.to_string()))?
        } else {
            BTreeMap::new()
        };
        Ok(Self::new(environment, move |name| file.get(name)?.value.to_str().map(str::to_owned)))
    }

    /// By these variables, and by those of a file.
    pub fn new(
        environment: impl Fn(&str) -> Option<String> + 'a,
        file: impl Fn(&str) -> Option<String> + 'a,
    ) -> Self {
        Self { environment: Box::new(environment), file: Box::new(file) }
    }

    /// A variable, of which the file has no say. What is empty is not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        set((self.environment)(name))
    }

    /// A variable, or what the file says.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let in_file = |name: &str| set((self.file)(name));
        // What the file of Numberly's hook calls the address.
        let other = || self.variable("VAULT_ADDRESS").or_else(|| in_file("VAULT_ADDRESS"));
        let other = || if name == "VAULT_ADDR" { other() } else { None };
        self.variable(name).or_else(other).or_else(|| in_file(name))
    }

    /// How to reach Vault, and who we are there.
    ///
    /// # Errors
    /// [`vault::Error::Setting`]
    pub fn options(&self) -> Result<Options, vault::Error> {
        Options::read(|name| self.text(name))
    }

    /// The folder with the secrets; `None` where nothing is said of one.
    ///
    /// # Errors
    /// It names no mount.
    pub fn base(&self) -> Result<Option<Base>, BadSetting> {
        self.text(BASE).map(|base| Base::read(&base)).transpose()
    }

    /// Whether secrets are called as certificates are, and not by the first name on them.
    ///
    /// # Errors
    /// It is neither of both.
    pub fn is_by_certificate(&self) -> Result<bool, BadSetting> {
        match self.text(NAME).as_deref() {
            None | Some("domain") => Ok(false),
            Some("certificate") => Ok(true),
            Some(other) => Err(bad(NAME, format!("`{other}` is neither domain nor certificate"))),
        }
    }
}

impl Base {
    /// A path of the API, with `data` between mount and folder. Without that the mount is the first part.
    fn read(base: &str) -> Result<Self, BadSetting> {
        let parts: Vec<_> = base.split('/').filter(|part| !part.is_empty()).collect();
        let at = parts.iter().position(|part| *part == "data");
        let (mount, folder) = match at {
            Some(0) => return Err(bad(BASE, format!("`{base}` has no mount before `data`"))),
            Some(at) => (parts[..at].join("/"), &parts[at + 1..]),
            None => (
                parts.first().map(|mount| (*mount).to_owned()).unwrap_or_default(),
                parts.get(1..).unwrap_or(&[]),
            ),
        };
        if mount.is_empty() {
            return Err(bad(BASE, format!("`{base}` names no mount")));
        }
        Ok(Self { mount, folder: folder.join("/") })
    }
}

/// `MOUNT/data[/FOLDER]`
pub const BASE: &str = "VAULT_SECRET_BASE";
/// Variables that only the hook has.
pub const VARIABLES: [&str; 2] = [INC, NAME];
const INC: &str = "HYDRANT_VAULT_INC";
const USUAL_INC: &str = "/etc/dehydrated/vault.inc";
const NAME: &str = "HYDRANT_VAULT_NAME";

fn set(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn bad(name: &str, reason: String) -> BadSetting {
    BadSetting { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_a_mount_and_a_folder() {
        let both = |base| match Base::read(base) {
            Ok(Base { mount, folder }) => format!("{mount} {folder}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(both("kv-certificates/data"), "kv-certificates ");
        assert_eq!(both("/kv-certificates/data/"), "kv-certificates ");
        assert_eq!(both("teams/kv/data/web/eu"), "teams/kv web/eu");
        assert_eq!(both("secret/lecertvend/team"), "secret lecertvend/team");
        assert_eq!(both("data/x"), "VAULT_SECRET_BASE: `data/x` has no mount before `data`");
        assert_eq!(both("/"), "VAULT_SECRET_BASE: `/` names no mount");
    }
}
