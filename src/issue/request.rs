//! The request for a certificate, and the key it is for.

use super::{IssueError, Issuing};
use crate::config::CertificateSettings;
use crate::csr::Csr;
use crate::key::{PrivateKey, Secret};
use crate::ledger::CertificateKey;

impl Issuing<'_, '_> {
    /// The request: the hook's, or one of a key that is kept or made.
    pub(super) async fn request(&self) -> Result<(CertificateKey, Csr), IssueError> {
        let job = self.job;
        if let Some(csr) = job.csr {
            return Ok((CertificateKey::Foreign, csr.clone()));
        }
        let compromised = self.lease.record.revoked.as_ref().is_some_and(|revoked| revoked.key_compromised);
        let keeps = job.settings.reuse_key && !compromised;
        let kept = if keeps { self.lease.existing_key().await? } else { None };
        let (source, key) = if let Some(pem) = kept {
            (CertificateKey::Kept, PrivateKey::from_pem(pem.expose())?)
        } else if let Some(key) = self.next_key().await? {
            (CertificateKey::New(key.to_file_pem()), key)
        } else {
            let key = new_key(job.settings).await?;
            (CertificateKey::New(key.to_file_pem()), key)
        };
        // RFC 8555 §11.1: the account's key must never be a certificate's.
        if key.public_key_der() == job.account.key().public_key_der() {
            return Err(IssueError::AccountKey);
        }
        let csr = Csr::new(job.names, &key, job.settings.must_staple)?;
        Ok((source, csr))
    }

    /// The key that was made ready at the last issue. One that is in use already is that of a run that was killed before
    /// it could make the next.
    async fn next_key(&self) -> Result<Option<PrivateKey>, IssueError> {
        if !self.job.settings.key_rollover {
            return Ok(None);
        }
        let (Some(next), Some(used)) = (self.lease.next_key().await?, self.lease.existing_key().await?)
        else {
            return Ok(None);
        };
        let (next, used) = (PrivateKey::from_pem(next.expose())?, PrivateKey::from_pem(used.expose()).ok());
        let fresh = used.is_none_or(|used| used.public_key_der() != next.public_key_der());
        Ok(fresh.then_some(next))
    }

    /// Makes the key for the issue after this one, which can be announced ahead (pins, TLSA records); removes it where
    /// that is not wanted any more. One that was not used stays.
    pub(super) async fn prepare_next_key(&mut self, issued: &CertificateKey) -> Result<(), IssueError> {
        let settings = self.job.settings;
        let prepared = self.lease.next_key().await?;
        if !settings.key_rollover {
            return match prepared {
                Some(_) => Ok(self.lease.save_next_key(None).await?),
                None => Ok(()),
            };
        }
        let is_used =
            |prepared: &Secret| matches!(issued, CertificateKey::New(key) if is_same(key, prepared));
        if settings.reuse_key || prepared.is_some_and(|prepared| !is_used(&prepared)) {
            return Ok(());
        }
        let next = new_key(settings).await?.to_file_pem();
        Ok(self.lease.save_next_key(Some(&next)).await?)
    }
}

/// Whether two texts hold the same key.
fn is_same(one: &Secret, other: &Secret) -> bool {
    let public = |pem: &Secret| PrivateKey::from_pem(pem.expose()).map(|key| key.public_key_der().to_vec());
    matches!((public(one), public(other)), (Ok(one), Ok(other)) if one == other)
}

/// RSA keys cost up to a second of CPU: not on the thread that drives everything.
async fn new_key(settings: &CertificateSettings) -> Result<PrivateKey, IssueError> {
    let kind = settings.key_type;
    if kind.is_quick() {
        return Ok(PrivateKey::generate(kind)?);
    }
    let made = tokio::task::spawn_blocking(move || PrivateKey::generate(kind)).await;
    // Fails only when the task panicked or the runtime is gone.
    Ok(made.map_err(|_| IssueError::Stopped)??)
}
