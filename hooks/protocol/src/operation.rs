//! The names of what a hook can be asked to do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The operation that no hook implements: whoever fails on it would fail on every operation added later.
///
/// The words are dehydrated's. hydrant reads the capabilities of a hook from the answer.
pub const PROBE: &str =
    "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script";

/// What a hook can be asked to do, apart from the probe.
///
/// In the order in which a certificate meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A run begins.
    StartupHook,
    /// Give a CSR on stdout for a certificate, or nothing.
    GenerateCsr,
    /// Make the answers to challenges visible.
    DeployChallenge,
    /// Take them away again.
    CleanChallenge,
    /// Tell which values there are at the names of challenges. Not dehydrated's: only a hook that announces it is asked.
    ListChallenges,
    /// The CA refused an answer.
    InvalidChallenge,
    /// New files are written and not yet in use.
    SyncCert,
    /// A new certificate is in use.
    DeployCert,
    /// A new OCSP response is in use.
    DeployOcsp,
    /// A certificate was looked at and is not due.
    UnchangedCert,
    /// The CA answered a request with an error.
    RequestFailure,
    /// A run ends.
    ExitHook,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 12] = [
        Self::StartupHook,
        Self::GenerateCsr,
        Self::DeployChallenge,
        Self::CleanChallenge,
        Self::ListChallenges,
        Self::InvalidChallenge,
        Self::SyncCert,
        Self::DeployCert,
        Self::DeployOcsp,
        Self::UnchangedCert,
        Self::RequestFailure,
        Self::ExitHook,
    ];

    /// Whether it hands out, or speaks of, certificates that are stored.
    #[must_use]
    pub fn is_delivery(self) -> bool {
        matches!(self, Self::SyncCert | Self::DeployCert | Self::DeployOcsp | Self::UnchangedCert)
    }

    /// Whether dehydrated does not know it. Then only a hook that announces it by name is called for it.
    #[must_use]
    pub fn is_hydrants_own(self) -> bool {
        self == Self::ListChallenges
    }

    /// The first argument of the call.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartupHook => "startup_hook",
            Self::GenerateCsr => "generate_csr",
            Self::DeployChallenge => "deploy_challenge",
            Self::CleanChallenge => "clean_challenge",
            Self::ListChallenges => "list_challenges",
            Self::InvalidChallenge => "invalid_challenge",
            Self::SyncCert => "sync_cert",
            Self::DeployCert => "deploy_cert",
            Self::DeployOcsp => "deploy_ocsp",
            Self::UnchangedCert => "unchanged_cert",
            Self::RequestFailure => "request_failure",
            Self::ExitHook => "exit_hook",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        let known = Self::ALL.into_iter().find(|operation| operation.as_str() == text);
        known.ok_or_else(|| UnknownOperation { operation: text.to_owned() })
    }
}

/// A word that names no operation of this version.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{operation}` is no operation of a hook")]
pub struct UnknownOperation {
    /// The word.
    pub operation: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_json_is_the_first_argument() {
        for operation in Operation::ALL {
            assert_eq!(operation.as_str().parse(), Ok(operation));
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.as_str());
        }
    }
}
