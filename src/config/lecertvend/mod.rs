//! Where lecertvend keeps things in Vault, and what a run on them is: plain values of [`Config`].
//!
//! ```text
//! <mount>/<team>/lecertvend           what the team has: a token for its DNS, an account at the CA
//! <mount>/<team>/<zone>/<secret>      a certificate: cert (the whole chain) and key
//! <mount>/<team>/hydrant-state/       our records, under flat names without a dot, which is what makes a folder a zone
//! ```
//!
//! No I/O.

mod place;
mod settle;
mod team;
#[cfg(test)]
mod tests;

pub use place::{BadPlace, Zone, is_ours, path_of};
pub use settle::{BadSettings, Basis, Wanted, config, renewal_note};
pub use team::{BadTeam, Hook, Team};

/// The secret with what a team has.
pub const TEAM: &str = "lecertvend";
/// The folder beside it with our records.
pub const STATE: &str = "hydrant-state";
/// The field with the whole chain.
pub const CERT: &str = "cert";
/// The field with the key of the account.
const ACCOUNT_KEY: &str = "leKey";
