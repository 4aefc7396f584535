//! Why a step is taken, in words.

use std::fmt;

use time::OffsetDateTime;

use crate::identifier::Identifier;
use crate::report::words::{List, When};

/// The reason for a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// An earlier attempt failed, and the next is not due before `until`.
    Backoff {
        /// When it is tried again.
        until: OffsetDateTime,
        /// How often it has failed in a row.
        failures: u32,
        /// The last problem.
        last: String,
    },
    /// What is stored cannot be used.
    Damaged(String),
    /// Hooks that did not get what is stored.
    DeliveryOwed(Vec<String>),
    /// What is stored has expired.
    Expired(OffsetDateTime),
    /// The person asked for it.
    Forced,
    /// A third of the lifetime is left (half, when it is under ten days), and the CA names no window.
    LifetimeLeft(OffsetDateTime),
    /// The declared names are not those on the certificate.
    NamesDiffer {
        /// Declared, not on the certificate.
        added: Vec<Identifier>,
        /// On the certificate, not declared.
        removed: Vec<Identifier>,
    },
    /// The next run would come too late.
    NextRunTooLate {
        /// The instant that falls before the next run.
        due: OffsetDateTime,
        /// Where the CA explains its window.
        explained: Option<String>,
    },
    /// Nothing is due before this instant.
    NotDue {
        /// When a renewal is due.
        due: OffsetDateTime,
        /// Where the CA explains its window.
        explained: Option<String>,
    },
    /// Nothing is stored.
    NotStored,
    /// An order of a run that was cut off is open.
    OrderPending,
    /// The rules of tenants do not allow it.
    Refused(String),
    /// Less than `renew_before` is left.
    RenewBefore(OffsetDateTime),
    /// `renew_before` is as long as the certificate's life or longer.
    RenewAlways,
    /// What is stored was revoked.
    Revoked,
    /// New files wait for `sync_cert` or for their links.
    SwitchPending,
    /// The instant chosen in the CA's renewal window has come.
    WindowOpen {
        /// The instant.
        chosen: OffsetDateTime,
        /// Where the CA explains its window.
        explained: Option<String>,
    },
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backoff { until, failures, last } => {
                let times = if *failures == 1 { "once".to_owned() } else { format!("{failures} times") };
                write!(f, "failed {times}, next attempt from {}: {last}", When(*until))
            }
            Self::Damaged(what) => write!(f, "what is stored is damaged: {what}"),
            Self::DeliveryOwed(hooks) => write!(f, "not yet delivered to {}", List(hooks)),
            Self::Expired(at) => write!(f, "expired {}", When(*at)),
            Self::Forced => f.write_str("asked for"),
            Self::LifetimeLeft(at) => write!(f, "a renewal is due since {}", When(*at)),
            Self::NamesDiffer { added, removed } => match (added.is_empty(), removed.is_empty()) {
                (false, true) => write!(f, "names were added: {}", List(added)),
                (true, _) => write!(f, "names were removed: {}", List(removed)),
                (false, false) => {
                    write!(f, "names were added: {}, and removed: {}", List(added), List(removed))
                }
            },
            Self::NextRunTooLate { due, explained } => {
                write!(f, "a renewal is due {}, before the next run{}", When(*due), Explained(explained))
            }
            Self::NotDue { due, explained } => {
                write!(f, "a renewal is due {}{}", When(*due), Explained(explained))
            }
            Self::NotStored => f.write_str("nothing is stored"),
            Self::OrderPending => f.write_str("an earlier run was cut off"),
            Self::Refused(why) => f.write_str(why),
            Self::RenewBefore(at) => write!(f, "renew_before is reached since {}", When(*at)),
            Self::RenewAlways => {
                f.write_str("renew_before is not shorter than its lifetime: every run renews it")
            }
            Self::Revoked => f.write_str("it was revoked"),
            Self::SwitchPending => f.write_str("new files wait to be put in place"),
            Self::WindowOpen { chosen, explained } => {
                let (chosen, explained) = (When(*chosen), Explained(explained));
                write!(f, "the CA's renewal window: chosen instant {chosen}{explained}")
            }
        }
    }
}

/// RFC 9773 §4.2: people are to be shown where the CA explains its window.
struct Explained<'a>(&'a Option<String>);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(url) => write!(f, ", explained at {url}"),
            None => Ok(()),
        }
    }
}
