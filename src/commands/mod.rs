//! One file a subcommand.

pub mod cleanup;
