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
//! - `reading`: which records there are, whoever is changing them
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
mod reading;
pub mod settings;
pub mod token;
mod values;
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

    const NAME: &'static str = "cloudflare";
    const VISIBLE_ON_RETURN: bool = false;

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
