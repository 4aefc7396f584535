//! What is declared, stored and known, against now: what to do with each certificate, and why.
//!
//! Pure: no I/O and no clock, so that the same inputs give the same plan on any machine.

mod because;
mod pending;

use std::time::Duration;

use time::OffsetDateTime;

use crate::csr::Csr;
use crate::identifier::{CertName, Identifier};
use crate::ledger::{Failures, Record, Renewal};
use crate::store::{Damage, Loaded, Stored};
use crate::tenant::Refusal;
pub use because::Because;
pub use pending::{Pending, pending};

/// One certificate as the planner sees it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The name it is kept under.
    pub name: &'a CertName,
    /// The names it is to carry.
    pub names: &'a [Identifier],
    /// The request that a hook made for it, if one did: the key is then with the hook.
    pub request: Option<&'a Csr>,
    /// What is stored and owed for it.
    pub loaded: &'a Loaded,
    /// The person's own rule: renew when less than this is left. None: renewal window, else lifetime.
    pub renew_before: Option<time::Duration>,
    /// The hooks of this run that take `deploy_cert`.
    pub destinations: &'a [String],
    /// Why it may not be asked for, if it may not.
    pub refused: Option<&'a Refusal>,
}

/// What holds for all certificates of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The instant the plan is made for.
    pub now: OffsetDateTime,
    /// How long until this program is run again: what falls due before then is done now.
    pub cadence: Duration,
    /// Renew although nothing is due.
    pub force: bool,
    /// Whether failures of earlier runs hold a certificate back.
    pub backoff: bool,
}

/// What to do with one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The certificate.
    pub name: CertName,
    /// What to do.
    pub action: Action,
    /// Why.
    pub because: Because,
    /// The renewal identifier of the certificate that the new one replaces (RFC 9773 §5).
    pub replaces: Option<String>,
    /// When what is stored expires.
    pub not_after: Option<OffsetDateTime>,
}

/// What can be done with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is due.
    Keep,
    /// Get a successor of what is stored.
    Renew,
    /// Get the first one, or one with other names.
    Issue,
    /// Go on where a run was cut off.
    Resume,
    /// Only deliver what is stored.
    Deliver,
    /// Something is due, and is held back until a given instant.
    Wait,
    /// Nothing: it may not be asked for.
    Refuse,
}

impl Action {
    /// The word for it in plans and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Renew => "renew",
            Self::Issue => "issue",
            Self::Resume => "resume",
            Self::Deliver => "deliver",
            Self::Wait => "wait",
            Self::Refuse => "refuse",
        }
    }

    /// Whether carrying it out needs the CA.
    #[must_use]
    pub fn needs_ca(self) -> bool {
        matches!(self, Self::Renew | Self::Issue | Self::Resume)
    }
}

/// Decides what to do with one certificate.
#[must_use]
pub fn decide(subject: &Subject<'_>, at: Circumstances) -> Step {
    let (action, because) = action(subject, at);
    let stored = subject.loaded.stored.as_ref();
    let usable = stored.filter(|_| subject.loaded.damage.is_none());
    Step {
        name: subject.name.clone(),
        action,
        because,
        replaces: usable.and_then(|stored| stored.leaf.renewal_id.clone()),
        not_after: stored.map(|stored| stored.leaf.not_after),
    }
}

/// When what is stored should be renewed, by the rule that applies to it.
#[must_use]
pub fn renewal_due(subject: &Subject<'_>, stored: &Stored) -> OffsetDateTime {
    let leaf = &stored.leaf;
    if let Some(before) = subject.renew_before {
        return leaf.not_after.checked_sub(before).unwrap_or(leaf.not_before);
    }
    if let Some(chosen) = chosen_instant(subject, stored) {
        return chosen;
    }
    let lifetime = leaf.not_after - leaf.not_before;
    let short = lifetime < time::Duration::days(10);
    leaf.not_after - if short { lifetime / 2 } else { lifetime / 3 }
}

/// The hooks of this run that are owed what is stored, in the order of `destinations`.
#[must_use]
pub fn owed_deliveries(record: &Record, destinations: &[String]) -> Vec<String> {
    let is_owed = |wanted: &&String| record.owed_deliveries().any(|(owed, _)| owed == wanted.as_str());
    destinations.iter().filter(is_owed).cloned().collect()
}

fn action(subject: &Subject<'_>, at: Circumstances) -> (Action, Because) {
    let record = &subject.loaded.record;
    if record.staged.is_some() {
        return (Action::Resume, Because::SwitchPending);
    }
    if let Some(refusal) = subject.refused {
        return (Action::Refuse, Because::Refused(refusal.to_string()));
    }
    let pending = has_order_for(record, subject.names);
    let Some((action, because)) = due(subject, at) else {
        // Asked for, or due by another rule: what was ordered for these names is fetched.
        if pending && held_back(record, at).is_none() {
            return (Action::Resume, Because::OrderPending);
        }
        let owed = owed_deliveries(record, subject.destinations);
        if !owed.is_empty() {
            return (Action::Deliver, Because::DeliveryOwed(owed));
        }
        // Cannot be None: `due` answers for a certificate that is not stored.
        let Some(stored) = &subject.loaded.stored else { return (Action::Issue, Because::NotStored) };
        let (due, explained) = (renewal_due(subject, stored), explained(subject, stored));
        return (Action::Keep, Because::NotDue { due, explained });
    };
    if let Some(because) = held_back(record, at) {
        return (Action::Wait, because);
    }
    if pending {
        return (Action::Resume, Because::OrderPending);
    }
    (action, because)
}

