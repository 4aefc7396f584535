//! What a hook says about itself when it is probed.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::env;
use crate::operation::Operation;

/// The version of what hydrant adds to dehydrated's contract.
pub const PROTOCOL: u32 = 1;

/// What a hook says about itself: one JSON object on stdout, in answer to the probe.
///
/// Only when `HYDRANT_PROTOCOL` is set: under dehydrated a hook keeps silent. Members that a version does not know are
/// ignored, and all but `hydrant` may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Capabilities {
    /// The version it speaks: [`PROTOCOL`].
    pub hydrant: u32,
    /// The operations it wants to be called for. `None`: all that dehydrated knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<String>>,
    /// How many challenges it takes in one call.
    #[serde(default)]
    pub challenges: Chaining,
    /// Whether several calls may run at the same time.
    #[serde(default)]
    pub parallel: bool,
    /// Whether `deploy_challenge` returns only when the CA can see the answer.
    #[serde(default)]
    pub visible_on_return: bool,
    /// Whether it writes TXT records by the names in `HYDRANT_RECORD_NAMES`; without that a challenge whose record has
    /// another name than dns-01's (dns-account-01) cannot be given to it.
    #[serde(default)]
    pub record_names: bool,
    /// Whether success of `deploy_cert` means that the certificate was seen in use.
    #[serde(default)]
    pub verifies_delivery: bool,
}

impl Capabilities {
    /// A hook that wants these operations, takes one challenge at a time and promises nothing.
    #[must_use]
    pub fn for_operations(operations: impl IntoIterator<Item = Operation>) -> Self {
        let operations = operations.into_iter().map(|operation| operation.to_string()).collect();
        Self {
            hydrant: PROTOCOL,
            operations: Some(operations),
            challenges: Chaining::default(),
            parallel: false,
            visible_on_return: false,
            record_names: false,
            verifies_delivery: false,
        }
    }

    /// The same, with as many challenges in one call.
    #[must_use]
    pub fn with_challenges(mut self, challenges: Chaining) -> Self {
        self.challenges = challenges;
        self
    }

    /// The same, allowed to run several times at once.
    #[must_use]
    pub fn in_parallel(mut self) -> Self {
        self.parallel = true;
        self
    }

    /// Prints the capabilities for hydrant; does nothing under dehydrated.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn announce(&self) -> io::Result<()> {
        if std::env::var_os(env::PROTOCOL).is_none() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, self)?;
        stdout.write_all(b"\n")
    }

    /// Reads what a hook printed when it was probed. `None` when that is no capability object, as with every hook that
    /// does not know hydrant.
    ///
    /// # Errors
    /// When it is an object with a member `hydrant`, but not one of this version.
    pub fn parse(stdout: &str) -> Result<Option<Self>, CapabilitiesError> {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(stdout) else { return Ok(None) };
        let Some(version) = value.get("hydrant") else { return Ok(None) };
        if version.as_u64() != Some(u64::from(PROTOCOL)) {
            return Err(CapabilitiesError::Version { version: version.to_string() });
        }
        let capabilities: Self = serde_json::from_value(value)?;
        Ok(Some(capabilities))
    }

    /// Whether the hook wants to be called for this operation.
    #[must_use]
    pub fn wants(&self, operation: Operation) -> bool {
        match &self.operations {
            Some(wanted) => wanted.iter().any(|name| name == operation.as_str()),
            None => !operation.is_hydrants_own(),
        }
    }
}

/// How many challenges a hook is given in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chaining {
    /// One: dehydrated's default.
    #[default]
    #[serde(alias = "no")]
    Name,
    /// All of one certificate: dehydrated's `HOOK_CHAIN=yes`.
    #[serde(alias = "yes")]
    Certificate,
    /// Those of many certificates. The hook writes a result for each to the file that `HYDRANT_RESULTS` names. A
    /// challenge without company comes in a plain call, where there is no such file.
    Batch,
}

/// Why an announcement cannot be used.
#[derive(Debug, Error)]
pub enum CapabilitiesError {
    /// A member that holds something it cannot hold.
    #[error("its capabilities are not as they should be: {0}")]
    Member(#[from] serde_json::Error),
    /// Another version of the protocol.
    #[error("it speaks version {version} of the hook protocol, this hydrant speaks {PROTOCOL}")]
    Version {
        /// What the hook said, as JSON.
        version: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_old_hook_prints_is_no_announcement() {
        for text in ["", "hello", "{}", "[1]", "{\"operations\": []}", "7"] {
            assert!(Capabilities::parse(text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn unknown_members_are_ignored_and_missing_ones_are_no() {
        let read = Capabilities::parse("{\"hydrant\": 1, \"colour\": \"blue\"}\n").unwrap().unwrap();
        assert_eq!(read.challenges, Chaining::Name);
        assert!(!read.parallel);
        assert!(
            Operation::ALL.into_iter().all(|operation| read.wants(operation) != operation.is_hydrants_own())
        );
    }

    #[test]
    fn a_wrong_announcement_is_an_error() {
        let error = |text: &str| Capabilities::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("{\"hydrant\": 2}"),
            "it speaks version 2 of the hook protocol, this hydrant speaks 1"
        );
        assert!(error("{\"hydrant\": 1, \"parallel\": \"yes\"}").contains("invalid type"));
    }

    #[test]
    fn what_is_announced_is_read_back() {
        let said = Capabilities::for_operations([Operation::DeployCert])
            .with_challenges(Chaining::Batch)
            .in_parallel();
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(Capabilities::parse(&text).unwrap(), Some(said));
    }
}
