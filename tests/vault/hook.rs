//! The hook that delivers certificates, called as dehydrated calls it.

use std::thread;

use serde_json::{Value, json};

use super::{rig, rig_with_faults};
use crate::support::{CertificateFacts, Output, PUSHER, Test, Vault, vault_hook};

const SECRET: &str = "kv-certificates/a.example";

/// A place with a certificate, and a token that may do what the README asks for.
fn place(vault: &Vault) -> Test {
    let token = vault.token(PUSHER, "60s");
    Test::new().vault(vault).env("VAULT_TOKEN", token).certificate("certs", &["a.example", "b.example"])
}

fn deploy(test: &Test, domain: &str) -> Output {
    call(test, "deploy_cert", domain, &["1700000000"])
}

fn unchanged(test: &Test, domain: &str) -> Output {
    call(test, "unchanged_cert", domain, &[])
}

/// Whatever happens, neither key nor token is shown.
fn call(test: &Test, operation: &str, domain: &str, more: &[&str]) -> Output {
    let files = ["privkey", "cert", "fullchain", "chain"].map(|name| format!("certs/{name}.pem"));
    let mut arguments = vec![operation, domain];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(more);
    let output = test.program(vault_hook(), &arguments);
    let key = test.read("certs/privkey.pem").lines().nth(1).unwrap().to_owned();
    for secret in [&key, "hvs.", "s."] {
        let (_, stdout, stderr) = output.whole();
        let words = stdout.split_whitespace().chain(stderr.split_whitespace());
        for word in words {
            let is_token = word.len() > 20 && word.trim_start_matches('`').starts_with(secret);
            assert!(!is_token && !word.contains(key.as_str()), "{stdout}{stderr}");
        }
    }
    output
}

/// What the files hold.
fn file(test: &Test, name: &str) -> String {
    test.read(&format!("certs/{name}.pem"))
}

#[test]
fn each_layout_has_exactly_its_fields() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    let [key, cert, fullchain, chain] =
        ["privkey", "cert", "fullchain", "chain"].map(|name| file(&test, name));
    let sec1 = test.program("openssl", &["ec", "-in", "certs/privkey.pem"]).stdout;
    assert!(key.contains("BEGIN PRIVATE KEY") && sec1.contains("BEGIN EC PRIVATE KEY"));
    let layouts = [
        (
            "numberly",
            json!({
                "cert": cert, "chain": chain, "fullchain": fullchain, "key": key,
                "owner": "ACME Corp", "timestamp": "1700000000",
            }),
        ),
        ("lecertvend", json!({ "cert": fullchain, "key": sec1 })),
        ("kubernetes", json!({ "tls.crt": fullchain, "tls.key": key })),
        ("haproxy", json!({ "pem": fullchain.clone() + &key })),
        ("crt=cert pk=key who=owner", json!({ "crt": cert, "pk": key, "who": "ACME Corp" })),
    ];
    let mut test = test.env("HYDRANT_OWNER", "ACME Corp").env("VAULT_OWNER", "somebody else");
    for (number, (layout, fields)) in layouts.iter().enumerate() {
        test = test.env("HYDRANT_VAULT_LAYOUT", layout);
        let name = format!("*.A{number}.example");
        let place = format!("kv-certificates/*.a{number}.example");
        deploy(&test, &name).code(0).stdout(&format!("vault: {place} stored (version 1)\n")).stderr("");
        assert_eq!(vault.read(&place), *fields, "{layout}");
        unchanged(&test, &name).code(0).stdout("").stderr("");
        assert_eq!(vault.versions(&place), 1);
    }
    let test =
        test.env("VAULT_SECRET_BASE", "kv-certificates/data/web/eu/").env("HYDRANT_VAULT_LAYOUT", "haproxy");
    deploy(&test, "a.example").code(0).stdout("vault: kv-certificates/web/eu/a.example stored (version 1)\n");
    let test = test.env("HYDRANT_VAULT_NAME", "certificate").env("alias", "star");
    deploy(&test, "a.example").code(0).stdout("vault: kv-certificates/web/eu/star stored (version 1)\n");
}