/// Whether an order was made for these names whose certificate was not fetched yet.
fn has_order_for(record: &Record, names: &[Identifier]) -> bool {
    let ordered = record.intent.as_ref().filter(|intent| intent.order.is_some());
    ordered.is_some_and(|intent| names.iter().map(ToString::to_string).eq(intent.names.iter().cloned()))
}

/// The failure that holds a certificate back, if it does so now.
fn held_back(record: &Record, at: Circumstances) -> Option<Because> {
    let now = at.now.unix_timestamp();
    // What is noted for later than now was noted by a clock that was ahead, and holds nothing back.
    let believed = |failures: &&Failures| !at.force && failures.at <= now.saturating_add(CLOCKS_APART);
    let failures = record.failures.as_ref().filter(believed)?;
    let until = if at.backoff { Some(failures.not_before) } else { failures.ca_not_before };
    let until = until.filter(|until| *until > now)?;
    let (failures, last) = (failures.count, failures.last.clone());
    Some(Because::Backoff { until: instant(until), failures, last })
}

/// By how many seconds the clocks of machines that share a store may differ.
const CLOCKS_APART: i64 = 3600;

/// What is due, were it not for earlier failures and unfinished work.
fn due(subject: &Subject<'_>, at: Circumstances) -> Option<(Action, Because)> {
    let is_missed = |damage: &&Damage| subject.request.is_none() || **damage != Damage::KeyMissing;
    if let Some(damage) = subject.loaded.damage.as_ref().filter(is_missed) {
        return Some((Action::Issue, Because::Damaged(damage.to_string())));
    }
    let Some(stored) = &subject.loaded.stored else { return Some((Action::Issue, Because::NotStored)) };
    if let Some(because) = names_differ(subject.names, stored) {
        return Some((Action::Issue, because));
    }
    if at.force {
        return Some((Action::Renew, Because::Forced));
    }
    let renew = |because| Some((Action::Renew, because));
    let revoked = subject.loaded.record.revoked.as_ref();
    if revoked.is_some_and(|revoked| revoked.fingerprint == stored.leaf.fingerprint) {
        return renew(Because::Revoked);
    }
    let not_after = stored.leaf.not_after;
    if not_after <= at.now {
        return renew(Because::Expired(not_after));
    }
    let due = renewal_due(subject, stored);
    if due <= at.now {
        return renew(if subject.renew_before.is_some() {
            if due <= stored.leaf.not_before { Because::RenewAlways } else { Because::RenewBefore(due) }
        } else if chosen_instant(subject, stored).is_some() {
            Because::WindowOpen { chosen: due, explained: explained(subject, stored) }
        } else {
            Because::LifetimeLeft(due)
        });
    }
    // RFC 9773 §4.2: a client that cannot wake at the instant renews if it would wake after it. Only a window, and
    // the end of the certificate, are sharp enough for that; the other rules leave weeks.
    let next_run = at.now + at.cadence;
    let in_window = subject.renew_before.is_none() && chosen_instant(subject, stored).is_some();
    if in_window && due < next_run || not_after <= next_run {
        let explained = explained(subject, stored);
        return renew(Because::NextRunTooLate { due: due.min(not_after), explained });
    }
    None
}

fn names_differ(declared: &[Identifier], stored: &Stored) -> Option<Because> {
    let carried = &stored.leaf.names;
    // The usual case, and the cheap one: the same names in the same order.
    if carried == declared && !stored.leaf.has_unnamed {
        return None;
    }
    let added: Vec<_> = declared.iter().filter(|name| !carried.contains(name)).cloned().collect();
    let removed: Vec<_> = carried.iter().filter(|name| !declared.contains(name)).cloned().collect();
    let differ = !added.is_empty() || !removed.is_empty();
    differ.then_some(Because::NamesDiffer { added, removed })
}

/// The instant chosen in the CA's window. A window at the very end of the certificate's life, or behind it, is a mistake:
/// the last tenth is for attempts that fail.
fn chosen_instant(subject: &Subject<'_>, stored: &Stored) -> Option<OffsetDateTime> {
    let leaf = &stored.leaf;
    let latest = leaf.not_after - (leaf.not_after - leaf.not_before) / 10;
    window(&subject.loaded.record, stored).map(|renewal| instant(renewal.chosen).min(latest))
}

/// Where the CA explains the window, if it is what decides.
fn explained(subject: &Subject<'_>, stored: &Stored) -> Option<String> {
    let window = window(&subject.loaded.record, stored).filter(|_| subject.renew_before.is_none());
    window.and_then(|renewal| renewal.explanation_url.clone())
}

/// The CA's window for exactly this certificate.
pub(crate) fn window<'r>(record: &'r Record, stored: &Stored) -> Option<&'r Renewal> {
    let renewal = record.renewal.as_ref()?;
    let same = stored.leaf.renewal_id.as_deref() == Some(renewal.certificate.as_str());
    (same && renewal.end > renewal.start).then_some(renewal)
}

/// A unix time of the ledger; what lies outside the calendar counts as its end.
pub(crate) fn instant(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
}

#[cfg(test)]
mod tests;
