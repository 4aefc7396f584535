//! The hook that answers dns-01 challenges in Amazon Route 53.
//!
//! It speaks the plain contract of dehydrated, so it works there too, and takes the challenges of many certificates in
//! one call: one change a hosted zone, one wait for all of them. In the order in which a challenge meets them:
//!
//! - [`settings`]: what a person can set
//! - [`account`]: clients of the API, with roles
//! - [`delegation`]: where a CNAME leads
//! - [`zone`]: which zone holds a record
//! - `place`: both for all records of a call
//! - [`records`]: which changes turn what is there into what is wanted
//! - [`change`]: a zone's changes, done whoever else is at work
//! - `listing`: which values there are
//! - [`wait`]: until they are on all name servers
//! - [`pace`]: how fast an account may be asked
//! - [`error`]: what can go wrong

pub mod account;
mod answer;
mod api;
mod batch;
pub mod change;
pub mod delegation;
pub mod error;
mod listing;
pub mod pace;
mod place;
pub mod records;
mod refusal;
pub mod settings;
pub mod wait;
pub mod zone;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use hydrant_hook_protocol::{
    Capabilities, Chaining, HookCall, Listed, Listing, NotListed, Operation, Results, TRY_LATER, Triple,
    env as facts, record_names,
};

use crate::error::Fault;
use crate::records::Wish;
use crate::settings::Settings;

/// Answers one call.
///
/// # Errors
/// When the call is none, or what it is to be answered with cannot be written.
pub fn run(call: HookCall) -> Result<ExitCode, Box<dyn Error>> {
    match call {
        HookCall::Probe => {
            let operations =
                [Operation::DeployChallenge, Operation::CleanChallenge, Operation::ListChallenges];
            let mut capabilities =
                Capabilities::for_operations(operations).with_challenges(Chaining::Batch).in_parallel();
            capabilities.visible_on_return = true;
            capabilities.record_names = true;
            capabilities.announce()?;
            Ok(ExitCode::SUCCESS)
        }
        HookCall::DeployChallenge(triples) => challenges(Wish::Present, &triples),
        HookCall::CleanChallenge(triples) => challenges(Wish::Absent, &triples),
        HookCall::ListChallenges(names) => values(&names),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn challenges(wish: Wish, triples: &[Triple]) -> Result<ExitCode, Box<dyn Error>> {
    // Under dehydrated with http-01 the hook is told of challenges that are not its own.
    let other = [facts::CHALLENGE, "CHALLENGETYPE"].into_iter().find_map(|name| std::env::var(name).ok());
    let is_other = |challenge: &String| !matches!(challenge.as_str(), "dns-01" | "dns-account-01");
    if let Some(other) = other.filter(is_other) {
        return Err(format!("it answers dns-01 and dns-account-01 challenges, not {other}").into());
    }
    let records = record_names(triples)?;
    report(triples, &wait_for(async |settings| batch::carry_out(settings, wish, triples, &records).await)?)
}

/// Writes which values there are.
fn values(names: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let mut told = Listing::from_env()?;
    let mut is_failed = false;
    for line in wait_for(async |settings| listing::list(settings, names).await)? {
        match line {
            Listed::Value(value) => told.value(value)?,
            Listed::Failed(NotListed { name, message }) => {
                is_failed = true;
                told.failed(name, message)?;
            }
        }
    }
    // With a file hydrant says which names failed.
    let is_told = std::env::var_os(facts::RESULTS).is_some();
    Ok(if is_failed && !is_told { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn wait_for<T>(work: impl AsyncFnOnce(&Settings) -> T) -> Result<T, Box<dyn Error>> {
    let settings = Settings::from_env().map_err(|fault| fault.line())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work(&settings)))
}

/// Says what became of each challenge, where the caller takes that; else the worst of it is the exit code.
fn report(triples: &[Triple], results: &[Result<(), Fault>]) -> Result<ExitCode, Box<dyn Error>> {
    let mut told = Results::from_env()?;
    let mut names_of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let (mut is_failed, mut is_put_off) = (false, false);
    for (index, (triple, result)) in triples.iter().zip(results).enumerate() {
        match result {
            Ok(()) => told.done(index)?,
            Err(fault) if fault.may_pass() => {
                is_put_off = true;
                told.retry(index, fault.line())?;
            }
            Err(fault) => {
                is_failed = true;
                told.failed(index, fault.line())?;
            }
        }
        if let Err(fault) = result {
            names_of.entry(fault.line()).or_default().push(&triple.identifier);
        }
    }
    if std::env::var_os(facts::RESULTS).is_some() {
        // hydrant prints them, each with its certificate.
        return Ok(ExitCode::SUCCESS);
    }
    let mut stderr = io::stderr().lock();
    for (line, names) in names_of {
        writeln!(stderr, "route53: {}: {line}", names.join(" "))?;
    }
    Ok(match (is_failed, is_put_off) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(TRY_LATER),
        (false, false) => ExitCode::SUCCESS,
    })
}
