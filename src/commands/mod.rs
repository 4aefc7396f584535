//! One file a subcommand.

pub mod completions;
pub mod config;
pub mod hook_test;
