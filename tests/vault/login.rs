//! Ways to log in, and tokens that end in the middle of the work.

use std::fs;
use std::time::{Duration, Instant};

use hydrant::vault::{Client, Error, Found};
use serde_json::json;

use super::{ALL, certificates, client, options, rig, rig_with_faults, root, run, said};
use crate::support::{Rig, Vault};

/// The requests to log in, renew and look up, since they were last asked for.
fn logins(vault: &Vault) -> Vec<String> {
    let logins = vault.requests().into_iter().filter(|request| request.contains(" auth/")).collect();
    vault.forget_requests();
    logins
}

#[test]
fn each_way_to_log_in_reads() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({}));
    vault.jwt_role(ALL, &json!({ "namespace_path": "team", "ref_protected": "true" }));
    let token = vault.token(ALL, "60s");
    let home = rig.directory().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join(".vault-token"), format!("{token}\n")).unwrap();
    let secret_id = rig.directory().join("secret-id");
    fs::write(&secret_id, format!("{}\n", role.secret_id)).unwrap();
    let wrapped = vault.wrapped("auth/approle/role/pusher/secret-id");
    let jwt = vault.jwt(&[]);
    let role_id = ("VAULT_ROLE_ID", role.role_id.as_str());
    let ways: [&[(&str, &str)]; 7] = [
        &[("VAULT_TOKEN", &token)],
        // OpenBao's own names count more.
        &[("BAO_TOKEN", &token), ("VAULT_TOKEN", "wrong")],
        &[("HOME", home.to_str().unwrap())],
        &[role_id, ("VAULT_SECRET_ID", &role.secret_id)],
        &[role_id, ("VAULT_SECRET_ID_FILE", secret_id.to_str().unwrap())],
        &[role_id, ("VAULT_WRAPPED_SECRET_ID", &wrapped)],
        &[("VAULT_ID_TOKEN", &jwt), ("VAULT_AUTH_ROLE", "job")],
    ];
    for way in ways {
        let found = run(async { certificates(&client(&rig, way)).await.find("none").await });
        assert_eq!(found.unwrap(), Found::Absent, "{:?}", way[0].0);
    }
}

#[test]
fn a_refused_login_says_what_vault_says() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({}));
    vault.jwt_role(ALL, &json!({ "namespace_path": "team", "ref_protected": "true" }));
    let wrapped = vault.wrapped("auth/approle/role/pusher/secret-id");
    let (stranger, old) = (vault.jwt(&["namespace_path=other"]), vault.jwt(&["expires_in=-600"]));
    let role_id = ("VAULT_ROLE_ID", role.role_id.as_str());
    let error =
        |way: &[(&str, &str)]| run(async { client(&rig, way).kv("kv-certificates").await.unwrap_err() });
    let job = ("VAULT_AUTH_ROLE", "job");
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[role_id, ("VAULT_SECRET_ID", "wrong")],
            "Vault refuses the login at `auth/approle`: invalid role or secret ID",
        ),
        (&[role_id], "Vault refuses the login at `auth/approle`: missing secret_id"),
        (
            &[("VAULT_ID_TOKEN", &stranger), job],
            "Vault refuses the login at `auth/jwt`: error validating claims: claim \"namespace_path\" does not match any \
             associated bound claim values",
        ),
        (
            &[("VAULT_ID_TOKEN", &old), job],
            "Vault refuses the login at `auth/jwt`: error validating token: invalid expiration time (exp) claim: token is expired",
        ),
        (
            &[("VAULT_ID_TOKEN", &old), job, ("VAULT_AUTH_PATH", "gitlab")],
            "Vault refuses the login at `auth/gitlab`: permission denied",
        ),
        (
            &[("VAULT_TOKEN", "s.dead")],
            "Vault does not take the token: it has expired, was revoked, or is of another Vault or namespace",
        ),
    ];
    for (way, message) in cases {
        let error = error(way);
        assert_eq!(error.to_string(), message);
        assert!(!error.may_pass() && !error.is_absent(), "{message}");
    }
    // A wrapping token gives its secret id once; the second one to come is told that somebody was there.
    let way = [role_id, ("VAULT_WRAPPED_SECRET_ID", wrapped.as_str())];
    assert!(run(async { client(&rig, &way).kv("kv-certificates").await.is_ok() }));
    let second = error(&way);
    assert_eq!(second.to_string(), "the wrapped secret id was unwrapped already, or has expired");
    assert_eq!(
        second.hints(),
        ["if no other job of yours has used it, somebody else holds the secret id: revoke it"]
    );
}

