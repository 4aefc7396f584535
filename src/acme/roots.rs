//! Whom the TLS certificate of a CA may come from.

use std::{env, fs};

use reqwest::{Certificate, ClientBuilder};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use super::{ClientOptions, Error};
use crate::pem;

/// Tells the HTTP library which roots to trust.
pub(crate) fn trust(builder: ClientBuilder, options: &ClientOptions) -> Result<ClientBuilder, Error> {
    let mut roots = Vec::new();
    for pem in &options.roots_pem {
        let found =
            Certificate::from_pem_bundle(pem).map_err(|cause| Error::BadRoots { cause: Some(cause) })?;
        if found.is_empty() {
            return Err(Error::BadRoots { cause: None });
        }
        roots.extend(found);
    }
    if options.roots_only {
        return Ok(builder.tls_certs_only(roots));
    }
    match system_bundle() {
        Some(system) => {
            roots.extend(system);
            Ok(builder.tls_certs_only(roots))
        }
        None => Ok(builder.tls_certs_merge(roots)),
    }
}

/// The roots of this machine from the one file that has them all; `None` leaves the search to the HTTP library.
///
/// That search also opens every file of the directory from which the bundle was made, which costs more than all else
/// that is done for a certificate.
pub(crate) fn system_bundle() -> Option<Vec<Certificate>> {
    // Who sets these wants their own roots, and the library knows how.
    if env::var_os("SSL_CERT_FILE").is_some() || env::var_os("SSL_CERT_DIR").is_some() {
        return None;
    }
    let pem = BUNDLES.iter().find_map(|path| fs::read(path).ok())?;
    // Our own reader: the TLS library's takes the same time for every character, as secrets need it, which is most of what
    // roots cost.
    let roots: Vec<_> = pem::blocks(&pem)
        .filter_map(|block| block.ok()?.public_der().ok())
        // An odd certificate that somebody put there must not keep the good ones from being used.
        .filter(|der| RootCertStore::empty().add(CertificateDer::from_slice(der)).is_ok())
        .filter_map(|der| Certificate::from_der(&der).ok())
        .collect();
    (!roots.is_empty()).then_some(roots)
}

const BUNDLES: [&str; 5] = [
    // Debian, Alpine, Arch, Gentoo.
    "/etc/ssl/certs/ca-certificates.crt",
    // Red Hat and its relatives, new and old.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // SUSE.
    "/etc/ssl/ca-bundle.pem",
    // The BSDs.
    "/etc/ssl/cert.pem",
];
