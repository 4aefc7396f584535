//! One run after the other, as with files.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{STATE, assert_good_fields, assert_nothing_on_disk, assert_stored, place, place_with, rig};
use crate::support::Vault;

const FILTER: &str = "0000-00-00 00:00:00Z";

#[test]
fn a_run_in_an_empty_directory_keeps_everything_in_vault_and_the_next_has_nothing_to_do() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example www.a.example\nb.example > sub/b\n").filter(FILTER, "[TIME]");
    test.run().code(0).stderr("").stdout_contains("2 certificates: 2 issued\n");
    assert_stored(&rig, &test, "a.example", &["a.example", "www.a.example"]);
    assert_nothing_on_disk(&test, &["hook", "hydrant.yml", "domains.txt"]);
    assert_eq!(vault.records(STATE).len(), 2);
    assert!(vault.state(STATE).iter().all(|key| !key.contains('.')), "{:?}", vault.state(STATE));

    test.run().code(0).stdout("2 certificates: 2 unchanged\n").stderr("");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));
    assert_eq!(vault.versions("kv-certificates/team/certs/a.example"), 1);

    // Another machine, with nothing but the list and the way to Vault.
    let other = place(&rig, "a.example www.a.example\n");
    other.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
    other.hydrant(&["plan"]).code(0).stdout("1 certificate: 1 to keep\n");
    other.hydrant(&["status"]).code(0).stdout_contains("a.example    20");
}

#[test]
fn a_renewal_replaces_certificate_and_key_in_one_version() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n");
    test.run().code(0);
    let first = vault.read("kv-certificates/team/certs/a.example");
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("1 certificate: 1 renewed\n");
    assert_stored(&rig, &test, "a.example", &["a.example"]);
    let version = vault.version("kv-certificates/team/certs/a.example");
    assert_eq!(version["metadata"]["version"], 2);
    assert_ne!(version["data"]["key"], first["key"]);

    test.hydrant(&["run", "--force", "--reuse-key"]).code(0);
    let third = vault.read("kv-certificates/team/certs/a.example");
    assert_ne!(third["cert"], version["data"]["cert"]);
    assert_eq!(third["key"], version["data"]["key"]);
    assert_stored(&rig, &test, "a.example", &["a.example"]);
}

#[test]
fn keys_of_certificates_to_come_are_in_no_version_of_a_record() {
    let rig = rig();
    let vault = Vault::new(&rig);
    // The larger number of versions counts, and this is the mount's.
    for kept in [0, 20] {
        vault.ask("POST", "hydrant/config", Some(&json!({ "max_versions": kept })));
        let test = place(&rig, "a.example\n");
        test.hydrant(&["run", "--force"]).code(0);
        for key in vault.records(STATE) {
            let metadata = vault.ask("GET", &format!("hydrant/metadata/hydrant-state/{key}"), None);
            let versions = metadata["data"]["versions"].as_object().unwrap().clone();
            for (number, state) in &versions {
                let path = format!("hydrant/data/hydrant-state/{key}?version={number}");
                if state["destroyed"] == false {
                    let data = vault.ask("GET", &path, None).to_string();
                    assert!(
                        !data.contains("PRIVATE KEY"),
                        "{kept}: version {number} of {versions:?}: {data}"
                    );
                }
            }
        }
    }
}

