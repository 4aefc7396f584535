//! `dehydrated --revoke`: tells the CA, then renames the file, so that the next `--cron` issues anew.

use std::path::Path;

use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::commands::revoke::revoke_file;
use crate::error::{Error, ExitCode};

/// Revokes the certificate in a file.
///
/// # Errors
/// It cannot be read, or the CA refuses; then it keeps its name.
pub(super) async fn revoke(gathered: &Gathered, path: &Path) -> Result<ExitCode, Error> {
    let session = Session::begin(gathered, "revoke").await?;
    let revoked = session
        .run(async {
            let revoked = revoke_file(gathered, &session.authorities, path).await?;
            session.say(&format!("Revoking {}", revoked.file.display()));
            session.say(if revoked.already { " + Was revoked already." } else { " + Done." });
            session.say(&format!(" + Renaming certificate to {}", revoked.renamed.display()));
            Ok(ExitCode::Success)
        })
        .await;
    ended(&session.signals, revoked)
}
