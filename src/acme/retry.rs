//! When a request is repeated, and how long to wait before.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// How patient a client is with one request.
#[derive(Clone, Debug)]
pub struct RetryRules {
    /// How often a request is sent in all while the network fails or the CA says 5xx without a time.
    pub tries: u32,
    /// The wait before the second of these tries; it doubles with each.
    pub first_wait: Duration,
    /// The longest `Retry-After` that is waited for inside; a longer one is the caller's to plan with.
    pub longest_wait: Duration,
    /// How often such a wait is taken for one request.
    pub waits: u32,
    /// What all waits and tries of one request may take together.
    pub total: Duration,
    /// How often a request is sent in all while its nonce is refused. Half of thousands of requests may be refused,
    /// or nine of ten of a few, and none fails.
    pub nonce_tries: u32,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self {
            tries: 6,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_mins(1),
            waits: 8,
            total: Duration::from_mins(5),
            nonce_tries: 64,
        }
    }
}

/// How a try ended that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The CA refused the nonce: nothing was done.
    BadNonce,
    /// 429 or 503, nothing was done, with what `Retry-After` says.
    Busy(Option<Duration>),
    /// The request never reached the CA.
    NotSent { timed_out: bool },
    /// It may have reached the CA, but no answer came back.
    Lost { timed_out: bool },
    /// Another 5xx: something may have been done.
    ServerError(Option<Duration>),
    /// The CA answered, and would answer the same again.
    Refused,
}

/// What has happened to one request so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    refused_nonces: u32,
    troubles: u32,
    waits: u32,
    spent: Duration,
}

impl Course {
    /// How long to wait before the next try; `None` if there is to be none.
    ///
    /// `repeat_if_lost` says whether the request may reach the CA twice.
    pub(crate) fn next_try(
        &mut self,
        setback: Setback,
        repeat_if_lost: bool,
        rules: &RetryRules,
    ) -> Option<Duration> {
        let wait = match setback {
            Setback::BadNonce => self.next_nonce(rules),
            Setback::Busy(Some(wait)) => self.next_asked_for(wait, rules),
            Setback::ServerError(Some(wait)) if repeat_if_lost => self.next_asked_for(wait, rules),
            Setback::Busy(None) => self.next_trouble(1, rules),
            // One time-out is worth two quick failures.
            Setback::NotSent { timed_out } => self.next_trouble(1 + u32::from(timed_out), rules),
            Setback::Lost { timed_out } if repeat_if_lost => {
                self.next_trouble(1 + u32::from(timed_out), rules)
            }
            Setback::ServerError(None) if repeat_if_lost => self.next_trouble(1, rules),
            Setback::Lost { .. } | Setback::ServerError(_) | Setback::Refused => None,
        }?;
        (self.spent + wait <= rules.total).then_some(wait)
    }

    /// Counts time that was waited or spent on a try.
    pub(crate) fn spend(&mut self, time: Duration) {
        self.spent += time;
    }

    /// How much longer this request may wait.
    pub(crate) fn left(&self, rules: &RetryRules) -> Duration {
        rules.total.saturating_sub(self.spent)
    }

    /// At once, as is usual; with a breath between when the CA goes on refusing.
    fn next_nonce(&mut self, rules: &RetryRules) -> Option<Duration> {
        self.refused_nonces += 1;
        let breath = if self.refused_nonces <= 10 { Duration::ZERO } else { Duration::from_millis(50) };
        (self.refused_nonces < rules.nonce_tries).then_some(breath)
    }

    /// What the CA asks for; longer when it goes on asking for little.
    fn next_asked_for(&mut self, wait: Duration, rules: &RetryRules) -> Option<Duration> {
        if wait > rules.longest_wait {
            return None;
        }
        self.waits += 1;
        let doubled = rules.first_wait.saturating_mul(1 << (self.waits - 1).min(10));
        (self.waits <= rules.waits).then_some(wait.max(doubled.min(rules.longest_wait)))
    }

    fn next_trouble(&mut self, weight: u32, rules: &RetryRules) -> Option<Duration> {
        self.troubles += weight;
        let doubled = rules.first_wait.saturating_mul(1 << (self.troubles - 1).min(10));
        (self.troubles < rules.tries).then_some(doubled.min(LONGEST_STEP))
    }
}

/// The times between the polls of something that takes its time: doubling, up to [`LONGEST_STEP`].
pub(crate) struct Steps(pub(crate) Duration);

impl Steps {
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.0;
        self.0 = (step * 2).min(LONGEST_STEP);
        step
    }
}

const LONGEST_STEP: Duration = Duration::from_secs(5);

