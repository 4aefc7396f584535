//! `HYDRANT_*` variables: above the configuration files, below the command line.
//!
//! What dehydrated has a variable for takes its place, so that everything else follows as if it were configured; the rest
//! goes into the [`Config`] directly.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{LoadError, Variables};
use crate::config::account::HmacKey;
use crate::config::certificate::replace;
use crate::config::environment::Environment;
use crate::config::file::Settings;
use crate::config::setting::{List, Text};
use crate::config::{Config, ExternalAccount, HookSequence, MacAlgorithm, Network, StoreKind, VaultSettings};
use crate::diagnostic::Diagnostic;

/// What the environment says in our own words.
#[derive(Default)]
pub(super) struct Overlay {
    settings: Settings,
    config: Option<OsString>,
}

impl Overlay {
    pub(super) fn of_this_process() -> Result<Self, LoadError> {
        let environment = Environment::of_this_process();
        let (settings, faults) = environment.read();
        if faults.iter().any(Diagnostic::is_error) {
            return Err(LoadError::Faults(faults));
        }
        let current_dir = std::env::current_dir().unwrap_or_default();
        let config = environment.value("config").cloned();
        Ok(Self { settings: settings.relative_to(&current_dir), config })
    }

    /// `HYDRANT_CONFIG`
    pub(super) fn config_path(&self) -> Option<&OsString> {
        self.config.as_ref()
    }

    /// `HYDRANT_CA`
    pub(super) fn ca(&self) -> Option<String> {
        self.settings.ca.as_ref().map(|ca| ca.0.directory.to_string())
    }

    /// Whether accounts and certificates are files.
    pub(super) fn keeps_files(&self) -> bool {
        self.settings.store.as_ref().is_none_or(|store| store.0 == StoreKind::Files)
    }

    /// What everything else depends on.
    pub(super) fn apply_to_places(&self, variables: &mut Variables) {
        set_path(variables, "BASEDIR", self.settings.base_dir.as_ref());
        set_path(variables, "ACCOUNTDIR", self.settings.accounts_dir.as_ref());
    }

    /// What dehydrated has variables for.
    pub(super) fn apply(&self, variables: &mut Variables) {
        let said = &self.settings;
        set_path(variables, "CERTDIR", said.certs_dir.as_ref());
        set_path(variables, "ALPNCERTDIR", said.alpn_dir.as_ref());
        set_path(variables, "DOMAINS_TXT", said.domains.as_ref());
        set_path(variables, "WELLKNOWN", said.webroot.as_ref());
        let yes = |said: bool| if said { "yes" } else { "no" }.to_owned();
        let hook = said.hooks.as_ref().and_then(|List(hooks)| hooks.first());
        let seconds = |timeout: &Text<crate::config::duration::Humane>| timeout.0.get().as_secs().to_string();
        for (name, value) in [
            ("HOOK", hook.map(|hook| hook.0.command.display().to_string())),
            ("CHALLENGETYPE", said.challenge.as_ref().map(|challenge| challenge.0.as_str().to_owned())),
            ("KEY_ALGO", said.key_type.as_ref().map(|kind| kind.0.algorithm().to_owned())),
            (
                "KEYSIZE",
                said.key_type
                    .as_ref()
                    .and_then(|kind| Some(kind.0.to_string().strip_prefix("rsa")?.to_owned())),
            ),
            ("PRIVATE_KEY_RENEW", said.reuse_key.as_ref().map(|reuse| yes(!reuse.0))),
            ("PRIVATE_KEY_ROLLOVER", said.key_rollover.as_ref().map(|rollover| yes(rollover.0))),
            ("OCSP_MUST_STAPLE", said.must_staple.as_ref().map(|must| yes(must.0))),
            ("ACME_PROFILE", said.profile.clone()),
            ("PREFERRED_CHAIN", said.preferred_chain.clone()),
            ("ORDER_TIMEOUT", said.order_timeout.as_ref().map(seconds)),
            ("VALIDATION_TIMEOUT", said.validation_timeout.as_ref().map(seconds)),
        ] {
            if let Some(value) = value {
                variables.set(name, value);
            }
        }
    }

