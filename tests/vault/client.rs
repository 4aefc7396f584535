//! The client itself: what each answer of Vault becomes.

use std::collections::BTreeMap;

use hydrant::vault::Data;
use hydrant::vault::{Error, Found, Version};
use serde_json::json;

use super::{ALL, certificates, client, data, rig, root, run, said};
use crate::support::Vault;

#[test]
fn a_secret_lives_through_all_its_states() {
    let rig = rig();
    run(async {
        let kv = certificates(&root(&rig)).await;
        let name = "a b/ü*.example#?%2e";
        assert_eq!(kv.find(name).await.unwrap(), Found::Absent);
        assert_eq!(kv.write(name, &data(&json!({ "a": "1", "b": [1, null] })), 0).await.unwrap(), 1);
        let Version { number, data: read, custom_metadata, .. } = kv.read(name).await.unwrap();
        assert_eq!(
            (number, read, custom_metadata),
            (1, data(&json!({ "a": "1", "b": [1, null] })), BTreeMap::new())
        );

        assert_eq!(kv.patch(name, &data(&json!({ "b": null, "c": "3" })), 1).await.unwrap(), 2);
        assert_eq!(kv.read(name).await.unwrap().data, data(&json!({ "a": "1", "c": "3" })));
        assert_eq!(
            said(kv.write(name, &Data::new(), 1).await),
            format!(
                "the secret `kv-certificates/{name}` was changed by somebody else meanwhile: its version is not 1 any more"
            )
        );

        let custom = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        kv.set_custom_metadata(name, &custom(&[("x", "1"), ("y", "2")])).await.unwrap();
        let changes = BTreeMap::from([("x".to_owned(), None), ("z".to_owned(), Some("3".to_owned()))]);
        kv.patch_custom_metadata(name, &changes).await.unwrap();
        kv.set_max_versions(name, 7).await.unwrap();
        let metadata = kv.metadata(name).await.unwrap();
        assert_eq!((metadata.current_version, metadata.max_versions, metadata.versions.len()), (2, 7, 2));
        assert_eq!(metadata.custom_metadata, custom(&[("y", "2"), ("z", "3")]));
        assert_eq!(kv.read(name).await.unwrap().custom_metadata, metadata.custom_metadata);

        assert_eq!(kv.list("").await.unwrap(), ["a b/"]);
        assert_eq!(kv.list("a b").await.unwrap(), ["ü*.example#?%2e"]);
        assert!(kv.list("nothing").await.unwrap().is_empty());

        kv.delete(name).await.unwrap();
        assert_eq!(kv.find(name).await.unwrap(), Found::Deleted { version: 2, is_destroyed: false });
        assert_eq!(
            said(kv.read(name).await),
            format!("version 2 of the secret `kv-certificates/{name}` is deleted")
        );
        assert!(matches!(kv.write(name, &Data::new(), 0).await, Err(Error::Conflict { .. })));
        kv.undelete(name, &[2]).await.unwrap();
        assert_eq!(kv.read(name).await.unwrap().number, 2);
        kv.destroy(name, &[2]).await.unwrap();
        assert_eq!(kv.find(name).await.unwrap().cas(), 2);
        assert_eq!(
            said(kv.read(name).await),
            format!("version 2 of the secret `kv-certificates/{name}` is destroyed")
        );
        assert_eq!(kv.write(name, &Data::new(), 2).await.unwrap(), 3);
        kv.remove(name).await.unwrap();
        assert_eq!(kv.find(name).await.unwrap(), Found::Absent);
        assert!(kv.read(name).await.unwrap_err().is_absent());
        let absent = format!("Vault has no secret at `kv-certificates/{name}`");
        assert_eq!(said(kv.metadata(name).await), absent);
        assert_eq!(said(kv.patch(name, &Data::new(), 0).await), absent);
        assert_eq!(said(kv.patch_custom_metadata(name, &changes).await), absent);
    });
}

#[test]
fn only_version_2_of_the_engine_is_written_to() {
    let rig = rig();
    let vault = Vault::new(&rig);
    run(async {
        let client = root(&rig);
        let error = client.kv("old").await.unwrap_err();
        assert_eq!(error.to_string(), "the secrets engine at `old` is version 1 of kv, not version 2 of kv");
        assert_eq!(error.hints(), ["`vault kv enable-versioning old` makes it version 2"]);
        assert_eq!(
            said(client.kv("sys").await),
            "the secrets engine at `sys` is of type system, not version 2 of kv"
        );
        let nothing =
            "Vault shows no secrets engine at `none`: there is none, or the token has no right there";
        assert_eq!(said(client.kv("none").await), nothing);
        let limited = self::client(&rig, &[("VAULT_TOKEN", &vault.token(ALL, "60s"))]);
        assert_eq!(said(limited.kv("none").await), nothing);
        assert!(limited.kv("/kv-certificates/").await.is_ok());
    });
}

#[test]
fn what_a_policy_denies_is_never_taken_for_absent() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let token =
        vault.token(r#"path "kv-certificates/data/mine/*" { capabilities = ["create", "read"] }"#, "60s");
    run(async {
        let client = client(&rig, &[("VAULT_TOKEN", &token)]);
        let kv = certificates(&client).await;
        assert_eq!(kv.find("mine/a").await.unwrap(), Found::Absent);
        kv.write("mine/a", &data(&json!({ "a": "1" })), 0).await.unwrap();
        let error = kv.find("other/a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the policy of the token denies `read` on `kv-certificates/data/other/a`"
        );
        assert_eq!(
            error.hints(),
            ["allow it: path \"kv-certificates/data/other/a\" { capabilities = [\"read\"] }"]
        );
        assert!(!error.is_absent() && !error.may_pass());
        assert_eq!(
            said(kv.write("mine/a", &Data::new(), 1).await),
            "the policy of the token denies `create` or `update` on `kv-certificates/data/mine/a`"
        );
        assert_eq!(
            said(kv.list("").await),
            "the policy of the token denies `list` on `kv-certificates/metadata/`"
        );
        let paths = ["kv-certificates/data/mine/a", "kv-certificates/data/other/a"];
        let capabilities = client.capabilities(&paths).await.unwrap();
        assert_eq!(capabilities.len(), 2);
        assert_eq!(capabilities[paths[0]], ["create", "read"]);
        assert_eq!(capabilities[paths[1]], ["deny"]);
        assert_eq!(client.capabilities(&paths[..1]).await.unwrap().len(), 1);
        assert_eq!(client.token().await.unwrap().policies, ["default", "test"]);
    });
}
