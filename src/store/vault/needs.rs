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
}

impl VaultSettings {
    /// What is needed to keep a certificate and its record.
    #[must_use]
    pub fn needs(&self, name: &CertName) -> Vec<Need> {
        let certificate = super::joined(&self.prefix, name.as_str());
        let record = super::joined(&self.state_prefix, &document::key(document::CERTIFICATE, name.as_str()));
        let of_record = |part: &str, capabilities| Need {
            path: format!("{}/{part}/{record}", self.state_mount),
            capabilities,
            is_record: true,
        };
        vec![
            Need {
                path: format!("{}/data/{certificate}", self.mount),
                capabilities: &["create", "read", "update"],
                is_record: false,
            },
            of_record("data", &["create", "read", "update"]),
            of_record("metadata", &["create", "read", "update"]),
            of_record("destroy", &["update"]),
        ]
    }
}