#[test]
fn the_first_delivery_takes_five_requests_later_ones_four_and_a_look_one() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    deploy(&test, "a.example").code(0).stderr("");
    assert_eq!(
        vault.requests(),
        [
            "GET kv-certificates/data/a.example 404",
            "GET sys/internal/ui/mounts/kv-certificates 200",
            "POST kv-certificates/data/a.example 200",
            "GET kv-certificates/data/a.example?version=1 200",
            "PATCH kv-certificates/metadata/a.example 204",
        ]
    );
    let facts = CertificateFacts::of(&test.path("certs/cert.pem"));
    let custom = vault.version(SECRET)["metadata"]["custom_metadata"].clone();
    let digest =
        test.program("bash", &["-c", "printf 'a.example\\nb.example\\n' | sha256sum | head -c 64"]).stdout;
    let fingerprint = test
        .program("bash", &["-c", "openssl x509 -in certs/cert.pem -outform DER | sha256sum | head -c 64"]);
    assert_eq!(custom["serial"], json!(facts.serial.to_lowercase()));
    assert_eq!(custom["names_sha256"], digest.as_str());
    assert_eq!(custom["fingerprint_sha256"], fingerprint.stdout.as_str());
    assert_eq!(custom["tool"], concat!("hydrant-hook-vault ", env!("CARGO_PKG_VERSION")));
    assert!(custom["not_after"].as_str().unwrap().ends_with('Z'), "{custom}");

    vault.forget_requests();
    unchanged(&test, "a.example").code(0).stdout("").stderr("");
    assert_eq!(vault.requests(), ["GET kv-certificates/data/a.example 200"]);

    vault.write(SECRET, &json!({ "cert": "of before" }));
    vault.forget_requests();
    deploy(&test, "a.example").code(0).stderr("");
    assert_eq!(
        vault.requests(),
        [
            "GET kv-certificates/data/a.example 200",
            "POST kv-certificates/data/a.example 200",
            "GET kv-certificates/data/a.example?version=3 200",
            "PATCH kv-certificates/metadata/a.example 204",
        ]
    );
}

#[test]
fn drift_is_repaired_in_every_field_and_the_fields_of_others_stay() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    deploy(&test, "a.example").code(0);
    let good = vault.read(SECRET);
    let with = |field: &str, value: Value| {
        let mut fields = good.clone();
        fields[field] = value;
        fields
    };
    let other = Test::new().certificate("certs", &["a.example"]);
    let mut without_chain = good.clone();
    without_chain.as_object_mut().unwrap().remove("chain");
    // The second has the same key: whoever compares keys alone takes it for good.
    let drifted = [
        with("key", json!(file(&other, "privkey"))),
        with("cert", json!(file(&other, "cert"))),
        with("fullchain", json!("")),
        with("chain", json!(7)),
        without_chain,
        json!({}),
    ];
    for fields in drifted {
        vault.write(SECRET, &fields);
        let version = vault.versions(SECRET) + 1;
        let said = format!("vault: {SECRET} had drifted and was repaired (version {version})\n");
        unchanged(&test, "a.example").code(0).stdout(&said).stderr("");
        let mut repaired = vault.read(SECRET);
        if fields["timestamp"].is_null() {
            // Not known any more: the age of the file.
            assert!(repaired["timestamp"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
            repaired["timestamp"] = good["timestamp"].clone();
        } else if fields["cert"] != good["cert"]
            || fields["key"] != good["key"]
            || fields["chain"] != good["chain"]
            || fields["fullchain"] != good["fullchain"]
        {
            repaired["timestamp"] = good["timestamp"].clone();
        }
        assert_eq!(repaired, good);
    }
    // What the bash hook stored is no drift: it drops the last newlines, and has another owner.
    let mut bash = good.clone();
    for field in ["cert", "chain", "fullchain", "key"] {
        bash[field] = json!(good[field].as_str().unwrap().trim_end());
    }
    bash["owner"] = json!("letsencrypt");
    bash["note"] = json!({ "of": ["another"] });
    vault.write(SECRET, &bash);
    unchanged(&test, "a.example").code(0).stdout("").stderr("");
    // A new certificate leaves what is not its own.
    let renewed = test.certificate("certs", &["a.example"]);
    deploy(&renewed, "a.example").code(0);
    let fields = vault.read(SECRET);
    assert_eq!((&fields["owner"], &fields["note"]), (&json!("letsencrypt"), &json!({ "of": ["another"] })));
    assert_eq!(fields["cert"], json!(file(&renewed, "cert")));
    // And nothing of the old one stays where the layout becomes another.
    let renewed = renewed.env("HYDRANT_VAULT_LAYOUT", "kubernetes");
    unchanged(&renewed, "a.example").code(0);
    let mut names: Vec<_> = vault.read(SECRET).as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    assert_eq!(names, ["note", "owner", "timestamp", "tls.crt", "tls.key"]);
}

#[test]
fn a_deleted_or_destroyed_secret_is_written_again() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    deploy(&test, "a.example").code(0);
    vault.ask("DELETE", "kv-certificates/data/a.example", None);
    unchanged(&test, "a.example")
        .code(0)
        .stdout(&format!("vault: {SECRET} had drifted and was repaired (version 2)\n"));
    vault.ask("PUT", "kv-certificates/destroy/a.example", Some(&json!({ "versions": [2] })));
    unchanged(&test, "a.example")
        .code(0)
        .stdout(&format!("vault: {SECRET} had drifted and was repaired (version 3)\n"));
    vault.ask("DELETE", "kv-certificates/metadata/a.example", None);
    unchanged(&test, "a.example")
        .code(0)
        .stdout(&format!("vault: {SECRET} had drifted and was repaired (version 1)\n"));
}

