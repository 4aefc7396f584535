//! Settings from the command line, in the file's words.

use super::file::{self, Settings};
use super::setting::{List, Text};
use super::values::IpVersion;
use crate::cli::hydrant::Options;

/// What the flags say.
#[must_use]
pub fn settings(options: &Options) -> Settings {
    let ip_version = match (options.ipv4, options.ipv6) {
        (true, _) => Some(IpVersion::V4),
        (false, true) => Some(IpVersion::V6),
        (false, false) => None,
    };
    let external_account = file::ExternalAccount {
        kid: options.eab_kid.clone(),
        hmac_key_file: options.eab_hmac_key_file.clone(),
        ..file::ExternalAccount::default()
    };
    Settings {
        base_dir: options.base_dir.clone(),
        domains: options.domains.clone(),
        store: options.store.map(Text),
        certs_dir: options.certs_dir.clone(),
        ca: options.ca.clone().map(Text),
        staging: options.staging.then_some(Text(true)),
        ca_roots: list(options.ca_roots.iter().cloned()),
        insecure: options.insecure.then_some(Text(true)),
        accept_terms: options.accept_terms.then_some(Text(true)),
        contacts: list(options.contact.iter().cloned().map(Text)),
        account_key: options.account_key.clone(),
        external_account: Some(external_account).filter(|said| *said != file::ExternalAccount::default()),
        ip_version: ip_version.map(Text),
        proxy: options.proxy.clone().map(Text),
        hooks: list(options.hook.iter().map(file::Hook::program)),
        challenge: options.challenge.clone().map(Text),
        webroot: options.webroot.clone(),
        http_listen: options.http_listen.map(Text),
        tls_alpn_listen: options.tls_alpn_listen.map(Text),
        key_type: options.key_type.map(Text),
        reuse_key: options.reuse_key.map(Text),
        profile: options.profile.clone(),
        preferred_chain: options.preferred_chain.clone(),
        renew_before: options.renew_before.map(Text),
        jobs: options.jobs.map(Text),
        format: options.format.map(Text),
        ..Settings::default()
    }
}

/// A flag that was not given says nothing, not "none".
fn list<T>(items: impl Iterator<Item = T>) -> Option<List<T>> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then_some(List(items))
}
