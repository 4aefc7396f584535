//! `dehydrated --cleanup` and `--cleanup-delete`: files that are no longer in use.

use crate::commands::cleanup::{tell_of_the_rest, tidy};
use crate::commands::gather::Gathered;
use crate::config::AutoCleanup;
use crate::error::{Error, ExitCode};
use crate::report::Event;
use crate::store::files::Tidied;

/// Tidies, and says what was done as dehydrated does, each line after `prefix`.
///
/// # Errors
/// The certificate directory cannot be listed.
pub(super) async fn cleanup(gathered: &Gathered, what: AutoCleanup, prefix: &str) -> Result<ExitCode, Error> {
    let cleanup = tidy(gathered, what).await?;
    for tidied in &cleanup.done {
        gathered.reporter.event(&Event::Notice(&format!("{prefix}{}", line(gathered, tidied))));
    }
    Ok(if tell_of_the_rest(gathered, cleanup) { ExitCode::Success } else { ExitCode::Failed })
}

fn line(gathered: &Gathered, tidied: &Tidied) -> String {
    match tidied {
        Tidied::Archived { certificate, file } => {
            format!("Moving unused file to archive directory: {certificate}/{file}")
        }
        Tidied::BrokenLink { certificate, file } => {
            let link = gathered.config.certs_dir.join(certificate).join(file);
            format!("Removing broken symlink: {}", link.display())
        }
        Tidied::Deleted { certificate, file } => format!("Deleting unused file: {certificate}/{file}"),
    }
}
