//! Names that are proved by records in real name servers.

mod account;
mod persist;
mod propagation;
mod rfc2136;
