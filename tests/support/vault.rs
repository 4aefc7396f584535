use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::faults::Request;
use super::openssl::openssl;
use super::rig::{Rig, curl};
use super::test::{Test, hydrant};

/// The Vault of a rig with `--vault`, asked with its root token.
pub(crate) struct Vault<'r> {
    pub(super) rig: &'r Rig,
    /// Where it answers without TLS.
    pub(super) address: String,
}

/// What an AppRole logs in with.
pub(crate) struct AppRole {
    pub(crate) role_id: String,
    pub(crate) secret_id: String,
}

/// What the README of the hook asks for.
pub(crate) const PUSHER: &str = r#"
path "kv-certificates/data/*"     { capabilities = ["create", "read", "update"] }
path "kv-certificates/metadata/*" { capabilities = ["patch"] }
"#;

impl<'r> Vault<'r> {
    #[track_caller]
    pub(crate) fn new(rig: &'r Rig) -> Vault<'r> {
        let address = rig.environment().get("RIG_VAULT").expect("the rig was started with --vault");
        Vault { rig, address: address.clone() }
    }

    /// The fields of the latest version of a secret; `mount/path`.
    #[track_caller]
    pub(crate) fn read(&self, secret: &str) -> Value {
        self.version(secret)["data"].clone()
    }

    /// Data and metadata of the latest version.
    #[track_caller]
    pub(crate) fn version(&self, secret: &str) -> Value {
        self.ask("GET", &data(secret), None)["data"].clone()
    }

    /// How many versions there were.
    #[track_caller]
    pub(crate) fn versions(&self, secret: &str) -> u64 {
        self.version(secret)["metadata"]["version"].as_u64().unwrap()
    }

    #[track_caller]
    pub(crate) fn write(&self, secret: &str, fields: &Value) {
        self.ask("POST", &data(secret), Some(&json!({ "data": fields })));
    }

    /// The secrets right in a mount.
    #[track_caller]
    pub(crate) fn list(&self, mount: &str) -> Value {
        self.ask("GET", &format!("{mount}/metadata/?list=true"), None)["data"]["keys"].clone()
    }

    /// A token with this policy alone, and the default one.
    #[track_caller]
    pub(crate) fn token(&self, policy: &str, ttl: &str) -> String {
        self.policy("test", policy);
        let answer =
            self.ask("POST", "auth/token/create", Some(&json!({ "policies": ["test"], "ttl": ttl })));
        text(&answer["auth"]["client_token"])
    }

    /// The tokens there are, by their accessors.
    #[track_caller]
    pub(crate) fn tokens(&self) -> Value {
        let mut all = self.ask("GET", "auth/token/accessors/?list=true", None)["data"]["keys"].take();
        all.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        all
    }

    #[track_caller]
    pub(crate) fn policy(&self, name: &str, rules: &str) {
        self.ask("POST", &format!("sys/policies/acl/{name}"), Some(&json!({ "policy": rules })));
    }

    /// A role with this policy, whose tokens live so long.
    #[track_caller]
    pub(crate) fn approle(&self, policy: &str, settings: &Value) -> AppRole {
        self.policy("role", policy);
        let mut role = json!({ "token_policies": ["role"], "token_ttl": "60s" });
        role.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.ask("POST", "auth/approle/role/pusher", Some(&role));
        let role_id = self.ask("GET", "auth/approle/role/pusher/role-id", None);
        let secret_id = self.ask("POST", "auth/approle/role/pusher/secret-id", Some(&json!({})));
        AppRole {
            role_id: text(&role_id["data"]["role_id"]),
            secret_id: text(&secret_id["data"]["secret_id"]),
        }
    }

    /// The `vault.inc` of somebody with this role.
    pub(crate) fn inc(&self, role: &AppRole) -> String {
        let AppRole { role_id, secret_id } = role;
        let address = &self.address;
        format!(
            "VAULT_ROLE_ID={role_id}\nVAULT_SECRET_ID={secret_id}\nVAULT_ADDRESS={address}\n\
             VAULT_SECRET_BASE=kv-certificates/data\n"
        )
    }

    /// A token that gives, once, what `path` answers.
    #[track_caller]
    pub(crate) fn wrapped(&self, path: &str) -> String {
        let answer = self.curl("POST", path, Some(&json!({})), &["-H", "X-Vault-Wrap-TTL: 60s"]);
        text(&answer["wrap_info"]["token"])
    }

    /// A role for jobs of GitLab with these claims.
    #[track_caller]
    pub(crate) fn jwt_role(&self, policy: &str, claims: &Value) {
        self.policy("job", policy);
        let role = json!({
            "role_type": "jwt", "user_claim": "project_path", "bound_audiences": ["https://vault.example"],
            "bound_claims": claims, "token_policies": ["job"], "token_ttl": "60s",
        });
        self.ask("POST", "auth/jwt/role/job", Some(&role));
    }

    /// The id token of a job with these claims, `NAME=VALUE`.
    #[track_caller]
    pub(crate) fn jwt(&self, claims: &[&str]) -> String {
        let mut issuer = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/gitlab.py"));
        openssl(issuer.arg(self.rig.directory()).args(claims)).trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn seal(&self) {
        self.ask("PUT", "sys/seal", None);
    }

    #[track_caller]
    pub(crate) fn unseal(&self) {
        let key = &self.rig.environment()["RIG_VAULT_UNSEAL_KEY"];
        let answer = self.ask("PUT", "sys/unseal", Some(&json!({ "key": key })));
        assert_eq!(answer["sealed"], false);
    }

    /// Puts rules of the fault proxy in force, as [`Rig::faults`] does before the CA.
    #[track_caller]
    pub(crate) fn faults(&self, rules: &Value) {
        let control = format!("{}/rules", self.rig.environment()["RIG_VAULT_FAULTS"]);
        curl(Command::new("curl").args(["-X", "PUT", "--data-binary", &rules.to_string()]).arg(control));
    }

    /// The requests that came through the fault proxy, each as `METHOD path`, with `STATUS` or `-` behind it.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<String> {
        let list: Vec<Value> = serde_json::from_str(&curl(Command::new("curl").arg(self.journal()))).unwrap();
        let shown = |request: Request| {
            let status = request.status.map_or("-".to_owned(), |status| status.to_string());
            format!("{} {} {status}", request.method, request.path.trim_start_matches("/v1/"))
        };
        list.iter().map(Request::of).map(shown).collect()
    }

    /// Forgets the requests so far.
    #[track_caller]
    pub(crate) fn forget_requests(&self) {
        curl(Command::new("curl").args(["-X", "DELETE"]).arg(self.journal()));
    }

    fn journal(&self) -> String {
        format!("{}/requests", self.rig.environment()["RIG_VAULT_FAULTS"])
    }

    /// Any request; gives the answer, null where it is empty.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.curl(method, path, body, &[])
    }

