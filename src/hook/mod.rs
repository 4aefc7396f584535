//! Starts other programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use hydrant_hook_protocol::{Chaining, Operation};

/// One hook as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// What deliveries to it are recorded under.
    pub name: String,
    /// The program: a path, or a bare name that is looked up on `PATH`.
    pub command: PathBuf,
    /// What it is called for; `None` is everything.
    pub operations: Option<Vec<Operation>>,
    /// Variables it gets on top.
    pub env: BTreeMap<String, String>,
    /// Withheld variables it gets nevertheless.
    pub pass_env: Vec<String>,
    /// The only variables of the caller it gets; `None` is all of them.
    pub env_only: Option<Vec<String>>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How often a call is repeated when the hook says "try again later".
    pub retries: u32,
    /// How many challenges it takes in one call; `None` is what it announces.
    pub chain: Option<Chaining>,
}
