//! The operations that are given the files of a certificate.

use std::path::Path;
use std::rc::Rc;

use hydrant_hook_protocol::{HookCall, Operation};

use super::call::Hook;
use super::{CertificateFiles, Delivered, Facts, HookError, Hooks};

impl Hooks {
    /// `sync_cert`: new files are on disk, the links still show the old ones.
    ///
    /// # Errors
    /// The first failure.
    pub async fn sync_cert(&self, facts: &Facts<'_>, files: &CertificateFiles<'_>) -> Result<(), HookError> {
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::SyncCert {
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
            csr: path(files.csr),
        };
        for hook in self.hooks_of(Operation::SyncCert, Some(facts)) {
            hook.call(&call, Some(facts), &[]).await?;
        }
        Ok(())
    }

    /// `deploy_cert` to one destination. `timestamp` is that of the certificate's files.
    ///
    /// # Errors
    /// When the hook fails, or no hook of that name wants deliveries.
    pub async fn deploy_cert(
        &self,
        destination: &str,
        facts: &Facts<'_>,
        files: &CertificateFiles<'_>,
        timestamp: u64,
    ) -> Result<Delivered, HookError> {
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::DeployCert {
            domain: facts.primary(),
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
            timestamp,
        };
        let hook = self.destination(destination, Operation::DeployCert)?;
        hook.call(&call, Some(facts), &[]).await?;
        Ok(Delivered { verified: hook.announced().is_some_and(|said| said.verifies_delivery) })
    }

    /// `deploy_ocsp` to one destination. `ocsp` is the path in use, `timestamp` that of the response's file.
    ///
    /// # Errors
    /// When the hook fails, or no hook of that name wants responses.
    pub async fn deploy_ocsp(
        &self,
        destination: &str,
        facts: &Facts<'_>,
        ocsp: &Path,
        timestamp: u64,
    ) -> Result<(), HookError> {
        let call =
            HookCall::DeployOcsp { domain: facts.primary(), ocsp: ocsp.display().to_string(), timestamp };
        self.destination(destination, Operation::DeployOcsp)?.call(&call, Some(facts), &[]).await?;
        Ok(())
    }

    /// `unchanged_cert` to one destination; nothing when that hook does not want it.
    ///
    /// # Errors
    /// When the hook fails.
    pub async fn unchanged_cert(
        &self,
        destination: &str,
        facts: &Facts<'_>,
        files: &CertificateFiles<'_>,
    ) -> Result<(), HookError> {
        let Ok(hook) = self.destination(destination, Operation::UnchangedCert) else { return Ok(()) };
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::UnchangedCert {
            domain: facts.primary(),
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
        };
        hook.call(&call, Some(facts), &[]).await?;
        Ok(())
    }

    pub(super) fn destination(&self, name: &str, operation: Operation) -> Result<&Rc<Hook>, HookError> {
        let hook = self.hooks_of(operation, None).find(|hook| hook.name() == name);
        hook.ok_or_else(|| HookError::NoSuchHook { hook: name.to_owned(), operation })
    }
}
