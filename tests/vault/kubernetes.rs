//! A pod logs in with the token of its service account. OpenBao asks the cluster's API server, of which only the
//! `TokenReview` is here: see `tests/rig/kubernetes.py`.

use serde_json::json;

use super::{ALL, certificates, client, run};
use crate::support::{DNS_HOOK, Output, Rig, Test, Vault, vault_hook};

#[track_caller]
fn rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--vault", "--kubernetes", "--faults"])
}

/// Everything that the store and the hook need.
const BOTH: &str = r#"
path "kv-certificates/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "hydrant/*"         { capabilities = ["create", "read", "update", "list"] }
"#;

/// A place where pods get their certificates from Vault, with this token for a service account.
fn place(vault: &Vault, token: &str) -> Test {
    let yaml = format!(
        "accept_terms: true\nchallenge: dns-01\nstore: vault\n\
         vault: {{mount: kv-certificates, prefix: kept, auth: kubernetes, role: pusher}}\nhooks:\n\
         \x20 - {{command: {DNS_HOOK}, operations: [deploy_challenge, clean_challenge]}}\n\
         \x20 - {{command: {}, env: {{HYDRANT_VAULT_AUTH: kubernetes, VAULT_AUTH_ROLE: pusher}}}}\n",
        vault_hook().display()
    );
    let test = Test::new().vault(vault);
    let file = test.path("token");
    test.config(&yaml)
        .domains("a.example\n")
        .env("VAULT_SECRET_BASE", "kv-certificates/data/delivered")
        .env("VAULT_ID_TOKEN_FILE", file)
        .write("token", format!("{token}\n"))
        .args(["run"])
}

/// The hook alone, with a certificate.
fn deliver(vault: &Vault, variables: &[(&str, &str)]) -> Output {
    let mut test =
        Test::new().vault(vault).env("HYDRANT_VAULT_AUTH", "kubernetes").certificate("a", &["a.example"]);
    for (name, value) in variables {
        test = test.env(name, value);
    }
    let files = ["a/privkey.pem", "a/cert.pem", "a/fullchain.pem", "a/chain.pem"];
    test.program(vault_hook(), &[&["deploy_cert", "a.example"], &files[..], &["1700000000"]].concat())
}

/// Neither the token of the account nor its signature alone.
#[track_caller]
fn assert_hidden(output: Output, token: &str) -> Output {
    for part in token.split('.') {
        assert!(!output.stdout.contains(part) && !output.stderr.contains(part), "{}", output.stderr);
    }
    output
}

#[test]
fn the_store_and_the_hook_log_in_with_the_service_account() {
    let rig = rig();
    let vault = Vault::new(&rig);
    vault.kubernetes_role("kubernetes", BOTH, &json!({}));
    let token = vault.service_account("web/hydrant", &[]);
    let test = place(&vault, &token);
    assert_hidden(test.run(), &token).code(0).stdout_contains("1 certificate: 1 issued\n");
    let kept = vault.read("kv-certificates/kept/a.example");
    assert_eq!(vault.read("kv-certificates/delivered/a.example"), kept);
    assert_hidden(test.run(), &token).code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
    let logins =
        vault.requests().iter().filter(|request| *request == "POST auth/kubernetes/login 200").count();
    assert_eq!(logins, 4, "once for each process");
}

#[test]
fn the_token_is_read_anew_at_each_login_and_may_be_for_vault_alone() {
    let rig = rig();
    let vault = Vault::new(&rig);
    vault.kubernetes_role(
        "kubernetes",
        ALL,
        &json!({ "audience": "vault", "token_ttl": "1s", "token_max_ttl": "1s" }),
    );
    let file = rig.directory().join("token");
    let write = |token: &str| std::fs::write(&file, token).unwrap();
    let way = [
        ("HYDRANT_VAULT_AUTH", "kubernetes"),
        ("VAULT_AUTH_ROLE", "pusher"),
        ("VAULT_ID_TOKEN_FILE", file.to_str().unwrap()),
    ];
    write(&vault.service_account("web/hydrant", &["aud=vault"]));
    run(async {
        let client = client(&rig, &way);
        let kv = certificates(&client).await;
        // As the kubelet does before the first one ends: now there is only one that is no good.
        write(&vault.service_account("web/hydrant", &["aud=vault", "expires_in=-600"]));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let error = loop {
            if let Err(error) = kv.find("none").await {
                break error;
            }
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(
            error.to_string(),
            "Vault refuses the login at `auth/kubernetes`: invalid expiration time (exp) claim: token is expired"
        );
        write(&vault.service_account("web/hydrant", &["aud=vault"]));
        kv.find("none").await.unwrap();
    });
}

#[test]
fn a_refused_login_says_why_and_is_not_repeated() {
    let rig = rig();
    let vault = Vault::new(&rig);
    // This one knows no cluster.
    for mount in ["kubernetes", "unready"] {
        vault.kubernetes_role(mount, ALL, &json!({}));
    }
    let refusals = [
        ("kubernetes", "web/other", "pusher", "service account name not authorized", 403),
        ("kubernetes", "other/hydrant", "pusher", "namespace not authorized", 403),
        ("kubernetes", "web/hydrant", "nobody", "invalid role name \"nobody\"", 400),
        ("unready", "web/hydrant", "pusher", "could not load backend configuration", 500),
    ];
    for (mount, account, role, reason, status) in refusals {
        vault.forget_requests();
        let token = vault.service_account(account, &[]);
        let way = [("VAULT_ID_TOKEN", token.as_str()), ("VAULT_AUTH_ROLE", role), ("VAULT_AUTH_PATH", mount)];
        let line = format!("vault: a.example: Vault refuses the login at `auth/{mount}`: {reason}\n");
        assert_hidden(deliver(&vault, &way), &token).code(1).stdout("").stderr(&line);
        assert_eq!(vault.requests(), [format!("POST auth/{mount}/login {status}")]);
    }
    vault.forget_requests();
    let token = vault.service_account("web/other", &[]);
    let output = assert_hidden(place(&vault, &token).run(), &token);
    output
        .code(1)
        .stderr("error: Vault refuses the login at `auth/kubernetes`: service account name not authorized\n");
    assert_eq!(vault.requests(), ["POST auth/kubernetes/login 403"]);
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn a_token_that_is_not_there_is_named() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let usual = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    assert!(!std::path::Path::new(usual).exists());
    deliver(&vault, &[]).code(1).stdout("").stderr(&format!(
        "vault: a.example: cannot log in with {usual}: No such file or directory (os error 2); hint: let the pod have \
         the token of its service account, or name the file with one in VAULT_ID_TOKEN_FILE\n"
    ));
    deliver(&vault, &[("VAULT_ID_TOKEN_FILE", "/nowhere")]).code(1).stdout("").stderr(
        "vault: a.example: cannot log in with /nowhere: No such file or directory (os error 2); hint: name a file that \
         can be read in the variable that ends in _FILE\n",
    );
    let test = place(&vault, "");
    test.run().code(2).stdout("").stderr(
        "error: cannot log in with [DIR]/token: it is empty\n\
         hint: name a file that can be read in the variable that ends in _FILE\n",
    );
    assert_eq!(vault.requests(), [""; 0]);
    assert_eq!(rig.orders_made(), 0);
}
