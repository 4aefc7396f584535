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

use hydrant_hook_dns::Wish;
use hydrant_hook_dns::serve::{Provider, answer};
use hydrant_hook_dns::settings::environment;
use hydrant_hook_protocol::{HookCall, Listed, Triple};

use crate::error::Fault;
use crate::settings::Settings;

/// Answers one call.
///
/// # Errors
/// When the call is none, or what it is to be answered with cannot be written.
pub fn run(call: HookCall) -> Result<ExitCode, Box<dyn Error>> {
    answer::<Settings>(call)
}

impl Provider for Settings {
    type Fault = Fault;

    const NAME: &'static str = "route53";
    const VISIBLE_ON_RETURN: bool = true;

    fn from_env() -> Result<Self, Fault> {
        Self::read(&environment())
    }

    async fn carry_out(&self, wish: Wish, triples: &[Triple], records: &[String]) -> Vec<Result<(), Fault>> {
        batch::carry_out(self, wish, triples, records).await
    }

    async fn list(&self, names: &[String]) -> Vec<Listed> {
        values::list(self, names).await
    }
}
