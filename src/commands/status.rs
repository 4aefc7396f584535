//! `hydrant status`: what is stored, when it expires, what is owed.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::gather::Gathered;
use super::plan::{Planned, Seen};
use crate::error::{Error, ExitCode};
use crate::ledger::Renewal;
use crate::plan::{instant, window};
use crate::report::table::table;
use crate::report::words::{List, When, rfc3339};
use crate::store::Stored;
use crate::tenant::Tenancy;

/// Prints a line for every certificate of the list.
///
/// # Errors
/// The store cannot be read.
pub async fn status(gathered: &Gathered) -> Result<ExitCode, Error> {
    // What may be asked for is no matter of what is stored: Vault is not asked who we are.
    let (declared, tenancy) = (super::plan::declared(gathered), Tenancy::default());
    let steps = super::plan::steps(gathered, &declared, &tenancy).await?;
    let now = OffsetDateTime::now_utc();
    if gathered.reporter.is_json() {
        let certificates: Vec<_> = steps.iter().map(|planned| to_json(planned, now)).collect();
        gathered.reporter.json(&json!({ "version": 1, "certificates": certificates }));
    } else {
        let head = ["certificate", "expires", "days left", "state"];
        let mut rows = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
        rows.extend(steps.iter().map(|planned| row(planned, now)));
        gathered.reporter.document(&table(&rows));
    }
    let all_readable = steps.iter().all(|planned| planned.seen.is_ok());
    Ok(if all_readable { ExitCode::Success } else { ExitCode::Failed })
}

fn row(planned: &Planned, now: OffsetDateTime) -> Vec<String> {
    let stored = planned.seen.as_ref().ok().and_then(|seen| seen.loaded.stored.as_ref());
    let (expires, left) = match stored {
        Some(stored) => (When(stored.leaf.not_after).to_string(), days_left(stored, now).to_string()),
        None => ("-".to_owned(), "-".to_owned()),
    };
    vec![planned.name.to_string(), expires, left, state(planned)]
}

/// What is to be done, and what is owed besides.
fn state(planned: &Planned) -> String {
    let mut parts = vec![format!("{}: {}", planned.action(), planned.because())];
    for hooks in planned.seen.iter().map(|seen| &seen.owed_elsewhere).filter(|hooks| !hooks.is_empty()) {
        parts.push(format!(
            "not delivered to {}, which {} no deliveries here",
            List(hooks),
            if hooks.len() == 1 { "takes" } else { "take" }
        ));
    }
    let owed = planned.seen.iter().flat_map(|seen| &seen.loaded.record.owed_cleaning);
    let names: Vec<&str> = owed.map(|owed| owed.answer.identifier.as_str()).collect();
    if !names.is_empty() {
        parts.push(format!("challenges to clean: {}", List(&names)));
    }
    parts.join("; ")
}

fn days_left(stored: &Stored, now: OffsetDateTime) -> i64 {
    (stored.leaf.not_after - now).whole_days()
}

fn to_json(planned: &Planned, now: OffsetDateTime) -> Value {
    let Ok(seen) = &planned.seen else {
        return json!({
            "name": planned.name, "action": planned.action(), "because": planned.because(),
        });
    };
    let Seen { step, loaded, .. } = seen;
    let record = &loaded.record;
    let stored = loaded.stored.as_ref();
    json!({
        "name": planned.name,
        "action": planned.action(),
        "because": step.because.to_string(),
        "names": stored.map(|stored| &stored.leaf.names),
        "not_before": stored.map(|stored| rfc3339(stored.leaf.not_before)),
        "not_after": stored.map(|stored| rfc3339(stored.leaf.not_after)),
        "days_left": stored.map(|stored| days_left(stored, now)),
        "issuer": stored.map(|stored| &stored.leaf.issuer),
        "fingerprint": stored.map(|stored| &stored.leaf.fingerprint),
        "renewal_brings": seen.pending_json(),
        "renewal_window": stored.and_then(|stored| window(record, stored)).map(renewal_window),
        "revoked": record.revoked.is_some(),
        "deliveries": record.deliveries,
        "challenges_to_clean": record.owed_cleaning.len(),
        "failures": record.failures.as_ref().map(|failures| failures.count),
        "last_problem": record.failures.as_ref().map(|failures| &failures.last),
    })
}

/// The CA's window, and the instant in it that was chosen.
fn renewal_window(renewal: &Renewal) -> Value {
    let at = |unix| rfc3339(instant(unix));
    json!({
        "start": at(renewal.start),
        "end": at(renewal.end),
        "chosen": at(renewal.chosen),
        "explanation_url": renewal.explanation_url,
    })
}
