//! The hook behind a whole run: hydrant's, and that of the real dehydrated.

use std::thread;
use std::time::Instant;

use serde_json::json;

use super::{rig, rig_with_faults};
use crate::support::{DNS_HOOK, PUSHER, Test, Vault, dehydrated, vault_hook};

const LIST: &str = "*.a.example a.example > a\nb.example www.b.example\n";

/// hydrant with two hooks: one that proves names, and the one for Vault.
fn place(vault: &Vault) -> Test {
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: dns\n    command: ./dns\n    operations: \
         [deploy_challenge, clean_challenge]\n  - command: {}\ncertificates:\n  b.example: {{owner: Customer B}}\n",
        vault_hook().display()
    );
    let dns = format!("[ -z \"${{VAULT_TOKEN-}}\" ] || exit 9\nexec {DNS_HOOK} \"$@\"");
    Test::new()
        .vault(vault)
        .env("VAULT_TOKEN", vault.token(PUSHER, "10m"))
        .domains(LIST)
        .config(&yaml)
        .hook_script("dns", &dns)
        .args(["run"])
}

#[test]
fn hydrant_issues_and_delivers_in_one_run_and_repairs_in_the_next() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    test.run().code(0).stdout_contains("2 certificates: 2 issued\n");
    assert_eq!(vault.list("kv-certificates"), json!(["*.a.example", "b.example"]));
    let fields = vault.read("kv-certificates/*.a.example");
    assert_eq!(fields["fullchain"], json!(test.read("certs/a/fullchain.pem")));
    assert_eq!(fields["key"], json!(test.read("certs/a/privkey.pem")));
    assert_eq!(fields["owner"], "");
    assert_eq!(vault.read("kv-certificates/b.example")["owner"], "Customer B");
    test.run().code(0).stdout("2 certificates: 2 unchanged\n").stderr("");
    vault.write("kv-certificates/b.example", &json!({ "cert": "x" }));
    test.run().code(0).stdout("2 certificates: 2 unchanged\n").stderr(
        "b.example: hydrant-hook-vault: vault: kv-certificates/b.example had drifted and was repaired (version 3)\n",
    );
    assert_eq!(vault.read("kv-certificates/b.example")["cert"], json!(test.read("certs/b.example/cert.pem")));
    assert_eq!(rig.certificates_issued(), 2);
}

/// The state of the delivery of a certificate, in its record and as `status` has it.
#[track_caller]
fn state(test: &Test, name: &str) -> [String; 2] {
    let record = test.record(name);
    let status = test.hydrant(&["status", "--format", "json"]).json();
    let certificates = status["certificates"].as_array().unwrap();
    let shown = certificates.iter().find(|one| one["name"] == name).unwrap();
    [&record, shown]
        .map(|place| place["deliveries"]["hydrant-hook-vault"]["state"].as_str().unwrap().to_owned())
}

#[test]
fn a_delivery_is_called_verified_only_once_the_secret_was_read_back() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let test = place(&vault);
    let denied = json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] }).to_string();
    vault.faults(&json!([{
        "method": "GET", "path": r"data/b\.example\?version=", "times": null, "do": "answer", "status": 403,
        "type": "application/json", "body": denied,
    }]));
    test.hydrant(&["-v", "run"])
        .code(1)
        .stdout_contains("a: delivered to `hydrant-hook-vault`, verified\n")
        .stderr_contains("the policy of the token denies `read` on `kv-certificates/data/b.example`");
    assert_eq!(state(&test, "a"), ["verified", "verified"]);
    // It is there, and nobody has seen it.
    assert_eq!(vault.versions("kv-certificates/b.example"), 1);
    assert_eq!(state(&test, "b.example"), ["failed", "failed"]);
    vault.faults(&json!([]));
    test.hydrant(&["deliver"]).code(0);
    assert_eq!(state(&test, "b.example"), ["verified", "verified"]);
    assert_eq!((vault.versions("kv-certificates/b.example"), rig.certificates_issued()), (1, 2));
}

