//! The calls that hydrant and dehydrated make to hooks, as types.
//!
//! A hook is a program that is started with an operation as its first argument and that operation's arguments behind
//! it. It says with its exit code how it went: 0 done, [`TRY_LATER`] try again later, anything else failed. That is
//! all of the contract that an old hook knows, and a hook written with this crate works under dehydrated too.
//!
//! hydrant adds facts in the environment ([`env`]), asks a hook once a run what it can do ([`Capabilities`]), and gives
//! a hook that says it can take them the challenges of many certificates in one call ([`BatchFact`], [`Results`]). One
//! that says it can is asked which values there are, so that forgotten ones are found ([`Listing`]).
//!
//! A whole hook:
//!
//! ```
//! use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Operation, Triple};
//! # fn set_record(_: &Triple) -> Result<(), String> { Ok(()) }
//! # fn remove_record(_: &Triple) -> Result<(), String> { Ok(()) }
//!
//! fn run(call: HookCall) -> Result<(), Box<dyn std::error::Error>> {
//!     match call {
//!         HookCall::Probe => {
//!             Capabilities::for_operations([Operation::DeployChallenge, Operation::CleanChallenge])
//!                 .with_challenges(Chaining::Certificate)
//!                 .announce()?;
//!         }
//!         HookCall::DeployChallenge(triples) => triples.iter().try_for_each(set_record)?,
//!         HookCall::CleanChallenge(triples) => triples.iter().try_for_each(remove_record)?,
//!         _ => {} // what a hook does not know it leaves alone, with success
//!     }
//!     Ok(())
//! }
//! # run(HookCall::StartupHook).unwrap();
//! ```
//!
//! Its `main` is `run(HookCall::from_env()?)`.

mod batch;
mod call;
mod capabilities;
pub mod env;
mod listing;
mod operation;
mod record;

pub use batch::{BatchFact, Results, TripleOutcome, TripleResult, batch_facts, read_results, write_batch};
pub use call::{HookCall, ParseError, Triple};
pub use capabilities::{Capabilities, CapabilitiesError, Chaining, PROTOCOL};
pub use listing::{Listed, ListedValue, Listing, NotListed, read_listing};
pub use operation::{Operation, PROBE, UnknownOperation};
pub use record::{RecordNamesError, record_names};

/// The exit code with which a hook says: not now, try again later (`EX_TEMPFAIL` of `sysexits.h`).
pub const TRY_LATER: u8 = 75;
