//! What a team has: the secret `lecertvend`.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::config::ca::{Ca, CaError};
use crate::config::setting::Setting as _;
use crate::config::values::Contact;
use crate::key::{KeyError, PrivateKey, Secret};
use crate::vault::Data;

/// What a team has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The folder with the secret.
    pub folder: String,
    /// Where the CA may write to.
    pub contact: Option<Contact>,
    /// The CA, where it is not Let's Encrypt.
    pub ca: Option<Ca>,
    /// Who answers challenges.
    pub hook: Hook,
}

/// Who answers challenges, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// A path, or a name.
    pub program: String,
    /// Its environment beside the caller's.
    pub environment: BTreeMap<String, Secret>,
}

/// Why a team's secret cannot be used.
#[derive(Clone, Debug, Error)]
pub enum BadTeam {
    /// The key of the account.
    #[error("`{path}`: leKey cannot be used")]
    AccountKey {
        /// The secret.
        path: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The CA.
    #[error("`{path}`: caURL")]
    Ca {
        /// The secret.
        path: String,
        /// Why.
        #[source]
        source: CaError,
    },
    /// The address.
    #[error("`{path}`: contact: {reason}")]
    Contact {
        /// The secret.
        path: String,
        /// Why.
        reason: String,
    },
    /// Nothing to answer challenges with.
    #[error("`{path}` has no cfToken, an API token of Cloudflare, and names no dnsHook")]
    NoToken {
        /// The secret.
        path: String,
    },
}

impl Team {
    /// What the secret in this folder says; `path` is what people know it by.
    ///
    /// # Errors
    /// It says something that cannot be.
    pub fn read(folder: &str, path: &str, data: &Data) -> Result<Self, BadTeam> {
        let text = |field: &str| data.text(field).map(str::trim).filter(|text| !text.is_empty());
        let at = || path.to_owned();
        if let Some(pem) = text(super::ACCOUNT_KEY) {
            PrivateKey::from_pem(pem).map_err(|source| BadTeam::AccountKey { path: at(), source })?;
        }
        let contact = text("contact").map(|address| {
            Contact::read(address).map_err(|error| BadTeam::Contact { path: at(), reason: error.to_string() })
        });
        let ca = text("caURL")
            .map(|ca| ca.parse().map_err(|source| BadTeam::Ca { path: at(), source }))
            .transpose()?;
        let hook = match (text("dnsHook"), text(TOKEN)) {
            (Some(program), token) => {
                let mut environment: BTreeMap<String, Secret> = data
                    .fields()
                    .filter(|field| is_variable(field))
                    .filter_map(|field| Some((field.to_owned(), Secret::new(data.text(field)?))))
                    .collect();
                if let Some(token) = token {
                    environment.entry(VARIABLE.to_owned()).or_insert_with(|| Secret::new(token));
                }
                Hook { program: program.to_owned(), environment }
            }
            (None, Some(token)) => Hook {
                program: "cloudflare".to_owned(),
                environment: [(VARIABLE.to_owned(), Secret::new(token))].into(),
            },
            (None, None) => return Err(BadTeam::NoToken { path: at() }),
        };
        Ok(Self { folder: folder.to_owned(), contact: contact.transpose()?, ca, hook })
    }
}

/// A name like `AWS_ACCESS_KEY_ID`, but none that says what else is executed.
fn is_variable(field: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = field.bytes().all(is_part) && field.contains('_');
    is_name && !field.starts_with(|first: char| first.is_ascii_digit()) && !field.starts_with("LD_")
}

/// The field with Cloudflare's token, and the variable that hooks find it in.
const TOKEN: &str = "cfToken";
const VARIABLE: &str = "CLOUDFLARE_API_TOKEN";
