//! What happens, told as lecertvend tells it: a line for each secret, with the days it is valid for.

use time::OffsetDateTime;

use super::Event;
use super::words::List;
use crate::config::lecertvend::path_of;
use crate::identifier::CertName;
use crate::plan::{Because, Step};

/// Whether it is about one certificate, or about all of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    One,
    All,
}

/// Said when all have been looked at.
pub(super) const BEGUN: &str = "renewals started, waiting for completion...";

/// The line for an event, where it has one of its own.
pub(super) fn line(event: &Event<'_>, many: Many) -> Option<String> {
    match event {
        Event::Unchanged(step) | Event::UnchangedAtAGlance { step, .. } => Some(unchanged(step, many)),
        Event::Started(step) => Some(started(step, many)),
        Event::Issued { name, .. } => {
            Some(format!("Newly issued certificate and key written to {}", path_of(name)))
        }
        _ => None,
    }
}

fn unchanged(step: &Step, many: Many) -> String {
    let found = found(&step.name, days_left(step), many);
    match many {
        Many::One => format!("{found}."),
        Many::All => format!("{found}, taking no action."),
    }
}

fn started(step: &Step, many: Many) -> String {
    let path = path_of(&step.name);
    let found = found(&step.name, days_left(step), many);
    match &step.because {
        Because::NotStored => format!("No existing cert at {path}, issuing new..."),
        Because::NamesDiffer { added, removed } => {
            let lacking = (!added.is_empty()).then(|| format!("lacks {}", List(added)));
            let more = (!removed.is_empty()).then(|| format!("has {} too many", List(removed)));
            let differs: Vec<String> = lacking.into_iter().chain(more).collect();
            format!("Cert at {path} {}, issuing new...", differs.join(" and "))
        }
        Because::RenewBefore(_) | Because::RenewAlways => {
            format!("{found}, less than asked for, issuing new...")
        }
        because if step.not_after.is_some() => format!("{found}: {because}, issuing new..."),
        because => format!("Cert at {path}: {because}, issuing new..."),
    }
}

fn found(name: &CertName, days: i64, many: Many) -> String {
    let path = path_of(name);
    match many {
        Many::One => format!("Cert at {path} has {days} days validity remaining"),
        Many::All => format!("cert in secret {path} has {days} days of validity remaining"),
    }
}

/// Whole days.
fn days_left(step: &Step) -> i64 {
    step.not_after.map_or(0, |not_after| (not_after - OffsetDateTime::now_utc()).whole_days())
}
