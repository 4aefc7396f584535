//! The rig's DNS, as the compiled hook and the tests use it.

mod challenge_server;
mod dns;

pub use challenge_server::ChallengeServer;
