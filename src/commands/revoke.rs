//! `hydrant revoke`: tells the CA that a certificate must not be trusted any more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::acme_error;
use super::gather::Gathered;
use crate::chain::{Chain, Leaf};
use crate::cli::hydrant::Reason;
use crate::config::Ca;
use crate::error::{Error, ExitCode};
use crate::identifier::CertName;
use crate::key::PrivateKey;
use crate::report::Event;
use crate::runner::{Authorities, store_error};
use crate::store::files::{real_file, set_aside};
use crate::store::{Lease, LeaseOutcome};

/// What to revoke, and how.
#[derive(Clone, Debug)]
pub struct RevokeOptions {
    /// A certificate's name, or a PEM file.
    pub what: String,
    /// The reason code (RFC 5280 §5.3.1).
    pub reason: Option<u8>,
    /// The certificate's own key, to revoke without the account that ordered it.
    pub key: Option<PrivateKey>,
}

/// Revokes it; a stored one is then renewed by the next run.
///
/// # Errors
/// It cannot be read, or the CA refuses.
pub async fn revoke(gathered: &Gathered, options: &RevokeOptions) -> Result<ExitCode, Error> {
    let stored: Option<CertName> = stored_name(gathered, &options.what).await?;
    let path = match &stored {
        Some(name) => gathered.store().files(name).await.map_err(store_error)?.cert,
        None => options.what.clone().into(),
    };
    if !path.exists() {
        return Err(unknown(options));
    }
    let chain = super::read(&path, Chain::parse)?;
    let settings = match &stored {
        Some(name) => gathered.config.certificate(name),
        None => gathered.config.everywhere(),
    };
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    let already = ask(&authorities, &settings.ca, &chain, options.key.as_ref(), options.reason).await?;
    let names = match stored {
        Some(name) => vec![name],
        None => in_use(gathered, None, chain.leaf()).await?,
    };
    for name in &names {
        renew_next(gathered, name, chain.leaf(), options.reason).await?;
    }
    if gathered.reporter.is_json() {
        gathered.reporter.json(&serde_json::json!({
            "version": 1,
            "revoked": options.what,
            "already": already,
            "fingerprint": chain.leaf().fingerprint,
            "renewed_by_the_next_run": names,
        }));
        return Ok(ExitCode::Success);
    }
    let already = if already { "was revoked already" } else { "revoked" };
    let next = if names.is_empty() { "" } else { "; the next run renews it" };
    gathered.reporter.event(&Event::Notice(&format!("{}: {already}{next}", options.what)));
    Ok(ExitCode::Success)
}

/// A file whose certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedFile {
    /// The file; one link was followed.
    pub file: PathBuf,
    /// What it is called now.
    pub renamed: PathBuf,
    /// Whether it was revoked already.
    pub already: bool,
}

/// Revokes the first certificate of a file and renames that file to `<file>-revoked`; where one refuses, nothing is
/// renamed. The key that was named for the account (`stays_with_key`) may be the certificate's own.
///
/// # Errors
/// There is no such file; it cannot be read; the CA refuses.
pub async fn revoke_file(
    gathered: &Gathered,
    authorities: &Authorities<'_>,
    path: &Path,
) -> Result<RevokedFile, Error> {
    let file = real_file(path).map_err(Error::config)?;
    if !file.is_file() {
        return Err(Error::config(NoFile { file }));
    }
    let chain = super::read(&file, Chain::parse)?;
    let account = &gathered.config.account;
    let key = match &account.key_file {
        Some(path) if account.stays_with_key => Some(super::read(path, PrivateKey::from_pem)?),
        _ => None,
    };
    let own_key = key.filter(|key| chain.leaf().is_for_key(key.public_key_der()));
    let ca = &gathered.config.everywhere().ca;
    let already = ask(authorities, ca, &chain, own_key.as_ref(), None).await?;
    for name in &in_use(gathered, name_of(gathered, &file), chain.leaf()).await? {
        renew_next(gathered, name, chain.leaf(), None).await?;
    }
    let renamed = set_aside(&file).await.map_err(store_error)?;
    Ok(RevokedFile { file, renamed, already })
}

/// Revokes the certificate that is kept under a name, which the next run renews. Gives whether it was revoked already.
///
/// # Errors
/// It cannot be read, or the CA refuses.
pub async fn revoke_stored(
    gathered: &Gathered,
    authorities: &Authorities<'_>,
    name: &CertName,
) -> Result<bool, Error> {
    let path = gathered.store().files(name).await.map_err(store_error)?.cert;
    let chain = super::read(&path, Chain::parse)?;
    let already = ask(authorities, &gathered.config.certificate(name).ca, &chain, None, None).await?;
    renew_next(gathered, name, chain.leaf(), None).await?;
    Ok(already)
}

