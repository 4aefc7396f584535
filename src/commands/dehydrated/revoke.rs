//! `dehydrated --revoke`: tells the CA, then renames the file, so that the next `--cron` issues anew; one in Vault has no
//! file, and its record says so.

use std::path::Path;

use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::commands::revoke::{revoke_file, revoke_stored, stored_for};
use crate::error::{Error, ExitCode};

/// Revokes the certificate in a file.
///
/// # Errors
/// It cannot be read, or the CA refuses; then it keeps its name.
pub(super) async fn revoke(gathered: &Gathered, path: &Path) -> Result<ExitCode, Error> {
    let session = Session::begin(gathered, "revoke").await?;
    let revoked = session
        .run(async {
            if let Some(name) = stored_for(gathered, path).await? {
                let already = revoke_stored(gathered, &session.authorities, &name).await?;
                session.say(&format!("Revoking {name}"));
                session.say(done(already));
                session.say(" + The next run renews it.");
                return Ok(ExitCode::Success);
            }
            let revoked = revoke_file(gathered, &session.authorities, path).await.map_err(|error| {
                let is_in_vault = gathered.files().is_none();
                if is_in_vault {
                    error.hint("certificates are in Vault: name one as it is kept there")
                } else {
                    error
                }
            })?;
            session.say(&format!("Revoking {}", revoked.file.display()));
            session.say(done(revoked.already));
            session.say(&format!(" + Renaming certificate to {}", revoked.renamed.display()));
            Ok(ExitCode::Success)
        })
        .await;
    ended(&session.signals, revoked)
}

fn done(already: bool) -> &'static str {
    if already { " + Was revoked already." } else { " + Done." }
}
