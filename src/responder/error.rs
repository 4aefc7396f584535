//! How answering fails.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a challenge could not be answered.
#[derive(Debug, Error)]
pub enum ResponderError {
    /// The digest of a tls-alpn-01 answer is not one.
    #[error("the tls-alpn-01 value for `{identifier}` is not a SHA-256 in hexadecimal")]
    BadDigest {
        /// The name.
        identifier: String,
    },
    /// A name that cannot be that of a file.
    #[error("`{identifier}` cannot name a challenge certificate")]
    BadName {
        /// The name.
        identifier: String,
    },
    /// A token with characters that no token has (RFC 8555 §8.3); it would name a file elsewhere.
    #[error("the CA gave a token that is not base64url: `{}`", token.escape_default())]
    BadToken {
        /// The token.
        token: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// An address was in use all the time.
    #[error("cannot listen on {address}, which did not become free within {} s", waited.as_secs())]
    InUse {
        /// The address.
        address: SocketAddr,
        /// How long it was waited for.
        waited: Duration,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate for tls-alpn-01 could not be made.
    #[error("the challenge certificate for `{identifier}` could not be made")]
    Certificate {
        /// The name.
        identifier: String,
        /// Why.
        source: rcgen::Error,
    },
    /// The directory is not there.
    #[error("the directory `{}` does not exist", path.display())]
    NoDirectory {
        /// It.
        path: PathBuf,
    },
    /// A file could not be removed.
    #[error("`{}` cannot be removed", path.display())]
    Remove {
        /// It.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TLS library refused what we gave it.
    #[error("cannot answer over TLS")]
    Tls(#[from] rustls::Error),
    /// A file could not be written.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// It.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ResponderError {
    /// The address that cannot be listened on because somebody else does.
    pub(super) fn address_in_use(&self) -> Option<SocketAddr> {
        match self {
            Self::Bind { address, source } if source.kind() == io::ErrorKind::AddrInUse => Some(*address),
            _ => None,
        }
    }

    /// The same after it was waited for.
    pub(super) fn after(self, waited: Duration) -> Self {
        match self {
            Self::Bind { address, source } => Self::InUse { address, waited, source },
            other => other,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Bind { source, address } | Self::InUse { source, address, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    "another program listens there: let it serve a webroot, or forward the challenges to another port"
                }
                io::ErrorKind::PermissionDenied if address.port() < 1024 => {
                    "ports below 1024 need root or CAP_NET_BIND_SERVICE; or forward the port to a higher one"
                }
                io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
                _ => return Vec::new(),
            },
            Self::NoDirectory { .. } => {
                "create it and let the web server serve it as /.well-known/acme-challenge/"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
