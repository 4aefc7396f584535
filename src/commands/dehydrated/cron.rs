//! `dehydrated --cron`: issues what is missing, renews what is due, in dehydrated's sequence of calls.

use time::OffsetDateTime;

use super::cleanup::cleanup;
use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::config::AutoCleanup;
use crate::error::{Error, ExitCode};
use crate::hook::Operation;
use crate::propagation::Propagation;
use crate::report::Event;
use crate::runner::{Responders, Runner};

/// Runs over the list. `list_error` is what is wrong with it behind the last entry; `force` renews what is not due.
///
/// # Errors
/// Whatever concerns the run as a whole.
pub(super) async fn cron(
    gathered: &Gathered,
    list_error: Option<Error>,
    force: bool,
) -> Result<ExitCode, Error> {
    let session = Session::begin(gathered, "sign_domains").await?;
    let signals = session.signals.clone();
    ended(&signals, carry_out(session, list_error, force).await)
}

async fn carry_out(session: Session<'_>, list_error: Option<Error>, force: bool) -> Result<ExitCode, Error> {
    let gathered = session.gathered;
    session
        .run(async {
            // As dehydrated does, before the first call; without a hook the CA may not be needed at all.
            if !gathered.config.hooks.is_empty() {
                session.account().await?;
            }
            session.probe().await
        })
        .await?;
    let destinations = session.hooks.wanting_ever(Operation::DeployCert);
    let Session { authorities, hooks, signals, stop, lock: _lock, .. } = session;
    let runner = Runner {
        config: &gathered.config,
        store: gathered.store(),
        authorities,
        hooks,
        destinations,
        responders: Responders::default(),
        propagation: Propagation::new(&gathered.config.resolvers),
        stop,
        signals,
        reporter: &gathered.reporter,
        force,
        deliver_only: false,
        whole_list: gathered.is_whole(),
        list_error,
        now: OffsetDateTime::now_utc(),
    };
    let mut summary = runner.run(gathered.entries()).await?;
    summary.refused = gathered.refused();
    let code = summary.exit_code(OffsetDateTime::now_utc(), gathered.config.cadence());
    // As dehydrated: only a run that came to its end tidies up.
    let wanted = gathered.config.auto_cleanup;
    if wanted != AutoCleanup::No && summary.broken_off.is_none() && summary.interrupted.is_none() {
        gathered.reporter.event(&Event::Notice(" + Running automatic cleanup"));
        cleanup(gathered, wanted, " + ").await?;
    }
    Ok(code)
}