#[test]
fn a_wrapping_token_from_elsewhere_is_not_unwrapped() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({}));
    let forged = vault.wrapped("sys/wrapping/wrap");
    let way = [("VAULT_ROLE_ID", role.role_id.as_str()), ("VAULT_WRAPPED_SECRET_ID", forged.as_str())];
    assert_eq!(
        said(run(async { client(&rig, &way).kv("kv-certificates").await })),
        "the wrapping token does not hold a secret id of `auth/approle`, but what `sys/wrapping/wrap` gave"
    );
}

#[test]
fn many_requests_at_once_log_in_once_and_give_the_token_back() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({}));
    run(async {
        let client = approle(&rig, &role);
        let reads = (0..50).map(|_| client.capabilities(&["x"]));
        assert!(futures_util::future::join_all(reads).await.iter().all(Result::is_ok));
        assert_eq!(logins(&vault), ["POST auth/approle/login 200"]);
        client.log_out().await;
        assert_eq!(logins(&vault), ["POST auth/token/revoke-self 204"]);
        // And a given token is left as it is.
        let given = vault.token(ALL, "60s");
        let client = self::client(&rig, &[("VAULT_TOKEN", &given)]);
        let kv = certificates(&client).await;
        client.log_out().await;
        assert!(kv.find("none").await.is_ok());
        assert_eq!(logins(&vault), [""; 0]);
    });
}

#[test]
fn tokens_of_two_seconds_are_renewed_and_then_taken_anew() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({ "token_ttl": "2s", "token_max_ttl": "4s" }));
    reads_for(Duration::from_secs(7), &approle(&rig, &role));
    let requests = vault.requests();
    let count = |what: &str| requests.iter().filter(|request| *request == what).count();
    assert!(count("POST auth/approle/login 200") >= 2, "{requests:?}");
    assert!(count("POST auth/token/renew-self 200") >= 2, "{requests:?}");
    assert!(!requests.iter().any(|request| request.ends_with(" 403")), "{requests:?}");
}

#[test]
fn a_given_token_of_four_seconds_is_renewed() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let token = vault.token(ALL, "4s");
    reads_for(Duration::from_secs(7), &client(&rig, &[("VAULT_TOKEN", &token)]));
    let logins = logins(&vault);
    assert_eq!(
        logins[..2],
        ["GET auth/token/lookup-self 200", "POST auth/token/renew-self 200"],
        "{logins:?}"
    );
}

#[test]
fn a_revoked_token_is_replaced_in_the_middle_of_the_work() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let role = vault.approle(ALL, &json!({}));
    let file = rig.directory().join("token");
    let revoke = |token: &str| vault.ask("POST", "auth/token/revoke", Some(&json!({ "token": token })));
    let old = vault.token(ALL, "60s");
    fs::write(&file, &old).unwrap();
    run(async {
        for client in [approle(&rig, &role), client(&rig, &[("VAULT_TOKEN_FILE", file.to_str().unwrap())])] {
            let kv = certificates(&client).await;
            vault.ask("PUT", "sys/leases/revoke-prefix/auth/approle/login", None);
            revoke(&old);
            // As an agent does that renews what it writes.
            fs::write(&file, vault.token(ALL, "60s")).unwrap();
            assert_eq!(kv.find("none").await.unwrap(), Found::Absent);
        }
        let token = vault.token(ALL, "60s");
        let kv = certificates(&client(&rig, &[("VAULT_TOKEN", &token)])).await;
        revoke(&token);
        assert!(matches!(kv.find("none").await, Err(Error::TokenRefused)));
    });
}

