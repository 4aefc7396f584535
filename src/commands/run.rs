//! `hydrant run`, `issue` and `deliver`: brings what is stored to what is declared.

use std::collections::BTreeSet;
use std::rc::Rc;

use time::OffsetDateTime;

use super::gather::Gathered;
use super::plan::first_of;
use super::{cleanup, tenants};
use crate::config::account::HmacKey;
use crate::config::{Config, HookSequence, OnFailure};
use crate::error::{Error, ExitCode};
use crate::hook::{
    HookContext, HookLine, HookSettings, Hooks, LineSink, Operation, Sequence, Stop, WITHHELD,
};
use crate::propagation::Propagation;
use crate::report::words::List;
use crate::report::{Event, Summary, Verbosity};
use crate::runner::{Authorities, Responders, Runner, Signals, hook_error};
use crate::store::Store;
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
    if gathered.is_whole() && !gathered.config.dry_run && summary.interrupted.is_none() {
        let cleanup = cleanup::tidy(gathered, gathered.config.auto_cleanup).await?;
        for tidied in &cleanup.done {
            gathered.reporter.event(&Event::Notice(&tidied.to_string()));
        }
        if !cleanup::tell_of_the_rest(gathered, cleanup) {
            summary.problems.push("not all superseded files could be tidied away".to_owned());
        }
    }
    let code = summary.exit_code(OffsetDateTime::now_utc(), gathered.config.cadence());
    if let Some(note) = elsewhere_note(&summary).filter(|_| gathered.reporter.verbosity() > Verbosity::Quiet)
    {
        gathered.reporter.aside(&note);
    }
    if gathered.reporter.is_json() {
        gathered.reporter.json(&summary.to_json(code));
    } else {
        let line = summary.line();
        let line = if gathered.config.dry_run { format!("dry run, nothing is kept: {line}") } else { line };
        gathered.reporter.event(&Event::Notice(&line));
    }
    Ok(code)
}

/// The line that says which deliveries are owed to hooks that this run does not deliver to.
fn elsewhere_note(summary: &Summary) -> Option<String> {
    let owing = || summary.certificates.iter().filter(|report| !report.owed_elsewhere.is_empty());
    let hooks: BTreeSet<&str> =
        owing().flat_map(|report| &report.owed_elsewhere).map(String::as_str).collect();
    let hooks: Vec<&str> = hooks.into_iter().collect();
    let names: Vec<&str> = owing().map(|report| report.name.as_str()).collect();
    let take = match hooks.len() {
        0 => return None,
        1 => "takes",
        _ => "take",
    };
    Some(format!(
        "note: not delivered to {}, which {take} no deliveries in this run: {}",
        List(&hooks),
        first_of(&names)
    ))
}

pub(in crate::commands) async fn carry_out(
    gathered: &Gathered,
    options: RunOptions,
) -> Result<Summary, Error> {
    let config = &gathered.config;
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let reporter = &gathered.reporter;
    let tenancy = match stop.unless_stopped(tenants::tenancy(gathered)).await {
        Some(tenancy) => tenancy?,
        None => return Ok(Summary { interrupted: signals.exit_code(), ..Summary::default() }),
    };
    let rehearsal = Rehearsal::new(gathered.store());
    let store: &dyn Store = if config.dry_run { &rehearsal } else { gathered.store() };
    let hooks = start_hooks(gathered, SIGN_DOMAINS, &stop).await?;
    let destinations = hooks.wanting_ever(Operation::DeployCert);
    let runner = Runner {
        config,
        tenancy,
        store,
        authorities: Authorities::new(config, gathered.accounts(), reporter),
        hooks,
        destinations,
        responders: Responders::default(),
        propagation: Propagation::new(&config.resolvers),
        stop,
        signals,
        reporter,
        force: options.force,
        deliver_only: options.deliver_only,
        whole_list: gathered.is_whole(),
        list_error: None,
        now: OffsetDateTime::now_utc(),
    };
    let ended = runner.run(gathered.entries()).await;
    match runner.signals.exit_code() {
        // Whatever else went wrong, it was the signal that ended it.
        Some(code) if ended.is_err() => Ok(Summary { interrupted: Some(code), ..Summary::default() }),
        _ => ended,
    }
}

/// Finds and probes the hooks. `command` is what dehydrated calls what is being done.
pub(super) async fn start_hooks(gathered: &Gathered, command: &str, stop: &Stop) -> Result<Hooks, Error> {
    let hooks = find_hooks(gathered, command, stop)?;
    hooks.probe().await.map_err(|error| hook_error(&error))?;
    Ok(hooks)
}

