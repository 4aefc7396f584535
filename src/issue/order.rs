//! What is ordered, and that nobody else of this run orders the same meanwhile.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;

use super::{IssueError, Issuing};
use crate::acme::{self, NewOrder, Order, UnderWay};
use crate::hook::Approach;
use crate::report::Phase;

/// After a signal the CA has so long to answer an order that it has got, so that it is not lost.
const LAST_MOMENT: Duration = Duration::from_secs(5);

impl Issuing<'_, '_> {
    /// Waits until no other certificate of this run has an order for the same open. A CA may hand one order to both
    /// (Let's Encrypt does), and it has room for one key.
    ///
    /// Batches do not wait for a certificate that waits here.
    pub(super) async fn take_turn(&mut self, approach: Approach) -> Result<Approach, IssueError> {
        let mut turn = pin!(self.job.orders.wait([self.alike()].into()));
        if let Some(turn) = turn.as_mut().now_or_never() {
            self.turn = Some(turn);
            return Ok(approach);
        }
        drop(approach);
        self.turn = Some(self.unless_stopped(turn).await?);
        Ok(self.job.hooks.approach())
    }

    /// What orders have in common that a CA may take for one.
    fn alike(&self) -> String {
        let job = self.job;
        let mut names: Vec<String> = job.names.iter().map(ToString::to_string).collect();
        names.sort();
        let profile = job.settings.profile.as_deref().unwrap_or_default();
        format!("{} {} {profile} {}", job.settings.ca.directory, job.account.url(), names.join(" "))
    }

    /// Writes down what is wanted, orders it, and writes down where.
    pub(super) async fn order(&mut self) -> Result<Order, IssueError> {
        self.phase(Phase::Ordering);
        self.check_profile()?;
        let intent = self.intent().await?;
        let replaces = intent.replaces.clone();
        self.lease.record.begin(intent);
        self.save().await?;

        let (stop, under_way) = (self.job.stop, UnderWay::default());
        let ordered = async {
            match self.new_order(replaces.as_deref(), &under_way).await {
                // Ours is not the only client of this account, or the account changed: a replacement is a favour to
                // the CA's limits and never a reason to have no certificate (RFC 9773 §5).
                Err(error) if replaces.is_some() && error.is_replaces_refused() && !stop.is_stopped() => {
                    self.new_order(None, &under_way).await
                }
                other => other,
            }
        };
        // An order whose URL is not written down is lost: once it is sent, a signal does not end the wait for it at once.
        let ordered = stop.unless_idle(ordered, || under_way.is(), LAST_MOMENT).await;
        let order = ordered.ok_or(IssueError::Stopped)??;
        self.lease.record.ordered(order.url.as_str());
        self.save().await?;
        Ok(order)
    }

    /// A profile that the CA does not list is not to be asked for (draft-ietf-acme-profiles §4), nor to be done without.
    fn check_profile(&self) -> Result<(), IssueError> {
        let offered = &self.job.account.client().directory().meta.profiles;
        match &self.job.settings.profile {
            Some(wanted) if !offered.contains_key(wanted) => Err(IssueError::ProfileNotOffered {
                wanted: wanted.clone(),
                offered: offered.keys().cloned().collect(),
            }),
            _ => Ok(()),
        }
    }

    async fn new_order(&self, replaces: Option<&str>, under_way: &UnderWay) -> Result<Order, acme::Error> {
        let identifiers = self.job.names;
        let profile = self.job.settings.profile.as_deref();
        let new = NewOrder { identifiers, profile, replaces, under_way: Some(under_way) };
        self.job.account.new_order(&new).await
    }
}
