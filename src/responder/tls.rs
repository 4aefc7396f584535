//! A TLS server that speaks one protocol, `acme-tls/1`, and hangs up (RFC 8737 §3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::error::ResponderError;
use super::http::serve;
use super::{Answers, bind};

const PROTOCOL: &[u8] = b"acme-tls/1";

/// Shows challenge certificates on every configured address until it is dropped.
#[derive(Debug)]
pub(super) struct TlsListener {
    pub(super) certificates: Arc<Answers<Arc<CertifiedKey>>>,
    addresses: Vec<SocketAddr>,
    _accepting: JoinSet<()>,
}

impl TlsListener {
    pub(super) fn start(addresses: &[SocketAddr]) -> Result<Self, ResponderError> {
        let certificates = Arc::new(Answers::new());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(BySni(Arc::clone(&certificates))));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (addresses, accepting) = serve(bind(addresses)?, move |stream| show(acceptor.clone(), stream));
        Ok(Self { certificates, addresses, _accepting: accepting })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// RFC 8737 §3: after the handshake nothing is exchanged.
async fn show(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    acceptor.accept(stream).await?.shutdown().await
}

/// Gives the certificate for the name that the client asks for, to none but ACME clients.
#[derive(Debug)]
struct BySni(Arc<Answers<Arc<CertifiedKey>>>);

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client without ALPN would otherwise get as far as the certificate.
        let speaks_acme = hello.alpn()?.any(|protocol| protocol == PROTOCOL);
        let name = hello.server_name()?.to_ascii_lowercase();
        if speaks_acme { self.0.find(&name) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::hook::Answer;
    use crate::responder::{Responder, ResponderSettings};

    /// The CA checks the extension, not a chain.
    #[derive(Debug)]
    struct Anything;

    impl ServerCertVerifier for Anything {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    /// The certificate that the server shows for this name over this protocol.
    async fn shown(
        address: SocketAddr,
        name: &str,
        protocols: &[&[u8]],
    ) -> io::Result<CertificateDer<'static>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(PROTOCOL));
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
    }

    fn answer(identifier: &str, byte: &str) -> Answer {
        Answer {
            identifier: identifier.into(),
            token: "token".into(),
            value: [byte; 32].join(":"),
            wildcard: false,
            record: None,
        }
    }

    #[tokio::test]
    async fn shows_each_name_its_own_certificate_and_others_nothing() {
        let tls_listen = vec!["127.0.0.1:0".parse().unwrap()];
        let responder = Responder::new(ResponderSettings { tls_listen, ..ResponderSettings::default() });
        let answers = [answer("a.example", "aa"), answer("192.0.2.1", "bb")];
        let _turn = responder.turn("tls-alpn-01", &answers, Duration::ZERO, |_| {}).await.unwrap();
        responder.deploy("tls-alpn-01", &answers).unwrap();
        let address = responder.tls_addresses()[0];
        let holds = |certificate: &CertificateDer<'_>, byte: u8| {
            certificate.windows(34).any(|bytes| bytes[..2] == [4, 32] && bytes[2..] == [byte; 32])
        };
        assert!(holds(&shown(address, "A.example", &[PROTOCOL]).await.unwrap(), 0xaa));
        assert!(holds(&shown(address, "1.2.0.192.in-addr.arpa", &[PROTOCOL]).await.unwrap(), 0xbb));
        assert!(shown(address, "other.example", &[PROTOCOL]).await.is_err());
        assert!(shown(address, "a.example", &[b"h2"]).await.is_err());
        assert!(shown(address, "a.example", &[]).await.is_err());
        responder.clean("tls-alpn-01", &answers).unwrap();
        assert!(shown(address, "a.example", &[PROTOCOL]).await.is_err());
    }
}
