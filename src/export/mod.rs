//! What other systems need to know of us, in their own words.

pub mod vault_policy;
