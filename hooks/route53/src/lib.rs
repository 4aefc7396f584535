//! The hook that answers dns-01 challenges in Amazon Route 53.
//!
//! It speaks the plain contract of dehydrated, so it works there too, and takes the challenges of many certificates in
//! one call: one change a hosted zone, one wait for all of them. In the order in which a challenge meets them:
//!
//! - [`settings`]: what a person can set
//! - [`account`]: clients of the API, with roles
//! - [`delegation`](hydrant_hook_dns::delegation): where a CNAME leads
//! - [`zone`]: which zone holds a record
//! - `place`: both for all records of a call
//! - [`records`]: which changes turn what is there into what is wanted
//! - [`change`]: a zone's changes, done whoever else is at work
//! - `values`: which values there are
//! - [`wait`]: until they are on all name servers
//! - [`pace`]: how fast an account may be asked
//! - [`error`]: what can go wrong

pub mod account;
mod answer;
mod api;
mod batch;
pub mod change;
pub mod error;
pub mod pace;
mod place;
pub mod records;
mod refusal;
pub mod settings;
mod values;
pub mod wait;
pub mod zone;

use std::error::Error;
use std::process::ExitCode;

use hydrant_hook_dns::{Wish, listing, outcome};
use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Operation, Triple, record_names};

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
    if let Some(other) = outcome::other_challenge() {
        return Err(format!("it answers dns-01 and dns-account-01 challenges, not {other}").into());
    }
    let records = record_names(triples)?;
    let results = wait_for(async |settings| batch::carry_out(settings, wish, triples, &records).await)?;
    Ok(outcome::report("route53", triples, &results)?)
}

fn values(names: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    Ok(listing::tell(wait_for(async |settings| values::list(settings, names).await)?)?)
}

fn wait_for<T>(work: impl AsyncFnOnce(&Settings) -> T) -> Result<T, Box<dyn Error>> {
    let settings = Settings::from_env().map_err(|fault| outcome::Fault::line(&fault))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work(&settings)))
}
