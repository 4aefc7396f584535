//! What goes wrong on the way to Vault, and in it.

use std::time::{Duration, Instant};

use hydrant::vault::{Client, Data, Error, Found, Kv};
use serde_json::{Value, json};

use super::{certificates, client, data, options, rig, rig_with_faults, root, run, said};
use crate::support::{Rig, Vault};

/// One request of `method` for data meets the fault.
fn once(method: &str, fault: &Value) -> Value {
    let mut rule = json!({ "method": method, "path": "/data/" });
    rule.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    json!([rule])
}

fn answer(status: u16, errors: &[&str]) -> Value {
    let body = json!({ "errors": errors }).to_string();
    json!({ "do": "answer", "status": status, "type": "application/json", "body": body })
}

async fn kv(rig: &Rig) -> Kv {
    certificates(&root(rig)).await
}

fn impatient(rig: &Rig) -> Client {
    let token = ("VAULT_TOKEN", rig.environment()["RIG_VAULT_TOKEN"].as_str());
    client(rig, &[token, ("VAULT_MAX_RETRIES", "0"), ("VAULT_CLIENT_TIMEOUT", "1")])
}

#[test]
fn what_passes_by_itself_is_waited_for() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    run(async {
        let kv = kv(&rig).await;
        let passing = [
            answer(503, &["Vault is sealed"]),
            answer(500, &["local node not active but active cluster node not found"]),
            answer(429, &[]),
            answer(412, &["required index state not present"]),
            json!({ "do": "answer", "status": 502, "body": "<html>Bad Gateway</html>" }),
            json!({ "do": "answer", "status": 307, "body": "" }),
            json!({ "do": "answer", "status": 200, "body": "<html>It works</html>" }),
            json!({ "do": "answer", "status": 200, "body": "" }),
            json!({ "do": "reset-before" }),
            json!({ "do": "reset-after" }),
            json!({ "do": "truncate" }),
        ];
        for (number, fault) in passing.iter().enumerate() {
            let name = number.to_string();
            let fields = data(&json!({ "fault": fault }));
            for method in ["POST", "GET", "PATCH"] {
                vault.faults(&once(method, fault));
                match method {
                    "POST" => assert_eq!(kv.write(&name, &fields, 0).await.unwrap(), 1, "{fault}"),
                    "GET" => assert_eq!(kv.read(&name).await.unwrap().data, fields, "{fault}"),
                    _ => assert_eq!(
                        kv.patch(&name, &data(&json!({ "x": {"y": 1} })), 1).await.unwrap(),
                        2,
                        "{fault}"
                    ),
                }
            }
            assert_eq!(vault.versions(&format!("kv-certificates/{name}")), 2, "{fault}");
        }
    });
}

#[test]
fn a_lost_answer_to_a_write_is_settled_by_reading_back() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    run(async {
        let kv = kv(&rig).await;
        let fields = data(&json!({ "a": "1" }));
        vault.forget_requests();
        vault.faults(&once("POST", &json!({ "do": "reset-after" })));
        assert_eq!(kv.write("a", &fields, 0).await.unwrap(), 1);
        assert_eq!(
            vault.requests(),
            ["POST kv-certificates/data/a -", "GET kv-certificates/data/a?version=1 200"]
        );
        // Written, but not by us: what is there is another's.
        vault.write("kv-certificates/b", &json!({ "of": "another" }));
        vault.faults(&once("POST", &json!({ "do": "reset-before" })));
        assert!(matches!(kv.write("b", &fields, 0).await, Err(Error::Conflict { cas: 0, .. })));
        assert_eq!(vault.read("kv-certificates/b"), json!({ "of": "another" }));
    });
}

#[test]
fn a_write_that_arrives_late_is_refused() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    run(async {
        let kv = certificates(&impatient(&rig)).await;
        vault.faults(&once("POST", &json!({ "do": "delay", "seconds": 2 })));
        let started = Instant::now();
        assert_eq!(kv.write("a", &data(&json!({ "a": "1" })), 0).await.unwrap(), 1);
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(kv.write("a", &data(&json!({ "a": "2" })), 1).await.unwrap(), 2);
        let deadline = Instant::now() + Duration::from_secs(20);
        // The late one has come through, and was refused.
        while !vault.requests().iter().any(|request| request.starts_with("POST kv-certificates/data/a 400")) {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(vault.read("kv-certificates/a"), json!({ "a": "2" }));
    });
}

