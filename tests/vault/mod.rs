//! Vault: the client, and the hook that delivers certificates, before a real OpenBao.

mod client;

use crate::support::Rig;

/// A rig with a Vault.
#[track_caller]
fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault"])
}

/// A rig with a Vault behind the fault proxy.
#[track_caller]
fn rig_with_faults() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault", "--faults"])
}
