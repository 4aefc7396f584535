//! What only others know: whether the token may do what a run will do, whether the CA is there, whose names they are.

use std::collections::{BTreeMap, BTreeSet};

use super::super::export::delivered_to;
use super::super::tenants;
use crate::commands::gather::Gathered;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Span};
use crate::domains::Entry;
use crate::error::{Error, ErrorKind};
use crate::export::vault_policy::Folder;
use crate::report::words::List;
use crate::runner::{Authorities, store_error};
use crate::store::StoreError;
use crate::store::vault::Need;
use crate::tenant::Request;
use crate::vault::{self, Client, Options, policy};

/// So many paths are asked about in one request; Vault takes no more than a thousand texts.
const PATHS_AT_ONCE: usize = 256;

/// Asks Vault and the CAs. Changes nothing, and orders nothing.
///
/// # Errors
/// One of them cannot be reached.
pub(super) async fn findings(gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let mut found = refused(gathered).await?;
    if let Some(client) = gathered.vault() {
        let config = &gathered.config;
        let client = client.map_err(vault_error)?;
        let mut needs = Vec::new();
        for entry in gathered.entries() {
            let of_store = config.vault.needs(&entry.name).into_iter();
            needs.extend(of_store.map(|need| (need, entry.span.clone())));
        }
        found.extend(denied(&client, needs).await?);
        found.extend(exposed(&client, gathered).await?);
    }
    found.extend(undeliverable(gathered).await?);
    found.extend(authorities(gathered).await);
    Ok(found)
}

/// Certificates that the rules of tenants do not allow.
async fn refused(gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let tenancy = match tenants::tenancy(gathered).await {
        Ok(tenancy) => tenancy,
        Err(error) if error.kind == ErrorKind::Config => {
            let found = Diagnostic::error("tenants", None, error.to_string());
            return Ok(vec![with_help(found, &error.hints)]);
        }
        Err(error) => return Err(error),
    };
    let config = &gathered.config;
    let finding = |entry: &Entry| {
        let (settings, path) = (config.certificate(&entry.name), config.secret_of(&entry.name));
        let refusal =
            tenancy.check(&Request::new(&entry.name, &entry.names, &settings, path.as_deref())).err()?;
        let found = Diagnostic::error("tenant", Some(entry.span.clone()), refusal.to_string());
        Some(with_help(found, &refusal.hints()))
    };
    Ok(gathered.entries().iter().filter_map(finding).collect())
}

/// What the token may not do of what is needed.
async fn denied(client: &Client, needs: Vec<(Need, Span)>) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    for part in needs.chunks(PATHS_AT_ONCE) {
        let paths: BTreeSet<&str> = part.iter().map(|(need, _)| need.path.as_str()).collect();
        let paths: Vec<&str> = paths.into_iter().collect();
        let allowed = match client.capabilities(&paths).await {
            Ok(allowed) => allowed,
            Err(error) if error.may_pass() => return Err(vault_error(error)),
            Err(error) => {
                found.push(with_help(Diagnostic::error("vault", None, error.to_string()), &error.hints()));
                return Ok(found);
            }
        };
        for (need, span) in part {
            let allowed = allowed.get(&need.path).map_or(&[][..], Vec::as_slice);
            let is_allowed = |one: &&str| allowed.iter().any(|other| other == one || other == "root");
            let lacking: Vec<&str> =
                need.capabilities.iter().copied().filter(|one| !is_allowed(one)).collect();
            if !lacking.is_empty() {
                let message = format!("the policy of the token denies {} on `{}`", List(&lacking), need.path);
                let wanted: Vec<String> = need.capabilities.iter().map(|one| format!("\"{one}\"")).collect();
                let allow =
                    format!("allow it: path \"{}\" {{ capabilities = [{}] }}", need.path, wanted.join(", "));
                found.push(Diagnostic::error("vault-policy", Some(span.clone()), message).with_help(allow));
            }
        }
    }
    Ok(found)
}

