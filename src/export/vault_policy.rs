//! Policies and roles for Vault or OpenBao: what a group's jobs may touch, and who gets a token for that.
//!
//! <https://developer.hashicorp.com/vault/docs/concepts/policies>. Of the rules that fit a path the one with the longest
//! text before its first wildcard counts, so that the rules of tenants can be read-only in a folder that is not.

use std::fmt;

use serde_json::{Value, json};

/// A folder of a KV mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The mount.
    pub mount: String,
    /// The path in it; empty for the mount itself.
    pub path: String,
}

/// Where groups have their folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// With certificates.
    pub certificates: Vec<Folder>,
    /// With records of the ledger.
    pub records: Option<Folder>,
    /// The secret with the rules of tenants, for all groups.
    pub tenants: Option<Folder>,
}

/// For whom a policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The projects of one group of GitLab.
    Group(String),
    /// Every group, each with a folder of its own: by the claim `namespace_path` of its jobs.
    Everybody,
}

/// What makes a policy and a role of it.
#[derive(Clone, Debug)]
pub struct Wish {
    /// For whom.
    pub subject: Subject,
    /// Where.
    pub places: Places,
    /// Where jobs log in: `jwt`.
    pub auth_path: String,
    /// What their tokens must be made for: `aud`.
    pub audience: String,
}

impl Wish {
    /// What policy and role are called.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.subject {
            Subject::Group(group) => format!("hydrant-{}", group.replace('/', "-")),
            Subject::Everybody => "hydrant-groups".to_owned(),
        }
    }

    /// The policy. That for everybody has `$accessor` where the accessor of the login is to be.
    #[must_use]
    pub fn policy(&self) -> String {
        let mut rules = Rules::default();
        for folder in &self.places.certificates {
            let at = self.own(folder);
            rules.about("certificates");
            rules.allow(&at.part("data", "/*"), &["create", "read", "update", "patch"]);
            rules.allow(&at.part("metadata", "/"), &["list"]);
            rules.allow(&at.part("metadata", "/*"), &["create", "read", "update", "patch", "list"]);
            // OpenBao's: tells of all of a folder at once what is known of each.
            rules.allow(&at.part("detailed-metadata", "/"), &["list"]);
        }
        if let Some(folder) = &self.places.records {
            let at = self.own(folder);
            rules.about("what hydrant remembers, where no reader of certificates reaches");
            rules.allow(&at.part("data", "/*"), &["create", "read", "update"]);
            rules.allow(&at.part("metadata", "/"), &["list"]);
            rules.allow(&at.part("metadata", "/*"), &["create", "read", "update", "list"]);
            rules.allow(&at.part("destroy", "/*"), &["update"]);
            if self.places.tenants.is_none() {
                rules.about("the rules of tenants: to be read, and not to be changed");
                rules.allow(&at.part("data", "/tenants"), &["read"]);
                for part in ["metadata", "delete", "undelete", "destroy"] {
                    rules.allow(&at.part(part, "/tenants"), &["deny"]);
                }
            }
        }
        if let Some(secret) = &self.places.tenants {
            rules.about("the rules of tenants");
            rules.allow(&secret.part("data", ""), &["read"]);
        }
        rules.0
    }

    /// The role of the login.
    #[must_use]
    pub fn role(&self) -> Value {
        let mut claims = json!({ "ref_protected": "true" });
        if let (Subject::Group(group), Some(claims)) = (&self.subject, claims.as_object_mut()) {
            claims.insert("namespace_path".to_owned(), json!(group));
        }
        json!({
            "role_type": "jwt",
            // Not a person's: what is noted down of an alias holds for all its tokens at once.
            "user_claim": "project_path",
            "bound_audiences": [self.audience],
            "bound_claims": claims,
            "claim_mappings": { "namespace_path": "namespace_path", "project_path": "project_path" },
            "token_policies": [self.name()],
            "token_ttl": "10m",
            "token_max_ttl": "2h",
        })
    }

    /// Commands that apply both, for `sh`.
    #[must_use]
    pub fn commands(&self) -> String {
        let (name, auth, audience) = (self.name(), self.auth_path.as_str(), self.audience.as_str());
        let who = match &self.subject {
            Subject::Group(group) => format!("projects of the group {group}, on protected branches"),
            Subject::Everybody => {
                "projects of every group, on protected branches, each in its group's folder".to_owned()
            }
        };
        let policy = self.policy();
        let policy = match self.subject {
            Subject::Group(_) => format!("vault policy write {name} - <<'EOF'\n{policy}EOF\n"),
            Subject::Everybody => format!(
                "accessor=$(vault read -field=accessor sys/auth/{auth})\n\
                 # OpenBao 2.6 and later refuse slashes in what a template is filled with, and subgroups have them.\n\
                 vault write sys/policies/acl/{name} allow_slashes_in_identity_templates=true policy=- <<EOF\n{policy}EOF\n"
            ),
        };
        format!(
            "# For {who}. With OpenBao the same commands are `bao`'s.\nset -e\n\n{policy}\n\
             vault write auth/{auth}/role/{name} - <<'EOF'\n{:#}\nEOF\n\n\
             # In the job: `id_tokens: {{VAULT_ID_TOKEN: {{aud: {audience}}}}}`, and VAULT_AUTH_ROLE={name}.\n",
            self.role()
        )
    }

    /// Policy, role and commands, for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": 1,
            "policy": { "name": self.name(), "hcl": self.policy() },
            "role": { "path": format!("auth/{}/role/{}", self.auth_path, self.name()), "settings": self.role() },
            "commands": self.commands(),
        })
    }

    /// The subject's own folder.
    fn own(&self, folder: &Folder) -> Folder {
        let own = match &self.subject {
            Subject::Group(group) => group.clone(),
            Subject::Everybody => "{{identity.entity.aliases.$accessor.metadata.namespace_path}}".to_owned(),
        };
        let (mount, path) = (folder.mount.clone(), folder.path.as_str());
        // A configuration of the group's own names it already.
        let is_own = path == own || path.ends_with(&format!("/{own}"));
        let path = match path {
            "" => own,
            path if is_own => path.to_owned(),
            path => format!("{path}/{own}"),
        };
        Folder { mount, path }
    }
}

