//! Requests that are repeated until they succeed or have failed for good.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::jws::{self, Signer};
use super::nonce::Nonces;
use super::options::ClientOptions;
use super::retry::{Course, RetryRules, Setback};
use super::transport::{Failure, Observer, Reply, Transport};
use super::{Error, Problem, ServerUrl};
use crate::identifier::Identifier;

/// All that the requests to one CA share.
pub(crate) struct Connection {
    transport: Transport,
    rules: RetryRules,
    observer: Option<Observer>,
    in_flight: Semaphore,
    nonces: Nonces,
    pauses: Pauses,
}

/// One request, however often it is sent.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) url: &'a ServerUrl,
    pub(crate) content: Content<'a>,
    /// Whether it may reach the CA a second time when the answer to the first was lost.
    pub(crate) repeat_if_lost: bool,
    /// The names of the certificate it is for, to tell a limit on them from one on the account.
    pub(crate) names: &'a [Identifier],
    /// Failures that whoever sends it deals with, so that they end nothing.
    pub(crate) expected: fn(&Error) -> bool,
    /// Told when it is sent and when that came to an end.
    pub(crate) under_way: Option<&'a UnderWay>,
}

/// Whether a request is with the CA, or on the way to it or back, so that something may come of it.
#[derive(Debug, Default)]
pub struct UnderWay(Cell<bool>);

impl UnderWay {
    /// Whether it is; not while it waits for its place among other requests, for a nonce or for its next try.
    #[must_use]
    pub fn is(&self) -> bool {
        self.0.get()
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Get,
    /// A POST, without a payload a POST-as-GET.
    Signed {
        signer: Signer<'a>,
        payload: Option<&'a Value>,
        new_nonce: &'a ServerUrl,
        accept: Option<&'static str>,
    },
}

/// What became of one try.
struct Tried {
    outcome: Result<Reply, Failure>,
    /// Whether it ended with the request for a nonce, so that the request itself was not sent.
    is_for_nonce: bool,
}

impl Connection {
    pub(crate) fn new(options: ClientOptions) -> Result<Rc<Self>, Error> {
        Ok(Rc::new(Self {
            transport: Transport::new(&options)?,
            rules: options.retry,
            observer: options.observer,
            in_flight: Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            nonces: Nonces::new(),
            pauses: Pauses::default(),
        }))
    }

    /// What an exchange takes at least, as far as that is known.
    pub(crate) fn round_trip(&self) -> Duration {
        self.transport.round_trip().unwrap_or_default()
    }

    /// Sends a request until the CA has accepted it, refuses it for good, or patience ends.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Reply, Error> {
        let mut course = Course::default();
        let mut nonce = None;
        let mut is_repeated = false;
        let mut first_refusal = None;
        loop {
            let place = self.place(&request, &mut course).await?;
            let tried = self.attempt(&request, nonce.take()).await?;
            drop(place);
            let tried = match tried {
                Tried { outcome: Ok(reply), is_for_nonce: false } if reply.is_success() => {
                    reply.show_to(self.observer.as_ref(), false);
                    return Ok(reply);
                }
                tried => tried,
            };
            course.spend(tried.elapsed());
            let setback = tried.setback();
            let next = course.next_try(setback, request.repeat_if_lost, &self.rules);
            let error = tried.error(is_repeated);
            tried.show_to(self.observer.as_ref(), next.is_none() && !(request.expected)(&error));
            let Some(wait) = next else {
                if let Some(wait) = error.retry_after()
                    && let Some(scope) = tried.pause(&request, &error)
                {
                    // Nobody else needs to hear it from the CA.
                    self.pauses.extend(scope, wait, &error);
                }
                // What the CA said first is worth more than that its nonces or the network failed later.
                let is_hollow =
                    matches!(setback, Setback::BadNonce | Setback::Lost { .. } | Setback::NotSent { .. });
                return Err(if is_hollow { first_refusal.unwrap_or(error) } else { error });
            };
            is_repeated |= matches!(setback, Setback::Lost { .. } | Setback::ServerError(_));
            if let Some(scope) = tried.pause(&request, &error) {
                // The next turn of the loop waits for it, as everybody else does.
                self.pauses.extend(scope, wait, &error);
            } else {
                course.spend(wait);
                tokio::time::sleep(wait).await;
            }
            if setback == Setback::BadNonce {
                // RFC 8555 §6.5: the answer brings the nonce to try again with.
                nonce = tried.nonce();
            } else if first_refusal.is_none() && !error.is_unreachable() {
                first_refusal = Some(error);
            }
        }
    }

