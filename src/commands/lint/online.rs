//! What only others know: whether the token may do what a run will do, whether the CA is there, whose names they are.

use std::collections::{BTreeMap, BTreeSet};

use super::super::deliveries::{Destination, destinations};
use super::super::tenants;
use crate::commands::gather::Gathered;
use crate::diagnostic::{Diagnostic, Span};
use crate::domains::Entry;
use crate::error::{Error, ErrorKind};
use crate::export::vault_policy::Folder;
use crate::report::words::List;
use crate::runner::{Authorities, store_error};
use crate::store::StoreError;
use crate::store::vault::Need;
use crate::tenant::Request;
use crate::vault::{self, Client, policy};

/// So many paths are asked about in one request; Vault takes no more than a thousand texts.
const PATHS_AT_ONCE: usize = 256;

/// Asks Vault and the CAs. Changes nothing, and orders nothing.
///
/// # Errors
/// One of them cannot be reached.
pub(in crate::commands) async fn findings(gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let mut found = refused(gathered).await?;
    if let Some(client) = gathered.vault() {
        let client = client.map_err(vault_error)?;
        found.extend(denied(&client, needs(gathered)).await?);
        found.extend(exposed(&client, gathered).await?);
    }
    found.extend(undeliverable(gathered).await?);
    found.extend(authorities(gathered).await);
    Ok(found)
}

/// What a run needs of the store's Vault, and the line that it is for.
fn needs(gathered: &Gathered) -> Vec<(Need, Option<Span>)> {
    let config = &gathered.config;
    let settings = &config.vault;
    let mut cas = BTreeSet::new();
    let mut needs: Vec<(Need, Option<Span>)> = Vec::new();
    for entry in gathered.entries() {
        let of_store = settings.needs(&entry.name).into_iter();
        needs.extend(of_store.map(|need| (need, Some(entry.span.clone()))));
        cas.insert(config.certificate(&entry.name).ca.directory.to_string());
    }
    let has_account = config.account.key_file.is_none() || !config.account.stays_with_key;
    let of_accounts = cas.iter().filter(|_| has_account).flat_map(|ca| settings.needs_of_account(ca));
    let of_list = gathered.is_whole().then(|| settings.needs_of_list());
    needs.extend(of_accounts.chain(of_list).map(|need| (need, None)));
    needs
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
async fn denied(client: &Client, needs: Vec<(Need, Option<Span>)>) -> Result<Vec<Diagnostic>, Error> {
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
                let finding = if need.is_vital { Diagnostic::error } else { Diagnostic::warning };
                found.push(finding("vault-policy", span.clone(), message).with_help(allow));
            }
        }
    }
    Ok(found)
}

/// Policies by which others can read records, and so the keys of certificates to come. An error, unless the records are
/// where they can be expected to.
async fn exposed(client: &Client, gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let settings = &gathered.config.vault;
    let is_apart = settings.state_is_apart;
    let finding = |message: String| {
        if is_apart {
            let help =
                "set `state_mount` to another mount, or `state_prefix` to a folder that they cannot read";
            Diagnostic::error("vault-state", None, message).with_help(help)
        } else {
            let help = "HYDRANT_STATE_MOUNT puts them into another mount; or let readers read only the folders of zones";
            Diagnostic::warning("vault-state", None, message).with_help(help)
        }
    };
    if is_apart && settings.state_is_among_certificates() {
        let message =
            "who may read all certificates may read hydrant's records as well, with keys of those to come";
        return Ok(vec![finding(message.to_owned())]);
    }
    let Some(entry) = gathered.entries().first() else { return Ok(Vec::new()) };
    let Some(record) = settings.needs(&entry.name).into_iter().find(|need| need.is_record) else {
        return Ok(Vec::new());
    };
    let place = format!("{}/{}", settings.state_mount, settings.state_prefix);
    let place = if is_apart { settings.state_mount.as_str() } else { place.trim_end_matches('/') };
    let policies: BTreeMap<String, String> = match client.policies().await {
        Ok(policies) => policies,
        Err(error) if error.may_pass() => return Err(vault_error(error)),
        // Who may not look at policies cannot be told about them.
        Err(_) if is_apart => return Ok(Vec::new()),
        Err(_) => {
            let message = format!(
                "this token may not look at policies: whether readers of certificates can read hydrant's records in `{place}` \
                 as well, with keys of certificates to come, is not known"
            );
            return Ok(vec![finding(message)]);
        }
    };
    let readers = policies.iter().filter(|(_, text)| policy::only_reads(text, &record.path));
    let of_reader = |(name, _): (&String, &String)| {
        finding(format!(
            "the policy `{name}` can read hydrant's records in `{place}`, with keys of certificates to come"
        ))
    };
    Ok(readers.map(of_reader).collect())
}

/// What the hooks for Vault will be denied, each with its own login.
async fn undeliverable(gathered: &Gathered) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    for destination in destinations(&gathered.config) {
        let Destination { base, is_by_certificate, options } = match destination {
            Ok(destination) => destination,
            Err(error) => {
                found.push(Diagnostic::error("vault", None, error.to_string()));
                continue;
            }
        };
        let folder = Folder { mount: base.mount, path: base.folder };
        let mut needs = Vec::new();
        for entry in gathered.entries() {
            let domain = entry.primary().value();
            let name = if is_by_certificate { entry.name.as_str() } else { domain.as_str() };
            let need = |part, capabilities, is_vital| {
                let path = folder.part(part, &format!("/{name}"));
                (Need { path, capabilities, is_record: false, is_vital }, Some(entry.span.clone()))
            };
            needs.push(need("data", &["create", "read", "update"][..], true));
            // For the facts beside it, which a delivery only warns about.
            needs.push(need("metadata", &["patch"][..], false));
        }
        match options.and_then(|options| gathered.ways().open(options)) {
            Ok(client) => found.extend(denied(&client, needs).await?),
            Err(error) => {
                let finding = Diagnostic::error("vault", None, error.to_string());
                found.push(with_help(finding, &error.hints()));
            }
        }
    }
    Ok(found)
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
        let message = format!("the CA {} has no profile `{profile}`", settings.ca.shown());
        let help = if offered.is_empty() {
            "it offers none".to_owned()
        } else {
            format!("it offers {}", List(&offered))
        };
        found.push(Diagnostic::error("profile", Some(entry.span.clone()), message).with_help(help));
    }
    found
}

pub(in crate::commands) fn with_help(found: Diagnostic, hints: &[String]) -> Diagnostic {
    if hints.is_empty() { found } else { found.with_help(hints.join("; ")) }
}

fn vault_error(error: vault::Error) -> Error {
    store_error(StoreError::from(error))
}
