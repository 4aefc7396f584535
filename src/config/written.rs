//! What is in effect, in the words of `hydrant.yml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::account::HmacKey;
use super::certificate::CertificateSettings;
use super::duration::Humane;
use super::file::{Certificates, ExternalAccount, Hook, HookTable, Overrides, Settings, Vault};
use super::propagation::Resolver;
use super::setting::{List, Setting, Text};
use super::values::{Contact, Count, Listen};
use super::{Config, DomainsSource};
use crate::hook::HookSettings;

impl From<&Config> for Settings {
    /// All of it, defaults included. Values of hooks' `env` are left out: they may be secrets.
    fn from(config: &Config) -> Self {
        let base = &config.certificates.base;
        let mut certificate = base.clone();
        certificate.apply(&config.certificates.above);
        let certificate = Overrides::from(&certificate);
        let above = &config.certificates.above;
        let patterns = config.certificates.patterns.iter().cloned();
        let patterns = patterns.map(|(pattern, said)| (pattern, said.below(above)));
        let path = |path: &Path| Some(path.to_owned());
        let network = &config.network;
        let account = &config.account;
        let contacts = account.contacts.iter().filter_map(|contact| Contact::read(contact).ok());
        Self {
            ca: certificate.ca,
            // It has taken its place already.
            staging_ca: None,
            staging: Some(Text(config.staging)),
            ca_roots: Some(List(network.roots.clone())),
            ca_roots_only: Some(Text(network.roots_only)),
            insecure: Some(Text(network.insecure)),
            accept_terms: Some(Text(account.accept_terms)),
            contacts: Some(List(contacts.map(Text).collect())),
            external_account: account.external_account.as_ref().map(|external| ExternalAccount {
                kid: Some(external.kid.clone()),
                hmac_key_file: match &external.key {
                    HmacKey::File(path) => Some(path.clone()),
                    HmacKey::Environment(_) | HmacKey::Given(_) => None,
                },
                hmac_key_env: match &external.key {
                    HmacKey::File(_) | HmacKey::Given(_) => None,
                    HmacKey::Environment(name) => Some(name.clone()),
                },
                algorithm: Some(Text(external.algorithm)),
            }),
            account_key: account.key_file.clone(),
            account_key_type: Some(Text(account.key_type)),
            base_dir: path(&config.base_dir),
            domains: match &config.domains {
                DomainsSource::Arguments { .. } | DomainsSource::Text(_) => None,
                DomainsSource::Path(list) => path(list),
                DomainsSource::Stdin => Some(PathBuf::from("-")),
            },
            store: Some(Text(config.store)),
            vault: Some(Vault::from(&config.vault)),
            certs_dir: path(&config.certs_dir),
            accounts_dir: path(&config.accounts_dir),
            alpn_dir: path(&config.alpn_dir),
            state_dir: path(&config.state_dir),
            challenge: certificate.challenge,
            webroot: certificate.webroot,
            http_listen: base.http_listen.map(Listen).map(Text),
            tls_alpn_listen: base.tls_alpn_listen.map(Listen).map(Text),
            propagation: certificate.propagation,
            propagation_timeout: certificate.propagation_timeout,
            resolvers: Some(List(config.resolvers.iter().copied().map(Resolver).map(Text).collect())),
            hooks: Some(List(config.hooks.iter().map(Hook::from).collect())),
            key_type: certificate.key_type,
            reuse_key: certificate.reuse_key,
            key_rollover: certificate.key_rollover,
            must_staple: certificate.must_staple,
            profile: certificate.profile,
            preferred_chain: certificate.preferred_chain,
            renew_before: certificate.renew_before,
            cadence: config.cadence.and_then(duration),
            owner: certificate.owner,
            order_timeout: certificate.order_timeout,
            validation_timeout: certificate.validation_timeout,
            jobs: count(config.jobs),
            in_flight: count(network.in_flight),
            request_timeout: duration(network.request_timeout),
            ip_version: network.family.map(Text),
            proxy: Some(Text(network.proxy.clone())),
            auto_cleanup: Some(Text(config.auto_cleanup)),
            format: Some(Text(config.format)),
            certificates: Some(Certificates(patterns.collect())),
        }
    }
}

impl From<&CertificateSettings> for Overrides {
    fn from(settings: &CertificateSettings) -> Self {
        Self {
            ca: Some(Text(settings.ca.clone())),
            challenge: Some(Text(settings.challenge.clone())),
            webroot: settings.webroot.clone(),
            propagation: Some(Text(settings.propagation)),
            propagation_timeout: duration(settings.propagation_timeout),
            hooks: Some(List(settings.hooks.clone())),
            key_type: Some(Text(settings.key_type)),
            reuse_key: Some(Text(settings.reuse_key)),
            key_rollover: Some(Text(settings.key_rollover)),
            must_staple: Some(Text(settings.must_staple)),
            profile: settings.profile.clone(),
            preferred_chain: settings.preferred_chain.clone(),
            renew_before: settings.renew_before.and_then(duration),
            owner: settings.owner.clone(),
            order_timeout: duration(settings.order_timeout),
            validation_timeout: duration(settings.validation_timeout),
        }
    }
}

impl From<&HookSettings> for Hook {
    fn from(hook: &HookSettings) -> Self {
        let env: BTreeMap<_, _> = hook.env.keys().map(|name| (name.clone(), "[secret]".to_owned())).collect();
        Self(HookTable {
            command: hook.command.clone(),
            name: Some(hook.name.clone()),
            operations: hook.operations.as_ref().map(|all| List(all.iter().copied().map(Text).collect())),
            env: Some(env).filter(|env| !env.is_empty()),
            pass_env: Some(List(hook.pass_env.clone())).filter(|pass| !pass.0.is_empty()),
            env_only: hook.env_only.clone().map(List),
            timeout: duration(hook.timeout),
            retries: Some(Text(hook.retries)),
            chain: hook.chain.map(Text),
        })
    }
}

/// What a layer says, without what it leaves open.
pub fn said(layer: &impl Serialize) -> Map<String, Value> {
    match without_null(serde_json::to_value(layer).unwrap_or_default()) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// One setting as YAML, with a comment behind its first line.
#[must_use]
pub fn entry(key: &str, value: &Value, comment: &str) -> String {
    // A JSON value is always YAML.
    let yaml = serde_yaml::to_string(&json!({ key: value })).unwrap_or_default();
    let (first, rest) = yaml.split_once('\n').unwrap_or((&yaml, ""));
    format!("{first}  # {comment}\n{rest}")
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let said = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(key, value)| (key, without_null(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_null).collect()),
        other => other,
    }
}

/// Durations come from [`Humane`] or are our own, so that they are whole seconds and more than none.
fn duration(duration: Duration) -> Option<Text<Humane>> {
    Humane::new(duration).map(Text)
}

fn count(count: usize) -> Option<Text<Count>> {
    std::num::NonZeroUsize::new(count).map(Count).map(Text)
}
