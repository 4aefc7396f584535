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
use crate::store::{Lease, LeaseOutcome, StoreError, atomic};

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
        Some(name) => Ok(vec![name]),
        None => in_use(gathered, name_of(gathered, &path), chain.leaf()).await,
    };
    let Noted { mut names, problems } = note(gathered, names, chain.leaf(), options.reason).await;
    // What is in no list no run renews.
    let declared = gathered.names();
    names.retain(|name| declared.contains(name));
    if gathered.reporter.is_json() {
        gathered.reporter.json(&serde_json::json!({
            "version": 1,
            "revoked": options.what,
            "already": already,
            "fingerprint": chain.leaf().fingerprint,
            "renewed_by_the_next_run": names,
            "problems": problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    } else {
        let already = if already { "was revoked already" } else { "revoked" };
        let next = if names.is_empty() { "" } else { "; the next run renews it" };
        gathered.reporter.event(&Event::Notice(&format!("{}: {already}{next}", options.what)));
    }
    let code = if problems.is_empty() { ExitCode::Success } else { ExitCode::Failed };
    for problem in problems {
        gathered.reporter.error(&problem.hint("then revoke it once more, so that the next run renews it"));
    }
    Ok(code)
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
    let names = in_use(gathered, name_of(gathered, &file), chain.leaf()).await;
    let noted = note(gathered, names, chain.leaf(), None).await;
    // Not to be found any more it is issued anew, whatever its record says.
    let renamed = set_aside(&file).await.map_err(store_error)?;
    noted.problems.into_iter().next().map_or(Ok(()), Err)?;
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
    let directory = std::fs::canonicalize(atomic::parent(file)).ok()?;
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

/// The names under which a certificate is in use: of those that are declared or have a record, and of `likely`.
async fn in_use(gathered: &Gathered, likely: Option<CertName>, leaf: &Leaf) -> Result<Vec<CertName>, Error> {
    let mut names = gathered.store().recorded(&[]).await.map_err(store_error)?;
    names.extend(gathered.names());
    names.extend(likely);
    names.sort();
    names.dedup();
    let loaded = gathered.store().load_all(&names).await.map_err(store_error)?;
    let mut found = Vec::new();
    for (name, loaded) in names.into_iter().zip(loaded) {
        let is_it = match loaded {
            Ok(loaded) => loaded.stored.is_some_and(|stored| stored.leaf.fingerprint == leaf.fingerprint),
            Err(_) => is_stored_beside_a_damaged_record(gathered, &name, leaf).await,
        };
        if is_it {
            found.push(name);
        }
    }
    Ok(found)
}

/// Whether the certificate that is kept under a name is this one, although what is known of it cannot be read.
async fn is_stored_beside_a_damaged_record(gathered: &Gathered, name: &CertName, leaf: &Leaf) -> bool {
    let Ok(files) = gathered.store().files(name).await else { return false };
    super::read(&files.cert, Chain::parse).is_ok_and(|chain| chain.leaf().fingerprint == leaf.fingerprint)
}

/// What became of a revocation in the records.
struct Noted {
    /// The certificates that know of it.
    names: Vec<CertName>,
    /// Why others do not.
    problems: Vec<Error>,
}

/// Notes a revocation wherever the certificate is in use. It happened already: nothing ends it half-way.
async fn note(
    gathered: &Gathered,
    names: Result<Vec<CertName>, Error>,
    leaf: &Leaf,
    reason: Option<u8>,
) -> Noted {
    let mut noted = Noted { names: Vec::new(), problems: Vec::new() };
    match names {
        Err(error) => noted.problems.push(error),
        Ok(names) => {
            for name in names {
                match renew_next(gathered, &name, leaf, reason).await {
                    Ok(()) => noted.names.push(name),
                    Err(error) => noted.problems.push(error),
                }
            }
        }
    }
    noted
}

/// Makes the next run renew a revoked certificate; until then its files stay, for the servers that use them.
async fn renew_next(
    gathered: &Gathered,
    name: &CertName,
    leaf: &Leaf,
    reason: Option<u8>,
) -> Result<(), Error> {
    let not_noted = |error| NotNoted::because(name, error);
    let taken = gathered.store().lease_wait(name, PATIENCE).await.map_err(not_noted)?;
    let LeaseOutcome::Taken(lease) = taken else {
        return Err(Error::failed(InWork { name: name.clone() }).hint("wait until that run has ended"));
    };
    let mut lease = Lease::new(lease);
    lease.record.revoked(leaf.fingerprint.as_str(), reason == Some(Reason::KeyCompromise.code()));
    let saved = lease.save().await;
    drop(lease);
    gathered.store().settle().await;
    saved.map_err(not_noted)
}

/// How long another run may go on working on a certificate that was revoked meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name, if a certificate is kept under it; a record that cannot be read is no reason not to revoke it.
async fn stored_name(gathered: &Gathered, what: &str) -> Result<Option<CertName>, Error> {
    let Ok(name) = what.parse::<CertName>() else { return Ok(None) };
    let is_stored = match gathered.store().load(&name).await {
        Ok(loaded) => loaded.stored.is_some(),
        Err(error @ StoreError::Record { .. }) => {
            let files = gathered.store().files(&name).await.map_err(store_error)?;
            if !files.cert.exists() {
                return Err(store_error(error));
            }
            true
        }
        Err(error) => return Err(store_error(error)),
    };
    Ok(is_stored.then_some(name))
}

fn unknown(options: &RevokeOptions) -> Error {
    Error::config(Unknown { what: options.what.clone() })
}

/// The CA knows of the revocation, the next run does not.
#[derive(Debug, thiserror::Error)]
#[error("{name}: revoked, but the next run does not know it")]
struct NotNoted {
    name: CertName,
    source: StoreError,
}

impl NotNoted {
    fn because(name: &CertName, source: StoreError) -> Error {
        let hints = source.hints();
        Error::failed(Self { name: name.clone(), source }).hints(hints)
    }
}

/// Another run may not see it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: revoked, but another run has it in work and may go on with it")]
struct InWork {
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