#[test]
fn a_delivery_to_a_sealed_vault_stays_owed_and_is_made_by_the_next_run() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = place(&vault).env("VAULT_MAX_RETRIES", "0");
    vault.seal();
    test.run().code(1).stderr_contains("Vault is sealed");
    vault.unseal();
    test.run().code(0);
    assert_eq!(vault.list("kv-certificates"), json!(["*.a.example", "b.example"]));
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn the_real_dehydrated_issues_and_delivers_in_one_pass() {
    for chain in ["no", "yes"] {
        let rig = rig();
        let vault = Vault::new(&rig);
        let role = vault.approle(PUSHER, &json!({}));
        let config = format!(
            "CA={}\nCHALLENGETYPE=dns-01\nHOOK=./both\nHOOK_CHAIN={chain}\nCURL_OPTS=\"--cacert {} --noproxy *\"\n",
            rig.ca(),
            rig.environment()["HYDRANT_CA_ROOTS"],
        );
        let both = format!("{DNS_HOOK} \"$@\" && exec {} \"$@\"", vault_hook().display());
        let test = Test::new().rig(&rig).without_env("VAULT_").domains(LIST).write("config", config);
        let inc_path = test.path("vault.inc");
        let test = test
            .write("vault.inc", vault.inc(&role))
            .env("HYDRANT_VAULT_INC", inc_path)
            .hook_script("both", &both);
        let config = test.path("config").display().to_string();
        test.program(dehydrated(), &["--config", &config, "--register", "--accept-terms"]).code(0);
        test.program(dehydrated(), &["--config", &config, "--cron"])
            .code(0)
            .stdout_contains("vault: kv-certificates/*.a.example stored (version 1)\n")
            .stdout_contains("vault: kv-certificates/b.example stored (version 1)\n");
        let fields = vault.read("kv-certificates/*.a.example");
        assert_eq!(fields["fullchain"], json!(test.read("certs/a/fullchain.pem")), "{chain}");
        assert_eq!(fields["key"], json!(test.read("certs/a/privkey.pem")), "{chain}");
        let link = std::fs::read_link(test.path("certs/a/cert.pem")).unwrap();
        let timestamp = fields["timestamp"].as_str().unwrap();
        assert_eq!(link.to_str().unwrap(), format!("cert-{timestamp}.pem"));
        let second = test.program(dehydrated(), &["--config", &config, "--cron"]).code(0);
        assert!(!second.stdout.contains("vault:"), "{}", second.stdout);
        // What is stored is lost: the time is still that of the certificate.
        vault.ask("DELETE", "kv-certificates/metadata/b.example", None);
        test.program(dehydrated(), &["--config", &config, "--cron"])
            .code(0)
            .stdout_contains("vault: kv-certificates/b.example had drifted and was repaired (version 1)\n");
        let link = std::fs::read_link(test.path("certs/b.example/cert.pem")).unwrap();
        let timestamp = vault.read("kv-certificates/b.example")["timestamp"].as_str().unwrap().to_owned();
        assert_eq!(link.to_str().unwrap(), format!("cert-{timestamp}.pem"));
    }
}

#[test]
fn many_deliveries_at_once_are_fast() {
    const DELIVERIES: usize = 200;
    const AT_ONCE: usize = 8;
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(PUSHER, &json!({}));
    let test = Test::new()
        .vault(&vault)
        .env("VAULT_ROLE_ID", role.role_id)
        .env("VAULT_SECRET_ID", role.secret_id)
        .certificate("certs", &["a.example"]);
    let files = ["privkey", "cert", "fullchain", "chain"].map(|name| format!("certs/{name}.pem"));
    let [key, cert, fullchain, chain] = files.each_ref().map(String::as_str);
    let started = Instant::now();
    thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            let test = &test;
            scope.spawn(move || {
                for number in (worker..DELIVERIES).step_by(AT_ONCE) {
                    let name = format!("n{number}.example");
                    let arguments = ["deploy_cert", &name, key, cert, fullchain, chain, "1700000000"];
                    test.program(vault_hook(), &arguments).code(0).stderr("");
                }
            });
        }
    });
    let elapsed = started.elapsed();
    assert_eq!(vault.list("kv-certificates").as_array().unwrap().len(), DELIVERIES);
    println!("{DELIVERIES} deliveries, {AT_ONCE} at once, each with a login of its own: {elapsed:.1?}");
}