#[test]
fn patience_ends_and_each_failure_has_a_name() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    run(async {
        let kv = certificates(&impatient(&rig)).await;
        let address = format!("{}/", rig.environment()["VAULT_ADDR"]);
        let failing = [
            (answer(503, &["Vault is sealed"]), "Vault is sealed".to_owned(), true),
            (
                answer(500, &["1 error occurred:\n\t* internal error\n\n"]),
                "Vault cannot answer now: HTTP 500: internal error".to_owned(),
                true,
            ),
            (
                answer(429, &["rate limit quota exceeded"]),
                "Vault asks for patience: rate limit quota exceeded".to_owned(),
                true,
            ),
            (
                json!({ "do": "answer", "status": 307, "body": "" }),
                "Vault is a standby and sends its clients to nowhere, which is not followed".to_owned(),
                true,
            ),
            (
                json!({ "do": "answer", "status": 404, "body": "<h1>Not found</h1>" }),
                "HTTP 404 from `kv-certificates/data/a` is no answer of Vault: `<h1>Not found</h1>`"
                    .to_owned(),
                false,
            ),
            (
                json!({ "do": "answer", "status": 404, "body": "" }),
                "HTTP 404 from `kv-certificates/data/a` is no answer of Vault".to_owned(),
                false,
            ),
            (
                json!({ "do": "answer", "status": 200, "body": "secret" }),
                "HTTP 200 from `kv-certificates/data/a` is no answer of Vault".to_owned(),
                false,
            ),
            (json!({ "do": "hang" }), format!("no answer from Vault at {address}: timed out"), true),
            (
                answer(400, &["Forbidden"]),
                "Vault refuses `kv-certificates/data/a` with HTTP 400: Forbidden".to_owned(),
                false,
            ),
        ];
        for (fault, message, may_pass) in failing {
            vault.faults(&once("GET", &fault));
            let error = kv.find("a").await.unwrap_err();
            assert_eq!((error.to_string(), error.may_pass()), (message, may_pass), "{fault}");
            assert!(!error.is_absent(), "{fault}");
        }
    });
}

#[test]
fn the_time_that_vault_asks_for_is_waited_by_all() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    run(async {
        let kv = kv(&rig).await;
        let mut throttled = answer(429, &["rate limit quota exceeded"]);
        throttled["retry_after"] = json!(1);
        vault.faults(&once("GET", &throttled));
        vault.forget_requests();
        let started = Instant::now();
        let reads = futures_util::future::join(kv.find("a"), async {
            // Asked after the first was refused.
            while vault_is_untouched(&vault) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            kv.find("b").await
        });
        let (first, second) = reads.await;
        assert_eq!((first.unwrap(), second.unwrap()), (Found::Absent, Found::Absent));
        assert!(started.elapsed() >= Duration::from_secs(1));
        // A longer time is the caller's to plan with.
        throttled["retry_after"] = json!(3600);
        vault.faults(&once("GET", &throttled));
        let error = kv.find("a").await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    });
}

fn vault_is_untouched(vault: &Vault) -> bool {
    vault.requests().is_empty()
}

#[test]
fn a_sealed_vault_is_waited_for_and_named() {
    let rig = rig();
    let vault = Vault::new(&rig);
    run(async {
        let (patient, hasty) = (kv(&rig).await, certificates(&impatient(&rig)).await);
        vault.seal();
        let error = hasty.find("a").await.unwrap_err();
        assert!(matches!(error, Error::Sealed) && error.may_pass());
        let health = impatient(&rig).health().await.unwrap();
        assert!(health.sealed);
        let nothing = Data::new();
        let write = patient.write("a", &nothing, 0);
        let unseal = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            vault.unseal();
        };
        let (written, ()) = futures_util::future::join(write, unseal).await;
        assert_eq!(written.unwrap(), 1);
    });
}

#[test]
fn nobody_there_is_no_answer_and_no_secret() {
    let rig = rig();
    let address = format!("https://{}:1", rig.address());
    let way = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "x"), ("VAULT_MAX_RETRIES", "0")];
    let error = run(async { client(&rig, &way).kv("kv").await.unwrap_err() });
    assert!(error.may_pass() && !error.is_absent());
    assert_eq!(
        said::<()>(Err(error)),
        format!("no answer from Vault at {address}/: Connection refused (os error 111)")
    );
}

#[test]
fn a_password_in_the_address_is_sent_and_never_shown() {
    let rig = rig();
    let token = ("VAULT_TOKEN", rig.environment()["RIG_VAULT_TOKEN"].as_str());
    let with_password = |address: &str| address.replacen("://", "://ops:hunter2@", 1);
    // As a proxy before Vault asks for it.
    let address = with_password(&rig.environment()["VAULT_ADDR"]);
    let way = [("VAULT_ADDR", address.as_str()), token];
    run(async { client(&rig, &way).kv("kv-certificates").await.unwrap() });
    let shown = format!("{}/", address.replace("ops:hunter2", "[secret]").trim_end_matches('/'));
    assert_eq!(client(&rig, &way).address(), shown);
    let printed = format!("{:?} {:?}", client(&rig, &way), options(&rig, &way).unwrap());
    assert!(printed.contains(&shown) && !printed.contains("hunter2"), "{printed}");

    let address = with_password(&format!("https://{}:1", rig.address()));
    let way = [("VAULT_ADDR", address.as_str()), token, ("VAULT_MAX_RETRIES", "0")];
    assert_eq!(
        said(run(async { client(&rig, &way).kv("kv").await })),
        format!(
            "no answer from Vault at https://[secret]@{}:1/: Connection refused (os error 111)",
            rig.address()
        )
    );
}
