//! One file a subcommand.

pub mod hook_test;