#[test]
fn hooks_get_files_in_memory_that_are_gone_with_the_run() {
    let rig = rig();
    let hook = r#"
        case $1 in
        sync_cert) key=$2 cert=$3 full=$4 ;;
        deploy_cert | unchanged_cert) key=$3 cert=$4 full=$5 ;;
        deploy_challenge | clean_challenge) exec "$RIG_HOOK" "$@" ;;
        *) exit 0 ;;
        esac
        directory=$(dirname "$key")
        echo "$1 $(stat -c %a "$directory" "$key" | tr '\n' ' ')$(stat -f -c %T "$directory")" >>calls
        dirname "$directory" >>places
        [ "$(openssl x509 -in "$cert" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout)" ] || exit 1
        [ "$(head -1 "$full")" = "-----BEGIN CERTIFICATE-----" ] || exit 1
        [ -z "$VAULT_TOKEN" ]
    "#;
    let operations = "deploy_challenge, clean_challenge, sync_cert, deploy_cert, unchanged_cert";
    let test = place_with(
        &rig,
        hook,
        operations,
        "a.example
",
    );
    test.run().code(0).stderr("");
    test.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
    let memory = if Path::new("/dev/shm").is_dir() { "tmpfs" } else { "" };
    for (line, operation) in test.read("calls").lines().zip(["sync_cert", "deploy_cert", "unchanged_cert"]) {
        assert_eq!(line, format!("{operation} 700 600 {memory}"));
    }
    for place in test.read("places").lines() {
        assert!(!Path::new(place).exists(), "{place} is still there");
    }
    assert_nothing_on_disk(&test, &["hook", "hydrant.yml", "domains.txt", "calls", "places"]);
}

#[test]
fn a_delivery_that_failed_is_made_by_deliver_from_vault() {
    let rig = rig();
    let hook = r#"
        case $1 in
        deploy_cert) echo "$2 $7" >>calls; [ -e open ] ;;
        *_challenge) exec "$RIG_HOOK" "$@" ;;
        esac
    "#;
    let operations = "deploy_challenge, clean_challenge, deploy_cert";
    let test = place_with(
        &rig,
        hook,
        operations,
        "a.example
",
    );
    test.run().code(1);
    test.put("open", "");
    test.hydrant(&["deliver"]).code(0).stdout_contains("1 certificate: 1 delivered\n").stderr("");
    assert_eq!(rig.certificates_issued(), 1);
    let timestamp = Vault::new(&rig).read("kv-certificates/team/certs/a.example")["timestamp"].clone();
    assert_eq!(test.read("calls"), format!("a.example {0}\na.example {0}\n", timestamp.as_str().unwrap()));
}

#[test]
fn a_certificate_that_was_revoked_is_renewed_by_the_next_run() {
    let rig = rig();
    let test = place(&rig, "a.example\n");
    test.run().code(0);
    test.hydrant(&["revoke", "a.example"]).code(0).stdout("a.example: revoked; the next run renews it\n");
    test.hydrant(&["plan"]).code(0).stdout_contains("renew  a.example  it was revoked\n");
    test.run().code(0).stdout_contains("1 certificate: 1 renewed\n");
    assert_stored(&rig, &test, "a.example", &["a.example"]);
}

#[test]
fn the_account_is_in_vault_and_its_key_can_be_changed_there() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n");
    let key = || vault.state(STATE).into_iter().find(|key| key.starts_with("account-")).unwrap();
    test.hydrant(&["account", "register"]).code(0);
    let first = vault.read(&format!("hydrant/hydrant-state/{}", key()));
    assert_eq!(first["ca"], rig.ca());
    test.hydrant(&["account", "rollover"]).code(0);
    let second = vault.read(&format!("hydrant/hydrant-state/{}", key()));
    assert_ne!(first["key"], second["key"]);
    assert_eq!((&first["url"], second["next_key"].is_null()), (&second["url"], true));
    test.run().code(0);
    test.hydrant(&["account", "deactivate"]).code(0);
    test.hydrant(&["run", "--force"]).code(1).stderr_contains("is deactivated");
    assert_nothing_on_disk(&test, &["hook", "hydrant.yml", "domains.txt"]);
}

#[test]
fn a_key_for_the_next_certificate_is_kept_with_the_record() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n");
    let yaml = test.read("hydrant.yml") + "key_rollover: true\n";
    let test = test.config(&yaml);
    test.run().code(0);
    let record = format!("hydrant/hydrant-state/{}", vault.records(STATE)[0]);
    let next = vault.read(&record)["next_key"].clone();
    test.hydrant(&["run", "--force"]).code(0);
    assert_eq!(vault.read("kv-certificates/team/certs/a.example")["key"], next);
    assert_ne!(vault.read(&record)["next_key"], next);
}

