//! `dehydrated --revoke`: tells the CA, then renames the file, so that the next `--cron` issues anew.

use std::path::Path;

use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::error::{Error, ExitCode};

/// Revokes the certificate in a file.
///
/// # Errors
/// It cannot be read, or the CA refuses; then it keeps its name.
pub(super) async fn revoke(gathered: &Gathered, path: &Path) -> Result<ExitCode, Error> {
    let session = Session::begin(gathered, "revoke")?;
    let revoked = session.run(async { todo(path).await }).await;
    ended(&session.signals, revoked)
}
