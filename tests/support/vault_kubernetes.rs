use std::process::Command;

use serde_json::{Value, json};

use super::openssl::openssl;
use super::vault::Vault;

/// What only the Vault of a rig with `--kubernetes` can do.
impl Vault<'_> {
    /// A role for the pods of the service account `hydrant` in the namespace `web`, at a mount of the method.
    #[track_caller]
    pub(crate) fn kubernetes_role(&self, mount: &str, policy: &str, settings: &Value) {
        self.policy("pod", policy);
        let mut role = json!({
            "bound_service_account_names": ["hydrant"], "bound_service_account_namespaces": ["web"],
            "token_policies": ["pod"], "token_ttl": "60s",
        });
        role.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.ask("POST", &format!("auth/{mount}/role/pusher"), Some(&role));
    }

    /// The token of a service account, `NAMESPACE/NAME`, with these claims, `NAME=VALUE`.
    #[track_caller]
    pub(crate) fn service_account(&self, account: &str, claims: &[&str]) -> String {
        let mut issuer = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/kubernetes.py"));
        openssl(issuer.arg(self.rig.directory()).arg(account).args(claims)).trim().to_owned()
    }
}