#[test]
fn what_vault_refuses_is_said_in_one_line_with_what_to_do() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    let limited = |rules: &str| vault.token(rules, "60s");
    let test =
        test.env("VAULT_TOKEN", limited(r#"path "kv-certificates/data/*" { capabilities = ["create"] }"#));
    deploy(&test, "a.example").code(1).stdout("").stderr(
        "vault: a.example: the policy of the token denies `read` on `kv-certificates/data/a.example`; hint: allow it: path \
         \"kv-certificates/data/a.example\" { capabilities = [\"read\"] }\n",
    );
    let test =
        test.env("VAULT_TOKEN", limited(r#"path "kv-certificates/data/*" { capabilities = ["read"] }"#));
    deploy(&test, "a.example").code(1).stdout("").stderr(
        "vault: a.example: the policy of the token denies `create` or `update` on `kv-certificates/data/a.example`; hint: \
         allow it: path \"kv-certificates/data/a.example\" { capabilities = [\"create\", \"update\"] }\n",
    );
    // Without facts beside it, a certificate is delivered all the same.
    let test = test.env(
        "VAULT_TOKEN",
        limited(r#"path "kv-certificates/data/*" { capabilities = ["create", "read", "update"] }"#),
    );
    deploy(&test, "a.example").code(0).stdout(&format!("vault: {SECRET} stored (version 1)\n")).stderr(
        &format!(
            "vault: {SECRET}: no facts beside it: the policy of the token denies `patch` on \
         `kv-certificates/metadata/a.example`\n"
        ),
    );
    unchanged(&test, "a.example").code(0).stdout("").stderr("");
    let test = test.env("VAULT_TOKEN", "s.dead");
    deploy(&test, "a.example").code(1).stdout("").stderr(
        "vault: a.example: Vault does not take the token: it has expired, was revoked, or is of another Vault or \
         namespace; hint: give a new one in VAULT_TOKEN, or log in with VAULT_ROLE_ID and VAULT_SECRET_ID, or a job's \
         JWT\n",
    );
    let root = rig.environment()["RIG_VAULT_TOKEN"].clone();
    let test = test.env("VAULT_TOKEN", root).env("VAULT_SECRET_BASE", "old/data");
    deploy(&test, "a.example").code(1).stdout("").stderr(
        "vault: a.example: the secrets engine at `old` is version 1 of kv, not version 2 of kv; hint: `vault kv \
         enable-versioning old` makes it version 2\n",
    );
    let test = test.env("VAULT_SECRET_BASE", "kv-certificates/data").env("VAULT_MAX_RETRIES", "1");
    vault.seal();
    unchanged(&test, "a.example").code(75).stdout("").stderr("vault: a.example: Vault is sealed\n");
}

#[test]
fn what_is_wrong_with_files_and_settings_is_said() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    let other = Test::new().certificate("certs", &["a.example"]);
    test.put("certs/privkey.pem", &file(&other, "privkey"));
    deploy(&test, "a.example").code(1).stderr(
        "vault: a.example: the key in certs/privkey.pem is not that of the certificate in certs/cert.pem\n",
    );
    test.put("certs/cert.pem", "\n");
    deploy(&test, "a.example")
        .code(1)
        .stderr("vault: a.example: certs/cert.pem: there is no certificate in the text\n");
    std::fs::remove_file(test.path("certs/chain.pem")).unwrap();
    deploy(&test, "a.example")
        .code(1)
        .stderr("vault: a.example: cannot read certs/chain.pem: No such file or directory (os error 2)\n");
    let test = test.env("HYDRANT_VAULT_LAYOUT", "nginx");
    deploy(&test, "a.example").code(1).stderr(
        "vault: a.example: HYDRANT_VAULT_LAYOUT: `nginx` is none of numberly, lecertvend, kubernetes, haproxy, nor a list \
         of FIELD=PART\n",
    );
    // Nothing of this was stored, and a dry run stores nothing either.
    let test =
        test.env("HYDRANT_VAULT_LAYOUT", "").certificate("certs", &["a.example"]).env("HYDRANT_DRY_RUN", "1");
    deploy(&test, "a.example").code(0).stdout("").stderr("");
    assert_eq!(vault.ask("GET", "kv-certificates/config", None)["data"]["max_versions"], 0);
    let listed = std::process::Command::new("curl")
        .args([
            "-s",
            "--noproxy",
            "*",
            "-H",
            &format!("X-Vault-Token: {}", rig.environment()["RIG_VAULT_TOKEN"]),
        ])
        .arg(format!("{}/v1/kv-certificates/metadata/?list=true", rig.environment()["RIG_VAULT"]))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap().trim(), r#"{"errors":[]}"#);
}

#[test]
fn no_fault_on_the_way_loses_half_a_pair_or_shows_a_secret() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let mut test = place(&vault);
    let faults = [
        json!({ "do": "reset-before" }),
        json!({ "do": "reset-after" }),
        json!({ "do": "truncate" }),
        json!({ "do": "answer", "status": 429, "type": "application/json", "body": "{\"errors\":[]}", "retry_after": 1 }),
        json!({ "do": "answer", "status": 503, "type": "application/json", "body": "{\"errors\":[\"Vault is sealed\"]}" }),
        json!({ "do": "answer", "status": 502 }),
        json!({ "do": "answer", "status": 200, "body": "<html>" }),
    ];
    for (number, fault) in faults.iter().enumerate() {
        for method in ["GET", "POST", "PATCH"] {
            let mut rule = fault.clone();
            rule["method"] = json!(method);
            vault.faults(&json!([rule]));
            test = test.certificate("certs", &["a.example"]);
            let name = format!("{number}.{}.example", method.to_lowercase());
            let place = format!("kv-certificates/{name}");
            deploy(&test, &name).code(0).stdout(&format!("vault: {place} stored (version 1)\n")).stderr("");
            let fields = vault.read(&place);
            assert_eq!(fields["cert"], json!(file(&test, "cert")), "{rule}");
            assert_eq!(fields["key"], json!(file(&test, "privkey")), "{rule}");
        }
    }
    let denied = json!({ "do": "answer", "status": 403, "type": "application/json", "body": "{\"errors\":[\"permission denied\"]}" });
    let mut rule = denied.clone();
    rule["method"] = json!("POST");
    vault.faults(&json!([rule]));
    deploy(&test, "denied.example").code(1).stderr(
        "vault: denied.example: the policy of the token denies `create` or `update` on \
         `kv-certificates/data/denied.example`; hint: allow it: path \"kv-certificates/data/denied.example\" { \
         capabilities = [\"create\", \"update\"] }\n",
    );
}

#[test]
fn deliveries_of_one_name_at_once_leave_one_whole_pair() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let places: Vec<_> = (0..8).map(|_| place(&vault)).collect();
    thread::scope(|scope| {
        for test in &places {
            scope.spawn(|| deploy(test, "a.example").code(0));
        }
    });
    let fields = vault.read(SECRET);
    let last = places.iter().find(|test| json!(file(test, "cert")) == fields["cert"]).unwrap();
    assert_eq!(fields["key"], json!(file(last, "privkey")));
    assert_eq!(fields["fullchain"], json!(file(last, "fullchain")));
}
