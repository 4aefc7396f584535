//! `hydrant revoke`: tells the CA that a certificate must not be trusted any more.

use std::time::Duration;

use super::account::acme_error;
use super::gather::Gathered;
use crate::chain::{Chain, Leaf};
use crate::cli::hydrant::Reason;
use crate::error::{Error, ExitCode};
use crate::identifier::CertName;
use crate::key::PrivateKey;
use crate::report::Event;
use crate::runner::{Authorities, store_error};
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
        Some(name) => {
            let loaded = gathered.store().load(name).await.map_err(store_error)?;
            // `stored_name` saw it a moment ago.
            loaded.stored.map(|stored| stored.paths.cert).ok_or_else(|| unknown(options))?
        }
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
    let der = &chain.leaf_der().map_err(Error::config)?;
    let revoked = if let Some(key) = &options.key {
        let client = authorities.client(&settings.ca).await.map_err(|error| error.to_error())?;
        client.revoke_with_certificate_key(der, key, options.reason).await
    } else {
        let account = authorities.existing(&settings.ca).await.map_err(|error| error.to_error())?;
        account.revoke(der, options.reason).await
    };
    let already = match revoked {
        Ok(()) => false,
        Err(error) if error.problem().is_some_and(|problem| problem.is("alreadyRevoked")) => true,
        Err(error) => return Err(acme_error(error)),
    };
    let names = in_use(gathered, stored, chain.leaf()).await?;
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

/// The names under which a certificate is stored: that which was typed, or those that have it where a file was.
async fn in_use(gathered: &Gathered, typed: Option<CertName>, leaf: &Leaf) -> Result<Vec<CertName>, Error> {
    if let Some(name) = typed {
        return Ok(vec![name]);
    }
    let mut names = gathered.store().recorded().await.map_err(store_error)?;
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
    lease.save().await.map_err(store_error)
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

/// Neither a stored certificate nor a file.
#[derive(Debug, thiserror::Error)]
#[error("`{what}` is neither a stored certificate nor a file")]
struct Unknown {
    what: String,
}
