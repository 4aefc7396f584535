//! Settings of certificates, and which CA takes another's place under staging.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Resolver;
use crate::config::Config;
use crate::config::ca::Ca;
use crate::config::file::{Overrides, Settings};
use crate::config::nearest::suggestion;
use crate::config::pattern::Pattern;
use crate::config::setting::{List, Text};
use crate::diagnostic::Diagnostic;

impl Resolver {
    /// CAs last: what takes a CA's place under staging depends on all that was said.
    pub(super) fn certificates(&mut self, config: &mut Config, merged: &Settings) {
        let hook_names: Vec<String> = config.hooks.iter().map(|hook| hook.name.clone()).collect();
        let forced = self.forced_hooks().is_some();
        let certificates = &mut config.certificates;
        certificates.base.hooks.clone_from(&hook_names);
        certificates.base.http_listen = merged.http_listen.as_ref().map(|listen| listen.0.0);
        certificates.base.tls_alpn_listen = merged.tls_alpn_listen.as_ref().map(|listen| listen.0.0);
        certificates.base.apply(&self.file.overrides());
        certificates.above = self.flags.overrides().or(self.environment.overrides());
        certificates.patterns = self.file.certificates.clone().map(|said| said.0).unwrap_or_default();
        for (pattern, overrides) in &mut certificates.patterns {
            if certificates.above.ca.is_some() {
                overrides.ca = None;
            }
            let Some(List(chosen)) = overrides.hooks.take().filter(|_| !forced) else { continue };
            for name in chosen.iter().filter(|name| !hook_names.contains(name)) {
                let unknown = format!("`certificates.\"{pattern}\".hooks`: there is no hook called `{name}`");
                self.error("hook-name", &["certificates", pattern.as_str(), "hooks"], &unknown);
                let words: Vec<&str> = hook_names.iter().map(String::as_str).collect();
                self.help(&suggestion(name, &words));
            }
            // In the order in which hooks are called.
            let chosen = hook_names.iter().filter(|name| chosen.contains(name)).cloned().collect();
            overrides.hooks = Some(List(chosen));
        }

        let ca = merged.ca.clone().map_or_else(Ca::letsencrypt, |ca| ca.0);
        let production = !ca.staging;
        self.warn_of_must_staple(&ca, merged, &config.certificates.patterns);
        config.staging = merged.staging.as_ref().map_or(ca.staging, |staging| staging.0);
        if config.staging {
            for directory in [&mut config.certs_dir, &mut config.alpn_dir, &mut config.state_dir] {
                *directory = staging_twin(directory);
            }
            config.vault.use_twins();
        }
        if config.staging || config.dry_run {
            self.use_twins(config, merged, &ca);
        } else if production {
            self.refuse_staging_beside_production(&config.certificates.patterns);
        }
    }

    fn warn_of_must_staple(&mut self, ca: &Ca, merged: &Settings, patterns: &[(Pattern, Overrides)]) {
        let wanted = |said: &Option<Text<bool>>| said.as_ref().is_some_and(|must| must.0);
        let everywhere = (vec!["must_staple"], ca, wanted(&merged.must_staple));
        let single = patterns.iter().map(|(pattern, overrides)| {
            let ca = overrides.ca.as_ref().map_or(ca, |ca| &ca.0);
            (vec!["certificates", pattern.as_str(), "must_staple"], ca, wanted(&overrides.must_staple))
        });
        for (keys, ca, wanted) in std::iter::once(everywhere).chain(single) {
            if wanted && ca.is_letsencrypt() {
                let span = self.document.as_ref().and_then(|document| document.span(&keys));
                let message = "`must_staple`: Let's Encrypt no longer issues such certificates";
                self.diagnostics.push(
                    Diagnostic::warning("must-staple", span, message)
                        .with_help("leave it out, or use another CA"),
                );
            }
        }
    }

    /// Puts the staging twin in the place of each CA.
    fn use_twins(&mut self, config: &mut Config, merged: &Settings, ca: &Ca) {
        let named = merged.staging_ca.clone().map(|ca| ca.0);
        let why = if config.dry_run { "a dry run" } else { "`staging`" };
        let mut twin_of = |ca: &Ca, keys: &[&str]| {
            let twin = named.clone().or_else(|| ca.staging_twin());
            if twin.is_none() {
                self.error(
                    "no-staging-ca",
                    keys,
                    &format!("{why} needs a staging CA, and none is known for `{ca}`"),
                );
                self.help("name it with `staging_ca` or HYDRANT_STAGING_CA");
            }
            twin.unwrap_or_else(|| ca.clone())
        };
        let certificates = &mut config.certificates;
        let twin = twin_of(ca, &["ca"]);
        certificates.base.ca = twin.clone();
        if let Some(above) = &mut certificates.above.ca {
            above.0 = twin;
        }
        for (pattern, overrides) in &mut certificates.patterns {
            if let Some(ca) = &mut overrides.ca {
                ca.0 = twin_of(&ca.0, &["certificates", pattern.as_str(), "ca"]);
            }
        }
    }

    fn refuse_staging_beside_production(&mut self, patterns: &[(Pattern, Overrides)]) {
        for (pattern, overrides) in patterns {
            let Some(Text(ca)) = overrides.ca.as_ref().filter(|ca| ca.0.staging) else { continue };
            let message = format!(
                "`certificates.\"{pattern}\".ca`: `{ca}` is a staging CA, and its certificates would be kept beside \
                 production's"
            );
            self.error("staging-ca", &["certificates", pattern.as_str(), "ca"], &message);
            self.help("to try a certificate out, use `--staging --only NAME`");
        }
    }
}

/// `certs` becomes `certs-staging`.
fn staging_twin(directory: &Path) -> PathBuf {
    let mut name = directory.file_name().map(OsString::from).unwrap_or_default();
    name.push("-staging");
    directory.with_file_name(name)
}