#[test]
fn without_a_token_nothing_but_the_state_of_the_node_is_shown() {
    let rig = rig();
    run(async {
        let client = client(&rig, &[("HYDRANT_VAULT_AUTH", "none")]);
        let health = client.health().await.unwrap();
        assert_eq!((health.initialized, health.sealed, health.standby), (true, false, false));
        assert!(matches!(client.token().await, Err(Error::Denied { .. })));
    });
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let rig = rig();
    let error = |variables: &[(&str, &str)]| said(options(&rig, variables));
    assert_eq!(error(&[("VAULT_ADDR", "vault.example")]), "VAULT_ADDR: relative URL without a base");
    assert_eq!(error(&[("VAULT_ADDR", "ftp://vault")]), "VAULT_ADDR: it is no http:// or https:// URL");
    assert_eq!(error(&[("VAULT_SKIP_VERIFY", "yes")]), "VAULT_SKIP_VERIFY: `yes` is neither true nor false");
    assert_eq!(
        error(&[("VAULT_CLIENT_TIMEOUT", "soon")]),
        "VAULT_CLIENT_TIMEOUT: `soon` is no duration, such as 30s"
    );
    assert_eq!(error(&[("VAULT_MAX_RETRIES", "-1")]), "VAULT_MAX_RETRIES: `-1` is no number");
    assert_eq!(
        error(&[("VAULT_CACERT", "/nowhere")]),
        "VAULT_CACERT: cannot read /nowhere: No such file or directory (os error 2)"
    );
    assert_eq!(error(&[("VAULT_CLIENT_CERT", "/x")]), "VAULT_CLIENT_KEY: the certificate has no key");
    assert_eq!(
        error(&[("HYDRANT_VAULT_AUTH", "ldap")]),
        "HYDRANT_VAULT_AUTH: `ldap` is none of none, token, approle, jwt, kubernetes"
    );
    assert_eq!(
        error(&[("HYDRANT_VAULT_AUTH", "approle")]),
        "VAULT_ROLE_ID: HYDRANT_VAULT_AUTH needs it, and it is not set"
    );
}

#[test]
fn tls_is_checked_and_the_name_in_the_certificate_may_be_another() {
    let rig = rig();
    let token = ("VAULT_TOKEN", rig.environment()["RIG_VAULT_TOKEN"].as_str());
    let outcome = |more: &[(&str, &str)]| {
        let variables = [&[token, ("VAULT_MAX_RETRIES", "0")], more].concat();
        run(async { client(&rig, &variables).kv("kv-certificates").await })
    };
    let error = outcome(&[("VAULT_CACERT", rig.roots().to_str().unwrap())]).unwrap_err();
    assert!(!error.may_pass());
    assert_eq!(error.hints(), ["name the PEM file with the root of Vault's certificate in VAULT_CACERT"]);
    assert!(
        outcome(&[("VAULT_CACERT", rig.roots().to_str().unwrap()), ("VAULT_SKIP_VERIFY", "true")]).is_ok()
    );
    let capath = rig.directory().join("capath");
    fs::create_dir(&capath).unwrap();
    fs::copy(&rig.environment()["VAULT_CACERT"], capath.join("ca.pem")).unwrap();
    assert!(outcome(&[("VAULT_CACERT", ""), ("VAULT_CAPATH", capath.to_str().unwrap())]).is_ok());
    // The certificate is for the address and for localhost.
    assert!(outcome(&[("VAULT_TLS_SERVER_NAME", "localhost")]).is_ok());
    assert!(outcome(&[("VAULT_TLS_SERVER_NAME", "vault.example")]).is_err());
}

#[test]
fn namespaces_are_kept_apart() {
    let rig = rig();
    let vault = Vault::new(&rig);
    vault.ask("POST", "sys/namespaces/team", None);
    vault.ask("POST", "team/sys/mounts/kv", Some(&json!({ "type": "kv", "options": { "version": "2" } })));
    let token = ("VAULT_TOKEN", rig.environment()["RIG_VAULT_TOKEN"].as_str());
    run(async {
        assert!(client(&rig, &[token, ("VAULT_NAMESPACE", "team")]).kv("kv").await.is_ok());
        assert!(matches!(root(&rig).kv("kv").await, Err(Error::NoMount { .. })));
        assert_eq!(
            said(client(&rig, &[token, ("VAULT_NAMESPACE", "none")]).kv("kv").await),
            "VAULT_NAMESPACE: Vault has no such namespace"
        );
    });
}

fn approle(rig: &Rig, role: &crate::support::AppRole) -> Client {
    client(rig, &[("VAULT_ROLE_ID", &role.role_id), ("VAULT_SECRET_ID", &role.secret_id)])
}

/// Reads again and again; every read succeeds.
fn reads_for(time: Duration, client: &Client) {
    run(async {
        let kv = certificates(client).await;
        let end = Instant::now() + time;
        while Instant::now() < end {
            assert_eq!(kv.find("none").await.unwrap(), Found::Absent);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
