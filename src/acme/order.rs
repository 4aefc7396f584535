//! Orders (RFC 8555 §7.4): placed, watched, finalized.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::client::{self, Post};
use super::problem;
use super::retry::Steps;
use super::transport::Reply;
use super::{Account, Error, Problem, ServerUrl, UnderWay};
use crate::identifier::Identifier;

/// What to order.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder<'a> {
    /// The names, in the order they are to be sent.
    pub identifiers: &'a [Identifier],
    /// One of the CA's profiles; none lets the CA choose.
    pub profile: Option<&'a str>,
    /// The renewal identifier of the certificate that this one replaces (RFC 9773 §5).
    pub replaces: Option<&'a str>,
    /// Told whether the order is with the CA, for who gives up waiting.
    pub under_way: Option<&'a UnderWay>,
}

/// An order as the CA last showed it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its URL, by which it is found again.
    pub url: ServerUrl,
    /// How far it is.
    pub status: OrderStatus,
    /// The names ordered.
    pub identifiers: Vec<Identifier>,
    /// One for each name.
    pub authorizations: Vec<ServerUrl>,
    /// Where the request for the certificate goes.
    pub finalize: ServerUrl,
    /// Where the certificate is, once it is issued.
    pub certificate: Option<ServerUrl>,
    /// Why it is invalid.
    pub error: Option<Problem>,
    /// When the CA forgets it.
    pub expires: Option<OffsetDateTime>,
    /// The profile it is under.
    pub profile: Option<String>,
    /// When the CA wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// How far an order is (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Names are still to be proven.
    Pending,
    /// All names are proven, and the request for the certificate is awaited.
    Ready,
    /// The certificate is being issued.
    Processing,
    /// The certificate is there.
    Valid,
    /// It has failed, or a name has.
    Invalid,
}

impl OrderStatus {
    /// The word of RFC 8555.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

/// What an order is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderGoal {
    /// That all names are proven; an order further on is that too.
    Ready,
    /// That the certificate is there.
    Issued,
}

impl OrderGoal {
    /// Whether waiting for it is over, in one way or the other.
    fn is_settled_by(self, status: OrderStatus) -> bool {
        match status {
            OrderStatus::Valid | OrderStatus::Invalid => true,
            OrderStatus::Ready | OrderStatus::Processing => self == Self::Ready,
            OrderStatus::Pending => false,
        }
    }

    fn not_reached(self) -> &'static str {
        match self {
            Self::Ready => "the order did not become ready",
            Self::Issued => "the certificate was not issued",
        }
    }
}

impl Account {
    /// Places an order. The CA may hand back one that is already there for the same names, so that this may be repeated.
    ///
    /// # Errors
    /// What the CA has against it. If that is [`Error::is_replaces_refused`], the same order without `replaces` may succeed.
    pub async fn new_order(&self, new: &NewOrder<'_>) -> Result<Order, Error> {
        let identifiers: Vec<_> =
            new.identifiers.iter().map(|name| json!({"type": name.kind(), "value": name.value()})).collect();
        let mut payload = json!({"identifiers": identifiers});
        if let Some(profile) = new.profile {
            payload["profile"] = json!(profile);
        }
        if let Some(replaces) = new.replaces {
            payload["replaces"] = json!(replaces);
        }
        let expected = if new.replaces.is_some() { Error::is_replaces_refused } else { |_: &Error| false };
        let post = Post {
            names: new.identifiers,
            expected,
            under_way: new.under_way,
            ..Post::new(&self.client().directory().new_order, payload)
        };
        let reply = self.post(post).await?;
        Order::read(client::location(&reply)?, &reply)
    }

    /// Reads an order by its URL, as it was noted at an earlier run.
    ///
    /// # Errors
    /// If the CA has forgotten it, or it is not this account's.
    pub async fn order(&self, url: &ServerUrl) -> Result<Order, Error> {
        let reply = self.post(Post::as_get(url)).await?;
        Order::read(url.clone(), &reply)
    }