/// The certificate whose file a path would be if certificates were not in Vault: `CERTDIR/NAME/cert.pem`, or just the
/// name.
///
/// # Errors
/// Vault cannot be asked.
pub async fn stored_for(gathered: &Gathered, path: &Path) -> Result<Option<CertName>, Error> {
    if gathered.files().is_some() || path.exists() {
        return Ok(None);
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let whole = absolute(path);
    let below = whole.strip_prefix(absolute(&gathered.config.certs_dir)).unwrap_or(path);
    let is_file = below.extension().is_some_and(|extension| extension == "pem");
    let directory = if is_file { below.parent().unwrap_or(below) } else { below };
    stored_name(gathered, &directory.to_string_lossy()).await
}

/// The certificate in whose directory a file is.
fn name_of(gathered: &Gathered, file: &Path) -> Option<CertName> {
    let directory = std::fs::canonicalize(file.parent()?).ok()?;
    let certs = std::fs::canonicalize(&gathered.config.certs_dir).ok()?;
    directory.strip_prefix(certs).ok()?.to_str()?.parse().ok()
}

/// Asks the CA, with the certificate's own key or by the account; gives whether it was revoked already.
async fn ask(
    authorities: &Authorities<'_>,
    ca: &Ca,
    chain: &Chain,
    own_key: Option<&PrivateKey>,
    reason: Option<u8>,
) -> Result<bool, Error> {
    let der = &chain.leaf_der().map_err(Error::config)?;
    let revoked = if let Some(key) = own_key {
        let client = authorities.client(ca).await.map_err(|error| error.to_error())?;
        client.revoke_with_certificate_key(der, key, reason).await
    } else {
        let account = authorities.existing(ca).await.map_err(|error| error.to_error())?;
        account.revoke(der, reason).await
    };
    match revoked {
        Ok(()) => Ok(false),
        Err(error) if error.problem().is_some_and(|problem| problem.is("alreadyRevoked")) => Ok(true),
        Err(error) => Err(acme_error(error)),
    }
}

/// The names under which a certificate is in use: of those with a record, and of `likely`, which may have none.
async fn in_use(gathered: &Gathered, likely: Option<CertName>, leaf: &Leaf) -> Result<Vec<CertName>, Error> {
    let mut names = gathered.store().recorded(&[]).await.map_err(store_error)?;
    names.extend(likely);
    names.sort();
    names.dedup();
    let loaded = gathered.store().load_all(&names).await.map_err(store_error)?;
    let mut is_it = loaded.iter().map(|loaded| {
        let stored = loaded.as_ref().ok().and_then(|loaded| loaded.stored.as_ref());
        stored.is_some_and(|stored| stored.leaf.fingerprint == leaf.fingerprint)
    });
    names.retain(|_| is_it.next().unwrap_or_default());
    Ok(names)
}

/// Makes the next run renew a revoked certificate; until then its files stay, for the servers that use them.
async fn renew_next(
    gathered: &Gathered,
    name: &CertName,
    leaf: &Leaf,
    reason: Option<u8>,
) -> Result<(), Error> {
    let taken = gathered.store().lease_wait(name, PATIENCE).await.map_err(store_error)?;
    let LeaseOutcome::Taken(lease) = taken else {
        let renew = format!("renew it with `hydrant run --only {name} --force`");
        return Err(Error::failed(NotNoted { name: name.clone() }).hint(renew));
    };
    let mut lease = Lease::new(lease);
    lease.record.revoked(leaf.fingerprint.as_str(), reason == Some(Reason::KeyCompromise.code()));
    let saved = lease.save().await;
    drop(lease);
    gathered.store().settle().await;
    saved.map_err(store_error)
}

/// How long another run may go on working on a certificate that was revoked meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

async fn stored_name(gathered: &Gathered, what: &str) -> Result<Option<CertName>, Error> {
    let Ok(name) = what.parse::<CertName>() else { return Ok(None) };
    let loaded = gathered.store().load(&name).await.map_err(store_error)?;
    Ok(loaded.stored.is_some().then_some(name))
}

fn unknown(options: &RevokeOptions) -> Error {
    Error::config(Unknown { what: options.what.clone() })
}

/// The CA knows of the revocation, the next run does not.
#[derive(Debug, thiserror::Error)]
#[error("{name}: revoked, but another run has it in work and may go on with it")]
struct NotNoted {
    name: CertName,
}

/// Nothing to revoke.
#[derive(Debug, thiserror::Error)]
#[error("there is no certificate `{}`", file.display())]
struct NoFile {
    file: PathBuf,
}

/// Neither a stored certificate nor a file.
#[derive(Debug, thiserror::Error)]
#[error("`{what}` is neither a stored certificate nor a file")]
struct Unknown {
    what: String,
}
