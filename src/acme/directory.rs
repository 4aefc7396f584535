//! What a CA offers (RFC 8555 §7.1.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ServerUrl;

/// Where the CA's resources are. Fetched anew by every run, since CAs move them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where nonces come from.
    pub new_nonce: ServerUrl,
    /// Where accounts are made and found.
    pub new_account: ServerUrl,
    /// Where certificates are ordered.
    pub new_order: ServerUrl,
    /// Where certificates are revoked.
    pub revoke_cert: Option<ServerUrl>,
    /// Where accounts change their key.
    pub key_change: Option<ServerUrl>,
    /// Where renewal information is (RFC 9773).
    pub renewal_info: Option<ServerUrl>,
    /// What the CA says of itself.
    #[serde(default)]
    pub meta: Meta,
}

/// What a CA says of itself. A member of an unexpected form counts as missing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// The terms that an account agrees to.
    #[serde(deserialize_with = "lenient")]
    pub terms_of_service: Option<String>,
    /// The CA's page for people.
    #[serde(deserialize_with = "lenient")]
    pub website: Option<String>,
    /// The names it goes by in CAA records.
    #[serde(deserialize_with = "lenient")]
    pub caa_identities: Vec<String>,
    /// Whether a new account must be bound to one it knows by other means.
    #[serde(deserialize_with = "lenient")]
    pub external_account_required: bool,
    /// The profiles to choose from, with a description or its URL.
    #[serde(deserialize_with = "lenient")]
    pub profiles: BTreeMap<String, String>,
}

fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_ignores_the_rest() {
        let directory: Directory = serde_json::from_str(
            r#"{"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o",
                "revokeCert":"https://ca/r","keyChange":"https://ca/k","renewalInfo":"https://ca/i/",
                "Xq3_random":"https://community.example/","meta":{"termsOfService":"https://ca/terms",
                "caaIdentities":["ca.example"],"externalAccountRequired":true,"website":7,
                "profiles":{"classic":"The same profile you're accustomed to"}}}"#,
        )
        .unwrap();
        assert_eq!(directory.new_nonce.as_str(), "https://ca/n");
        let meta = directory.meta;
        assert_eq!(meta.terms_of_service.as_deref(), Some("https://ca/terms"));
        assert_eq!((meta.website, meta.external_account_required), (None, true));
        assert_eq!(meta.profiles.keys().collect::<Vec<_>>(), ["classic"]);
    }

    #[test]
    fn a_directory_may_be_bare() {
        let directory: Directory = serde_json::from_str(
            r#"{"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o"}"#,
        )
        .unwrap();
        assert_eq!(directory.meta, Meta::default());
        assert!(directory.renewal_info.is_none());
        serde_json::from_str::<Directory>(r#"{"newNonce":"https://ca/n"}"#).unwrap_err();
    }
}
