//! Two of three nodes are gone: nobody can lead, and nothing can be written.

use std::time::Duration;

use super::{assert_all_are_there, names, place, rig};
use crate::support::{Output, VaultCluster};

#[test]
fn a_run_without_a_quorum_ends_and_the_next_finishes_its_work() {
    let rig = rig();
    let cluster = VaultCluster::new(&rig);
    let names = names(3);
    let test = place(&rig, &names, "deploy_cert")
        .env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"])
        .env("HYDRANT_VAULT_LEASE", "2s")
        .env("VAULT_MAX_RETRIES", "2");
    let mut run = test.start();
    run.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    let traps = [1, 3].map(|node| cluster.kill(node));
    test.put("open", "");
    let output = run.wait();
    // It is 75 when not even the list of what is stored could be had in the end.
    assert!([1, 75].contains(&output.whole().0.unwrap()), "{}", output.stderr);
    assert!(output.elapsed < Duration::from_secs(40), "{:?}", output.elapsed);
    says_what_is_wrong(output);
    says_what_is_wrong(test.run().code(75));
    for trap in traps {
        trap.assert_untouched();
    }

    cluster.start(1);
    cluster.start(3);
    cluster.leader();
    test.run().code(0);
    assert_all_are_there(&rig, &test, &names);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (3, 3));
    test.run().code(0).stdout("3 certificates: 3 unchanged\n").stderr("");
}

#[track_caller]
fn says_what_is_wrong(output: Output) {
    output
        .stderr_contains(
            "example: Vault is a standby and sends its clients to https://[ADDRESS]:8210, which is not followed\n",
        )
        .stderr_contains(
            "hint: if https://[ADDRESS]:8210 is down: the cluster has a leader again once most of its nodes run\n",
        );
}
