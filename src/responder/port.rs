//! The listener of the certificates that are proved at the same time, and the wait for an address that others have.
//!
//! Several runs may have the same address: each listens no longer than it has something to answer, and not for ever even
//! where that is always so.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::ResponderError;

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long things take between those who share an address.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// After so long no more certificates join a listener, so that others get at the address.
    longest_use: Duration,
    /// So long a certificate waits for those that joined before; then it is not worth waiting for them.
    longest_end: Duration,
    /// The address is then left alone so long, which is longer than others wait between two tries.
    respite: Duration,
    /// A wait that is shorter is nothing to tell of.
    worth_telling: Duration,
}

const MANNERS: Manners = Manners {
    longest_use: Duration::from_mins(1),
    longest_end: Duration::from_secs(10),
    respite: Duration::from_secs(1),
    worth_telling: Duration::from_secs(1),
};

/// Where a listener is, as long as somebody needs it.
#[derive(Debug)]
pub(super) struct Port<T> {
    manners: Manners,
    listener: RefCell<Weak<T>>,
    /// When others were last given a chance.
    began: Cell<Option<Instant>>,
    /// Until when the address is left to others.
    respite: Cell<Option<Instant>>,
    /// The whole patience was spent once: that is not done again for every certificate.
    given_up: Cell<bool>,
    told: Cell<bool>,
}

impl<T> Default for Port<T> {
    fn default() -> Self {
        Self {
            manners: MANNERS,
            listener: RefCell::default(),
            began: Cell::default(),
            respite: Cell::default(),
            given_up: Cell::default(),
            told: Cell::default(),
        }
    }
}

impl<T> Port<T> {
    /// The listener, if there is one now.
    pub(super) fn listener(&self) -> Option<Arc<T>> {
        self.listener.borrow().upgrade()
    }

    /// The listener, started by `start` where there is none. Waits for an address that is in use, and `tell`s of that
    /// once.
    ///
    /// # Errors
    /// It cannot be started; its address was still in use at the end of `patience`.
    pub(super) async fn open(
        &self,
        patience: Duration,
        start: impl Fn() -> Result<T, ResponderError>,
        tell: impl Fn(SocketAddr),
    ) -> Result<Arc<T>, ResponderError> {
        let asked = Instant::now();
        let patience = if self.given_up.get() { Duration::ZERO } else { patience };
        let mut pause = SHORTEST_PAUSE;
        loop {
            if let Some(listener) = self.joined(asked.elapsed()) {
                return Ok(listener);
            }
            if !self.is_left_to_others() {
                match start() {
                    Ok(listener) => return Ok(self.keep(listener)),
                    Err(error) => {
                        let Some(address) = error.address_in_use() else { return Err(error) };
                        let waited = asked.elapsed();
                        if waited >= patience {
                            self.given_up.set(true);
                            return Err(if patience.is_zero() { error } else { error.after(patience) });
                        }
                        if waited >= self.manners.worth_telling && !self.told.replace(true) {
                            tell(address);
                        }
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The listener that there is, unless its time is over.
    fn joined(&self, waited: Duration) -> Option<Arc<T>> {
        let listener = self.listener()?;
        if self.is_over() {
            if waited < self.manners.longest_end {
                return None;
            }
            self.began.set(Some(Instant::now()));
        }
        Some(listener)
    }

    fn is_over(&self) -> bool {
        self.began.get().is_some_and(|began| began.elapsed() >= self.manners.longest_use)
    }

    /// Whether nobody of ours may listen yet: one of ours did so for long.
    fn is_left_to_others(&self) -> bool {
        if self.listener().is_some() {
            return true;
        }
        if self.is_over() {
            self.began.set(None);
            self.respite.set(Some(Instant::now() + self.manners.respite));
        }
        self.respite.get().is_some_and(|until| Instant::now() < until)
    }

    fn keep(&self, listener: T) -> Arc<T> {
        let listener = Arc::new(listener);
        *self.listener.borrow_mut() = Arc::downgrade(&listener);
        self.began.set(Some(Instant::now()));
        self.given_up.set(false);
        listener
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::FutureExt as _;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    fn port() -> Port<u32> {
        let manners =
            Manners { longest_use: SHORT, longest_end: SHORT, respite: SHORT, worth_telling: Duration::ZERO };
        Port { manners, ..Port::default() }
    }

    fn in_use() -> ResponderError {
        let address = ([127, 0, 0, 1], 80).into();
        ResponderError::Bind { address, source: io::ErrorKind::AddrInUse.into() }
    }

    async fn opened(port: &Port<u32>, number: u32) -> Arc<u32> {
        port.open(Duration::MAX, || Ok(number), |_| panic!("nothing is in use")).await.unwrap()
    }

    #[tokio::test]
    async fn a_listener_is_shared_and_ends_with_the_last_who_needs_it() {
        let port = Port::default();
        let first = opened(&port, 1).await;
        let second = opened(&port, 2).await;
        assert_eq!((*first, *second), (1, 1));
        drop(first);
        assert_eq!(port.listener().as_deref(), Some(&1));
        drop(second);
        assert!(port.listener().is_none());
        assert_eq!(*opened(&port, 3).await, 3);
    }

    #[tokio::test]
    async fn after_long_use_others_get_a_chance_but_nobody_waits_long_for_a_slow_one() {
        let port = port();
        let slow = opened(&port, 1).await;
        port.began.set(Instant::now().checked_sub(SHORT));
        let begun = Instant::now();
        assert_eq!(*opened(&port, 2).await, 1);
        assert!(begun.elapsed() >= SHORT);
        assert!(!port.is_over(), "who comes now joins at once");
        port.began.set(Instant::now().checked_sub(SHORT));
        drop(slow);
        let begun = Instant::now();
        assert_eq!(*opened(&port, 3).await, 3);
        assert!(begun.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn an_address_in_use_is_waited_for_and_told_of_once() {
        let port = port();
        let (tries, told) = (Cell::new(0), Cell::new(0));
        let start = || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(in_use()) } else { Ok(1) }
        };
        let tell = |_| told.set(told.get() + 1);
        assert_eq!(*port.open(Duration::MAX, start, tell).await.unwrap(), 1);
        assert_eq!((tries.get(), told.get()), (4, 1));
    }

    #[tokio::test]
    async fn the_whole_patience_is_spent_once_only() {
        let port = port();
        let begun = Instant::now();
        let error = port.open(SHORT, || Err(in_use()), |_| {}).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 127.0.0.1:80, which did not become free within 0 s");
        assert!(begun.elapsed() >= SHORT);
        let again = port.open(SHORT, || Err(in_use()), |_| {}).now_or_never();
        assert_eq!(again.unwrap().unwrap_err().to_string(), "cannot listen on 127.0.0.1:80");
        // Who gets the address once is patient again.
        drop(opened(&port, 1).await);
        assert!(port.open(SHORT, || Err(in_use()), |_| {}).now_or_never().is_none());
    }

    #[tokio::test]
    async fn other_failures_are_not_waited_for() {
        let address = ([127, 0, 0, 1], 80).into();
        let denied = || Err(ResponderError::Bind { address, source: io::ErrorKind::PermissionDenied.into() });
        let failed = port().open(Duration::MAX, denied, |_| {}).now_or_never();
        assert_eq!(failed.unwrap().unwrap_err().to_string(), "cannot listen on 127.0.0.1:80");
    }
}
