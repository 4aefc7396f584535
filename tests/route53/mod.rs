//! The hook for Route 53, before an emulator of AWS and a guard that knows the limits which that one does not.

mod crash;
mod credentials;
mod issuing;
mod listing;
mod race;
mod records;
mod scale;
mod zones;

use crate::support::{Output, Rig, Test, route53_hook};

/// A rig with Route 53, and options of its own.
#[track_caller]
fn rig(options: &[&str]) -> Rig {
    Rig::with(&[&["--nonce-reject", "0", "--route53"], options].concat())
}

/// Calls the hook as dehydrated does.
#[track_caller]
fn hook(test: &Test, arguments: &[&str]) -> Output {
    test.program(route53_hook(), arguments)
}