/// What `Retry-After` says: seconds, or a date (RFC 9110 §10.2.3), which is taken against the `Date` of the same answer,
/// so that a wrong clock on our side does not matter.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let now = answered_at(headers).unwrap_or_else(|| OffsetDateTime::from(now));
        Duration::try_from(http_date(text)? - now).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The longest limits of CAs are for a week. What is beyond is a mistake, and must neither hold a certificate back for years nor
/// be more than a clock can count.
const LONGEST_WAIT: Duration = Duration::from_hours(8 * 24);

/// The other side's clock when it answered, in whole seconds (RFC 9110 §6.6.1).
pub(crate) fn answered_at(headers: &HeaderMap) -> Option<OffsetDateTime> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_retry_after_as_seconds_and_as_date() {
        let now = SystemTime::from(OffsetDateTime::parse("Sun, 06 Nov 1994 08:49:37 GMT", &Rfc2822).unwrap());
        let cases = [
            (headers(&[("retry-after", "120")]), Some(120)),
            (headers(&[("retry-after", " 0 ")]), Some(0)),
            (headers(&[("retry-after", "Sun, 06 Nov 1994 08:50:00 GMT")]), Some(23)),
            (headers(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0)),
            (
                headers(&[
                    ("retry-after", "Mon, 07 Nov 1994 10:00:05 GMT"),
                    ("date", "Mon, 07 Nov 1994 10:00:00 GMT"),
                ]),
                Some(5),
            ),
            (headers(&[("retry-after", "4294967296")]), Some(8 * 86_400)),
            (headers(&[("retry-after", "99999999999999999999999999")]), Some(8 * 86_400)),
            (headers(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]), Some(8 * 86_400)),
            (headers(&[("retry-after", "-1")]), None),
            (headers(&[("retry-after", "soon")]), None),
            (headers(&[]), None),
        ];
        for (headers, seconds) in cases {
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{headers:?}");
        }
    }

    #[test]
    fn a_refused_nonce_is_retried_at_once_and_boundedly() {
        let rules = RetryRules::default();
        let mut course = Course::default();
        assert_eq!(course.next_try(Setback::BadNonce, false, &rules), Some(Duration::ZERO));
        let more =
            (0..1000).take_while(|_| course.next_try(Setback::BadNonce, false, &rules).is_some()).count();
        assert_eq!(more, 62);
    }

    #[test]
    fn a_short_wait_is_waited_for_and_a_long_one_is_not() {
        let rules = RetryRules::default();
        let minute = Duration::from_mins(1);
        let mut course = Course::default();
        assert_eq!(course.next_try(Setback::Busy(Some(minute)), false, &rules), Some(minute));
        let longer = minute + Duration::from_secs(1);
        assert_eq!(course.next_try(Setback::Busy(Some(longer)), true, &rules), None);
        course.spend(Duration::from_secs(241));
        assert_eq!(course.next_try(Setback::Busy(Some(minute)), false, &rules), None);
    }

    #[test]
    fn a_ca_that_asks_for_no_wait_at_all_is_not_asked_for_ever() {
        let rules = RetryRules::default();
        let mut course = Course::default();
        let waits: Vec<_> =
            std::iter::from_fn(|| course.next_try(Setback::Busy(Some(Duration::ZERO)), true, &rules))
                .map(|wait| wait.as_millis())
                .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600]);
    }

    #[test]
    fn what_may_have_been_done_is_not_repeated_unless_that_does_no_harm() {
        let rules = RetryRules::default();
        for setback in [Setback::Lost { timed_out: false }, Setback::ServerError(None)] {
            assert_eq!(Course::default().next_try(setback, false, &rules), None);
            assert_eq!(Course::default().next_try(setback, true, &rules), Some(rules.first_wait));
        }
        assert_eq!(Course::default().next_try(Setback::Refused, true, &rules), None);
        assert_eq!(
            Course::default().next_try(Setback::NotSent { timed_out: false }, false, &rules),
            Some(rules.first_wait)
        );
    }

    #[test]
    fn waits_double_and_tries_end() {
        let rules = RetryRules::default();
        let mut course = Course::default();
        let waits: Vec<_> =
            std::iter::from_fn(|| course.next_try(Setback::NotSent { timed_out: false }, true, &rules))
                .map(|wait| wait.as_millis())
                .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200]);
        let mut course = Course::default();
        let lost = Setback::Lost { timed_out: true };
        let tries = std::iter::from_fn(|| course.next_try(lost, true, &rules)).count();
        assert_eq!(tries, 2);
    }
}
