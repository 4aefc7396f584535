//! How fast an account may be asked, and what is worth asking again.
//!
//! Route 53 counts all requests of an account together, whoever makes them; nobody can know how many are left. So
//! requests go out at once until one is throttled. Then all of this process wait, a little longer each time, and the
//! gap closes again with every request that gets through.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::error::SdkError;
use hydrant_hook_dns::pause::jittered;

use crate::answer;
use crate::error::Fault;

/// The pace of one account.
#[derive(Debug)]
pub struct Pace {
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    gap: Duration,
    next: Instant,
    widened: Instant,
}

/// What an error means for the request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is of no use to ask again.
    Final(Fault),
    /// Ask again after a while: this request alone is concerned.
    Again(String),
    /// The account is asked too fast.
    Slower(String),
}

const FIRST_GAP: Duration = Duration::from_millis(100);
const WIDEST_GAP: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

impl Pace {
    /// Nothing is known of the account yet. A request is repeated for as long as `patience`.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let now = Instant::now();
        Self { patience, state: Mutex::new(State { gap: Duration::ZERO, next: now, widened: now }) }
    }

    /// Makes a request, and again while that may help.
    ///
    /// # Errors
    /// When it is refused for good, or the time is up.
    pub async fn call<T, E>(
        &self,
        action: &'static str,
        zone: Option<&str>,
        request: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Fault>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_GAP;
        loop {
            let turn = self.turn();
            tokio::time::sleep_until(turn.into()).await;
            let started = Instant::now();
            let error = match request().await {
                Ok(answer) => {
                    self.narrow();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let message = match answer::judge(&error, action, zone) {
                Verdict::Final(fault) => return Err(fault),
                Verdict::Again(message) => message,
                Verdict::Slower(message) => {
                    self.widen(started);
                    message
                }
            };
            if Instant::now() >= deadline {
                return Err(Fault::Unanswered { action, message });
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// When the next request may start.
    fn turn(&self) -> Instant {
        let mut state = self.lock();
        let turn = state.next.max(Instant::now());
        state.next = turn + state.gap;
        turn
    }

    /// A request that started before the gap was widened says nothing about the new one.
    fn widen(&self, started: Instant) {
        let mut state = self.lock();
        if started >= state.widened {
            state.gap = (state.gap * 2).clamp(FIRST_GAP, WIDEST_GAP);
            state.widened = Instant::now();
            state.next = state.next.max(state.widened + state.gap);
        }
    }

    fn narrow(&self) {
        let mut state = self.lock();
        state.gap = state.gap * 9 / 10;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole numbers behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