    /// Sends it once, with `nonce` if it was given one.
    async fn attempt(&self, request: &Request<'_>, nonce: Option<String>) -> Result<Tried, Error> {
        let Content::Signed { signer, payload, new_nonce, accept } = request.content else {
            let outcome = self.transport.exchange(Method::GET, request.url, None, None).await;
            return Ok(Tried { outcome, is_for_nonce: false });
        };
        let nonce = match nonce {
            Some(nonce) => Some(nonce),
            None => self.nonces.take(self.transport.round_trip()).await,
        };
        let _expected = self.nonces.expect();
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => match self.transport.exchange(Method::HEAD, new_nonce, None, None).await {
                Ok(reply) if reply.is_success() => {
                    reply.show_to(self.observer.as_ref(), false);
                    reply.nonce().ok_or_else(|| Error::NoNonce { url: new_nonce.clone() })?
                }
                outcome => return Ok(Tried { outcome, is_for_nonce: true }),
            },
        };
        let jws = jws::sign(signer, Some(&nonce), request.url, payload).map_err(Error::Key)?.to_string();
        let tell = |is_under_way| request.under_way.map_or((), |told| told.0.set(is_under_way));
        tell(true);
        let outcome = self.transport.exchange(Method::POST, request.url, Some(jws), accept).await;
        tell(false);
        let tried = Tried { outcome, is_for_nonce: false };
        if let Ok(reply) = &tried.outcome
            && tried.setback() != Setback::BadNonce
            && let Some(nonce) = reply.nonce()
        {
            self.nonces.put(nonce);
        }
        Ok(tried)
    }

    /// Waits as the CA asked this or another request to, if that is not too long, then for one of the places of requests
    /// under way.
    async fn place(
        &self,
        request: &Request<'_>,
        course: &mut Course,
    ) -> Result<Option<SemaphorePermit<'_>>, Error> {
        loop {
            while let Some((left, why)) = self.pauses.left(request) {
                if left > self.rules.longest_wait.min(course.left(&self.rules)) {
                    return Err(Error::HeldBack { why, left });
                }
                course.spend(left);
                tokio::time::sleep(left).await;
            }
            // The semaphore is never closed, so that there is always a place in the end.
            let place = self.in_flight.acquire().await.ok();
            if self.pauses.left(request).is_none() {
                return Ok(place);
            }
        }
    }
}

impl Tried {
    /// What kind of failure this is.
    fn setback(&self) -> Setback {
        match &self.outcome {
            Ok(reply) => match reply.status {
                429 => reply.retry_after().map_or(Setback::Refused, |wait| Setback::Busy(Some(wait))),
                503 => Setback::Busy(reply.retry_after()),
                400..=499 if self.error(false).problem().is_some_and(|problem| problem.is("badNonce")) => {
                    Setback::BadNonce
                }
                500..=599 if self.is_for_nonce => Setback::Busy(reply.retry_after()),
                500..=599 => Setback::ServerError(reply.retry_after()),
                _ => Setback::Refused,
            },
            Err(failure) if failure.is_hopeless() => Setback::Refused,
            Err(failure) => {
                let timed_out = failure.cause.is_timeout();
                let is_unsent = self.is_for_nonce || failure.is_unsent();
                if is_unsent { Setback::NotSent { timed_out } } else { Setback::Lost { timed_out } }
            }
        }
    }

    fn error(&self, is_repeated: bool) -> Error {
        match &self.outcome {
            Ok(reply) => Error::of_reply(reply, is_repeated),
            Err(failure) => {
                let is_lost = !self.is_for_nonce && !failure.is_unsent();
                Error::Unreachable { url: failure.url.clone(), is_lost, cause: Arc::clone(&failure.cause) }
            }
        }
    }

    /// Who else would get the same answer, and is to wait; `None` if this request alone has to.
    fn pause(&self, request: &Request<'_>, error: &Error) -> Option<Scope> {
        let reply = self.outcome.as_ref().ok()?;
        reply.retry_after()?;
        match reply.status {
            503 => Some(Scope::Everything),
            429 if error.problem().is_some_and(|problem| is_about(problem, request.names)) => None,
            429 => Some(Scope::Resource(request.key())),
            _ => None,
        }
    }

    fn elapsed(&self) -> Duration {
        match &self.outcome {
            Ok(reply) => reply.elapsed,
            Err(failure) => failure.elapsed,
        }
    }

    fn nonce(&self) -> Option<String> {
        self.outcome.as_ref().ok().and_then(Reply::nonce)
    }

    fn show_to(&self, observer: Option<&Observer>, ends_attempt: bool) {
        match &self.outcome {
            Ok(reply) => reply.show_to(observer, ends_attempt),
            Err(failure) => failure.show_to(observer, ends_attempt),
        }
    }
}

/// Whether a limit was hit by one of `names`, or a domain above it, rather than by the account.
fn is_about(problem: &Problem, names: &[Identifier]) -> bool {
    if !problem.identifiers().is_empty() {
        return true;
    }
    names.iter().map(|name| name.base().value()).any(|name| {
        let domains = std::iter::successors(Some(name.as_str()), |domain| Some(domain.split_once('.')?.1));
        domains.take_while(|domain| domain.contains(['.', ':'])).any(|domain| problem.detail.contains(domain))
    })
}

/// Until when requests are held back, and what the CA said.
#[derive(Default)]
struct Pauses(RefCell<HashMap<Scope, (Instant, String)>>);

#[derive(PartialEq, Eq, Hash)]
enum Scope {
    /// The CA is overloaded.
    Everything,
    /// An account has used up what it may do with one resource.
    Resource(String),
}

impl Pauses {
    fn extend(&self, scope: Scope, by: Duration, why: &Error) {
        let until = Instant::now() + by;
        let mut pauses = self.0.borrow_mut();
        let pause = pauses.entry(scope).or_insert_with(|| (until, why.to_string()));
        pause.0 = until.max(pause.0);
    }

    /// How long a request has to wait, and why.
    fn left(&self, request: &Request<'_>) -> Option<(Duration, String)> {
        let mut pauses = self.0.borrow_mut();
        if pauses.is_empty() {
            return None;
        }
        let now = Instant::now();
        pauses.retain(|_, (until, _)| *until > now);
        let scopes = [Scope::Everything, Scope::Resource(request.key())];
        let (until, why) = scopes.iter().filter_map(|scope| pauses.get(scope)).max()?;
        Some((*until - now, why.clone()))
    }
}

impl Request<'_> {
    /// The resource and who asks for it.
    fn key(&self) -> String {
        match self.content {
            Content::Signed { signer: Signer::Account(_, account), .. } => format!("{account} {}", self.url),
            _ => self.url.to_string(),
        }
    }
}