    /// Watches an order until it has come as far as `until`, or turns invalid; which of both, its status says.
    ///
    /// The first look comes after some milliseconds, further ones at doubling distance, unless the CA says when.
    ///
    /// # Errors
    /// [`Error::Deadline`] if it takes longer than `deadline`.
    pub async fn poll_order(
        &self,
        order: &Order,
        until: OrderGoal,
        deadline: Duration,
    ) -> Result<Order, Error> {
        let mut order = order.clone();
        let started = Instant::now();
        // Before we did our part the CA cannot have known how long it takes.
        if order.status == OrderStatus::Pending {
            order.retry_after = None;
        }
        let mut steps = Steps(order.first_step().max(self.client().round_trip()));
        while !until.is_settled_by(order.status) {
            let left = deadline.saturating_sub(started.elapsed());
            if left.is_zero() {
                let status = order.status.as_str();
                return Err(Error::Deadline { what: until.not_reached(), after: deadline, status });
            }
            let asked_for = order.retry_after.filter(|wait| !wait.is_zero());
            let wait = asked_for.unwrap_or_else(|| steps.next());
            tokio::time::sleep(wait.min(left)).await;
            order = self.order(&order.url).await?;
        }
        Ok(order)
    }

    /// Asks for the certificate of an order that is ready, with a CSR in DER.
    ///
    /// When the answer is lost, or the CA says that the order is past this, the order says what became of it: a second
    /// order is never the way out.
    ///
    /// # Errors
    /// What the CA has against the CSR; [`Error::AccountKeyInCsr`].
    pub async fn finalize(&self, order: &Order, csr_der: &[u8]) -> Result<Order, Error> {
        let own_key = self.key().public_key_der();
        // RFC 8555 §11.1: a client must not do that. A key stands in a CSR in one piece.
        if csr_der.windows(own_key.len()).any(|part| part == own_key) {
            return Err(Error::AccountKeyInCsr);
        }
        let payload = json!({"csr": URL_SAFE_NO_PAD.encode(csr_der)});
        let mut steps = Steps(BETWEEN_TRIES);
        let mut tries = 0;
        loop {
            tries += 1;
            let post = Post {
                names: &order.identifiers,
                repeat_if_lost: false,
                expected: is_told_by_the_order,
                ..Post::new(&order.finalize, payload.clone())
            };
            let error = match self.post(post).await {
                Ok(reply) => return Order::read(order.url.clone(), &reply),
                Err(error) if is_told_by_the_order(&error) => error,
                Err(error) => return Err(error),
            };
            let current = self.order(&order.url).await?;
            match current.status {
                OrderStatus::Processing | OrderStatus::Valid | OrderStatus::Invalid => return Ok(current),
                OrderStatus::Ready if tries < MOST_TRIES => {}
                OrderStatus::Pending | OrderStatus::Ready => return Err(error),
            }
            let wait = error.retry_after().unwrap_or_else(|| steps.next());
            if wait > LONGEST_WAIT {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

const MOST_TRIES: u32 = 3;

/// After a finalize that came to nothing, unless the CA says when to try again; doubled for the next.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The longest that the CA can ask for there; longer is the caller's to plan with.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

fn is_told_by_the_order(error: &Error) -> bool {
    error.is_outcome_unknown() || error.is_problem("orderNotReady")
}

#[derive(Deserialize)]
struct Body {
    status: OrderStatus,
    identifiers: Vec<Value>,
    authorizations: Vec<ServerUrl>,
    finalize: ServerUrl,
    certificate: Option<ServerUrl>,
    error: Option<Value>,
    expires: Option<String>,
    profile: Option<String>,
}

impl Order {
    fn read(url: ServerUrl, reply: &Reply) -> Result<Self, Error> {
        let body: Body = client::json(reply)?;
        let identifier = |value: &Value| {
            let name = problem::identifier(value);
            name.ok_or_else(|| Error::malformed(&reply.url, &format!("{value} is no identifier we know")))
        };
        Ok(Self {
            url,
            status: body.status,
            identifiers: body.identifiers.iter().map(identifier).collect::<Result<_, _>>()?,
            authorizations: body.authorizations,
            finalize: body.finalize,
            certificate: body.certificate,
            error: body.error.map(Problem::from_value),
            expires: body.expires.as_deref().and_then(date),
            profile: body.profile,
            retry_after: reply.retry_after(),
        })
    }

    /// When to look for the first time. A CA proves the names of an order side by side, but more of them take longer.
    fn first_step(&self) -> Duration {
        let names = u32::try_from(self.identifiers.len()).unwrap_or(u32::MAX);
        (FIRST_STEP + PER_NAME.saturating_mul(names)).min(LONGEST_FIRST_STEP)
    }
}

const FIRST_STEP: Duration = Duration::from_millis(5);
const PER_NAME: Duration = Duration::from_micros(250);
const LONGEST_FIRST_STEP: Duration = Duration::from_millis(50);

/// An RFC 3339 date; `None` for anything else, since nothing depends on it.
pub(crate) fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
