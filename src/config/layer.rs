//! Layers of settings: one comes before the other.

use std::path::Path;

use super::file::{ExternalAccount, Overrides, Settings, Vault};

impl Settings {
    /// Everything that `self` leaves open, from `below`.
    #[must_use]
    pub fn or(self, below: Self) -> Self {
        Self {
            ca: self.ca.or(below.ca),
            staging_ca: self.staging_ca.or(below.staging_ca),
            staging: self.staging.or(below.staging),
            ca_roots: self.ca_roots.or(below.ca_roots),
            ca_roots_only: self.ca_roots_only.or(below.ca_roots_only),
            insecure: self.insecure.or(below.insecure),
            accept_terms: self.accept_terms.or(below.accept_terms),
            contacts: self.contacts.or(below.contacts),
            external_account: match (self.external_account, below.external_account) {
                (Some(above), Some(below)) => Some(above.or(below)),
                (above, below) => above.or(below),
            },
            account_key: self.account_key.or(below.account_key),
            account_key_type: self.account_key_type.or(below.account_key_type),
            base_dir: self.base_dir.or(below.base_dir),
            domains: self.domains.or(below.domains),
            store: self.store.or(below.store),
            vault: match (self.vault, below.vault) {
                (Some(above), Some(below)) => Some(above.or(below)),
                (above, below) => above.or(below),
            },
            certs_dir: self.certs_dir.or(below.certs_dir),
            accounts_dir: self.accounts_dir.or(below.accounts_dir),
            alpn_dir: self.alpn_dir.or(below.alpn_dir),
            state_dir: self.state_dir.or(below.state_dir),
            challenge: self.challenge.or(below.challenge),
            webroot: self.webroot.or(below.webroot),
            http_listen: self.http_listen.or(below.http_listen),
            tls_alpn_listen: self.tls_alpn_listen.or(below.tls_alpn_listen),
            hooks: self.hooks.or(below.hooks),
            propagation: self.propagation.or(below.propagation),
            propagation_timeout: self.propagation_timeout.or(below.propagation_timeout),
            resolvers: self.resolvers.or(below.resolvers),
            key_type: self.key_type.or(below.key_type),
            reuse_key: self.reuse_key.or(below.reuse_key),
            key_rollover: self.key_rollover.or(below.key_rollover),
            must_staple: self.must_staple.or(below.must_staple),
            profile: self.profile.or(below.profile),
            preferred_chain: self.preferred_chain.or(below.preferred_chain),
            renew_before: self.renew_before.or(below.renew_before),
            cadence: self.cadence.or(below.cadence),
            owner: self.owner.or(below.owner),
            order_timeout: self.order_timeout.or(below.order_timeout),
            validation_timeout: self.validation_timeout.or(below.validation_timeout),
            jobs: self.jobs.or(below.jobs),
            in_flight: self.in_flight.or(below.in_flight),
            request_timeout: self.request_timeout.or(below.request_timeout),
            ip_version: self.ip_version.or(below.ip_version),
            proxy: self.proxy.or(below.proxy),
            auto_cleanup: self.auto_cleanup.or(below.auto_cleanup),
            format: self.format.or(below.format),
            certificates: self.certificates.or(below.certificates),
        }
    }

    /// What it says for all certificates.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            ca: self.ca.clone(),
            challenge: self.challenge.clone(),
            webroot: self.webroot.clone(),
            propagation: self.propagation.clone(),
            propagation_timeout: self.propagation_timeout.clone(),
            hooks: None,
            key_type: self.key_type.clone(),
            reuse_key: self.reuse_key.clone(),
            key_rollover: self.key_rollover.clone(),
            must_staple: self.must_staple.clone(),
            profile: self.profile.clone(),
            preferred_chain: self.preferred_chain.clone(),
            renew_before: self.renew_before.clone(),
            owner: self.owner.clone(),
            order_timeout: self.order_timeout.clone(),
            validation_timeout: self.validation_timeout.clone(),
        }
    }

    /// The same with relative paths made relative to `directory`.
    #[must_use]
    pub fn relative_to(mut self, directory: &Path) -> Self {
        let paths = [
            &mut self.account_key,
            &mut self.base_dir,
            &mut self.certs_dir,
            &mut self.accounts_dir,
            &mut self.alpn_dir,
            &mut self.state_dir,
            &mut self.webroot,
        ];
        let key_file = self.external_account.as_mut().and_then(|account| account.hmac_key_file.as_mut());
        let vault_ca = self.vault.as_mut().and_then(|vault| vault.ca.as_mut());
        let roots = self.ca_roots.iter_mut().flat_map(|roots| &mut roots.0);
        let webroots = self.certificates.iter_mut().flat_map(|certificates| &mut certificates.0);
        let webroots = webroots.filter_map(|(_, overrides)| overrides.webroot.as_mut());
        // A bare name is looked up on PATH, and `-` is standard input.
        let hooks = self.hooks.iter_mut().flat_map(|hooks| &mut hooks.0).map(|hook| &mut hook.0.command);
        let hooks = hooks.filter(|command| command.components().count() > 1 || command.starts_with("."));
        let domains = self.domains.iter_mut().filter(|domains| domains.as_os_str() != "-");
        let all = paths.into_iter().flatten().chain(key_file).chain(vault_ca).chain(roots).chain(webroots);
        for path in all.chain(hooks).chain(domains) {
            // By its components, so that `./hook.sh` is shown as what it is.
            *path = directory.join(&*path).components().collect();
        }
        self
    }
}

