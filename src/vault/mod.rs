//! Secrets in HashiCorp Vault or OpenBao: version 2 of the KV engine, and the ways to log in.
//!
//! # Where it lives
//!
//! In the core library, because both who keeps certificates in Vault (the store) and who delivers them there
//! (`hydrant-hook-vault`) need it, together with the keys, chains and PEM of the core. The hook links the library, and
//! the linker leaves out what the hook never calls: of the ACME client only the rules for waiting, the system's roots
//! and a sentence of errors reach its binary, and nothing of the command line, the resolver or the CSR builder. A crate
//! of its own would have to take keys, PEM and those rules with it, and save nothing.
//!
//! # Theory of operation
//!
//! Every request goes through `connection::Connection::send`, the only place that repeats anything:
//!
//! - At most [`Options::in_flight`] requests are under way. A 429 with `Retry-After` holds all of them back.
//! - What passes by itself is repeated with growing pauses until the retry rules end it: no connection, a sealed Vault,
//!   a cluster without a leader, 5xx. What Vault would answer again is not.
//! - Redirects are never followed: a standby sends its clients to wherever its leader was last, and the token and the
//!   private key would go there too.
//! - A 403 is looked into: a dead token is replaced by a new login, once; a living one means that the policy denies.
//! - Tokens are renewed, or taken anew, when two thirds of their life are over, by one request for all that wait.
//! - Reads tell a standby (OpenBao 2.5 and later) how new its data must be, by the `X-Vault-Index` of the write before.
//!
//! Every write of data carries the version it replaces (`cas`), so that a late or repeated one is refused. When the
//! answer to a write is lost, the version that it would have made is read back and compared.

mod answer;
mod claims;
mod client;
mod connection;
mod data;
mod environment;
mod error;
mod kv;
mod layout;
mod login;
mod options;
mod path;
pub mod policy;
mod secret;
mod tls;

pub use client::{Client, Health, TokenFacts};
pub use data::Data;
pub use error::Error;
pub use kv::Kv;
pub use layout::{Content, Layout, LayoutError, Part};
pub use options::{Auth, Options, SecretId, Source, Tls};
pub use secret::{Found, Metadata, Version, VersionState, Written};
