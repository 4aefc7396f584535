//! The leader is killed in the middle of a run.

use super::{assert_all_are_there, names, place, rig};
use crate::support::VaultCluster;

#[test]
fn a_run_goes_on_when_another_node_leads() {
    for gate in ["deploy_challenge", "deploy_cert"] {
        let rig = rig();
        let cluster = VaultCluster::new(&rig);
        let names = names(4);
        let test = place(&rig, &names, gate).env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"]);
        let mut run = test.start();
        run.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
        assert_eq!(cluster.leader(), 1);
        let trap = cluster.kill(1);
        test.put("open", "");
        run.wait().code(0).stdout_contains("4 certificates: 4 issued\n");

        // It was led to the dead one, and did not go.
        let requests = cluster.vault().requests();
        assert!(requests.iter().any(|request| request.ends_with(" 307")), "{gate}: {requests:#?}");
        trap.assert_untouched();
        assert_ne!(cluster.leader(), 1);
        assert_all_are_there(&rig, &test, &names);
        assert_eq!((rig.orders_made(), rig.certificates_issued()), (4, 4), "{gate}");
        test.run().code(0).stdout("4 certificates: 4 unchanged\n").stderr("");
    }
}