    /// Whether certificates with a hook overlap: dehydrated's hooks know one after the other, unless the person says
    /// how many at once.
    pub(super) fn sequence_with_hooks(&self) -> HookSequence {
        match self.settings.jobs {
            Some(_) => HookSequence::Overlapping,
            None => HookSequence::Strict,
        }
    }

    /// What only we have.
    pub(super) fn apply_to_config(&self, config: &mut Config) {
        let said = &self.settings;
        replace(&mut config.state_dir, said.state_dir.clone());
        replace(&mut config.store, said.store.as_ref().map(|store| store.0));
        config.vault = VaultSettings::of(said.vault.clone().unwrap_or_default());
        replace(&mut config.cadence, said.cadence.as_ref().map(|cadence| Some(cadence.0.get())));
        replace(&mut config.auto_cleanup, said.auto_cleanup.as_ref().map(|cleanup| cleanup.0));
        replace(&mut config.format, said.format.as_ref().map(|format| format.0));
        if let Some(jobs) = &said.jobs {
            config.jobs = jobs.0.0.get();
        }
        if let Some(List(resolvers)) = &said.resolvers {
            config.resolvers = resolvers.iter().map(|resolver| resolver.0.0).collect();
        }
        let account = &mut config.account;
        if let Some(accept) = &said.accept_terms {
            account.accept_terms |= accept.0;
        }
        if let Some(List(contacts)) = &said.contacts {
            account.contacts = contacts.iter().map(|contact| contact.0.url()).collect();
        }
        if account.key_file.is_none() {
            account.key_file.clone_from(&said.account_key);
        }
        replace(&mut account.key_type, said.account_key_type.as_ref().map(|kind| kind.0));
        if let Some(external) = &said.external_account
            && let Some(kid) = &external.kid
        {
            let variable = external.hmac_key_env.clone().unwrap_or_else(|| "EAB_HMAC_KEY".to_owned());
            let key = external.hmac_key_file.clone().map_or(HmacKey::Environment(variable), HmacKey::File);
            let algorithm = external.algorithm.as_ref().map_or(MacAlgorithm::Hs256, |algorithm| algorithm.0);
            account.external_account = Some(ExternalAccount { kid: kid.clone(), key, algorithm });
        }
        let base = &mut config.certificates.base;
        replace(&mut base.renew_before, said.renew_before.as_ref().map(|before| Some(before.0.get())));
        if said.renew_before.is_some() {
            base.renew_days = None;
            config.renewal = crate::config::Renewal::Window;
        }
        replace(&mut base.propagation, said.propagation.as_ref().map(|propagation| propagation.0));
        let timeout = said.propagation_timeout.as_ref().map(|timeout| timeout.0.get());
        replace(&mut base.propagation_timeout, timeout);
        replace(&mut base.owner, said.owner.clone().map(Some));
        replace(&mut base.http_listen, said.http_listen.as_ref().map(|listen| Some(listen.0.0)));
        replace(&mut base.tls_alpn_listen, said.tls_alpn_listen.as_ref().map(|listen| Some(listen.0.0)));
    }

    /// How the CA is reached.
    pub(super) fn apply_to_network(&self, network: &mut Network) {
        let said = &self.settings;
        if let Some(List(roots)) = &said.ca_roots {
            network.roots.extend(roots.iter().cloned());
        }
        replace(&mut network.roots_only, said.ca_roots_only.as_ref().map(|only| only.0));
        replace(&mut network.insecure, said.insecure.as_ref().map(|insecure| insecure.0));
        if network.family.is_none() {
            network.family = said.ip_version.as_ref().map(|version| version.0);
        }
        replace(&mut network.proxy, said.proxy.clone().map(|proxy| proxy.0));
        replace(&mut network.in_flight, said.in_flight.as_ref().map(|count| count.0.0.get()));
        replace(&mut network.request_timeout, said.request_timeout.as_ref().map(|timeout| timeout.0.get()));
    }
}

fn set_path(variables: &mut Variables, name: &str, path: Option<&PathBuf>) {
    if let Some(path) = path {
        variables.set(name, path);
    }
}
