//! What a person can set: in the environment, and below it in `vault.inc`. The table is in the README of this crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hydrant::config::dehydrated::{Variable, variables};
use hydrant::vault::{Layout, Options};
use hydrant_hook_protocol::env;

use crate::error::Fault;

/// What a person can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to reach Vault, and who we are there.
    pub vault: Options,
    /// The mount of the KV engine.
    pub mount: String,
    /// The folder below it, with a slash behind it, or empty.
    pub folder: String,
    /// Which field holds what.
    pub layout: Layout,
    /// Whose the certificate is.
    pub owner: Option<String>,
    /// The name of the secret; `None`: the first name of the certificate.
    pub name: Option<String>,
}

impl Settings {
    /// Reads the environment of this process, and the file.
    ///
    /// # Errors
    /// When one of them holds what it cannot hold.
    pub fn from_env() -> Result<Self, Fault> {
        let variable = |name: &str| std::env::var(name).ok();
        let named = variable(INC).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| USUAL_INC.into());
        let file = if named.is_some() || path.exists() { read(&path)? } else { BTreeMap::new() };
        let in_file = |name: &str| file.get(name)?.value.to_str().map(str::to_owned);
        Self::resolve(variable, in_file)
    }

    /// The environment counts more than the file. What is empty is not set.
    fn resolve(
        environment: impl Fn(&str) -> Option<String>,
        file: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Fault> {
        let set =
            |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let either = |name: &str| set(environment(name)).or_else(|| set(file(name)));
        // What the file of Numberly's hook calls the address.
        let text = |name: &str| match name {
            "VAULT_ADDR" => {
                set(environment(name)).or_else(|| either("VAULT_ADDRESS")).or_else(|| set(file(name)))
            }
            name => either(name),
        };
        let base =
            text(BASE).ok_or_else(|| setting(BASE, "it is not set: MOUNT/data[/FOLDER]".to_owned()))?;
        let (mount, folder) = split(&base)?;
        let layout = match text(LAYOUT) {
            Some(text) => text.parse().map_err(|error| setting(LAYOUT, format!("{error}")))?,
            None => Layout::default(),
        };
        let name = match text(NAME).as_deref() {
            None | Some("domain") => None,
            // hydrant's name for what dehydrated calls the alias.
            Some("certificate") => set(environment(env::CERTIFICATE)).or_else(|| set(environment("alias"))),
            Some(other) => return Err(setting(NAME, format!("`{other}` is neither domain nor certificate"))),
        };
        Ok(Self {
            vault: Options::read(text)?,
            mount,
            folder,
            layout,
            owner: set(environment(env::OWNER)).or_else(|| either("VAULT_OWNER")),
            name,
        })
    }

    /// Where the secret of a certificate is, below the mount. Vault takes `A.example` and `a.example` for two.
    #[must_use]
    pub fn path(&self, domain: &str) -> String {
        let name = self.name.clone().unwrap_or_else(|| domain.to_lowercase());
        format!("{}{name}", self.folder)
    }
}

const INC: &str = "HYDRANT_VAULT_INC";
const USUAL_INC: &str = "/etc/dehydrated/vault.inc";
const BASE: &str = "VAULT_SECRET_BASE";
const LAYOUT: &str = "HYDRANT_VAULT_LAYOUT";
const NAME: &str = "HYDRANT_VAULT_NAME";

fn read(path: &Path) -> Result<BTreeMap<String, Variable>, Fault> {
    variables(path).map_err(|error| setting(&path.display().to_string(), error.to_string()))
}

/// The mount, and the folder below it: the base is a path of the API, with `data` between them. Without that the mount
/// is the first part.
fn split(base: &str) -> Result<(String, String), Fault> {
    let parts: Vec<_> = base.split('/').filter(|part| !part.is_empty()).collect();
    let data = parts.iter().position(|part| *part == "data");
    let (mount, folder) = match data {
        Some(0) => return Err(setting(BASE, format!("`{base}` has no mount before `data`"))),
        Some(at) => (parts[..at].join("/"), &parts[at + 1..]),
        None => (
            parts.first().map(|mount| (*mount).to_owned()).unwrap_or_default(),
            parts.get(1..).unwrap_or(&[]),
        ),
    };
    if mount.is_empty() {
        return Err(setting(BASE, format!("`{base}` names no mount")));
    }
    let folder = if folder.is_empty() { String::new() } else { format!("{}/", folder.join("/")) };
    Ok((mount, folder))
}

fn setting(name: &str, reason: String) -> Fault {
    Fault::Setting { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Result<Settings, Fault> {
        let of = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let (environment, file) = (of(environment), of(file));
        Settings::resolve(|name| environment.get(name).cloned(), |name| file.get(name).cloned())
    }

    #[test]
    fn the_base_is_a_mount_and_a_folder() {
        let both =
            |base| split(base).map(|(mount, folder)| format!("{mount} {folder}")).map_err(|e| e.to_string());
        assert_eq!(both("kv-certificates/data").unwrap(), "kv-certificates ");
        assert_eq!(both("/kv-certificates/data/").unwrap(), "kv-certificates ");
        assert_eq!(both("teams/kv/data/web/eu").unwrap(), "teams/kv web/eu/");
        assert_eq!(both("secret/lecertvend/team").unwrap(), "secret lecertvend/team/");
        assert_eq!(both("data/x").unwrap_err(), "VAULT_SECRET_BASE: `data/x` has no mount before `data`");
        assert_eq!(both("/").unwrap_err(), "VAULT_SECRET_BASE: `/` names no mount");
    }

    #[test]
    fn the_environment_counts_more_than_the_file() {
        let file = [
            ("VAULT_ADDRESS", "https://vault.example:8200"),
            ("VAULT_SECRET_BASE", "kv-certificates/data"),
            ("VAULT_OWNER", "file"),
        ];
        let settings = from(&[], &file).unwrap();
        assert_eq!(settings.vault.address.as_str(), "https://vault.example:8200/");
        assert_eq!(settings.owner.as_deref(), Some("file"));
        assert_eq!(settings.path("*.A.example"), "*.a.example");
        let environment = [
            ("VAULT_ADDR", "https://other.example"),
            ("HYDRANT_OWNER", "call"),
            ("VAULT_OWNER", ""),
            ("HYDRANT_CERTIFICATE", "star"),
            ("HYDRANT_VAULT_NAME", "certificate"),
        ];
        let settings = from(&environment, &file).unwrap();
        assert_eq!(settings.vault.address.as_str(), "https://other.example/");
        assert_eq!(settings.owner.as_deref(), Some("call"));
        assert_eq!(settings.path("*.a.example"), "star");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = |environment: &[(&str, &str)]| from(environment, &[]).unwrap_err().to_string();
        assert_eq!(error(&[]), "VAULT_SECRET_BASE: it is not set: MOUNT/data[/FOLDER]");
        let base = (BASE, "kv/data");
        assert_eq!(error(&[base, (NAME, "x")]), "HYDRANT_VAULT_NAME: `x` is neither domain nor certificate");
        assert_eq!(
            error(&[base, ("VAULT_ADDR", "vault:8200/")]),
            "VAULT_ADDR: it is no http:// or https:// URL"
        );
    }
}
