//! How much of Vault a run needs.

use super::{place, rig_with_faults};
use crate::support::Vault;

#[test]
fn a_run_with_nothing_due_asks_once_about_each_mount_and_reads_each_secret_once() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\nb.example\n");
    test.run().code(0);
    // From then on the records say when the CA wants them renewed.
    test.run().code(0);
    vault.forget_requests();
    test.run().code(0).stdout("2 certificates: 2 unchanged\n").stderr("");
    let mut requests = vault.requests();
    for request in &mut requests {
        if let Some((before, hash)) = request.split_once("/certificate-") {
            let (hash, status) = hash.split_once(' ').unwrap();
            assert_eq!(hash.len(), 32, "{hash}");
            *request = format!("{before}/certificate-HASH {status}");
        }
    }
    requests.sort();
    assert_eq!(
        requests,
        [
            "GET hydrant/data/hydrant-state/certificate-HASH 200",
            "GET hydrant/data/hydrant-state/certificate-HASH 200",
            "GET hydrant/data/hydrant-state/tenants 404",
            "GET hydrant/metadata/hydrant-state/?list=true 200",
            "GET kv-certificates/data/team/certs/a.example 200",
            "GET kv-certificates/data/team/certs/b.example 200",
            "GET sys/internal/ui/mounts/hydrant 200",
            "GET sys/internal/ui/mounts/kv-certificates 200",
        ]
    );
}
