//! Answers challenges without a hook.
//!
//! Four ways, each used when it is configured: for http-01 a file in the webroot of a web server and a listener of our
//! own, for tls-alpn-01 a pair of files for a TLS server and a listener of our own. They work beside hooks: as under
//! dehydrated the files are written also when a hook deploys the same challenge.

mod certificate;
mod error;
mod files;
mod http;
mod port;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::{self, IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

pub use certificate::reverse_name;
pub use error::ResponderError;

use crate::hook::Answer;
use crate::turns::{self, Turns};
use certificate::ChallengeCertificate;
use http::HttpListener;
use port::Port;
use tls::TlsListener;

/// How challenges are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponderSettings {
    /// Where a web server looks for `/.well-known/acme-challenge/`: dehydrated's `WELLKNOWN`.
    pub webroot: Option<PathBuf>,
    /// Where a TLS server looks for the certificates of tls-alpn-01: dehydrated's `ALPNCERTDIR`.
    pub alpn_dir: Option<PathBuf>,
    /// Addresses on which hydrant itself answers http-01.
    pub http_listen: Vec<SocketAddr>,
    /// Addresses on which hydrant itself answers tls-alpn-01.
    pub tls_listen: Vec<SocketAddr>,
}

/// Answers challenges of one run. Its listeners are there as long as they have something to answer.
#[derive(Debug)]
pub struct Responder {
    settings: ResponderSettings,
    http: Port<HttpListener>,
    tls: Port<TlsListener>,
    turns: Turns,
}

/// The right to prove some names, until it is dropped. Until then listeners answer.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a> {
    _names: turns::Turn<'a>,
    _http: Option<Arc<HttpListener>>,
    _tls: Option<Arc<TlsListener>>,
}

impl Responder {
    /// One that has not begun: touches nothing.
    #[must_use]
    pub fn new(settings: ResponderSettings) -> Self {
        Self { settings, http: Port::default(), tls: Port::default(), turns: Turns::default() }
    }

    /// Whether it answers challenges of this type at all, so that no hook is needed.
    #[must_use]
    pub fn answers(&self, challenge: &str) -> bool {
        let settings = &self.settings;
        match challenge {
            "http-01" => settings.webroot.is_some() || !settings.http_listen.is_empty(),
            "tls-alpn-01" => settings.alpn_dir.is_some() || !settings.tls_listen.is_empty(),
            _ => false,
        }
    }

