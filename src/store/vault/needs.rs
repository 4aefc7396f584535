//! What a store in Vault does with a certificate, in the words of policies.

use super::document;
use crate::config::VaultSettings;
use crate::identifier::CertName;

/// What has to be allowed on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The path as policies write it.
    pub path: String,
    /// What has to be allowed.
    pub capabilities: &'static [&'static str],
    /// Whether a record of the ledger is there.
    pub is_record: bool,
    /// Whether nothing goes without it.
    pub is_vital: bool,
}

impl VaultSettings {
    /// What is needed to keep a certificate and its record.
    #[must_use]
    pub fn needs(&self, name: &CertName) -> Vec<Need> {
        let usual = || super::joined(&self.prefix, name.as_str());
        let certificate = self.elsewhere.get(name).cloned().unwrap_or_else(usual);
        let certificate = Need {
            path: format!("{}/data/{certificate}", self.mount),
            capabilities: &["create", "read", "update"],
            is_record: false,
            is_vital: true,
        };
        let record = self.record(document::CERTIFICATE, name.as_str());
        let mut needs = vec![certificate, self.of_record("data", &record, &["create", "read", "update"])];
        if self.state_is_apart {
            needs.push(self.of_record("metadata", &record, &["create", "read", "update"]));
            needs.push(self.of_record("destroy", &record, &["update"]));
        }
        needs
    }

    /// What is needed to keep the account at a CA.
    #[must_use]
    pub fn needs_of_account(&self, ca: &str) -> Vec<Need> {
        let record = self.record(document::ACCOUNT, ca);
        let mut needs = vec![self.of_record("data", &record, &["create", "read", "update"])];
        if self.state_is_apart {
            needs.push(self.of_record("metadata", &record, &["create", "update"]));
        }
        needs.extend(self.account_key.as_ref().map(|key| Need {
            path: format!("{}/data/{}", key.mount, key.path),
            capabilities: &["read", "update"],
            is_record: false,
            is_vital: true,
        }));
        needs
    }

    /// What is needed to find records of certificates that are no longer declared.
    #[must_use]
    pub fn needs_of_list(&self) -> Need {
        self.of_record("metadata", &super::joined(&self.state_prefix, ""), &["list"])
    }

    fn record(&self, kind: &str, about: &str) -> String {
        super::joined(&self.state_prefix, &document::key(kind, about))
    }

    fn of_record(&self, part: &str, record: &str, capabilities: &'static [&'static str]) -> Need {
        let path = format!("{}/{part}/{record}", self.state_mount);
        Need { path, capabilities, is_record: true, is_vital: true }
    }
}
