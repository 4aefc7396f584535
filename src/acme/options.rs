//! The way to a CA, and to whatever else is asked over HTTP on its behalf.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{ClientBuilder, NoProxy, Proxy};

use super::retry::RetryRules;
use super::transport::Observer;

/// How a [`super::Client`] reaches its CA.
#[derive(Clone)]
pub struct ClientOptions {
    /// Files with roots to trust in addition to those of the system.
    pub roots: Vec<RootsFile>,
    /// Trust `roots` alone; the roots of the system are not even read.
    pub roots_only: bool,
    /// Do not check the CA's TLS certificate at all.
    pub insecure: bool,
    /// Speak IPv4 or IPv6 only.
    pub family: Option<Family>,
    /// A proxy for all requests, as a URL; else those of the environment count.
    pub proxy: Option<String>,
    /// Use no proxy, not even one of the environment.
    pub no_proxy: bool,
    /// Hosts that are reached without the proxy, separated by commas; else those that `NO_PROXY` names.
    pub no_proxy_for: Option<String>,
    /// The address or interface to speak from.
    pub source: Option<Source>,
    /// Addresses of hosts that are not looked up.
    pub resolve: Vec<(String, Vec<SocketAddr>)>,
    /// The most that one request may take, from connecting to the last byte.
    pub request_timeout: Duration,
    /// The most that connecting may take.
    pub connect_timeout: Duration,
    /// The most requests that are under way at once.
    pub in_flight: usize,
    /// Is shown every exchange.
    pub observer: Option<Observer>,
    /// When and how long a request is repeated.
    pub retry: RetryRules,
}

/// A file with roots.
#[derive(Clone, Debug)]
pub struct RootsFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds: PEM.
    pub pem: Vec<u8>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            roots_only: false,
            insecure: false,
            family: None,
            proxy: None,
            no_proxy: false,
            no_proxy_for: None,
            source: None,
            resolve: Vec::new(),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            in_flight: 16,
            observer: None,
            retry: RetryRules::default(),
        }
    }
}

impl fmt::Debug for ClientOptions {
    /// Leaves out what may be a password: the proxy's URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("roots_only", &self.roots_only)
            .field("insecure", &self.insecure)
            .field("family", &self.family)
            .field("request_timeout", &self.request_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("in_flight", &self.in_flight)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Where connections come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An address of this machine.
    Address(IpAddr),
    /// A network interface.
    Interface(String),
}

/// What is spoken, which decides who the environment's proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// OCSP responders, whose answers are signed.
    Http,
    /// All CAs.
    Https,
}

impl ClientOptions {
    /// Tells the HTTP library the way: timeouts, addresses, proxies. Whom to trust is another matter.
    ///
    /// # Errors
    /// The proxy's URL is none.
    pub(crate) fn reach(
        &self,
        builder: ClientBuilder,
        scheme: Scheme,
    ) -> Result<ClientBuilder, reqwest::Error> {
        let mut builder = builder.timeout(self.request_timeout).connect_timeout(self.connect_timeout);
        builder = match self.family {
            Some(Family::V4) => builder.local_address(IpAddr::from(Ipv4Addr::UNSPECIFIED)),
            Some(Family::V6) => builder.local_address(IpAddr::from(Ipv6Addr::UNSPECIFIED)),
            None => builder,
        };
        builder = match &self.source {
            Some(Source::Address(address)) => builder.local_address(*address),
            Some(Source::Interface(name)) => builder.interface(name),
            None => builder,
        };
        for (host, addresses) in &self.resolve {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        self.through_proxy(builder, scheme)
    }

    fn through_proxy(&self, builder: ClientBuilder, scheme: Scheme) -> Result<ClientBuilder, reqwest::Error> {
        if self.no_proxy {
            return Ok(builder.no_proxy());
        }
        let Some(list) = &self.no_proxy_for else {
            let Some(proxy) = &self.proxy else { return Ok(builder) };
            return Ok(builder.proxy(Proxy::all(proxy)?));
        };
        // With a list of its own the library does not look for the environment's proxy.
        let variables = scheme.proxy_variables().into_iter();
        let mut named = variables.filter_map(|name| std::env::var(name).ok().filter(|url| !url.is_empty()));
        let Some(proxy) = self.proxy.clone().or_else(|| named.next()) else { return Ok(builder) };
        Ok(builder.proxy(Proxy::all(proxy)?.no_proxy(NoProxy::from_string(list))))
    }
}

impl Scheme {
    fn proxy_variables(self) -> [&'static str; 4] {
        match self {
            Self::Http => ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
            Self::Https => ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        }
    }
}
