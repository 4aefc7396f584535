//! Vault: the client, and the hook that delivers certificates, before a real OpenBao.

mod client;
mod faults;
mod hook;
mod kubernetes;
mod login;
mod numberly;
mod pipeline;
mod settings;

use std::future::Future;

use hydrant::vault::{Client, Data, Error, Kv, Options};
use serde_json::Value;

use crate::support::Rig;

/// May do everything with the certificates.
const ALL: &str =
    r#"path "kv-certificates/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }"#;

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

/// A client with these variables besides those of the rig.
fn client(rig: &Rig, variables: &[(&str, &str)]) -> Client {
    let options = options(rig, variables).unwrap();
    Client::new(options).unwrap()
}

fn options(rig: &Rig, variables: &[(&str, &str)]) -> Result<Options, Error> {
    Options::read(|name| {
        let given = variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| rig.environment().get(name).cloned())
    })
}

fn root(rig: &Rig) -> Client {
    client(rig, &[("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"])])
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn data(value: &Value) -> Data {
    Data::of(value).unwrap()
}

fn said<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    outcome.unwrap_err().to_string()
}

async fn certificates(client: &Client) -> Kv {
    client.kv("kv-certificates").await.unwrap()
}
