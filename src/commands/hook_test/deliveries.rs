//! Delivering a self-signed certificate.

use std::io;

use hydrant_hook_protocol::{HookCall, Operation};

use super::Tester;

impl Tester<'_> {
    pub(super) async fn deliveries(&mut self) -> io::Result<()> {
        let operations = [Operation::SyncCert, Operation::DeployCert, Operation::UnchangedCert];
        if !self.options.deliver {
            if operations.into_iter().any(|operation| self.wants(operation)) {
                self.skip("delivers certificates", "not asked for: it may install the test certificate");
            }
            return Ok(());
        }
        let [key, cert, fullchain, chain, csr] = self.certificate_files()?;
        let domain = self.options.domain.to_string();
        let sync = HookCall::SyncCert {
            key: key.clone(),
            cert: cert.clone(),
            fullchain: fullchain.clone(),
            chain: chain.clone(),
            csr,
        };
        let deploy = HookCall::DeployCert {
            domain: domain.clone(),
            key: key.clone(),
            cert: cert.clone(),
            fullchain: fullchain.clone(),
            chain: chain.clone(),
            timestamp: 1_700_000_000,
        };
        let unchanged = HookCall::UnchangedCert { domain, key, cert, fullchain, chain };
        for (operation, call) in operations.into_iter().zip([sync, deploy, unchanged]) {
            if self.wants(operation) {
                let trial = self.call_for_certificate(&call, &[]).await;
                let count = call.to_argv().len() - 1;
                self.judge(&format!("takes `{operation}` with {count} arguments"), trial);
            }
        }
        Ok(())
    }

    /// Key, certificate, full chain, chain, CSR.
    fn certificate_files(&self) -> io::Result<[String; 5]> {
        let made = rcgen::generate_simple_self_signed([self.options.domain.to_string()])
            .map_err(io::Error::other)?;
        let (key, cert) = (made.signing_key.serialize_pem(), made.cert.pem());
        let csr = rcgen::CertificateParams::new([self.options.domain.to_string()])
            .and_then(|params| params.serialize_request(&made.signing_key))
            .and_then(|csr| csr.pem())
            .map_err(io::Error::other)?;
        let write = |name: &str, text: &str| {
            let path = self.scratch.path().join(name);
            std::fs::write(&path, text).map(|()| path.display().to_string())
        };
        Ok([
            write("privkey.pem", &key)?,
            write("cert.pem", &cert)?,
            write("fullchain.pem", &format!("{cert}{cert}"))?,
            write("chain.pem", &cert)?,
            write("cert.csr", &csr)?,
        ])
    }
}
