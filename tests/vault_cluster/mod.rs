//! A Vault of three nodes, asked by way of a standby: reads that may be behind, a leader that dies, a lost quorum.

mod leader;
mod quorum;
mod standby;

use std::fs;

use crate::support::{Rig, Test, VaultCluster, assert_good_set, vault_hook};

/// A CA and a cluster behind a fault proxy.
#[track_caller]
fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault-cluster", "--faults"])
}

/// Everything that the store and the hook need.
const BOTH: &str = r#"
path "kv-certificates/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "hydrant/*"         { capabilities = ["create", "read", "update", "list"] }
"#;

/// Waits at the operation `GATE` until there is a file `open`.
const WAIT: &str = r#"
    if [ "$1" = "${GATE-}" ]; then
        touch at-the-gate
        while [ ! -e open ]; do sleep 0.02; done
    fi
"#;

/// A place for runs that keep these names in Vault, and deliver them to another folder there. Hooks before the one for
/// Vault wait at the operation `gate`.
fn place(rig: &Rig, names: &[String], gate: &str) -> Test {
    let challenges = "deploy_challenge, clean_challenge";
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-01\nstore: vault\n\
         vault: {{mount: kv-certificates, prefix: kept}}\nhooks:\n\
         \x20 - {{command: ./hook, operations: [{challenges}]}}\n\
         \x20 - {{command: ./gate, operations: [deploy_cert]}}\n  - command: {}\n",
        vault_hook().display()
    );
    Test::new()
        .own_hook(&format!(r#"{WAIT}exec "$RIG_HOOK" "$@""#), challenges)
        .hook_script("gate", WAIT)
        .config(&yaml)
        .rig(rig)
        .env("NO_PROXY", "*")
        .env("VAULT_SECRET_BASE", "kv-certificates/data/delivered")
        .env("GATE", gate)
        .domains(&format!("{}\n", names.join("\n")))
        .args(["run"])
}

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("host-{number:02}.example")).collect()
}

/// Kept and delivered is one good certificate for each name, and the same.
#[track_caller]
fn assert_all_are_there(rig: &Rig, test: &Test, names: &[String]) {
    let vault = VaultCluster::new(rig).vault();
    for name in names {
        let kept = vault.read(&format!("kv-certificates/kept/{name}"));
        assert_eq!(vault.read(&format!("kv-certificates/delivered/{name}")), kept, "{name}");
        let directory = test.path("seen");
        fs::create_dir_all(&directory).unwrap();
        for (field, file) in
            [("key", "privkey"), ("cert", "cert"), ("chain", "chain"), ("fullchain", "fullchain")]
        {
            fs::write(directory.join(format!("{file}.pem")), kept[field].as_str().unwrap()).unwrap();
        }
        assert_good_set(rig, &directory, &[name.as_str()]);
        fs::remove_dir_all(directory).unwrap();
    }
}
