//! Renewal information (RFC 9773): when it is asked for again, and the instant chosen in the window.

use std::time::Duration;

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::store_error;
use crate::acme::{Client, RenewalInfo};
use crate::error::Error;
use crate::ledger::Renewal;
use crate::store::{Lease, LeaseOutcome, Loaded};

/// After an answer that may be better soon (RFC 9773 §4.3.3): doubled with every further failure.
const FIRST_RETRY: Duration = Duration::from_mins(1);

/// The longest wait after a failure, and the wait where the CA has no renewal information at all (RFC 9773 §4.3.3).
const LONG_WAIT: Duration = Duration::from_hours(6);

/// An answer is good for a day at most; clocks of machines that share a store may be an hour apart.
const LONGEST_GOOD: Duration = Duration::from_hours(25);

impl Certificate<'_> {
    pub(super) fn wants_renewal_info(&self, loaded: &Loaded) -> bool {
        let by_window = self.settings.renewal_rule().is_none() && !self.runner.deliver_only;
        by_window && is_stale(loaded, self.runner.now)
    }

    /// Asks the CA for the renewal window and writes it down; None when another run has the certificate in work.
    pub(super) async fn refresh_renewal_info(&self) -> Result<Option<Loaded>, Error> {
        let store = self.runner.store;
        let taken = store.lease(&self.entry.name).await.map_err(store_error)?;
        let LeaseOutcome::Taken(lease) = taken else { return Ok(None) };
        let mut lease = Lease::new(lease);
        if is_stale(lease.loaded(), self.runner.now) {
            // A CA that cannot be reached is no failure as long as nothing is due.
            let asked = async {
                let client = self.runner.authorities.client(&self.settings.ca).await.ok();
                refresh(client.as_ref(), lease.loaded(), self.runner.now).await
            };
            if let Some(renewal) = self.runner.stop.unless_stopped(asked).await {
                lease.record.renewal = renewal;
                lease.save().await.map_err(store_error)?;
            }
        }
        Ok(Some(store.load(&self.entry.name).await.map_err(store_error)?))
    }
}

/// Whether the CA is to be asked for the window of what is stored.
fn is_stale(loaded: &Loaded, now: OffsetDateTime) -> bool {
    let Some(stored) = loaded.stored.as_ref().filter(|_| loaded.damage.is_none()) else { return false };
    // RFC 9773 §4.3: not for a certificate that has expired.
    let Some(id) = stored.leaf.renewal_id.as_deref().filter(|_| stored.leaf.not_after > now) else {
        return false;
    };
    let known = loaded.record.renewal.as_ref().filter(|renewal| renewal.certificate == id);
    // What is to be asked later than any wait allows was noted by a clock that was ahead.
    let (now, latest) = (now.unix_timestamp(), (now + LONGEST_GOOD).unix_timestamp());
    known.is_none_or(|renewal| renewal.next_check <= now || renewal.next_check > latest)
}

/// Asks for the window; what is known stays known when there is no answer.
async fn refresh(client: Option<&Client>, loaded: &Loaded, now: OffsetDateTime) -> Option<Renewal> {
    let id = loaded.stored.as_ref()?.leaf.renewal_id.clone()?;
    let known = loaded.record.renewal.clone().filter(|renewal| renewal.certificate == id);
    let info = match client.filter(|client| client.directory().renewal_info.is_some()) {
        None => None,
        Some(client) => client.renewal_info(&id).await.ok(),
    };
    match info {
        Some(info) => Some(learned(id, &info, known.as_ref(), now)),
        None => Some(not_learned(id, known, now)),
    }
}

fn learned(certificate: String, info: &RenewalInfo, known: Option<&Renewal>, now: OffsetDateTime) -> Renewal {
    let (start, end) = (info.start.unix_timestamp(), info.end.unix_timestamp());
    let same_window = known.filter(|known| known.start == start && known.end == end);
    // RFC 9773 §4.2: uniformly random within the window; and once, or every look would be another throw.
    let chosen = same_window.map_or_else(|| random_between(start, end), |known| known.chosen);
    let wait = info.retry_after.unwrap_or(LONG_WAIT);
    Renewal {
        certificate,
        start,
        end,
        chosen,
        next_check: (now + wait).unix_timestamp(),
        explanation_url: info.explanation_url.clone(),
        failures: 0,
    }
}

fn not_learned(certificate: String, known: Option<Renewal>, now: OffsetDateTime) -> Renewal {
    let mut renewal = known.unwrap_or(Renewal {
        certificate,
        start: 0,
        end: 0,
        chosen: 0,
        next_check: 0,
        explanation_url: None,
        failures: 0,
    });
    let doubled = FIRST_RETRY.saturating_mul(1 << renewal.failures.min(16));
    renewal.next_check = (now + doubled.min(LONG_WAIT)).unix_timestamp();
    renewal.failures = renewal.failures.saturating_add(1);
    renewal
}

fn random_between(start: i64, end: i64) -> i64 {
    let mut bytes = [0; 8];
    // The system's generator fails only where it is missing; the start of the window is then as good.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return start;
    }
    let span = end.abs_diff(start).max(1);
    start.saturating_add_unsigned(u64::from_le_bytes(bytes) % span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_chosen_once_and_within_the_window() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let instant = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let info = RenewalInfo {
            start: instant(1000),
            end: instant(2000),
            explanation_url: None,
            retry_after: Some(Duration::from_mins(10)),
        };
        let first = learned("id".to_owned(), &info, None, now);
        assert!((1000..2000).contains(&first.chosen));
        assert_eq!(first.next_check, 600);
        let again = learned("id".to_owned(), &info, Some(&first), now);
        assert_eq!(again.chosen, first.chosen);
    }

    #[test]
    fn what_a_clock_that_was_ahead_noted_is_asked_again() {
        let leaf =
            crate::chain::Leaf::parse_first(include_bytes!("../../tests/fixtures/chain/fullchain.pem"));
        let leaf = leaf.unwrap();
        let (id, now) = (leaf.renewal_id.clone().unwrap(), leaf.not_before);
        let stored = Some(crate::store::Stored { leaf, timestamp: None });
        let mut loaded = Loaded { stored, ..Loaded::default() };
        let mut is_stale_at = |seconds: i64| {
            let next_check = now.unix_timestamp() + seconds;
            loaded.record.renewal = Some(Renewal { next_check, ..not_learned(id.clone(), None, now) });
            is_stale(&loaded, now)
        };
        assert!(is_stale_at(0) && !is_stale_at(60) && !is_stale_at(86_400));
        assert!(is_stale_at(400 * 86_400));
    }

    #[test]
    fn silence_is_waited_out_longer_and_longer() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let first = not_learned("id".to_owned(), None, now);
        assert_eq!(first.next_check, 60);
        let second = not_learned("id".to_owned(), Some(first), now);
        assert_eq!(second.next_check, 120);
        let late = not_learned("id".to_owned(), Some(Renewal { failures: 30, ..second }), now);
        assert_eq!(late.next_check, 6 * 3600);
    }
}
