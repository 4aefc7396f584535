//! The hook that answers dns-01 challenges at Cloudflare.
//!
//! It speaks the plain contract of dehydrated, so it works there too, and takes the challenges of many certificates in
//! one call: one request a zone. At Cloudflare each TXT value is a record of its own, so that nothing of others is ever
//! read to be written again. In the order in which a challenge meets them:
//!
//! - [`settings`]: what a person can set
//! - [`token`]: what must not be seen
//! - `batch`: all challenges of a call, zone by zone
//! - `place`: where each record really is
//! - [`zone`]: which zone holds a record
//! - [`change`]: a zone's records, as they are wanted
//! - `values`: which values there are
//! - `api`: the five requests
//! - [`client`]: how they are sent, and sent again
//! - `answer`: what comes back
//! - [`error`]: what can go wrong

mod answer;
mod api;
mod batch;
pub mod change;
pub mod client;
pub mod error;
mod place;
pub mod settings;
pub mod token;
mod values;
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
    Ok(outcome::report("cloudflare", triples, &results)?)
}

fn values(names: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    Ok(listing::tell(wait_for(async |settings| values::list(settings, names).await)?)?)
}

fn wait_for<T>(work: impl AsyncFnOnce(&Settings) -> T) -> Result<T, Box<dyn Error>> {
    let settings = Settings::from_env().map_err(|fault| outcome::Fault::line(&fault))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work(&settings)))
}
