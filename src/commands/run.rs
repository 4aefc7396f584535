//! `hydrant run`, `issue` and `deliver`: brings what is stored to what is declared.

use time::OffsetDateTime;

use super::gather::Gathered;
use crate::error::{Error, ExitCode};
use crate::hook::{HookContext, Hooks};
use crate::report::{Event, HookLineSink, Summary};
use crate::responder::Responder;
use crate::runner::{Authorities, Runner, Signals, hook_error};
use crate::store::transient::Rehearsal;

/// What was typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Renew although nothing is due.
    pub force: bool,
    /// Refuse the whole list for one bad line.
    pub strict: bool,
    /// Only make outstanding deliveries and clean outstanding challenges.
    pub deliver_only: bool,
}

/// Runs, and prints what came of it.
///
/// # Errors
/// Whatever concerns the run as a whole.
pub async fn run(gathered: &Gathered, options: RunOptions) -> Result<ExitCode, Error> {
    if options.strict && gathered.refused() > 0 {
        return Err(Error::config(Strict(gathered.refused())));
    }
    let mut summary = carry_out(gathered, options).await?;
    summary.refused = gathered.refused();
    let code = summary.exit_code(OffsetDateTime::now_utc(), gathered.config.cadence);
    if gathered.reporter.is_json() {
        gathered.reporter.json(&summary.to_json(code));
    } else {
        gathered.reporter.event(&Event::Notice(&summary.line()));
    }
    Ok(code)
}

async fn carry_out(gathered: &Gathered, options: RunOptions) -> Result<Summary, Error> {
    let config = &gathered.config;
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let reporter = &gathered.reporter;
    let rehearsal = Rehearsal::new(gathered.store());
    let store = if config.dry_run { &rehearsal } else { gathered.store() };
    let context = HookContext::new(config, "sign_domains");
    let hooks = Hooks::start(config.hooks.clone(), context, HookLineSink::new(reporter), stop.clone()).await;
    let hooks = hooks.map_err(|error| hook_error(&error))?;
    let runner = Runner {
        config,
        store,
        authorities: Authorities::new(config, gathered.files(), reporter),
        hooks,
        responder: Responder::new(config.responder()),
        stop,
        signals,
        reporter,
        force: options.force,
        deliver_only: options.deliver_only,
        now: OffsetDateTime::now_utc(),
    };
    runner.run(gathered.entries()).await
}

/// `run --strict` and a line that is not valid.
#[derive(Debug, thiserror::Error)]
#[error("{} not valid, and --strict was given", if *.0 == 1 { "a line is".to_owned() } else { format!("{} lines are", .0) })]
struct Strict(usize);
