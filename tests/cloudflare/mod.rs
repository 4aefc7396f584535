//! The hook for Cloudflare, before a double of its API that knows permissions, limits and transactions.

mod issuing;
mod limits;
mod listing;
mod pages;
mod records;
mod tokens;
mod zones;

use crate::support::{Output, Rig, Test, cloudflare_hook};

/// A rig with Cloudflare, and options of its own.
#[track_caller]
fn rig(options: &[&str]) -> Rig {
    Rig::with(&[&["--nonce-reject", "0", "--cloudflare"], options].concat())
}

/// Calls the hook as dehydrated does.
#[track_caller]
fn hook(test: &Test, arguments: &[&str]) -> Output {
    test.program(cloudflare_hook(), arguments)
}
