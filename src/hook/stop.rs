//! Telling everything that waits that the run is to end.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// Asks a run to end. Whoever catches signals holds it.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<Urgency>);

impl StopHandle {
    /// Asks to end: nothing new begins, running hooks are asked to end, what was deployed is cleaned.
    pub fn stop(&self) {
        self.0.send_if_modified(|urgency| {
            let first = *urgency == Urgency::Go;
            *urgency = Urgency::Stop.max(*urgency);
            first
        });
    }

    /// Asks once more. The second time running hooks are killed without a grace; cleaning still takes place. The third
    /// and the fourth time are for what cleans as the first two were for the rest: what is left to clean stays owed.
    pub fn hurry(&self) {
        self.0.send_modify(|urgency| *urgency = urgency.next());
    }
}

/// Whether the run is to end. Cheap to clone; every wait of a run should watch it.
#[derive(Clone, Debug)]
pub struct Stop {
    urgency: watch::Receiver<Urgency>,
    /// What ends it, and what takes its grace.
    heeds: (Urgency, Urgency),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Go,
    Stop,
    Hurry,
    StopCleaning,
    HurryCleaning,
}

impl Urgency {
    fn next(self) -> Self {
        match self {
            Self::Go | Self::Stop => Self::Hurry,
            Self::Hurry => Self::StopCleaning,
            Self::StopCleaning | Self::HurryCleaning => Self::HurryCleaning,
        }
    }
}

impl Stop {
    /// Both ends.
    #[must_use]
    pub fn new() -> (StopHandle, Self) {
        let (sender, receiver) = watch::channel(Urgency::Go);
        (StopHandle(sender), Self { urgency: receiver, heeds: (Urgency::Stop, Urgency::Hurry) })
    }

    /// One that never comes.
    #[must_use]
    pub fn never() -> Self {
        Self::new().1
    }

    /// The same for what an interrupted run still does: it takes two requests more to end that.
    #[must_use]
    pub fn of_cleaning(&self) -> Self {
        Self { heeds: (Urgency::StopCleaning, Urgency::HurryCleaning), ..self.clone() }
    }

    /// Whether the run is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.urgency.borrow() >= self.heeds.0
    }

    /// Waits until the run is to end. May be dropped and called again.
    pub async fn stopped(&self) {
        self.reached(self.heeds.0).await;
    }

    /// What `work` comes to, unless the run is to end first; `work` is then dropped.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopped() => None,
            done = work => Some(done),
        }
    }

    /// The same for work that is worth a last `moment` while it is `under_way`, unless there is haste.
    pub async fn unless_idle<T>(
        &self,
        work: impl Future<Output = T>,
        under_way: impl Fn() -> bool,
        moment: Duration,
    ) -> Option<T> {
        let last_moment = async {
            self.stopped().await;
            tokio::select! {
                () = self.hurried() => {}
                () = sleep(moment) => {}
            }
        };
        let (mut work, mut last_moment) = (pin!(work), pin!(last_moment));
        poll_fn(|context| {
            let is_over = || self.is_stopped() && !under_way();
            if is_over() || last_moment.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if is_over() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Waits until the run is to end without a grace. May be dropped and called again.
    pub async fn hurried(&self) {
        self.reached(self.heeds.1).await;
    }

    async fn reached(&self, least: Urgency) {
        let mut receiver = self.urgency.clone();
        let reached = receiver.wait_for(|urgency| *urgency >= least).await.is_ok();
        if !reached {
            // The handle is gone: nobody is left who could ask.
            pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clone_hears_of_the_stop() {
        let (handle, stop) = Stop::new();
        let other = stop.clone();
        assert!(!other.is_stopped());
        handle.hurry();
        handle.stop();
        other.stopped().await;
        other.hurried().await;
        assert!(stop.is_stopped());
    }

    #[tokio::test]
    async fn cleaning_is_ended_by_the_third_request() {
        let (handle, stop) = Stop::new();
        let cleaning = stop.of_cleaning();
        for stopped in [false, true] {
            handle.hurry();
            assert_eq!((stop.is_stopped(), cleaning.is_stopped()), (true, stopped));
        }
        cleaning.stopped().await;
        handle.stop();
        assert!(cleaning.is_stopped());
        handle.hurry();
        handle.hurry();
        cleaning.hurried().await;
    }

    #[tokio::test]
    async fn what_is_under_way_has_a_moment_left_and_what_is_not_has_none() {
        let (handle, stop) = Stop::new();
        assert_eq!(stop.unless_idle(async { 1 }, || false, Duration::ZERO).await, Some(1));
        handle.stop();
        let long = Duration::from_mins(1);
        assert_eq!(stop.unless_idle(async { 1 }, || false, long).await, None);
        assert_eq!(stop.unless_idle(tokio::task::yield_now(), || true, long).await, Some(()));
        assert_eq!(stop.unless_idle(pending::<()>(), || true, Duration::ZERO).await, None);
        handle.hurry();
        assert_eq!(stop.unless_idle(pending::<()>(), || true, long).await, None);
    }
}
