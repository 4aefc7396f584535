//! The nonces of a client (RFC 8555 §6.5): every answer brings one, every signed request takes one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

/// A pool shared by all requests, the newest nonce first: old ones are the ones a CA has forgotten.
///
/// The pool holds as many nonces as newNonce was asked for, and so many requests can run at once. With the CA near by,
/// one that goes from hand to hand serves everybody; with a CA far away it is worth a request to have more of them.
pub(crate) struct Nonces {
    free: RefCell<VecDeque<String>>,
    /// One permit for each of `free`; its queue decides who is next.
    turns: Semaphore,
    under_way: Cell<usize>,
    waiting: Cell<usize>,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self {
            free: RefCell::new(VecDeque::new()),
            turns: Semaphore::new(0),
            under_way: Cell::new(0),
            waiting: Cell::new(0),
        }
    }

    /// Keeps a nonce that an answer brought.
    pub(crate) fn put(&self, nonce: String) {
        let mut free = self.free.borrow_mut();
        free.push_front(nonce);
        if free.len() > MOST_KEPT {
            free.pop_back();
        } else {
            self.turns.add_permits(1);
        }
    }

    /// Takes a nonce; `None` if it is better to ask the CA for a new one than to wait for an answer to bring one.
    ///
    /// `round_trip` is what an answer takes at least, as far as that is known.
    pub(crate) async fn take(&self, round_trip: Option<Duration>) -> Option<String> {
        if let Ok(turn) = self.turns.try_acquire() {
            turn.forget();
            return self.free.borrow_mut().pop_front();
        }
        let round_trip = round_trip.unwrap_or_default();
        // Each request under way brings a nonce within about a round trip; who is further back in the queue would
        // wait for a second one.
        let is_worth_asking = round_trip >= FAR && self.waiting.get() >= self.under_way.get();
        if self.under_way.get() == 0 || is_worth_asking {
            return None;
        }
        let _waiting = Counted::new(&self.waiting);
        let turn = timeout(LONGEST_WAIT.max(round_trip * 2), self.turns.acquire()).await.ok()?.ok()?;
        turn.forget();
        self.free.borrow_mut().pop_front()
    }

    /// Says that a request is under way whose answer will bring a nonce, until the value is dropped.
    pub(crate) fn expect(&self) -> Counted<'_> {
        Counted::new(&self.under_way)
    }
}

/// More than requests are ever under way at once.
const MOST_KEPT: usize = 256;

/// From where on waiting for somebody else's answer costs more than a request of one's own.
const FAR: Duration = Duration::from_millis(5);

/// A request may be held up; another one does not wait longer than this for its nonce.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// One more, as long as it lives.
pub(crate) struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_newest_first_and_each_once() {
        let nonces = Nonces::new();
        for nonce in ["a", "b"] {
            nonces.put(nonce.to_owned());
        }
        assert_eq!(nonces.take(None).await.as_deref(), Some("b"));
        assert_eq!(nonces.take(None).await.as_deref(), Some("a"));
        assert_eq!(nonces.take(None).await, None);
    }

    #[tokio::test]
    async fn forgets_the_oldest_of_too_many() {
        let nonces = Nonces::new();
        for nonce in 0..MOST_KEPT + 10 {
            nonces.put(nonce.to_string());
        }
        let mut last = None;
        while let Some(nonce) = nonces.take(None).await {
            last = Some(nonce);
        }
        assert_eq!(last.as_deref(), Some("10"));
    }

    #[tokio::test]
    async fn waits_for_the_answer_to_another_request() {
        let nonces = Nonces::new();
        let expected = nonces.expect();
        let (taken, ()) = tokio::join!(nonces.take(None), async {
            nonces.put("a".to_owned());
            drop(expected);
        });
        assert_eq!(taken.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn does_not_wait_long_for_a_request_that_is_held_up() {
        let nonces = Nonces::new();
        let _expected = nonces.expect();
        assert_eq!(nonces.take(None).await, None);
        assert_eq!(nonces.waiting.get(), 0);
    }

    #[tokio::test]
    async fn far_from_the_ca_only_the_first_in_the_queue_waits() {
        let nonces = Nonces::new();
        let _expected = nonces.expect();
        let far = Some(Duration::from_millis(50));
        let (first, second, ()) = tokio::join!(nonces.take(far), nonces.take(far), async {
            nonces.put("a".to_owned());
        });
        assert_eq!((first.as_deref(), second), (Some("a"), None));
    }
}
