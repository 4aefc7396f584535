//! One call of a hook, from the arguments to the exit code.

use std::error::Error;
use std::future::Future;
use std::process::ExitCode;

use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Listed, Operation, Triple, record_names};

use crate::{Wish, listing, outcome};

/// A DNS provider, with the settings of a person.
pub trait Provider: Sized {
    /// What can go wrong with a challenge there.
    type Fault: outcome::Fault;

    /// What the hook calls itself in front of its lines.
    const NAME: &'static str;
    /// Whether all name servers have what was deployed when the hook returns.
    const VISIBLE_ON_RETURN: bool;

    /// What the environment says.
    ///
    /// # Errors
    /// When it says something that cannot be read.
    fn from_env() -> Result<Self, Self::Fault>;

    /// Makes the values of these challenges present or absent, each at its record's name; the results are in the order
    /// of the triples.
    fn carry_out(
        &self,
        wish: Wish,
        triples: &[Triple],
        records: &[String],
    ) -> impl Future<Output = Vec<Result<(), Self::Fault>>>;

    /// A line for each value at the records of these names, and for each name that could not be looked at.
    fn list(&self, names: &[String]) -> impl Future<Output = Vec<Listed>>;
}

/// Answers a call.
///
/// # Errors
/// When it is for challenges of another kind, the settings cannot be read, or the answer cannot be written.
pub fn answer<P: Provider>(call: HookCall) -> Result<ExitCode, Box<dyn Error>> {
    match call {
        HookCall::Probe => {
            let operations =
                [Operation::DeployChallenge, Operation::CleanChallenge, Operation::ListChallenges];
            let mut capabilities =
                Capabilities::for_operations(operations).with_challenges(Chaining::Batch).in_parallel();
            capabilities.visible_on_return = P::VISIBLE_ON_RETURN;
            capabilities.record_names = true;
            capabilities.announce()?;
            Ok(ExitCode::SUCCESS)
        }
        HookCall::DeployChallenge(triples) => challenges::<P>(Wish::Present, &triples),
        HookCall::CleanChallenge(triples) => challenges::<P>(Wish::Absent, &triples),
        HookCall::ListChallenges(names) => {
            Ok(listing::tell(wait_for(async |provider: &P| provider.list(&names).await)?)?)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn challenges<P: Provider>(wish: Wish, triples: &[Triple]) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(other) = outcome::other_challenge() {
        return Err(format!("it answers dns-01 and dns-account-01 challenges, not {other}").into());
    }
    let records = record_names(triples)?;
    let results = wait_for(async |provider: &P| provider.carry_out(wish, triples, &records).await)?;
    Ok(outcome::report(P::NAME, triples, &results)?)
}

fn wait_for<P: Provider, T>(work: impl AsyncFnOnce(&P) -> T) -> Result<T, Box<dyn Error>> {
    let provider = P::from_env().map_err(|fault| outcome::Fault::line(&fault))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work(&provider)))
}