impl Overrides {
    /// Everything that `self` leaves open, from `below`.
    #[must_use]
    pub fn or(self, below: Self) -> Self {
        Self {
            ca: self.ca.or(below.ca),
            challenge: self.challenge.or(below.challenge),
            webroot: self.webroot.or(below.webroot),
            propagation: self.propagation.or(below.propagation),
            propagation_timeout: self.propagation_timeout.or(below.propagation_timeout),
            hooks: self.hooks.or(below.hooks),
            key_type: self.key_type.or(below.key_type),
            reuse_key: self.reuse_key.or(below.reuse_key),
            key_rollover: self.key_rollover.or(below.key_rollover),
            must_staple: self.must_staple.or(below.must_staple),
            profile: self.profile.or(below.profile),
            preferred_chain: self.preferred_chain.or(below.preferred_chain),
            renew_before: self.renew_before.or(below.renew_before),
            owner: self.owner.or(below.owner),
            order_timeout: self.order_timeout.or(below.order_timeout),
            validation_timeout: self.validation_timeout.or(below.validation_timeout),
        }
    }

    /// What is left of it when `above` comes first.
    #[must_use]
    pub fn below(self, above: &Self) -> Self {
        Self {
            ca: self.ca.filter(|_| above.ca.is_none()),
            challenge: self.challenge.filter(|_| above.challenge.is_none()),
            webroot: self.webroot.filter(|_| above.webroot.is_none()),
            propagation: self.propagation.filter(|_| above.propagation.is_none()),
            propagation_timeout: self.propagation_timeout.filter(|_| above.propagation_timeout.is_none()),
            hooks: self.hooks.filter(|_| above.hooks.is_none()),
            key_type: self.key_type.filter(|_| above.key_type.is_none()),
            reuse_key: self.reuse_key.filter(|_| above.reuse_key.is_none()),
            key_rollover: self.key_rollover.filter(|_| above.key_rollover.is_none()),
            must_staple: self.must_staple.filter(|_| above.must_staple.is_none()),
            profile: self.profile.filter(|_| above.profile.is_none()),
            preferred_chain: self.preferred_chain.filter(|_| above.preferred_chain.is_none()),
            renew_before: self.renew_before.filter(|_| above.renew_before.is_none()),
            owner: self.owner.filter(|_| above.owner.is_none()),
            order_timeout: self.order_timeout.filter(|_| above.order_timeout.is_none()),
            validation_timeout: self.validation_timeout.filter(|_| above.validation_timeout.is_none()),
        }
    }
}

impl Vault {
    /// Everything that `self` leaves open, from `below`.
    fn or(self, below: Self) -> Self {
        Self {
            address: self.address.or(below.address),
            namespace: self.namespace.or(below.namespace),
            ca: self.ca.or(below.ca),
            auth: self.auth.or(below.auth),
            auth_path: self.auth_path.or(below.auth_path),
            role: self.role.or(below.role),
            role_id: self.role_id.or(below.role_id),
            mount: self.mount.or(below.mount),
            prefix: self.prefix.or(below.prefix),
            state_mount: self.state_mount.or(below.state_mount),
            state_prefix: self.state_prefix.or(below.state_prefix),
            layout: self.layout.or(below.layout),
            lease: self.lease.or(below.lease),
        }
    }
}

impl ExternalAccount {
    /// Everything that `self` leaves open, from `below`.
    fn or(self, below: Self) -> Self {
        // A file in one place and a variable in another would contradict each other: the key comes from one place.
        let own_key = self.hmac_key_file.is_some() || self.hmac_key_env.is_some();
        let key = if own_key {
            (self.hmac_key_file, self.hmac_key_env)
        } else {
            (below.hmac_key_file, below.hmac_key_env)
        };
        Self {
            kid: self.kid.or(below.kid),
            hmac_key_file: key.0,
            hmac_key_env: key.1,
            algorithm: self.algorithm.or(below.algorithm),
        }
    }
}
