//! Whom the TLS certificate of a CA may come from.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{env, fs};

use reqwest::{Certificate, ClientBuilder};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error;

use super::{ClientOptions, Error as AcmeError, RootsFile};
use crate::pem::{self, PemError};

/// Tells the HTTP library which roots to trust.
pub(crate) fn trust(builder: ClientBuilder, options: &ClientOptions) -> Result<ClientBuilder, AcmeError> {
    let own = own(options)?;
    if options.insecure {
        return Ok(builder);
    }
    let bundle = system_bundle();
    if bundle.is_none() && !options.roots_only {
        let own = own.iter().filter_map(|der| Certificate::from_der(der).ok());
        return Ok(builder.tls_certs_merge(own));
    }
    let verifier = Verifier::new(&own, bundle.filter(|_| !options.roots_only));
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| AcmeError::NoTls { cause })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(builder.tls_backend_preconfigured(config))
}

/// The roots that were configured.
fn own(options: &ClientOptions) -> Result<Vec<CertificateDer<'static>>, AcmeError> {
    let mut roots = Vec::new();
    for RootsFile { path, pem } in &options.roots {
        let bad = |cause| AcmeError::BadRoots { path: path.clone(), cause };
        let before = roots.len();
        for block in pem::blocks(pem) {
            let block = block.map_err(|error| bad(error.into()))?;
            if block.label == "CERTIFICATE" {
                let der = CertificateDer::from(block.public_der().map_err(|error| bad(error.into()))?);
                RootCertStore::empty().add(der.clone()).map_err(|_| bad(BadRoots::Damaged))?;
                roots.push(der);
            }
        }
        if roots.len() == before {
            return Err(bad(BadRoots::Empty));
        }
    }
    Ok(roots)
}

/// Why a file with roots cannot be used.
#[derive(Debug, Error)]
pub enum BadRoots {
    /// What a certificate's block holds is none.
    #[error("a certificate in it is damaged")]
    Damaged,
    /// It holds none.
    #[error("there is no certificate in it")]
    Empty,
    /// It is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
}

/// The one file that has all roots of this machine; without one the search is left to the HTTP library.
///
/// That search also opens every file of the directory from which the bundle was made, which costs more than all else
/// that is done for a certificate.
fn system_bundle() -> Option<&'static Path> {
    // Who sets these wants their own roots, and the library knows how.
    if env::var_os("SSL_CERT_FILE").is_some() || env::var_os("SSL_CERT_DIR").is_some() {
        return None;
    }
    BUNDLES.into_iter().map(Path::new).find(|path| path.is_file())
}

/// The roots of this machine, for the HTTP library; `None` leaves the search to it.
pub(crate) fn system_roots() -> Option<Vec<Certificate>> {
    let roots: Vec<_> = ders(&fs::read(system_bundle()?).ok()?)
        // An odd certificate that somebody put there must not keep the good ones from being used.
        .filter(|der| RootCertStore::empty().add(der.clone()).is_ok())
        .filter_map(|der| Certificate::from_der(&der).ok())
        .collect();
    (!roots.is_empty()).then_some(roots)
}

/// What is in a bundle. By our own reader: the TLS library's takes the same time for every character, as secrets need it,
/// which is most of what roots cost.
fn ders(text: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    pem::blocks(text).filter_map(|block| block.ok()?.public_der().ok()).map(CertificateDer::from)
}

/// Asks the configured roots first. A CA of one's own needs no other, and to read the machine's hundreds costs more than
/// all else that is done for a connection.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    own: Option<Arc<WebPkiServerVerifier>>,
    bundle: Option<&'static Path>,
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Verifier {
    fn new(own: &[CertificateDer<'static>], bundle: Option<&'static Path>) -> Self {
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
        let own = verifier(own.iter().cloned(), &provider);
        Self { provider, own, bundle, system: OnceLock::new() }
    }

    fn system(&self) -> Option<&WebPkiServerVerifier> {
        let read = || {
            let text = fs::read(self.bundle?).ok()?;
            verifier(ders(&text), &self.provider)
        };
        self.system.get_or_init(read).as_deref()
    }
}

/// A verifier that trusts these roots; `None` without any.
fn verifier(
    roots: impl Iterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    let mut store = RootCertStore::empty();
    // An odd certificate that somebody put there must not keep the good ones from being used.
    store.add_parsable_certificates(roots);
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build().ok()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ask = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let refused = match self.own.as_deref().map(ask) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(refused)) => refused,
            None => unknown.clone(),
        };
        match self.system().map(ask) {
            Some(Ok(verified)) => Ok(verified),
            // The one whose root it is has more to say.
            Some(Err(error)) if refused == unknown => Err(error),
            _ => Err(refused),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
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
