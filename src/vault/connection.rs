//! Requests that are repeated until they succeed or have failed for good.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::{Error, Options, tls};
use crate::acme::{Course, RetryRules, Setback, is_untrusted};
use crate::key::{Secret, shown_url};

/// All that the requests to one Vault share.
pub(super) struct Connection {
    http: reqwest::Client,
    address: Url,
    rules: RetryRules,
    in_flight: Semaphore,
    /// Until when Vault wants to be left alone.
    pause: Cell<Option<Instant>>,
    indexes: Indexes,
}

/// One request, however often it is sent.
pub(super) struct Request<'a> {
    pub(super) verb: Verb,
    /// Behind `/v1/`.
    pub(super) path: &'a str,
    /// The mount in it, where it is for one.
    pub(super) mount: Option<&'a str>,
    pub(super) query: Vec<(&'a str, String)>,
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
    /// Whether success has a document.
    pub(super) has_answer: bool,
    /// Whether it may reach Vault a second time when the answer to the first was lost.
    pub(super) repeat_if_lost: bool,
    /// Of what the policy must allow one for it.
    pub(super) capabilities: &'static [&'static str],
    /// Who asks; none for what everybody may.
    pub(super) token: Option<Secret>,
    /// Whether it asks for a token: what refuses it is no policy.
    pub(super) is_login: bool,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    /// A GET with `list=true`, which passes proxies that do not know Vault's own method.
    List,
    Post,
    /// RFC 7396.
    Patch,
    Delete,
}

impl<'a> Request<'a> {
    /// A request that may be repeated and has an answer.
    pub(super) fn new(verb: Verb, path: &'a str) -> Self {
        let capabilities: &[_] = match verb {
            Verb::Get => &["read"],
            Verb::List => &["list"],
            // The first where there is nothing yet, the second where there is.
            Verb::Post => &["create", "update"],
            Verb::Patch => &["patch"],
            Verb::Delete => &["delete"],
        };
        Self {
            verb,
            path,
            mount: None,
            query: Vec::new(),
            body: None,
            has_answer: true,
            repeat_if_lost: true,
            capabilities,
            token: None,
            is_login: false,
        }
    }

    /// With a body that becomes JSON.
    pub(super) fn with(mut self, body: &impl serde::Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body);
        let body = body.map_err(|error| Error::NotFields { reason: error.to_string() })?;
        self.body = Some(Zeroizing::new(body));
        Ok(self)
    }

    /// Success is an empty answer.
    pub(super) fn without_answer(mut self) -> Self {
        self.has_answer = false;
        self
    }

    pub(super) fn denied(&self, said: &str) -> Error {
        if said.starts_with("preflight capability check") {
            return Error::NoMount { mount: self.mount.unwrap_or(self.path).to_owned() };
        }
        Error::Denied { capabilities: self.capabilities, path: self.path.to_owned() }
    }
}

