//! What a person can set: in the environment, and below it in `vault.inc`. The table is in the README of this crate.

use hydrant::config::delivery::{BASE, Base, Said};
use hydrant::vault::{Layout, Options};
use hydrant_hook_protocol::env;

use crate::error::Fault;

/// What a person can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to reach Vault, and who we are there.
    pub vault: Options,
    /// Where secrets are.
    pub base: Base,
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
        Self::resolve(&Said::read(|name| std::env::var(name).ok())?)
    }

    /// The environment counts more than the file. What is empty is not set.
    fn resolve(said: &Said<'_>) -> Result<Self, Fault> {
        let base =
            said.base()?.ok_or_else(|| setting(BASE, "it is not set: MOUNT/data[/FOLDER]".to_owned()))?;
        let layout = match said.text(LAYOUT) {
            Some(text) => text.parse().map_err(|error| setting(LAYOUT, format!("{error}")))?,
            None => Layout::default(),
        };
        // hydrant's name for what dehydrated calls the alias.
        let own = || said.variable(env::CERTIFICATE).or_else(|| said.variable("alias"));
        let name = if said.is_by_certificate()? { own() } else { None };
        let owner = said.variable(env::OWNER).or_else(|| said.text("VAULT_OWNER"));
        Ok(Self { vault: said.options()?, base, layout, owner, name })
    }

    /// Where the secret of a certificate is, below the mount. Vault takes `A.example` and `a.example` for two.
    #[must_use]
    pub fn path(&self, domain: &str) -> String {
        let name = self.name.clone().unwrap_or_else(|| domain.to_lowercase());
        let folder = &self.base.folder;
        if folder.is_empty() { name } else { format!("{folder}/{name}") }
    }
}

const LAYOUT: &str = "HYDRANT_VAULT_LAYOUT";

fn setting(name: &str, reason: String) -> Fault {
    Fault::Setting { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn from(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Result<Settings, Fault> {
        let of = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let (environment, file) = (of(environment), of(file));
        Settings::resolve(&Said::new(|name| environment.get(name).cloned(), |name| file.get(name).cloned()))
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
        assert_eq!(
            error(&[base, ("HYDRANT_VAULT_NAME", "x")]),
            "HYDRANT_VAULT_NAME: `x` is neither domain nor certificate"
        );
        assert_eq!(
            error(&[base, ("VAULT_ADDR", "vault:8200/")]),
            "VAULT_ADDR: it is no http:// or https:// URL"
        );
    }
}
