//! lecertvend's command line on its secrets: a real OpenBao, a real CA, the double of Cloudflare.

mod arguments;
mod concurrency;
mod crash;
mod issuing;
mod lint;
mod pipeline;
mod renewing;
mod rules;
mod tenancy;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::support::{Cloudflare, Rig, Test, Token, Vault, assert_good_set, openssl};

/// The command lines of a team.
const VEND: &str = "-vend -mount secret -prefix lecertvend/team/teamdomain.com -secret myapp -names myapp";
const RENEW: &str = "-renew -mindays 28 -mount secret -prefix lecertvend/team";
/// The team's secret, and where its certificates are.
const TEAM: &str = "secret/lecertvend/team/lecertvend";
const ZONE: &str = "secret/lecertvend/team/teamdomain.com";
const ZONES: [&str; 2] = ["teamdomain.com", "other.example"];

/// A CA, a Vault, and Cloudflare, which is then the CA's DNS.
#[track_caller]
fn rig(options: &[&str]) -> Rig {
    Rig::with(&[&["--nonce-reject", "0", "--vault", "--cloudflare"], options].concat())
}

/// A place for runs, whose team has a token for its zones.
#[track_caller]
fn place(rig: &Rig, cloudflare: &Cloudflare) -> Test {
    Vault::new(rig).write(TEAM, &team(cloudflare));
    Test::new()
        .without_token(cloudflare)
        .env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"])
        .env("NO_PROXY", "*")
}

fn team(cloudflare: &Cloudflare) -> Value {
    json!({ "cfToken": cloudflare.token(Token::Hook), "contact": "ops@teamdomain.com" })
}

/// A secret holds one good certificate for these names, the whole chain in `cert`, and a key that old servers can read.
#[track_caller]
fn assert_vended(rig: &Rig, test: &Test, secret: &str, names: &[&str]) {
    let fields = Vault::new(rig).read(secret);
    let (chain, key) = (fields["cert"].as_str().unwrap(), fields["key"].as_str().unwrap());
    assert!(key.starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "{key}");
    let end = "-----END CERTIFICATE-----\n";
    let (cert, above) = chain.split_at(chain.find(end).unwrap() + end.len());
    let directory = test.path("seen");
    fs::create_dir_all(&directory).unwrap();
    for (file, text) in [("privkey", key), ("cert", cert), ("chain", above), ("fullchain", chain)] {
        fs::write(directory.join(format!("{file}.pem")), text).unwrap();
    }
    assert_good_set(rig, &directory, names);
    fs::remove_dir_all(directory).unwrap();
}

/// Writes a certificate as lecertvend would have, so many days ago.
#[track_caller]
fn put_aged(rig: &Rig, test: &Test, secret: &str, names: &[&str], lived: i64, left: i64) {
    put_issued_by(rig, test, "Somebody", secret, names, lived, left);
}

/// The same by an issuer of this name.
#[track_caller]
fn put_issued_by(rig: &Rig, test: &Test, issuer: &str, secret: &str, names: &[&str], lived: i64, left: i64) {
    let form = format_description!("[year][month][day][hour][minute][second]Z");
    let at = |days: i64| (OffsetDateTime::now_utc() + Duration::days(days)).format(form).unwrap();
    let directory = test.path("aged");
    fs::create_dir_all(&directory).unwrap();
    let names: Vec<_> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let config = format!(
        "[ca]\ndefault_ca = ca\n[ca]\nnew_certs_dir = .\ndatabase = index\nserial = serial\ndefault_md = sha256\n\
         policy = any\nx509_extensions = leaf\n[any]\ncommonName = optional\n[req]\ndistinguished_name = name\n[name]\n\
         [leaf]\nsubjectAltName = {}\n",
        names.join(",")
    );
    for (file, text) in [("cnf", config.as_str()), ("index", ""), ("serial", "01\n")] {
        fs::write(directory.join(file), text).unwrap();
    }
    let mut key = Command::new("openssl");
    openssl(key.current_dir(&directory).args([
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "key",
    ]));
    let mut request = Command::new("openssl");
    request.current_dir(&directory).args([
        "req",
        "-config",
        "cnf",
        "-new",
        "-key",
        "key",
        "-subj",
        &format!("/CN={issuer}"),
    ]);
    openssl(request.args(["-out", "csr"]));
    let mut sign = Command::new("openssl");
    sign.current_dir(&directory).args([
        "ca",
        "-config",
        "cnf",
        "-batch",
        "-selfsign",
        "-notext",
        "-keyfile",
        "key",
    ]);
    // An hour more, so that whole days are as many as were asked for.
    let end = (OffsetDateTime::now_utc() + Duration::days(left) + Duration::HOUR).format(form).unwrap();
    openssl(sign.args(["-in", "csr", "-out", "cert", "-startdate", &at(-lived), "-enddate", &end]));
    let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
    Vault::new(rig).write(secret, &json!({ "cert": read("cert"), "key": read("key") }));
    fs::remove_dir_all(directory).unwrap();
}
