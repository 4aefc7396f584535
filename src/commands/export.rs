//! `hydrant export`: what other systems need to know.

use std::rc::Rc;

use crate::cli::hydrant::ExportVaultPolicy;
use crate::config::delivery::Base;
use crate::config::{Config, StoreKind};
use crate::error::{Error, ExitCode};
use crate::export::vault_policy::{Folder, Places, Subject, Wish, is_plain};
use crate::key::bare_url;
use crate::report::Reporter;

use super::deliveries::destinations;
use super::tenants::VARIABLE as TENANTS;

/// `hydrant export vault-policy`: prints a policy, a role, and the commands that apply them. Asks nobody.
///
/// # Errors
/// Nothing is kept in Vault.
pub(super) fn vault_policy(
    config: &Config,
    reporter: &Rc<Reporter>,
    typed: &ExportVaultPolicy,
) -> Result<ExitCode, Error> {
    let subject = typed.group.clone().map_or(Subject::Everybody, Subject::Group);
    let places = places(config, typed)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let address = variable("VAULT_ADDR").or_else(|| config.vault.address.clone());
    // A password in it is for proxies, and nothing that a JWT is made for.
    let address = address.map(|address| bare_url(&address).into_owned());
    let wish = Wish {
        subject,
        places,
        auth_path: config.vault.auth_path.clone().unwrap_or_else(|| "jwt".to_owned()),
        audience: typed
            .audience
            .clone()
            .or(address)
            .unwrap_or_else(|| "https://vault.example.com".to_owned()),
    };
    for folder in typed.folder.iter().filter(|_| variable("HYDRANT_STATE_MOUNT").is_none()) {
        reporter.aside(&format!(
            "warning: if certificates get into `{folder}` by lecertvend's command line, hydrant's records are beside them in \
             `hydrant-state/`, with keys of certificates to come: let readers read the folders of zones alone, or set \
             HYDRANT_STATE_MOUNT"
        ));
    }
    if reporter.is_json() {
        reporter.json(&wish.to_json());
    } else {
        reporter.document(&wish.commands());
    }
    Ok(ExitCode::Success)
}

fn places(config: &Config, typed: &ExportVaultPolicy) -> Result<Places, Error> {
    let mut places = Places { certificates: typed.folder.clone(), ..Places::default() };
    if config.store == StoreKind::Vault {
        let of = |mount: &String, path: &String| Folder { mount: mount.clone(), path: path.clone() };
        places.certificates.push(of(&config.vault.mount, &config.vault.prefix));
        places.records = Some(of(&config.vault.state_mount, &config.vault.state_prefix));
    }
    for destination in destinations(config) {
        let Base { mount, folder } = destination.map_err(Error::config)?.base;
        places.certificates.push(Folder { mount, path: folder });
    }
    places.certificates.dedup();
    places.tenants = std::env::var(TENANTS).ok().and_then(|place| Folder::of(&place));
    if places.certificates.is_empty() {
        return Err(Error::config(NothingInVault)
            .hint("set `store: vault`, or VAULT_SECRET_BASE for hydrant-hook-vault, or name the folder with --folder"));
    }
    if let Some(records) = &places.records
        && let Some(readable) = places.certificates.iter().find(|folder| folder.covers(records))
    {
        let (readable, records) = (readable.to_string(), records.to_string());
        return Err(Error::config(Exposed { readable, records })
            .hint("set `state_mount` to another mount, or `state_prefix` to a folder outside of it"));
    }
    let all = places.certificates.iter().chain(&places.records).chain(&places.tenants);
    if let Some(odd) = all.into_iter().find(|folder| !is_plain(&folder.mount) || !is_plain(&folder.path)) {
        return Err(Error::config(Odd(odd.to_string())));
    }
    Ok(places)
}

/// A folder whose name would mean something else in a policy.
#[derive(Debug, thiserror::Error)]
#[error(
    "no policy can be made for the folder `{0}`: it has other characters than letters, digits, and `/_.-`"
)]
struct Odd(String);

/// Readers of certificates would read keys of those to come.
#[derive(Debug, thiserror::Error)]
#[error(
    "who may read `{readable}` may read hydrant's records in `{records}` as well, with keys of certificates to come"
)]
struct Exposed {
    readable: String,
    records: String,
}

/// There is no folder to make a policy for.
#[derive(Debug, thiserror::Error)]
#[error("nothing is kept in Vault, so there is nothing that a policy could allow")]
struct NothingInVault;