    /// Waits until these answers can be made visible beside those of other certificates, and keeps it that way until the
    /// turn is dropped, after cleaning. Only tls-alpn-01, whoever answers it, has room for one answer a name. An address
    /// to listen on that is in use is waited for, with `patience`; `tell` is told of the first.
    ///
    /// # Errors
    /// A listener cannot be started.
    pub async fn turn(
        &self,
        challenge: &str,
        answers: &[Answer],
        patience: Duration,
        tell: impl Fn(SocketAddr),
    ) -> Result<Turn<'_>, ResponderError> {
        let exclusive = answers.iter().filter(|_| challenge == "tls-alpn-01");
        let names = self.turns.wait(exclusive.map(|answer| answer.identifier.clone()).collect()).await;
        let ResponderSettings { http_listen, tls_listen, .. } = &self.settings;
        let listens =
            |kind, listen: &[SocketAddr]| challenge == kind && !answers.is_empty() && !listen.is_empty();
        let http = if listens("http-01", http_listen) {
            Some(self.http.open(patience, || HttpListener::start(http_listen), &tell).await?)
        } else {
            None
        };
        let tls = if listens("tls-alpn-01", tls_listen) {
            Some(self.tls.open(patience, || TlsListener::start(tls_listen), &tell).await?)
        } else {
            None
        };
        Ok(Turn { _names: names, _http: http, _tls: tls })
    }

    /// Makes the answers visible, those of listeners as long as the turn lasts; nothing for a type of challenge that it
    /// does not answer. From the moment of the call cleaning is owed.
    ///
    /// # Errors
    /// The first failure.
    pub fn deploy(&self, challenge: &str, answers: &[Answer]) -> Result<(), ResponderError> {
        match challenge {
            "http-01" => self.deploy_http(answers),
            "tls-alpn-01" => self.deploy_tls(answers),
            _ => Ok(()),
        }
    }

    /// Takes the answers away, also those of an earlier run and those that were never deployed.
    ///
    /// # Errors
    /// The first failure; every answer is tried.
    pub fn clean(&self, challenge: &str, answers: &[Answer]) -> Result<(), ResponderError> {
        let mut first_failure = Ok(());
        for answer in answers {
            let cleaned = match challenge {
                "http-01" => self.clean_http(answer),
                "tls-alpn-01" => self.clean_tls(answer),
                _ => Ok(()),
            };
            first_failure = first_failure.and(cleaned);
        }
        first_failure
    }

    /// Where the listener for http-01 can be reached; empty while there is none.
    #[must_use]
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        self.http.listener().map(|listener| listener.addresses().to_vec()).unwrap_or_default()
    }

    /// Where the listener for tls-alpn-01 can be reached; empty while there is none.
    #[must_use]
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        self.tls.listener().map(|listener| listener.addresses().to_vec()).unwrap_or_default()
    }

    fn deploy_http(&self, answers: &[Answer]) -> Result<(), ResponderError> {
        if let Some(listener) = self.http.listener() {
            for answer in answers {
                listener.tokens.add(&answer.token, &answer.token, answer.value.clone());
            }
        }
        let Some(webroot) = &self.settings.webroot else { return Ok(()) };
        answers.iter().try_for_each(|answer| files::write_token(webroot, answer))
    }

    fn clean_http(&self, answer: &Answer) -> Result<(), ResponderError> {
        if let Some(listener) = self.http.listener() {
            listener.tokens.remove(&answer.token, &answer.token);
        }
        let Some(webroot) = &self.settings.webroot else { return Ok(()) };
        files::remove_token(webroot, answer)
    }

    fn deploy_tls(&self, answers: &[Answer]) -> Result<(), ResponderError> {
        for answer in answers {
            let certificate = ChallengeCertificate::new(answer)?;
            if let Some(directory) = &self.settings.alpn_dir {
                files::write_certificate(directory, &certificate)?;
            }
            if let Some(listener) = self.tls.listener() {
                listener.certificates.add(&certificate.name, &answer.token, certificate.for_tls()?);
            }
        }
        Ok(())
    }

    fn clean_tls(&self, answer: &Answer) -> Result<(), ResponderError> {
        let name = certificate::name(answer)?;
        if let Some(listener) = self.tls.listener() {
            listener.certificates.remove(&name, &answer.token);
        }
        let Some(directory) = &self.settings.alpn_dir else { return Ok(()) };
        files::remove_certificate(directory, &name)
    }
}

/// What a listener answers with, by token or by name. Shared with its connections.
#[derive(Debug)]
struct Answers<T>(Mutex<HashMap<String, Vec<Deployed<T>>>>);

/// One answer, known by the token of its challenge.
#[derive(Debug)]
struct Deployed<T> {
    token: String,
    value: T,
}

impl<T: Clone> Answers<T> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Two certificates may prove the same name at the same time: the one that was added last is given out, and the
    /// other again when that is removed.
    fn add(&self, key: &str, token: &str, value: T) {
        let mut answers = self.lock();
        let deployed = answers.entry(key.to_owned()).or_default();
        deployed.retain(|other| other.token != token);
        deployed.push(Deployed { token: token.to_owned(), value });
    }

    fn remove(&self, key: &str, token: &str) {
        let mut answers = self.lock();
        let Some(deployed) = answers.get_mut(key) else { return };
        deployed.retain(|other| other.token != token);
        if deployed.is_empty() {
            answers.remove(key);
        }
    }

    fn find(&self, key: &str) -> Option<T> {
        self.lock().get(key)?.last().map(|deployed| deployed.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Deployed<T>>>> {
        // Nothing under this lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Binds every address.
fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ResponderError> {
    let mut sorted = addresses.to_vec();
    // `[::]` takes IPv4 as well where the system is set so; `0.0.0.0` beside it is then not needed, and refused.
    sorted.sort_by_key(|address| !(address.is_ipv6() && address.ip().is_unspecified()));
    let mut listeners: Vec<TcpListener> = Vec::new();
    for address in sorted {
        match bind_one(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_covered(&listeners, address) => {}
            Err(source) => return Err(ResponderError::Bind { address, source }),
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn is_covered(listeners: &[TcpListener], address: SocketAddr) -> bool {
    let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    let bound = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    address.is_ipv4() && bound.into_iter().any(|other| other.ip() == any && other.port() == address.port())
}
