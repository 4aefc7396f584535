//! How requests are sent, and sent again.
//!
//! Cloudflare counts all requests of an account together, 1200 in five minutes, and blocks all of them for five minutes
//! when they were too many. So an answer that asks for patience holds back every request of this process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hydrant_hook_dns::pause::jittered;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url, redirect};
use serde_json::Value;

use crate::answer::{self, Answer, Refusal, Verdict};
use crate::error::Fault;
use crate::settings::Settings;
use crate::token::Token;

/// A client of the API.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: Url,
    token: Token,
    zone_token: Token,
    patience: Duration,
    /// Nobody asks before.
    not_before: Mutex<Instant>,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    /// What it is for, as people say it.
    pub(crate) action: &'static str,
    /// Of zone and records; else it is about the list of zones.
    pub(crate) zone: Option<&'r str>,
    pub(crate) method: Method,
    /// Behind the base URL.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Cloudflare said no.
    Refused(Refusal),
    /// Nothing was heard in time.
    Unanswered(String),
}

/// How often a request that meets an error of the server or the network is sent.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// After a 429 that does not say how long.
const UNTOLD: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    /// Nothing is sent before the first request.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, or a proxy of the environment is none.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("hydrant-hook-cloudflare/", env!("CARGO_PKG_VERSION")))
            .timeout(settings.request_timeout)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // The token is for this server alone.
            .redirect(redirect::Policy::none())
            .referer(false)
            .build();
        let http = http
            .map_err(|error| Fault::Refused { action: "to be asked at all", message: innermost(&error) })?;
        Ok(Self {
            http,
            base_url: settings.base_url.clone(),
            token: settings.token.clone(),
            zone_token: settings.zone_token.clone(),
            patience: settings.patience,
            not_before: Mutex::new(Instant::now()),
        })
    }

    /// Makes a request, and again while that may help.
    pub(crate) async fn call(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            tokio::time::sleep_until(self.turn().into()).await;
            let verdict = match self.once(request).await {
                Ok((status, headers, body)) => {
                    if let Some(wait) = answer::used_up(&headers) {
                        self.hold_back(wait);
                    }
                    answer::judge(status, &headers, &body)
                }
                Err(error) => Verdict::Again { message: innermost(&error), after: None },
            };
            let message = match verdict {
                Verdict::Good(answer) => return Ok(answer),
                Verdict::Refused(refusal) => return Err(Failure::Refused(refusal)),
                Verdict::Slower { message, after } => {
                    self.hold_back(after.unwrap_or(UNTOLD));
                    message
                }
                Verdict::Again { message, after } => {
                    if attempt == ATTEMPTS {
                        return Err(Failure::Unanswered(self.redacted(&message)));
                    }
                    attempt += 1;
                    let wait = after.unwrap_or_else(|| jittered(pause));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    if Instant::now() + wait <= deadline {
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    message
                }
            };
            if self.turn() > deadline || Instant::now() >= deadline {
                return Err(Failure::Unanswered(self.redacted(&message)));
            }
        }
    }

    /// What a failure means for whoever asked.
    pub(crate) fn fault(&self, request: &Request<'_>, failure: Failure) -> Fault {
        let action = request.action;
        match failure {
            Failure::Refused(refusal) => {
                refusal.with_message(|message| self.redacted(message)).fault(action, request.zone)
            }
            Failure::Unanswered(message) => Fault::Unanswered { action, message },
        }
    }

    async fn once(&self, request: &Request<'_>) -> Result<(u16, HeaderMap, Vec<u8>), reqwest::Error> {
        let token = if request.zone.is_some() { &self.token } else { &self.zone_token };
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{}", url.path().trim_end_matches('/'), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut builder = self.http.request(request.method.clone(), url);
        // A token has only characters that a header may have: see `Token::find`.
        if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
            bearer.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, bearer);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = builder.send().await?;
        let headers = std::mem::take(response.headers_mut());
        Ok((response.status().as_u16(), headers, response.bytes().await?.to_vec()))
    }

    /// When the next request may start.
    fn turn(&self) -> Instant {
        // Whoever panicked left a whole instant behind.
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold_back(&self, wait: Duration) {
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = (*not_before).max(Instant::now() + wait);
    }

    fn redacted(&self, message: &str) -> String {
        self.zone_token.redact(&self.token.redact(message))
    }
}

/// The cause at the end of the chain, which says most.
fn innermost(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| (*error).source());
    chain.last().map_or_else(String::new, ToString::to_string)
}
