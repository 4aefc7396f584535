//! One at a time, for what two certificates of a run would have to share: the proof of a name where only one can be
//! shown, an order that the CA hands out twice.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Notify;

/// What is in use, by names of any kind.
#[derive(Debug, Default)]
pub struct Turns {
    taken: RefCell<BTreeSet<String>>,
    given_back: Notify,
}

/// The right to use what has these names, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a> {
    turns: &'a Turns,
    names: BTreeSet<String>,
}

impl Turns {
    /// Waits until nobody uses any of `names`. All are taken at once, so that no two wait for each other.
    pub async fn wait(&self, names: BTreeSet<String>) -> Turn<'_> {
        loop {
            // Made before the look, so that nothing is given back unnoticed between the two.
            let given_back = self.given_back.notified();
            if self.taken.borrow().is_disjoint(&names) {
                self.taken.borrow_mut().extend(names.iter().cloned());
                return Turn { turns: self, names };
            }
            given_back.await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken.borrow_mut().retain(|name| !self.names.contains(name));
        self.turns.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[tokio::test]
    async fn who_shares_a_name_waits_and_who_shares_none_does_not() {
        let turns = Turns::default();
        let first = turns.wait(names(&["a", "b"])).await;
        let other = turns.wait(names(&["d"])).now_or_never().unwrap();
        assert!(turns.wait(names(&["b", "c"])).now_or_never().is_none());
        let ((), second) = tokio::join!(async { drop(first) }, turns.wait(names(&["b", "c"])));
        assert!(turns.wait(names(&["d"])).now_or_never().is_none());
        drop((other, second));
        let _all = turns.wait(names(&["a", "b", "c", "d"])).now_or_never().unwrap();
        assert!(turns.wait(names(&[])).now_or_never().is_some());
    }
}
