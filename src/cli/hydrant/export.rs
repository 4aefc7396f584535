//! What `export` takes.

use clap::{Args, Subcommand};

use crate::export::vault_policy::{Folder, is_plain};

/// `export`
#[derive(Clone, Debug, Subcommand)]
pub enum Export {
    /// Print a Vault policy that lets a group's jobs touch only their own folder, and the role they log in to
    ///
    /// The policy allows what hydrant needs where the configuration keeps and delivers certificates, in a folder that is
    /// called as the GitLab group is. Without a group it is one policy for all of them, each in its own folder by the claim
    /// `namespace_path` of its jobs. The output is a script for `sh` that applies both; nothing is applied by hydrant.
    #[command(after_help = "Examples:
  hydrant export vault-policy team-a               for the projects of one group
  hydrant export vault-policy | sh                 one policy for all groups
  hydrant export vault-policy team-a --folder secret/lecertvend")]
    VaultPolicy(ExportVaultPolicy),
}

/// `export vault-policy`
#[derive(Clone, Debug, Default, Args)]
pub struct ExportVaultPolicy {
    /// The path of a GitLab group
    #[arg(value_name = "GROUP", value_parser = group)]
    pub group: Option<String>,
    /// A folder, as MOUNT/PATH, in which groups have folders with certificates; may be repeated
    #[arg(long, value_name = "FOLDER", value_parser = folder)]
    pub folder: Vec<Folder>,
    /// What the jobs' tokens are made for [default: the address of Vault]
    #[arg(long, value_name = "URL")]
    pub audience: Option<String>,
}

fn group(text: &str) -> Result<String, &'static str> {
    let group = text.trim_matches('/');
    let is_path = is_plain(group) && group.split('/').all(|part| !part.is_empty());
    if is_path { Ok(group.to_owned()) } else { Err("it is no path of a group") }
}

fn folder(text: &str) -> Result<Folder, &'static str> {
    Folder::of(text).ok_or("it is no folder: MOUNT/PATH")
}