    #[track_caller]
    fn curl(&self, method: &str, path: &str, body: Option<&Value>, more: &[&str]) -> Value {
        let environment = self.rig.environment();
        let mut command = Command::new("curl");
        command.args(["-X", method, "-H", &format!("X-Vault-Token: {}", environment["RIG_VAULT_TOKEN"])]);
        command.args(more);
        if let Some(body) = body {
            command.args(["--data-binary", &body.to_string()]);
        }
        let answer = curl(command.arg(format!("{}/v1/{path}", self.address)));
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
    }
}

/// `mount/path` as the path of a request.
fn data(secret: &str) -> String {
    secret.replacen('/', "/data/", 1)
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Test {
    /// Gives the hook for Vault its environment, without a way to log in.
    pub(crate) fn vault(self, vault: &Vault) -> Test {
        self.rig(vault.rig).env("VAULT_SECRET_BASE", "kv-certificates/data").env("NO_PROXY", "*")
    }

    /// Makes a certificate for these names in a directory, with its key, as the file store has them.
    #[track_caller]
    pub(crate) fn certificate(self, directory: &str, names: &[&str]) -> Test {
        let test =
            self.write(&format!("{directory}/openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n");
        let place = |name: &str| test.path(directory).join(name);
        let sign = |subject: &str, key: &Path, certificate: &Path, more: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
            command
                .arg("-config")
                .arg(place("openssl.cnf"))
                .args(["-days", "90", "-subj", subject, "-keyout"]);
            openssl(command.arg(key).arg("-out").arg(certificate).args(more));
        };
        let (ca, ca_key) = (place("chain.pem"), place("ca.key"));
        sign("/CN=Test CA", &ca_key, &ca, &["-addext", "basicConstraints=critical,CA:TRUE"]);
        let names: Vec<_> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let names = format!("subjectAltName={}", names.join(","));
        let issuer = ["-CA", ca.to_str().unwrap(), "-CAkey", ca_key.to_str().unwrap(), "-addext", &names];
        sign("/", &place("privkey.pem"), &place("cert.pem"), &issuer);
        let read = |name: &str| test.read(&format!("{directory}/{name}"));
        let fullchain = read("cert.pem") + &read("chain.pem");
        test.write(&format!("{directory}/fullchain.pem"), fullchain)
    }
}

/// The hook, which is built with the workspace.
#[track_caller]
pub(crate) fn vault_hook() -> PathBuf {
    let hook = Path::new(hydrant()).with_file_name("hydrant-hook-vault");
    assert!(hook.exists(), "{} is missing: cargo build --workspace", hook.display());
    hook
}