#[test]
fn what_lecertvend_reads_is_written_by_its_layout() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n").env("HYDRANT_VAULT_LAYOUT", "lecertvend");
    test.run().code(0);
    let fields = vault.read("kv-certificates/team/certs/a.example");
    assert_eq!(fields.as_object().unwrap().len(), 2);
    assert!(fields["key"].as_str().unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
    assert_eq!(fields["cert"].as_str().unwrap().matches("BEGIN CERTIFICATE").count(), 2);
    test.run().code(0).stdout("1 certificate: 1 unchanged\n").stderr("");

    // The other layout takes its place with the next certificate, and is read as well.
    let test = test.env("HYDRANT_VAULT_LAYOUT", "numberly");
    test.hydrant(&["run", "--force"]).code(0);
    assert_good_fields(&rig, &test, &vault.read("kv-certificates/team/certs/a.example"), &["a.example"]);
}

#[test]
fn a_secret_that_another_hand_broke_is_issued_anew() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\nb.example\n");
    test.run().code(0);
    let (a, b) = ("kv-certificates/team/certs/a.example", "kv-certificates/team/certs/b.example");
    let mut mixed = vault.read(a);
    mixed["key"] = vault.read(b)["key"].clone();
    vault.write(a, &mixed);
    vault.ask("DELETE", "kv-certificates/data/team/certs/b.example", None);
    test.run().code(0).stdout_contains("2 certificates: 1 issued, 1 renewed\n");
    for name in ["a.example", "b.example"] {
        assert_stored(&rig, &test, name, &[name]);
    }
}

#[test]
fn staging_and_dry_runs_leave_production_alone() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&rig, "a.example\n").env("HYDRANT_STAGING_CA", rig.ca());
    test.run().code(0);
    test.hydrant(&["run", "--staging"]).code(0).stdout_contains("1 certificate: 1 issued\n");
    test.hydrant(&["run", "--dry-run", "--force"]).code(0);
    assert_eq!(vault.versions("kv-certificates/team/certs/a.example"), 1);
    assert_eq!(vault.versions("kv-certificates/team/certs-staging/a.example"), 1);
    assert_eq!(vault.records(STATE).len(), 1);
}

#[test]
fn cleanup_says_that_there_is_nothing_to_tidy() {
    let rig = rig();
    let test = place(&rig, "a.example\n");
    test.run().code(0);
    test.hydrant(&["cleanup"]).code(0).stdout("").stderr_contains("note: certificates are in Vault");
    assert_nothing_on_disk(&test, &["hook", "hydrant.yml", "domains.txt"]);
}

#[test]
fn what_a_killed_run_showed_to_hooks_is_removed_by_the_next() {
    let rig = rig();
    let hook = r#"
        case $1 in
        deploy_cert) dirname "$(dirname "$3")" >>places; [ -e open ] || { kill -KILL "$PPID"; exit 1; } ;;
        *_challenge) exec "$RIG_HOOK" "$@" ;;
        esac
    "#;
    let operations = "deploy_challenge, clean_challenge, deploy_cert";
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let test = place_with(&rig, hook, operations, "a.example\n").env("XDG_RUNTIME_DIR", memory.path());
    assert!(test.run().was_killed());
    assert_eq!(fs::read_dir(memory.path()).unwrap().count(), 1);
    test.put("open", "");
    Vault::new(&rig).end_leases(STATE);
    test.run().code(0).stderr("");
    let places = test.read("places");
    let places: Vec<&Path> = places.lines().map(Path::new).collect();
    assert!(places.iter().all(|place| place.starts_with(memory.path()) && !place.exists()), "{places:?}");
    assert_eq!(fs::read_dir(memory.path()).unwrap().count(), 0);
}
