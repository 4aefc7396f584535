//! How much of Vault a run needs.

use super::{place, rig_with_faults};
use crate::support::Vault;

#[test]
fn a_run_with_nothing_due_asks_about_each_mount_once_and_for_each_secret_once() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\nb.example\n");
    test.run().code(0);
    vault.forget_requests();
    test.run().code(0).stdout("2 certificates: 2 unchanged\n").stderr("");
    let mut requests = vault.requests();
    requests.sort();
    assert_eq!(requests, [""; 0]);
}
