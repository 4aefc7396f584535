//! Standbys of OpenBao answer reads themselves, and are a moment behind. Nobody notices.

use hydrant::vault::{Client, Data, Options};
use serde_json::json;

use super::{BOTH, assert_all_are_there, names, place, rig};
use crate::support::{Test, VaultCluster, vault_hook};

#[test]
fn a_run_at_a_standby_issues_delivers_and_leaves_nothing_to_do() {
    let rig = rig();
    let cluster = VaultCluster::new(&rig);
    assert_eq!(cluster.leader(), 1);
    let vault = cluster.vault();
    let (role, names) = (vault.approle(BOTH, &json!({})), names(8));
    cluster.wait_for_standbys();
    // A token of its own for each process: also that is news to the standby.
    let test = place(&rig, &names, "none")
        .env("VAULT_ROLE_ID", &role.role_id)
        .env("VAULT_SECRET_ID", &role.secret_id)
        .env("VAULT_MAX_RETRIES", "0");
    test.run().code(0).stdout_contains("8 certificates: 8 issued\n");
    assert_all_are_there(&rig, &test, &names);
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("8 certificates: 8 renewed\n");
    assert_all_are_there(&rig, &test, &names);
    assert_eq!(rig.certificates_issued(), 16);

    // The first of these asks when the CA wants to see them again, and notes it down.
    test.run().code(0).stdout("8 certificates: 8 unchanged\n").stderr("");
    vault.forget_requests();
    test.run().code(0).stdout("8 certificates: 8 unchanged\n").stderr("");
    for request in vault.requests() {
        assert!(request.starts_with("GET ") || request.starts_with("POST auth/"), "{request}");
    }
    assert_eq!((vault.versions("kv-certificates/kept/host-01.example"), cluster.leader()), (2, 1));
}

#[test]
fn a_read_after_a_write_is_never_of_before() {
    let rig = rig();
    let cluster = VaultCluster::new(&rig);
    let environment = rig.environment();
    let variable = |name: &str| match name {
        "VAULT_TOKEN" => Some(environment["RIG_VAULT_TOKEN"].clone()),
        "VAULT_MAX_RETRIES" => Some("0".to_owned()),
        name => environment.get(name).cloned(),
    };
    let client = Client::new(Options::read(variable).unwrap()).unwrap();
    let work = async {
        let kv = client.kv("kv-certificates").await.unwrap();
        for number in 0..200_u64 {
            let data = Data::of(&json!({ "number": number.to_string() })).unwrap();
            // Of two paths, so that each is also read with what another's write has said.
            let (path, other) = if number % 2 == 0 { ("a", "b") } else { ("b", "a") };
            assert_eq!(kv.write(path, &data, number / 2).await.unwrap(), number / 2 + 1);
            let read = kv.find(path).await.unwrap().version().unwrap();
            assert_eq!((read.number, read.data), (number / 2 + 1, data));
            if number > 0 {
                let read = kv.find(other).await.unwrap().version().unwrap();
                assert_eq!(read.number, number.div_ceil(2));
            }
            assert_eq!(kv.metadata(path).await.unwrap().current_version, number / 2 + 1);
        }
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    assert_eq!(cluster.leader(), 1);
}

#[test]
fn a_look_right_after_a_delivery_of_another_process_repairs_nothing() {
    let rig = rig();
    let cluster = VaultCluster::new(&rig);
    let vault = cluster.vault();
    // A given token tells nothing of how new the standby has to be, as a login does.
    let test = Test::new()
        .vault(&vault)
        .env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"])
        .env("VAULT_MAX_RETRIES", "0")
        .certificate("a", &["a.example"])
        .certificate("b", &["a.example"]);
    for version in 1..=30 {
        let directory = if version % 2 == 0 { "a" } else { "b" };
        let files = ["privkey", "cert", "fullchain", "chain"].map(|name| format!("{directory}/{name}.pem"));
        let call = |operation, more: &[&str]| {
            let arguments: Vec<_> =
                [operation, "a.example"].into_iter().chain(files.iter().map(String::as_str)).collect();
            test.program(vault_hook(), &[&arguments[..], more].concat()).code(0).stderr("")
        };
        let stored = format!("vault: kv-certificates/a.example stored (version {version})\n");
        call("deploy_cert", &["1700000000"]).stdout(&stored);
        call("unchanged_cert", &[]).stdout("");
    }
    assert_eq!((vault.versions("kv-certificates/a.example"), cluster.leader()), (30, 1));
}
