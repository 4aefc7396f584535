//! `store: vault`: everything is in a real OpenBao, and nothing on the disk.

mod concurrency;
mod crash;
mod dehydrated;
mod faults;
mod issuing;
mod known;
mod requests;
mod settings;
mod tokens;

use std::fs;

use serde_json::{Value, json};

use crate::support::{Rig, Test, Vault, assert_good_set};

/// Where certificates and records are.
const STORE: &str = "accept_terms: true\nchallenge: dns-01\nstore: vault\n\
                     vault: {mount: kv-certificates, prefix: team/certs}\n";

/// A CA and a Vault.
#[track_caller]
fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault"])
}

/// Both behind fault proxies.
#[track_caller]
fn rig_with_faults() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault", "--faults"])
}

impl Test {
    /// Lets what runs into the rig's Vault, as its root.
    fn in_vault(self, rig: &Rig) -> Test {
        self.rig(rig).env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"]).env("NO_PROXY", "*")
    }
}

/// A place for runs with the rig's own hook, for these lines.
fn place(rig: &Rig, domains: &str) -> Test {
    place_with(rig, r#"exec "$RIG_HOOK" "$@""#, "deploy_challenge, clean_challenge", domains)
}

/// The same with a hook of the test's own for these operations.
fn place_with(rig: &Rig, hook: &str, operations: &str, domains: &str) -> Test {
    let hooks = format!("hooks:\n  - {{command: ./hook, operations: [{operations}]}}\n");
    Test::new()
        .own_hook(hook, operations)
        .config(&format!("{STORE}{hooks}"))
        .in_vault(rig)
        .domains(domains)
        .args(["run"])
}

/// The secret of a certificate holds one good certificate for these names, as the layout of `STORE` has it.
#[track_caller]
fn assert_stored(rig: &Rig, test: &Test, name: &str, names: &[&str]) {
    let fields = Vault::new(rig).read(&format!("kv-certificates/team/certs/{name}"));
    assert_good_fields(rig, test, &fields, names);
    let seconds: u64 = fields["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(seconds > 1_700_000_000, "{fields}");
}

/// These are the fields of one good certificate.
#[track_caller]
fn assert_good_fields(rig: &Rig, test: &Test, fields: &Value, names: &[&str]) {
    let directory = test.path("seen");
    fs::create_dir_all(&directory).unwrap();
    for (field, file) in
        [("key", "privkey"), ("cert", "cert"), ("chain", "chain"), ("fullchain", "fullchain")]
    {
        fs::write(directory.join(format!("{file}.pem")), fields[field].as_str().unwrap()).unwrap();
    }
    assert_good_set(rig, &directory, names);
    fs::remove_dir_all(directory).unwrap();
}

/// Nothing was left in the directory of the run but what the test itself put there.
#[track_caller]
fn assert_nothing_on_disk(test: &Test, put_there: &[&str]) {
    let mut found: Vec<_> =
        fs::read_dir(test.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    found.retain(|name| !put_there.contains(&name.to_str().unwrap()));
    assert!(found.is_empty(), "{found:?}");
}

/// Where records are, if nothing else is said.
const STATE: &str = "hydrant-state";

impl Vault<'_> {
    /// The records and accounts, by the names of their secrets.
    #[track_caller]
    fn state(&self, folder: &str) -> Vec<String> {
        let keys =
            self.ask("GET", &format!("hydrant/metadata/{folder}/?list=true"), None)["data"]["keys"].clone();
        keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    /// The records of certificates.
    #[track_caller]
    fn records(&self, folder: &str) -> Vec<String> {
        self.state(folder).into_iter().filter(|key| key.starts_with("certificate-")).collect()
    }

    /// Moves the end of every lease into the past, as time itself does.
    #[track_caller]
    fn end_leases(&self, folder: &str) {
        for key in self.records(folder) {
            let metadata = self.ask("GET", &format!("hydrant/metadata/{folder}/{key}"), None);
            if metadata["data"]["current_version"] == 0 {
                continue;
            }
            let path = format!("hydrant/{folder}/{key}");
            let mut fields = self.version(&path)["data"].clone();
            if !fields["lease"].is_null() {
                fields["lease"]["seconds"] = json!(0);
                self.write(&path, &fields);
            }
        }
    }
}
