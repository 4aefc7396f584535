//! hydrant: a hook-driven ACME runner.
//!
//! The modules in the order a certificate meets them; `issue` is the file to read first.

pub mod acme;
pub mod chain;
pub mod cli;
pub mod commands;
pub mod config;
pub mod csr;
pub mod diagnostic;
pub mod domains;
pub mod error;
pub mod export;
pub mod hook;
pub mod identifier;
pub mod import;
pub mod issue;
pub mod key;
pub mod ledger;
pub mod lint;
pub mod ocsp;
pub(crate) mod pem;
pub mod plan;
pub mod propagation;
pub mod report;
pub mod responder;
pub mod runner;
pub mod store;
pub mod tenant;
pub mod turns;
pub mod vault;
