//! `hydrant cleanup`: moves files that are no longer in use to the archive, or deletes them.

use super::gather::Gathered;
use crate::config::AutoCleanup;
use crate::error::{Error, ExitCode};
use crate::runner::store_error;
use crate::store::StoreError;
use crate::store::files::{Cleanup, Superseded, Tidied, cleanup};

/// Tidies, and prints what was done.
///
/// # Errors
/// The certificate directory cannot be listed.
pub async fn run(gathered: &Gathered, delete: bool) -> Result<ExitCode, Error> {
    let what = if delete { AutoCleanup::Delete } else { AutoCleanup::Archive };
    let cleanup = tidy(gathered, what).await?;
    note_where_no_files_are(gathered);
    if gathered.reporter.is_json() {
        gathered.reporter.json(&to_json(&cleanup));
    } else if !cleanup.done.is_empty() {
        let lines: Vec<String> = cleanup.done.iter().map(ToString::to_string).collect();
        gathered.reporter.document(&lines.join("\n"));
    }
    Ok(if tell_of_the_rest(gathered, cleanup) { ExitCode::Success } else { ExitCode::Failed })
}

/// Tidies all certificate directories; who called says what was done.
///
/// # Errors
/// The certificate directory cannot be listed.
pub async fn tidy(gathered: &Gathered, what: AutoCleanup) -> Result<Cleanup, Error> {
    let superseded = match what {
        AutoCleanup::No => return Ok(Cleanup::default()),
        AutoCleanup::Archive => Superseded::Archive(gathered.config.base_dir.join("archive")),
        AutoCleanup::Delete => Superseded::Delete,
    };
    // Of a secret Vault itself keeps as many versions as its mount says, and nothing else is left over.
    let Some((store, accounts)) = gathered.files() else { return Ok(Cleanup::default()) };
    cleanup(store, accounts, &superseded).await.map_err(store_error)
}

/// Says so where there is nothing to tidy.
pub fn note_where_no_files_are(gathered: &Gathered) {
    if gathered.files().is_none() {
        gathered.reporter.aside(NO_FILES);
    }
}

/// Prints what was left alone and what failed; gives whether nothing failed.
#[must_use]
pub fn tell_of_the_rest(gathered: &Gathered, cleanup: Cleanup) -> bool {
    for (name, holder) in &cleanup.held {
        gathered.reporter.aside(&format!("note: {name}: in work elsewhere ({holder}), left alone"));
    }
    let all_tidied = cleanup.failed.is_empty();
    for (name, error) in cleanup.failed {
        gathered.reporter.error(&Error::failed(NotTidied { name }).hints([error.to_string()]));
    }
    all_tidied
}

/// What is to be said where certificates are in Vault.
const NO_FILES: &str = "note: certificates are in Vault, so there are no superseded files; how many versions of a secret \
                        are kept is a setting of its mount (`max_versions`)";

/// A certificate whose directory could not be tidied.
#[derive(Debug, thiserror::Error)]
#[error("{name}: cannot be tidied")]
struct NotTidied {
    name: String,
}

fn to_json(cleanup: &Cleanup) -> serde_json::Value {
    let tidied = |tidied: &Tidied| {
        let (done, certificate, file) = tidied.parts();
        serde_json::json!({ "done": done, "certificate": certificate, "file": file })
    };
    let held = |(name, holder): &(String, String)| serde_json::json!({ "name": name, "holder": holder });
    let failed = |(name, error): &(String, StoreError)| serde_json::json!({ "name": name, "problem": error.to_string() });
    serde_json::json!({
        "version": 1,
        "done": cleanup.done.iter().map(tidied).collect::<Vec<_>>(),
        "held": cleanup.held.iter().map(held).collect::<Vec<_>>(),
        "failed": cleanup.failed.iter().map(failed).collect::<Vec<_>>(),
        "temporary_files_removed": cleanup.swept,
    })
}
