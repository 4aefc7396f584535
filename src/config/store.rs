//! Where certificates, accounts and state are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::certificate::replace;
use super::duration::Humane;
use super::file::Vault;
use super::setting::Text;
use crate::identifier::CertName;
use crate::key::shown_url;
use crate::vault::Layout;

/// What keeps certificates, accounts and state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// Directories.
    #[default]
    Files,
    /// Vault or OpenBao.
    Vault,
}

/// Where in Vault things are kept, and what the file says about the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// The KV mount with the certificates.
    pub mount: String,
    /// The folder in it; empty for the mount itself.
    pub prefix: String,
    /// The KV mount with accounts and records.
    pub state_mount: String,
    /// The folder in it; empty for the mount itself.
    pub state_prefix: String,
    /// The secrets of certificates that are not called as the certificate is, by their whole path in the mount.
    pub elsewhere: BTreeMap<CertName, String>,
    /// What a certificate's secret holds.
    pub layout: Layout,
    /// The field with the key of the account, if that is not kept with the records.
    pub account_key: Option<SecretField>,
    /// Rules of tenants that hold beside those with the records, wherever these are.
    pub rules: Option<SecretField>,
    /// Whether records are meant to be where no reader of certificates reaches: keys of certificates that are not in use
    /// yet are in them. Then a policy under which their former versions cannot be destroyed is a failure, and one that
    /// lets readers reach them an error; else neither is worth more than a warning.
    pub state_is_apart: bool,
    /// How long a certificate is in work without a sign of life.
    pub lease: Duration,
    /// `VAULT_ADDR`, where that is not set.
    pub address: Option<String>,
    /// `VAULT_NAMESPACE`
    pub namespace: Option<String>,
    /// `VAULT_CACERT`
    pub ca: Option<PathBuf>,
    /// `HYDRANT_VAULT_AUTH`
    pub auth: Option<String>,
    /// `VAULT_AUTH_PATH`
    pub auth_path: Option<String>,
    /// `VAULT_AUTH_ROLE`
    pub role: Option<String>,
    /// `VAULT_ROLE_ID`
    pub role_id: Option<String>,
}

/// A field of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretField {
    /// The KV mount.
    pub mount: String,
    /// The secret in it.
    pub path: String,
    /// The field.
    pub field: String,
}

impl SecretField {
    /// Rules of tenants, in a folder with records; empty for the mount itself.
    #[must_use]
    pub fn rules(mount: &str, folder: &str) -> Self {
        let path = if folder.is_empty() { TENANTS.to_owned() } else { format!("{folder}/{TENANTS}") };
        Self { mount: mount.to_owned(), path, field: TENANTS.to_owned() }
    }
}

/// The secret with rules of tenants, and its field.
const TENANTS: &str = "tenants";

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            mount: "secret".to_owned(),
            prefix: "certificates".to_owned(),
            state_mount: "hydrant".to_owned(),
            state_prefix: "hydrant-state".to_owned(),
            elsewhere: BTreeMap::new(),
            layout: Layout::default(),
            account_key: None,
            rules: None,
            state_is_apart: true,
            lease: Duration::from_mins(1),
            address: None,
            namespace: None,
            ca: None,
            auth: None,
            auth_path: None,
            role: None,
            role_id: None,
        }
    }
}

impl VaultSettings {
    /// These where something was said, else the defaults.
    #[must_use]
    pub fn of(said: Vault) -> Self {
        let mut settings = Self::default();
        replace(&mut settings.mount, said.mount.as_deref().map(trimmed));
        replace(&mut settings.prefix, said.prefix.as_deref().map(trimmed));
        replace(&mut settings.state_mount, said.state_mount.as_deref().map(trimmed));
        replace(&mut settings.state_prefix, said.state_prefix.as_deref().map(trimmed));
        replace(&mut settings.layout, said.layout.map(|layout| layout.0));
        replace(&mut settings.lease, said.lease.map(|lease| lease.0.get()));
        Self {
            address: said.address,
            namespace: said.namespace,
            ca: said.ca,
            auth: said.auth,
            auth_path: said.auth_path,
            role: said.role,
            role_id: said.role_id,
            ..settings
        }
    }

    /// What a variable of Vault's own client is where the environment does not set it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        match name {
            "VAULT_ADDR" => self.address.clone(),
            "VAULT_NAMESPACE" => self.namespace.clone(),
            "VAULT_CACERT" => self.ca.as_ref().map(|path| path.display().to_string()),
            "HYDRANT_VAULT_AUTH" => self.auth.clone(),
            "VAULT_AUTH_PATH" => self.auth_path.clone(),
            "VAULT_AUTH_ROLE" => self.role.clone(),
            "VAULT_ROLE_ID" => self.role_id.clone(),
            _ => None,
        }
    }

    /// Where rules of tenants are, if they are anywhere and nobody names another place.
    #[must_use]
    pub fn all_rules(&self) -> Vec<SecretField> {
        let beside = SecretField::rules(&self.state_mount, &self.state_prefix);
        let more = self.rules.clone().filter(|more| *more != beside);
        [beside].into_iter().chain(more).collect()
    }

    /// Whether who may read all certificates may read the records too, with the keys in them.
    #[must_use]
    pub fn state_is_among_certificates(&self) -> bool {
        let below = format!("{}/", self.prefix);
        self.mount == self.state_mount
            && (self.prefix.is_empty() || format!("{}/", self.state_prefix).starts_with(&below))
    }

    /// The same with places of its own for what a staging CA issues.
    pub(super) fn use_twins(&mut self) {
        for prefix in [&mut self.prefix, &mut self.state_prefix] {
            prefix.push_str(if prefix.is_empty() { "staging" } else { "-staging" });
        }
    }
}

impl From<&VaultSettings> for Vault {
    fn from(settings: &VaultSettings) -> Self {
        Self {
            // What is written of settings is to be seen.
            address: settings.address.as_deref().map(|address| shown_url(address).into_owned()),
            namespace: settings.namespace.clone(),
            ca: settings.ca.clone(),
            auth: settings.auth.clone(),
            auth_path: settings.auth_path.clone(),
            role: settings.role.clone(),
            role_id: settings.role_id.clone(),
            mount: Some(settings.mount.clone()),
            prefix: Some(settings.prefix.clone()),
            state_mount: Some(settings.state_mount.clone()),
            state_prefix: Some(settings.state_prefix.clone()),
            layout: Some(Text(settings.layout.clone())),
            lease: Humane::new(settings.lease).map(Text),
        }
    }
}

/// Slashes at the ends are a matter of taste.
fn trimmed(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_out_of_reach_unless_they_are_put_there() {
        let at = |mount: &str, prefix: &str, state_mount: &str, state_prefix: &str| VaultSettings {
            mount: mount.to_owned(),
            prefix: prefix.to_owned(),
            state_mount: state_mount.to_owned(),
            state_prefix: state_prefix.to_owned(),
            ..VaultSettings::default()
        };
        assert!(!VaultSettings::default().state_is_among_certificates());
        assert!(!at("kv", "certs", "kv", "hydrant-state").state_is_among_certificates());
        assert!(!at("kv", "certs", "kv", "certs-state").state_is_among_certificates());
        assert!(at("kv", "certs", "kv", "certs/state").state_is_among_certificates());
        assert!(at("kv", "", "kv", "state").state_is_among_certificates());
    }
}