/// Policies by which others can read records, and so the keys of certificates to come.
async fn exposed(client: &Client, gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let settings = &gathered.config.vault;
    let help = "set `state_mount` to another mount, or `state_prefix` to a folder that they cannot read";
    if settings.state_is_among_certificates() {
        let message =
            "who may read all certificates may read hydrant's records as well, with keys of those to come";
        return Ok(vec![Diagnostic::error("vault-state", None, message).with_help(help)]);
    }
    let Some(entry) = gathered.entries().first() else { return Ok(Vec::new()) };
    let Some(record) = settings.needs(&entry.name).into_iter().find(|need| need.is_record) else {
        return Ok(Vec::new());
    };
    // Who may not look at policies cannot be told about them.
    let policies: BTreeMap<String, String> = match client.policies().await {
        Ok(policies) => policies,
        Err(error) if error.may_pass() => return Err(vault_error(error)),
        Err(_) => return Ok(Vec::new()),
    };
    let readers = policies.iter().filter(|(_, text)| policy::only_reads(text, &record.path));
    let finding = |(name, _): (&String, &String)| {
        let message = format!(
            "the policy `{name}` can read hydrant's records in `{}`, with keys of certificates to come",
            settings.state_mount
        );
        Diagnostic::error("vault-state", None, message).with_help(help)
    };
    Ok(readers.map(finding).collect())
}

/// What the bundled hook for Vault will be denied.
async fn undeliverable(gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let config = &gathered.config;
    let folders: Vec<Folder> = delivered_to(config).iter().filter_map(|base| Folder::of(base)).collect();
    let mut needs = Vec::new();
    for folder in &folders {
        for entry in gathered.entries() {
            let domain = entry.primary().value();
            let name = if by_certificate(config) { entry.name.as_str() } else { domain.as_str() };
            let need =
                |path, capabilities| (Need { path, capabilities, is_record: false }, entry.span.clone());
            needs.push(need(folder.part("data", &format!("/{name}")), &["create", "read", "update"][..]));
            needs.push(need(folder.part("metadata", &format!("/{name}")), &["patch"][..]));
        }
    }
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    match Options::from_env().and_then(Client::new) {
        Ok(client) => denied(&client, needs).await,
        Err(error) => {
            Ok(vec![with_help(Diagnostic::error("vault", None, error.to_string()), &error.hints())])
        }
    }
}

fn by_certificate(config: &Config) -> bool {
    const NAME: &str = "HYDRANT_VAULT_NAME";
    let own = config.hooks.iter().find_map(|hook| hook.env.get(NAME).cloned());
    own.or_else(|| std::env::var(NAME).ok()).is_some_and(|name| name == "certificate")
}

/// CAs that are not there, and profiles that they do not offer.
async fn authorities(gathered: &Gathered) -> Vec<Diagnostic> {
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    let (mut found, mut unreachable) = (Vec::new(), BTreeSet::new());
    for entry in gathered.entries() {
        let settings = gathered.config.certificate(&entry.name);
        let directory = settings.ca.directory.as_str();
        if unreachable.contains(directory) {
            continue;
        }
        let client = match authorities.client(&settings.ca).await {
            Ok(client) => client,
            Err(error) => {
                let error = error.to_error();
                found.push(with_help(Diagnostic::error("ca", None, error.to_string()), &error.hints));
                unreachable.insert(directory.to_owned());
                continue;
            }
        };
        let offered: Vec<&String> = client.directory().meta.profiles.keys().collect();
        let Some(profile) = settings.profile.as_ref().filter(|profile| !offered.contains(profile)) else {
            continue;
        };
        let message = format!("the CA {directory} has no profile `{profile}`");
        let help = if offered.is_empty() {
            "it offers none".to_owned()
        } else {
            format!("it offers {}", List(&offered))
        };
        found.push(Diagnostic::error("profile", Some(entry.span.clone()), message).with_help(help));
    }
    found
}

fn with_help(found: Diagnostic, hints: &[String]) -> Diagnostic {
    if hints.is_empty() { found } else { found.with_help(hints.join("; ")) }
}

fn vault_error(error: vault::Error) -> Error {
    store_error(StoreError::from(error))
}
