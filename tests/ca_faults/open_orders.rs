//! A CA that gives an account the order which it has open already for the same names, as Let's Encrypt does.

use std::fs;

use serde_json::{Value, json};

use super::{of_kind, prepared};
use crate::support::{Rig, Test, assert_good_pair};

fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--faults", "--boulder-orders"])
}

#[test]
fn certificates_of_the_same_names_do_not_get_into_each_others_order() {
    let rig = rig();
    let list = "a.example b.example > dual-p384\nb.example a.example > dual-p256\nc.example\n";
    let test = prepared(&rig, list, "certificates:\n  dual-p384: {key_type: p384}\n");
    // Time enough for the other to order while the first has not finalized.
    rig.faults(&json!([{ "kind": "challenge", "do": "delay", "seconds": 1, "times": null }]));
    test.run().code(0).stderr("").stdout_contains("3 certificates: 3 issued\n");
    for directory in ["dual-p384", "dual-p256"] {
        assert_good_pair(&rig, &test.path("certs").join(directory), &["a.example", "b.example"]);
    }
    assert_eq!(of_kind(&rig.requests(), "newOrder").len(), 3);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (3, 3));
    assert!(rig.requests().iter().all(|request| request.fault.as_deref() != Some("reused")));
}

#[test]
fn an_order_that_another_machine_finalized_is_made_anew_and_no_failure() {
    let rig = rig();
    let gated = r#"
if [ "$1" = deploy_challenge ] && [ -n "${GATE-}" ]; then
    touch at-the-gate
    while [ -e gate ]; do sleep 0.02; done
fi
exec "$RIG_HOOK" "$@"
"#;
    let place = || {
        let test = Test::new().filter(super::INSTANT, "[INSTANT]").rig(&rig).domains("a.example\n");
        test.own_hook(gated, "deploy_challenge, clean_challenge").args(["run"])
    };
    let here = place().write("gate", "").env("GATE", "gate");
    here.hydrant(&["account", "register"]).code(0);
    let there = place();
    there.program("cp", &["-r", &here.path("accounts").display().to_string(), "."]).code(0);

    let mut first = here.start();
    first.wait_until("the hook is at the gate", || here.path("at-the-gate").exists());
    there.run().code(0);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1), "both have the same order");
    fs::remove_file(here.path("gate")).unwrap();
    first.wait().code(0).stderr("").stdout(
        "a.example: issue: nothing is stored\n\
         a.example: the order went to another client of this account, ordering anew\n\
         a.example: issued, valid until [INSTANT]\n\
         1 certificate: 1 issued\n",
    );
    for test in [&here, &there] {
        assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
    }
    assert_eq!(here.record("a.example")["failures"], Value::Null);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));
    assert!(rig.challenges("a.example").is_empty());
}
