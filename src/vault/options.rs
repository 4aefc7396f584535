//! The way to Vault, and who we are there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Error;
use crate::acme::RetryRules;
use crate::key::{Secret, shown_url};

/// How a [`super::Client`] reaches Vault.
#[derive(Clone)]
pub struct Options {
    /// Scheme, host and port; perhaps a path that a gateway has Vault under.
    pub address: Url,
    /// The namespace, which OpenBao has and HashiCorp sells.
    pub namespace: Option<String>,
    /// Who we are.
    pub auth: Auth,
    /// Whom to trust, and with what to show who we are.
    pub tls: Tls,
    /// A proxy for all requests, as a URL; else those of the environment count.
    pub proxy: Option<Secret>,
    /// The most that one request may take, from connecting to the last byte.
    pub request_timeout: Duration,
    /// The most requests that are under way at once.
    pub in_flight: usize,
    /// When and how long a request is repeated.
    pub retry: RetryRules,
}

/// What TLS needs to know.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// PEM texts with the only roots to trust; none: those of the system.
    pub roots_pem: Vec<Vec<u8>>,
    /// Do not check Vault's certificate at all.
    pub skip_verify: bool,
    /// The name that its certificate must have, where that is not the host of the address.
    pub server_name: Option<String>,
    /// A certificate and its key in PEM, shown to Vault.
    pub identity: Option<Secret>,
}

/// How to log in.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all: a proxy such as `vault proxy` adds the token.
    None,
    /// With a token that somebody else got.
    Token(Source),
    /// As a machine.
    AppRole {
        /// Where the method is mounted: `approle`.
        mount: String,
        /// The public half.
        role_id: String,
        /// The secret half; a role may do without.
        secret_id: Option<SecretId>,
    },
    /// With a signed token of another system: GitLab's `id_tokens`, or a Kubernetes service account.
    Jwt {
        /// Where the method is mounted: `jwt`, `kubernetes`.
        mount: String,
        /// The role; the method may have a default.
        role: Option<String>,
        /// The token.
        jwt: Source,
    },
}

/// Where a secret is taken from when it is needed.
#[derive(Clone, Debug)]
pub enum Source {
    /// Here it is.
    Text(Secret),
    /// From a file, read anew each time; white space around it does not count.
    File(PathBuf),
}

/// The secret half of an AppRole.
#[derive(Clone, Debug)]
pub enum SecretId {
    /// As it is.
    Plain(Source),
    /// As a wrapping token, which gives it once.
    Wrapped(Source),
}

/// Where Kubernetes puts the token of a pod's service account.
pub(super) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Options {
    /// The defaults of Vault's own client.
    #[must_use]
    pub fn new(address: Url, auth: Auth) -> Self {
        Self {
            address,
            namespace: None,
            auth,
            tls: Tls::default(),
            proxy: None,
            request_timeout: Duration::from_mins(1),
            in_flight: 16,
            retry: RetryRules { tries: 8, total: Duration::from_mins(2), ..RetryRules::default() },
        }
    }
}

impl fmt::Debug for Options {
    /// Leaves out what may be a password: that in the address, and what TLS shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &shown_url(self.address.as_str()))
            .field("namespace", &self.namespace)
            .field("auth", &self.auth)
            .field("request_timeout", &self.request_timeout)
            .field("in_flight", &self.in_flight)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// A pod's own service account.
    #[must_use]
    pub fn kubernetes(role: &str) -> Self {
        let jwt = Source::File(SERVICE_ACCOUNT.into());
        Self::Jwt { mount: "kubernetes".to_owned(), role: Some(role.to_owned()), jwt }
    }
}

impl Source {
    /// The secret.
    ///
    /// # Errors
    /// The file cannot be read, or holds nothing.
    pub fn fetch(&self) -> Result<Secret, Error> {
        let path = match self {
            Self::Text(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let refuse = |reason: String| Error::NoSecret { path: path.clone(), reason };
        let text = std::fs::read_to_string(path).map(zeroize::Zeroizing::new);
        let text = text.map_err(|error| refuse(error.to_string()))?;
        match text.trim() {
            "" => Err(refuse("it is empty".to_owned())),
            text => Ok(Secret::new(text)),
        }
    }
}
