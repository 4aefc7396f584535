//! One HTTP exchange with the CA.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, redirect};

use super::options::{ClientOptions, Scheme};
use super::{Error, ServerUrl, retry, roots};

/// Sees the exchanges of a client, for a log or for the hook that wants failed requests.
pub type Observer = Rc<dyn Fn(&Exchange<'_>)>;

/// One HTTP exchange, as an observer sees it. What was sent is not shown: it may hold secrets.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'a str,
    /// Where it went.
    pub url: &'a str,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// The headers of the answer.
    pub headers: &'a HeaderMap,
    /// The body of the answer.
    pub body: &'a [u8],
    /// Why there was no answer.
    pub failure: Option<String>,
    /// From sending to the last byte.
    pub elapsed: Duration,
    /// Whether this failure ends something that was wanted: it is not repeated, and no part of how the client works.
    pub ends_attempt: bool,
}

/// Sends one request at a time, and knows nothing of ACME but media types.
pub(crate) struct Transport {
    http: reqwest::Client,
    exchanges: Cell<u64>,
    quickest: Cell<Option<Duration>>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) method: Method,
    pub(crate) url: ServerUrl,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) elapsed: Duration,
}

/// Nothing came back, or not all of it.
pub(crate) struct Failure {
    pub(crate) method: Method,
    pub(crate) url: ServerUrl,
    pub(crate) cause: Arc<reqwest::Error>,
    pub(crate) elapsed: Duration,
}

impl Transport {
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert("accept-language", HeaderValue::from_static("en"));
        let mut builder = reqwest::Client::builder()
            // RFC 8555 §6.1: a CA wants to know whom to write to about a client that misbehaves.
            .user_agent(concat!("hydrant/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tcp_nodelay(true)
            // The signed URL would not be that of a redirected request.
            .redirect(redirect::Policy::none())
            .referer(false)
            .tls_danger_accept_invalid_certs(options.insecure);
        builder = roots::trust(builder, options)?;
        builder = options.reach(builder, Scheme::Https).map_err(|cause| Error::BadProxy { cause })?;
        let http = builder.build().map_err(|cause| Error::NoClient { cause })?;
        Ok(Self { http, exchanges: Cell::new(0), quickest: Cell::new(None) })
    }

    /// What an exchange takes at least, once there has been one on an open connection.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.quickest.get()
    }

    /// Sends a request and reads the whole answer. With a `jws` it is a POST.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        url: &ServerUrl,
        jws: Option<String>,
        accept: Option<&'static str>,
    ) -> Result<Reply, Failure> {
        let mut request = self.http.request(method.clone(), url.as_str());
        if let Some(jws) = jws {
            request = request.header(CONTENT_TYPE, "application/jose+json").body(jws);
        }
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        let started = Instant::now();
        let outcome = read(request).await;
        let elapsed = started.elapsed();
        self.exchanges.set(self.exchanges.get() + 1);
        match outcome {
            Ok((status, headers, body)) => {
                // The first exchange pays for the connection.
                if self.exchanges.get() > 1 {
                    self.quickest
                        .set(Some(self.quickest.get().map_or(elapsed, |quickest| quickest.min(elapsed))));
                }
                Ok(Reply { method, url: url.clone(), status, headers, body, elapsed })
            }
            Err(cause) => {
                Err(Failure { method, url: url.clone(), cause: Arc::new(cause.without_url()), elapsed })
            }
        }
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<(u16, HeaderMap, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        // No document of a CA is nearly that long; what is cut off here cannot be read, and says so.
        if body.len() > LONGEST_BODY {
            body.truncate(LONGEST_BODY);
            break;
        }
    }
    Ok((status, headers, body))
}

const LONGEST_BODY: usize = 4 << 20;

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn nonce(&self) -> Option<String> {
        self.headers.get("replay-nonce")?.to_str().ok().map(str::to_owned)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(&self.headers, SystemTime::now())
    }

    pub(crate) fn location(&self) -> Option<ServerUrl> {
        let text = self.headers.get(LOCATION)?.to_str().ok()?;
        self.url.join(text).ok()
    }

    pub(crate) fn show_to(&self, observer: Option<&Observer>, ends_attempt: bool) {
        let Some(observer) = observer else { return };
        observer(&Exchange {
            method: self.method.as_str(),
            url: self.url.as_str(),
            status: Some(self.status),
            headers: &self.headers,
            body: &self.body,
            failure: None,
            elapsed: self.elapsed,
            ends_attempt,
        });
    }
}

impl Failure {
    /// Whether it failed before the CA can have seen it.
    pub(crate) fn is_unsent(&self) -> bool {
        self.cause.is_connect() || self.cause.is_builder()
    }

    /// Whether it would fail again: the CA's certificate will not be trusted the next time either.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.cause.is_builder() || super::error::is_untrusted(self.cause.as_ref())
    }

    pub(crate) fn show_to(&self, observer: Option<&Observer>, ends_attempt: bool) {
        let Some(observer) = observer else { return };
        observer(&Exchange {
            method: self.method.as_str(),
            url: self.url.as_str(),
            status: None,
            headers: &HeaderMap::new(),
            body: &[],
            failure: Some(super::error::innermost(&self.cause)),
            elapsed: self.elapsed,
            ends_attempt,
        });
    }
}
