//! `dehydrated --cron`: issues what is missing, renews what is due, in dehydrated's sequence of calls.

use time::OffsetDateTime;

use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::error::{Error, ExitCode};
use crate::hook::Operation;
use crate::report::Summary;
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
    let session = Session::begin(gathered, "sign_domains")?;
    let signals = session.signals.clone();
    let summary = carry_out(session, list_error, force).await;
    ended(
        &signals,
        summary.map(|mut summary| {
            summary.refused = gathered.refused();
            summary.exit_code(OffsetDateTime::now_utc(), gathered.config.cadence())
        }),
    )
}

async fn carry_out(
    session: Session<'_>,
    list_error: Option<Error>,
    force: bool,
) -> Result<Summary, Error> {
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
    let Session { authorities, hooks, signals, stop, .. } = session;
    let runner = Runner {
        config: &gathered.config,
        store: gathered.store(),
        authorities,
        hooks,
        destinations,
        responders: Responders::default(),
        stop,
        signals,
        reporter: &gathered.reporter,
        force,
        deliver_only: false,
        whole_list: gathered.is_whole(),
        list_error,
        now: OffsetDateTime::now_utc(),
    };
    runner.run(gathered.entries()).await
}