impl Connection {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            http: tls::client(options)?,
            address: tls::address(options)?,
            rules: options.retry.clone(),
            in_flight: Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            pause: Cell::new(None),
            indexes: Indexes::default(),
        })
    }

    /// Sends a request until Vault has accepted it, refuses it for good, or patience ends.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let mut course = Course::default();
        loop {
            let place = self.place(&mut course).await;
            let started = Instant::now();
            let tried = self.attempt(request).await;
            drop(place);
            course.spend(started.elapsed());
            let (error, setback) = match tried {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(wait) = course.next_try(setback, request.repeat_if_lost, &self.rules) else {
                return Err(error);
            };
            if error.retry_after().is_some() {
                // The others would hear the same.
                let until = Instant::now() + wait;
                self.pause.set(Some(self.pause.get().map_or(until, |pause| pause.max(until))));
            } else {
                course.spend(wait);
                tokio::time::sleep(wait).await;
            }
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> Result<Answer, (Error, Setback)> {
        match self.exchange(request).await {
            Ok(answer) => {
                self.indexes.note(request, &answer.headers);
                answer.judged(request)
            }
            Err(cause) => {
                let timed_out = cause.is_timeout();
                let is_unsent = cause.is_connect() || cause.is_builder();
                let setback = if cause.is_builder() || is_untrusted(&cause) {
                    Setback::Refused
                } else if is_unsent {
                    Setback::NotSent { timed_out }
                } else {
                    Setback::Lost { timed_out }
                };
                Err((Error::unreachable(&shown_url(self.address.as_str()), !is_unsent, cause), setback))
            }
        }
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Answer, reqwest::Error> {
        let (method, content_type) = match request.verb {
            Verb::Get | Verb::List => (Method::GET, None),
            Verb::Post => (Method::POST, Some("application/json")),
            Verb::Patch => (Method::PATCH, Some("application/merge-patch+json")),
            Verb::Delete => (Method::DELETE, None),
        };
        let mut call = self.http.request(method, self.url(request));
        if let Some(token) = &request.token {
            call = call.header(TOKEN, sensitive(token));
        }
        if let Some((index, inconsistent)) = self.indexes.of(request) {
            call = call.header(INDEX, index).header(INCONSISTENT, inconsistent);
        }
        if let Some(body) = &request.body {
            call = call.body(body.to_vec());
        }
        if let Some(content_type) = content_type {
            call = call.header(CONTENT_TYPE, content_type);
        }
        let mut response = call.send().await?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            // Vault itself takes no more in; what is cut off here cannot be read, and says so.
            if body.len() > LONGEST_BODY {
                break;
            }
        }
        Ok(Answer { status, headers, body })
    }

    fn url(&self, request: &Request<'_>) -> Url {
        let mut url = self.address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(request.path.split('/'));
        }
        if request.verb == Verb::List {
            url.query_pairs_mut().append_pair("list", "true");
        }
        for (name, value) in &request.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    /// Waits while Vault wants to be left alone, then for one of the places of requests under way.
    async fn place(&self, course: &mut Course) -> Option<SemaphorePermit<'_>> {
        loop {
            while let Some(left) = self.pause_left() {
                course.spend(left);
                tokio::time::sleep(left).await;
            }
            // The semaphore is never closed, so that there is always a place in the end.
            let place = self.in_flight.acquire().await.ok();
            if self.pause_left().is_none() {
                return place;
            }
        }
    }

    fn pause_left(&self) -> Option<Duration> {
        let left = self.pause.get()?.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then_some(left)
    }
}

const LONGEST_BODY: usize = 33 << 20;
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const INDEX: HeaderName = HeaderName::from_static("x-vault-index");
const INCONSISTENT: HeaderName = HeaderName::from_static("x-vault-inconsistent");

/// A header that the HTTP library neither logs nor lets its compression remember.
fn sensitive(secret: &Secret) -> HeaderValue {
    let mut value = HeaderValue::from_str(secret.expose()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// How new the data of a node must be to answer us: what the last write said.
///
/// Standbys of OpenBao 2.5 and later answer reads themselves, a moment behind the leader. With the index of our own
/// write they know that they are, and `forward-active-node` makes them ask the leader instead of refusing.
#[derive(Default)]
struct Indexes {
    of_paths: RefCell<HashMap<String, HeaderValue>>,
    last: RefCell<Option<HeaderValue>>,
}

impl Indexes {
    fn note(&self, request: &Request<'_>, headers: &HeaderMap) {
        let Some(index) = headers.get(INDEX) else { return };
        if matches!(request.verb, Verb::Get | Verb::List) {
            return;
        }
        let mut of_paths = self.of_paths.borrow_mut();
        if of_paths.len() >= MOST_PATHS {
            of_paths.clear();
        }
        of_paths.insert(request.path.to_owned(), index.clone());
        *self.last.borrow_mut() = Some(index.clone());
    }

    fn of(&self, request: &Request<'_>) -> Option<(HeaderValue, HeaderValue)> {
        let own = self.of_paths.borrow().get(request.path).cloned();
        let index = own.or_else(|| self.last.borrow().clone())?;
        Some((index, HeaderValue::from_static("forward-active-node")))
    }
}

const MOST_PATHS: usize = 4096;
