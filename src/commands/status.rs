//! `hydrant status`: what is stored, when it expires, what is owed.

use time::OffsetDateTime;

use super::gather::Gathered;
use super::plan::Planned;
use crate::error::{Error, ExitCode};
use crate::identifier::CertName;
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
        gathered.reporter.json(&serde_json::json!({ "version": 1, "certificates": certificates }));
        return Ok(ExitCode::Success);
    }
    let head = ["certificate", "expires", "days left", "state"];
    let mut rows = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
    rows.extend(steps.iter().map(|planned| row(planned, now)));
    gathered.reporter.document(&table(&rows));
    Ok(ExitCode::Success)
}

fn row(planned: &Planned, now: OffsetDateTime) -> Vec<String> {
    let (expires, left) = match &planned.loaded.stored {
        Some(stored) => (When(stored.leaf.not_after).to_string(), days_left(stored, now).to_string()),
        None => ("-".to_owned(), "-".to_owned()),
    };
    vec![planned.step.name.to_string(), expires, left, state(planned)]
}

/// What is to be done, and what is owed besides.
fn state(planned: &Planned) -> String {
    let record = &planned.loaded.record;
    let mut parts = vec![format!("{}: {}", planned.step.action.as_str(), planned.because())];
    if !record.owed_cleaning.is_empty() {
        let names: Vec<&str> =
            record.owed_cleaning.iter().map(|owed| owed.answer.identifier.as_str()).collect();
        parts.push(format!("challenges to clean: {}", List(&names)));
    }
    parts.join("; ")
}

fn days_left(stored: &Stored, now: OffsetDateTime) -> i64 {
    (stored.leaf.not_after - now).whole_days()
}

fn to_json(planned: &Planned, now: OffsetDateTime) -> serde_json::Value {
    let Planned { step, loaded, .. } = planned;
    let record = &loaded.record;
    let stored = loaded.stored.as_ref();
    let name: &CertName = &step.name;
    serde_json::json!({
        "name": name,
        "action": step.action.as_str(),
        "because": step.because.to_string(),
        "names": stored.map(|stored| &stored.leaf.names),
        "not_before": stored.map(|stored| rfc3339(stored.leaf.not_before)),
        "not_after": stored.map(|stored| rfc3339(stored.leaf.not_after)),
        "days_left": stored.map(|stored| days_left(stored, now)),
        "issuer": stored.map(|stored| &stored.leaf.issuer),
        "fingerprint": stored.map(|stored| &stored.leaf.fingerprint),
        "renewal_brings": planned.pending_json(),
        "renewal_window": stored.and_then(|stored| window(record, stored)).map(renewal_window),
        "revoked": record.revoked.is_some(),
        "deliveries": record.deliveries,
        "challenges_to_clean": record.owed_cleaning.len(),
        "failures": record.failures.as_ref().map(|failures| failures.count),
        "last_problem": record.failures.as_ref().map(|failures| &failures.last),
    })
}

/// The CA's window, and the instant in it that was chosen.
fn renewal_window(renewal: &Renewal) -> serde_json::Value {
    let at = |unix| rfc3339(instant(unix));
    serde_json::json!({
        "start": at(renewal.start),
        "end": at(renewal.end),
        "chosen": at(renewal.chosen),
        "explanation_url": renewal.explanation_url,
    })
}
