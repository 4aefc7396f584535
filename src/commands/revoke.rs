//! `hydrant revoke`: tells the CA that a certificate must not be trusted any more.

use std::path::Path;

use time::OffsetDateTime;

use super::account::acme_error;
use super::gather::Gathered;
use crate::chain::Chain;
use crate::error::{Error, ExitCode};
use crate::identifier::CertName;
use crate::key::PrivateKey;
use crate::ledger::Renewal;
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
    /// PEM text of the certificate's own key, to revoke without the account that ordered it.
    pub key: Option<String>,
}

/// Revokes it; a stored one is then renewed by the next run.
///
/// # Errors
/// It cannot be read, or the CA refuses.
pub async fn revoke(gathered: &Gathered, options: &RevokeOptions) -> Result<ExitCode, Error> {
    let stored: Option<CertName> = stored_name(gathered, &options.what).await?;
    let pem = match &stored {
        Some(name) => {
            let loaded = gathered.store().load(name).await.map_err(store_error)?;
            // `stored_name` saw it a moment ago.
            let paths =
                loaded.stored.map(|stored| stored.paths).ok_or_else(|| Error::config(unknown(options)))?;
            read(&paths.cert)?
        }
        None => read(Path::new(&options.what))?,
    };
    let chain = Chain::parse(&pem).map_err(Error::config)?;
    let settings = match &stored {
        Some(name) => gathered.config.certificate(name),
        None => gathered.config.everywhere(),
    };
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    let der = &chain.leaf_der().map_err(Error::config)?;
    if let Some(key) = &options.key {
        let key = PrivateKey::from_pem(key).map_err(Error::config)?;
        let client = authorities.client(&settings.ca).await.map_err(|error| error.to_error())?;
        client.revoke_with_certificate_key(der, &key, options.reason).await.map_err(acme_error)?;
    } else {
        let account = authorities.existing(&settings.ca).await.map_err(|error| error.to_error())?;
        account.revoke(der, options.reason).await.map_err(acme_error)?;
    }
    gathered.reporter.event(&Event::Notice(&format!("{}: revoked", options.what)));
    if let Some(name) = &stored {
        renew_next(gathered, name, &chain).await?;
    }
    Ok(ExitCode::Success)
}

/// Makes the next run renew a revoked certificate; until then its files stay, for the servers that use them.
async fn renew_next(gathered: &Gathered, name: &CertName, chain: &Chain) -> Result<(), Error> {
    let Some(certificate) = chain.leaf().renewal_id.clone() else { return Ok(()) };
    let LeaseOutcome::Taken(lease) = gathered.store().lease(name).await.map_err(store_error)? else {
        return Ok(());
    };
    let mut lease = Lease::new(lease);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    lease.record.renewal = Some(Renewal {
        certificate,
        start: now - 1,
        end: now,
        chosen: now - 1,
        next_check: i64::MAX,
        explanation_url: None,
        failures: 0,
    });
    lease.save().await.map_err(store_error)
}

async fn stored_name(gathered: &Gathered, what: &str) -> Result<Option<CertName>, Error> {
    let Ok(name) = what.parse::<CertName>() else { return Ok(None) };
    let loaded = gathered.store().load(&name).await.map_err(store_error)?;
    Ok(loaded.stored.is_some().then_some(name))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::config(Unreadable { what: path.display().to_string(), source }))
}

fn unknown(options: &RevokeOptions) -> Unknown {
    Unknown { what: options.what.clone() }
}

/// Neither a stored certificate nor a file.
#[derive(Debug, thiserror::Error)]
#[error("`{what}` is not a stored certificate")]
struct Unknown {
    what: String,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{what}` is no stored certificate and no readable file")]
struct Unreadable {
    what: String,
    source: std::io::Error,
}
