//! Certificates that are no longer declared: what was deployed for them is cleaned all the same.

use futures_util::{StreamExt as _, stream};

use super::leftovers::{AT_ONCE, CleanedOne, owes_cleaning};
use super::{Runner, hook_error, store_error};
use crate::domains::Entry;
use crate::error::Error;
use crate::identifier::CertName;
use crate::store::LoadResult;

/// Cleans what earlier runs deployed for certificates without an entry; gives what stays to be cleaned.
///
/// # Errors
/// The records cannot be listed, or a hook fails at the probe.
pub(super) async fn clean(runner: &Runner<'_>, entries: &[Entry]) -> Result<Vec<String>, Error> {
    let declared: Vec<CertName> = entries.iter().map(|entry| entry.name.clone()).collect();
    let reading = async {
        let names = runner.store.recorded(&declared).await?;
        let loaded = runner.store.load_all(&names).await?;
        Ok((names, loaded))
    };
    let Some(read) = runner.stop.unless_stopped(reading).await else { return Ok(Vec::new()) };
    let (names, loaded) = read.map_err(store_error)?;
    // What a record that cannot be read has to say concerns nobody any more.
    let owes = |loaded: &LoadResult| {
        loaded.as_ref().is_ok_and(|loaded| owes_cleaning(&runner.hooks, &loaded.record))
    };
    let owing: Vec<_> = names.iter().zip(&loaded).filter(|(_, loaded)| owes(loaded)).collect();
    if owing.is_empty() || runner.stop.is_stopped() {
        return Ok(Vec::new());
    }
    runner.hooks.ready().await.map_err(|error| hook_error(&error))?;
    let leftovers = runner.leftovers();
    let cleaning = owing.into_iter().map(|(name, _)| leftovers.clean_one(name, &[], false));
    let mut cleaning = stream::iter(cleaning).buffered(AT_ONCE);
    let mut problems = Vec::new();
    while let Some(cleaned) = cleaning.next().await {
        match cleaned {
            Ok(CleanedOne::Here { errors, .. }) => problems.extend(errors),
            // Another run that has it in work cleans it.
            Ok(CleanedOne::HeldBy(_)) => {}
            Err(error) => {
                runner.reporter.error(&error);
                problems.push(error.to_string());
            }
        }
    }
    Ok(problems)
}
