//! What is to be ordered for a certificate: the declared names, or those of a request that a hook makes.

use crate::config::CertificateSettings;
use crate::csr::{Csr, CsrError};
use crate::domains::Entry;
use crate::error::Error;
use crate::hook::{Facts, Hooks, Operation};
use crate::identifier::{CertName, Identifier};
use crate::store::Store;

use super::{hook_error, store_error};

/// The names to order, and the request a hook made.
#[derive(Debug)]
pub struct Wanted {
    /// The names, the first is the primary one.
    pub names: Vec<Identifier>,
    /// The hook's request, if it made one.
    pub csr: Option<Csr>,
}

impl Wanted {
    /// What the list says.
    #[must_use]
    pub fn declared(entry: &Entry) -> Self {
        Self { names: entry.names.clone(), csr: None }
    }

    /// What the hooks say, where they say something; else what the list says.
    ///
    /// # Errors
    /// A hook fails or prints a request that is none.
    pub async fn of(
        entry: &Entry,
        settings: &CertificateSettings,
        hooks: &Hooks,
        store: &dyn Store,
    ) -> Result<Self, Error> {
        if !hooks.wants(Operation::GenerateCsr) {
            return Ok(Self::declared(entry));
        }
        let facts = facts(&entry.name, &entry.names, settings, 1);
        let directory = store.prepare(&entry.name).await.map_err(store_error)?;
        let made = hooks.generate_csr(&facts, &directory).await.map_err(|error| hook_error(&error))?;
        let Some(pem) = made else { return Ok(Self::declared(entry)) };
        let csr = Csr::from_pem(&pem).map_err(|source| Error::failed(BadRequest(source)))?;
        Ok(Self { names: csr.names().to_vec(), csr: Some(csr) })
    }
}

/// `generate_csr` printed something else than a good request.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the request that a hook made at `generate_csr`")]
struct BadRequest(#[source] CsrError);

/// What hooks are told about a certificate.
#[must_use]
pub fn facts<'a>(
    name: &'a CertName,
    names: &'a [Identifier],
    settings: &'a CertificateSettings,
    attempt: u32,
) -> Facts<'a> {
    Facts {
        name,
        names,
        challenge: settings.challenge.as_str(),
        key_algo: settings.key_type.algorithm(),
        key_rollover: settings.key_rollover,
        ca: settings.ca.directory.as_str(),
        webroot: settings.webroot.as_deref(),
        owner: settings.owner.as_deref(),
        attempt,
        hooks: Some(&settings.hooks),
    }
}