impl Folder {
    /// A folder as people write it: `MOUNT/PATH`, or the API's `MOUNT/data/PATH`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if !is_plain(text) {
            return None;
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let at = parts.iter().position(|part| *part == "data").unwrap_or(1);
        let (mount, rest) = parts.split_at_checked(at)?;
        let rest = rest.strip_prefix(&["data"]).unwrap_or(rest);
        (!mount.is_empty()).then(|| Self { mount: mount.join("/"), path: rest.join("/") })
    }

    /// Whether what is in another folder is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let rest = other.path.strip_prefix(&self.path);
        let is_below =
            rest.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'));
        self.mount == other.mount && is_below
    }

    /// The path of the API for a part of the engine: `data`, `metadata`.
    #[must_use]
    pub fn part(&self, part: &str, end: &str) -> String {
        let Self { mount, path } = self;
        if path.is_empty() { format!("{mount}/{part}{end}") } else { format!("{mount}/{part}/{path}{end}") }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mount, path } = self;
        if path.is_empty() { f.write_str(mount) } else { write!(f, "{mount}/{path}") }
    }
}

/// Whether a path means in a policy, and in a shell, what it says: no wildcards, no quotes.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    path.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c))
}

/// The text of a policy.
#[derive(Default)]
struct Rules(String);

impl Rules {
    fn about(&mut self, subject: &str) {
        let _ = fmt::Write::write_fmt(&mut self.0, format_args!("# {subject}\n"));
    }

    fn allow(&mut self, path: &str, capabilities: &[&str]) {
        let all: Vec<String> = capabilities.iter().map(|one| format!("\"{one}\"")).collect();
        let rule = format!("path \"{path}\" {{ capabilities = [{}] }}\n", all.join(", "));
        self.0.push_str(&rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(subject: Subject, path: &str) -> Wish {
        let folder = |mount: &str, path: &str| Folder { mount: mount.to_owned(), path: path.to_owned() };
        let places = Places {
            certificates: vec![folder("kv", path)],
            records: None,
            tenants: Some(folder("kv", "rules")),
        };
        Wish { subject, places, auth_path: "jwt".to_owned(), audience: "https://vault.example".to_owned() }
    }

    #[test]
    fn a_group_has_its_own_folder() {
        let group = Subject::Group("team/sub".to_owned());
        let policy = "# certificates\n\
                      path \"kv/data/certs/team/sub/*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\"] }\n\
                      path \"kv/metadata/certs/team/sub/\" { capabilities = [\"list\"] }\n\
                      path \"kv/metadata/certs/team/sub/*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \
                      \"list\"] }\n\
                      path \"kv/detailed-metadata/certs/team/sub/\" { capabilities = [\"list\"] }\n\
                      # the rules of tenants\npath \"kv/data/rules\" { capabilities = [\"read\"] }\n";
        assert_eq!(wish(group.clone(), "certs").policy(), policy);
        assert_eq!(wish(group.clone(), "certs/team/sub").policy(), policy);
        assert!(wish(group.clone(), "").policy().contains("\"kv/data/team/sub/*\""));
        assert_eq!(wish(group, "").name(), "hydrant-team-sub");
    }

    #[test]
    fn a_folder_is_written_with_or_without_data() {
        let read = |text| Folder::of(text).map(|folder| format!("{} {}", folder.mount, folder.path));
        assert_eq!(read("secret/lecertvend").as_deref(), Some("secret lecertvend"));
        assert_eq!(read("teams/kv/data/web/").as_deref(), Some("teams/kv web"));
        assert_eq!(read("kv-certificates/data").as_deref(), Some("kv-certificates "));
        assert_eq!(read("kv").as_deref(), Some("kv "));
        assert_eq!((read(""), read("data/x")), (None, None));
    }
}
