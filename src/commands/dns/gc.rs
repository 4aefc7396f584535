//! `hydrant dns gc`: finds challenge records that were left behind, and cleans them up.

use std::collections::BTreeMap;

use serde_json::json;
use time::OffsetDateTime;

use crate::commands::gather::Gathered;
use crate::commands::run::{SIGN_DOMAINS, find_hooks};
use crate::config::duration::Humane;
use crate::error::{Error, ExitCode};
use crate::report::table::table;
use crate::report::words::{Count, rfc3339};
use crate::runner::{Findings, Leftovers, Responders, Signals, State, Value, Wish, hook_error};

/// Cleans what is owed, shows what else is there, and prints what came of it.
///
/// # Errors
/// Whatever concerns all certificates: the store, a hook that cannot be started.
pub async fn gc(gathered: &Gathered, older_than: Option<Humane>) -> Result<ExitCode, Error> {
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let config = &gathered.config;
    let hooks = find_hooks(gathered, SIGN_DOMAINS, &stop)?;
    hooks.ready().await.map_err(|error| hook_error(&error))?;
    hooks.startup().await.map_err(|error| hook_error(&error))?;
    let leftovers = Leftovers {
        config,
        store: gathered.store(),
        hooks: &hooks,
        responders: &Responders::default(),
        stop: &stop,
        reporter: &gathered.reporter,
    };
    let now = OffsetDateTime::now_utc();
    let wish = Wish {
        older_than: older_than.map(Humane::get),
        dry_run: config.dry_run,
        whole_list: gathered.is_whole(),
        now,
    };
    let found = leftovers.collect(gathered.entries(), wish).await;
    let message = found.as_ref().err().map(ToString::to_string);
    let exited = hooks.exit(&[], message.as_deref()).await;
    let mut findings = found?;
    if let Err(error) = exited {
        let error = hook_error(&error);
        gathered.reporter.error(&error);
        findings.problems.push(error.to_string());
    }
    print(gathered, &findings, now);
    let failed = if findings.problems.is_empty() { ExitCode::Success } else { ExitCode::Failed };
    Ok(signals.exit_code().unwrap_or(failed))
}

fn print(gathered: &Gathered, findings: &Findings, now: OffsetDateTime) {
    let (reporter, dry_run) = (&gathered.reporter, gathered.config.dry_run);
    for (name, holder) in &findings.held {
        reporter.aside(&format!("note: {name}: in work elsewhere ({holder}), left alone"));
    }
    for (name, hook) in &findings.orphaned {
        reporter.aside(&format!(
            "note: {name}: a challenge is owed by hook `{hook}`, which is not part of this run"
        ));
    }
    if findings.values.is_none() {
        reporter.aside("note: no hook here can list challenges; what others left behind is not known");
    }
    if reporter.is_json() {
        reporter.json(&to_json(findings, dry_run, now));
        return;
    }
    let mut text = String::new();
    let mut cleaned: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &findings.cleaned {
        *cleaned.entry(name.as_str()).or_default() += 1;
    }
    let done = if dry_run { "would be cleaned" } else { "cleaned" };
    for (name, count) in cleaned {
        text.push_str(&format!("{name}: {} {done}\n", Count(count, "challenge")));
    }
    let values = findings.values.as_deref().unwrap_or_default();
    if !values.is_empty() {
        let head = ["record", "value", "age", "certificate", "state"].map(str::to_owned).to_vec();
        let rows = values.iter().map(|value| row(value, dry_run, now));
        text.push_str(&table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()));
    }
    text.push_str(&summary(findings, dry_run));
    reporter.document(&text);
}

fn row(value: &Value, dry_run: bool, now: OffsetDateTime) -> Vec<String> {
    let certificate = value.certificate.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let age = value.since.map_or_else(|| "-".to_owned(), |since| age(now - since));
    vec![value.record.clone(), value.value.clone(), age, certificate, state(value.state, dry_run).to_owned()]
}

fn state(state: State, dry_run: bool) -> &'static str {
    match state {
        State::Foreign => "foreign",
        State::LeftBehind => "left behind",
        State::InWork => "in work",
        State::Owed if dry_run => "would be cleaned",
        State::Owed => "to be cleaned",
        State::Removed if dry_run => "would be removed",
        State::Removed => "removed",
    }
}

/// By its largest unit: nobody needs it more exactly.
fn age(age: time::Duration) -> String {
    match age.whole_seconds().max(0) {
        seconds @ 86_400.. => format!("{}d", seconds / 86_400),
        seconds @ 3_600.. => format!("{}h", seconds / 3_600),
        seconds @ 60.. => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn summary(findings: &Findings, dry_run: bool) -> String {
    let values = findings.values.as_deref().unwrap_or_default();
    let count = |state| values.iter().filter(|value| value.state == state).count();
    let mut parts = vec![format!("{} cleaned", Count(findings.cleaned.len(), "challenge"))];
    if findings.values.is_some() {
        parts.push(format!("{} removed", Count(count(State::Removed), "value")));
        parts.push(format!("{} left behind", count(State::LeftBehind)));
        parts.push(format!("{} foreign", count(State::Foreign)));
    }
    let before = if dry_run { "dry run, nothing is changed: " } else { "" };
    format!("{before}{}", parts.join(", "))
}

fn to_json(findings: &Findings, dry_run: bool, now: OffsetDateTime) -> serde_json::Value {
    let value = |value: &Value| {
        json!({
            "record": value.record,
            "value": value.value,
            "hook": value.hook,
            "certificate": value.certificate,
            "since": value.since.map(rfc3339),
            "age": value.since.map(|since| (now - since).whole_seconds().max(0)),
            "state": value.state.as_str(),
        })
    };
    let cleaned = findings.cleaned.iter().map(
        |(name, answer)| json!({ "certificate": name, "name": answer.identifier, "value": answer.value }),
    );
    let held = findings.held.iter().map(|(name, holder)| json!({ "name": name, "holder": holder }));
    let orphaned = findings.orphaned.iter().map(|(name, hook)| json!({ "name": name, "hook": hook }));
    json!({
        "version": 1,
        "dry_run": dry_run,
        "cleaned": cleaned.collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
        "orphaned": orphaned.collect::<Vec<_>>(),
        "values": findings.values.as_ref().map(|values| values.iter().map(value).collect::<Vec<_>>()),
        "problems": findings.problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_by_its_largest_unit() {
        let age = |seconds| age(time::Duration::seconds(seconds));
        assert_eq!([age(-5), age(59), age(60), age(7_199), age(86_400)], ["0s", "59s", "1m", "1h", "1d"]);
    }
}
