//! An installation of dehydrated: its `config`, a bash script, and all that follows from it.

mod bash;
mod plain;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::Config;
use crate::cli::dehydrated::{Command, Parameters};
use crate::identifier::CertName;

/// An installation of dehydrated, as one command sees it.
#[derive(Debug)]
pub struct Installation {
    /// What the engine runs on.
    pub config: Config,
    /// What was typed.
    pub command: Command,
    /// How it was to be done.
    pub parameters: Parameters,
    /// dehydrated's variables (contract 2.1), their final values.
    pub variables: BTreeMap<String, Variable>,
    /// `ACCOUNT_KEY`: the account's key.
    pub account_key: PathBuf,
    /// `ACCOUNT_KEY_JSON`: what the CA answered when the account was made.
    pub account_key_json: PathBuf,
    /// `ACCOUNT_ID_JSON`: the account's URL.
    pub account_id_json: PathBuf,
}

/// A variable of the shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: OsString,
    /// Whether programs that are started see it.
    pub exported: bool,
}

/// The configuration of a single certificate.
#[derive(Clone, Debug)]
pub struct PerCertificate {
    /// The certificate.
    pub name: CertName,
    /// The file.
    pub path: PathBuf,
    /// What it sets, sorted by name.
    pub settings: Vec<(String, String)>,
    /// Variables that it sets and that cannot be set for one certificate.
    pub unsupported: Vec<String>,
    /// Why it cannot be used, if it cannot.
    pub refused: Option<String>,
}