/// Finds the hooks and calls none.
pub(in crate::commands) fn find_hooks(
    gathered: &Gathered,
    command: &str,
    stop: &Stop,
) -> Result<Hooks, Error> {
    find_these_hooks(gathered, gathered.config.hooks.clone(), command, stop)
}

/// The same for a request that somebody else made: there is no line that hooks could be called for, and no file.
pub(in crate::commands) fn find_hooks_for_request(gathered: &Gathered, stop: &Stop) -> Result<Hooks, Error> {
    use Operation::{CleanChallenge, DeployChallenge, ExitHook, InvalidChallenge, RequestFailure};
    let concerns = [DeployChallenge, CleanChallenge, InvalidChallenge, RequestFailure, ExitHook];
    let mut hooks = gathered.config.hooks.clone();
    for hook in &mut hooks {
        let configured = hook.operations.as_ref();
        let wanted = concerns.into_iter().filter(|one| configured.is_none_or(|list| list.contains(one)));
        hook.operations = Some(wanted.collect());
    }
    find_these_hooks(gathered, hooks, SIGN_CSR, stop)
}

/// The same for some of the hooks.
pub(in crate::commands) fn find_these_hooks(
    gathered: &Gathered,
    hooks: Vec<HookSettings>,
    command: &str,
    stop: &Stop,
) -> Result<Hooks, Error> {
    let config = &gathered.config;
    let everywhere = config.everywhere();
    let mut context = HookContext::new(everywhere.ca.directory.as_str(), stop.clone());
    let mut export = |name: &str, value: String| context.exports.insert(name.to_owned(), value);
    export("BASEDIR", config.base_dir.display().to_string());
    export("CERTDIR", config.certs_dir.display().to_string());
    export("ALPNCERTDIR", config.alpn_dir.display().to_string());
    export("COMMAND", command.to_owned());
    if let Some(path) = &config.config_path {
        export("CONFIG", path.display().to_string());
    }
    if let Some(webroot) = &everywhere.webroot {
        export("WELLKNOWN", webroot.display().to_string());
    }
    if let Some(environment) = &config.environment {
        context.environment.clone_from(environment);
    }
    if config.withhold_secrets {
        withhold_secrets(config, &mut context);
    }
    for secret in hooks.iter().flat_map(|hook| hook.secret_env.values()) {
        context.redaction.hide(secret.expose());
    }
    context.dry_run = config.dry_run;
    context.sequence = match config.hook_sequence {
        HookSequence::Overlapping => Sequence::Overlapping,
        HookSequence::Strict => Sequence::Strict,
    };
    context.names_stay = config.on_failure == OnFailure::Stop;
    context.only_names = command == SIGN_CSR;
    context.stdout_taken = gathered.reporter.prints_only_documents();
    let reporter = Rc::clone(&gathered.reporter);
    let lines: LineSink = Rc::new(move |line: HookLine<'_>| {
        let HookLine { hook, certificate, text, .. } = line;
        reporter.event(&Event::HookLine { hook, certificate, text });
    });
    Hooks::find(hooks, context, lines).map_err(|error| hook_error(&error))
}

/// Keeps secrets from hooks that were not meant to have them, and from what those print that were.
fn withhold_secrets(config: &Config, context: &mut HookContext) {
    context.withheld = withheld(config);
    if let Some(external) = &config.account.external_account {
        // One that cannot be read is told of when it is needed.
        if let Ok(key) = external.key.read() {
            context.redaction.hide(key.expose());
        }
    }
    for (name, value) in &context.environment {
        let is_withheld = name.to_str().is_some_and(|name| context.withheld.contains(name));
        if let Some(value) = value.to_str().filter(|_| is_withheld) {
            context.redaction.hide(value);
        }
    }
}

/// Variables of the caller that are kept from hooks which were not meant to have them.
pub(super) fn withheld(config: &Config) -> BTreeSet<String> {
    if !config.withhold_secrets {
        return BTreeSet::new();
    }
    let external = config.account.external_account.as_ref().map(|external| &external.key);
    let named = if let Some(HmacKey::Environment(name)) = external { Some(name.clone()) } else { None };
    WITHHELD.iter().map(|name| (*name).to_owned()).chain(named).collect()
}

/// dehydrated's word for what a run does.
pub(in crate::commands) const SIGN_DOMAINS: &str = "sign_domains";

/// dehydrated's word for signing a request.
const SIGN_CSR: &str = "sign_csr";

/// `run --strict` and a line that is not valid.
#[derive(Debug, thiserror::Error)]
#[error("{} not valid, and --strict was given", if *.0 == 1 { "a line is".to_owned() } else { format!("{} lines are", .0) })]
struct Strict(usize);
