//! What can stop a certificate, and which of its names is at fault.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::acme::persist::Unfit;
use crate::acme::{Authorization, AuthorizationStatus, Order, Problem, ServerUrlError};
use crate::chain::ChainError;
use crate::csr::CsrError;
use crate::hook::HookError;
use crate::identifier::Identifier;
use crate::key::KeyError;
use crate::propagation::{DnsError, NotVisible};
use crate::report::words::List;
use crate::responder::ResponderError;
use crate::store::StoreError;

/// Why a certificate was not issued or not put in place.
#[derive(Debug, Error)]
pub enum IssueError {
    /// A kept key is the account's own.
    #[error("the key of the certificate is the account's key")]
    AccountKey,
    /// The CA, or the way to it.
    #[error(transparent)]
    Acme(#[from] crate::acme::Error),
    /// What the CA gave is not what was asked for.
    #[error("the certificate from the CA cannot be used")]
    Chain(#[from] ChainError),
    /// The CA sent a challenge without what it takes to answer it.
    #[error("the CA's {kind} challenge for `{name}` cannot be answered")]
    ChallengeUnknown {
        /// For which name.
        name: Identifier,
        /// Its type.
        kind: String,
    },
    /// The CA does not offer the challenge that was configured.
    #[error("the CA offers no {wanted} challenge for `{name}`, only {}", List(offered))]
    ChallengeNotOffered {
        /// For which name.
        name: Identifier,
        /// The type that was configured.
        wanted: String,
        /// The types that were offered.
        offered: Vec<String>,
    },
    /// The request could not be made or read.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The certificate was issued, but the CA does not hand it out.
    #[error("the certificate was issued and cannot be downloaded")]
    Download(#[source] crate::acme::Error),
    /// The order was finalized, and the CA does not say what became of it.
    #[error("the order was finalized, and what became of it cannot be learned")]
    Finalized(#[source] crate::acme::Error),
    /// A hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Names that the CA could not validate.
    #[error("{0}")]
    Invalid(Invalid),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A name could not be looked up in DNS.
    #[error("`{record}` cannot be looked up: {source}")]
    Lookup {
        /// Which name.
        record: String,
        /// Why.
        source: DnsError,
    },
    /// No record that stands for good proves a name.
    #[error("no record at `{record}` proves `{name}`: {unfit}")]
    NoStandingRecord {
        /// For which name.
        name: Identifier,
        /// Where it is looked for.
        record: String,
        /// What is wrong with the one that comes nearest.
        unfit: Unfit,
        /// What it has to say.
        wanted: String,
    },
    /// Records did not become visible.
    #[error(transparent)]
    NotVisible(#[from] NotVisible),
    /// The order turned invalid with no name at fault.
    #[error("the CA gave up the order{}", problem.as_ref().map(|p| format!(": {p}")).unwrap_or_default())]
    OrderInvalid {
        /// What the CA says of it.
        problem: Option<Box<Problem>>,
    },
    /// The CA does not have the profile that was configured.
    #[error("the CA has no profile `{wanted}`{}", if offered.is_empty() { ", nor any other".to_owned() } else { format!(", only {}", List(offered)) })]
    ProfileNotOffered {
        /// The profile that was configured.
        wanted: String,
        /// Those that the CA lists in its directory.
        offered: Vec<String>,
    },
    /// Hooks that would write records where the CA does not look.
    #[error("dns-account-01 has a record name of its own, and {} not announce `record_names`", Silent(hooks))]
    RecordNames {
        /// Which.
        hooks: Vec<String>,
    },
    /// The ledger names an order but not its request.
    #[error("the request of the pending order is not in the ledger")]
    RequestLost,
    /// A challenge could not be answered without a hook.
    #[error(transparent)]
    Responder(#[from] ResponderError),
    /// A signal came.
    #[error("interrupted")]
    Stopped,
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger holds an order URL that is none.
    #[error("the order URL in the ledger is not a URL")]
    Url(#[from] ServerUrlError),
    /// The CA did not come to a verdict in time.
    #[error("the CA did not validate {} within {} s", List(names), waited.as_secs())]
    ValidationDeadline {
        /// The names still pending.
        names: Vec<Identifier>,
        /// How long it was given.
        waited: Duration,
    },
}

impl IssueError {
    /// [`IssueError::ChallengeNotOffered`] for what an authorization offers.
    pub(super) fn not_offered(authorization: &Authorization, wanted: &str) -> Self {
        Self::ChallengeNotOffered {
            name: authorization.name(),
            wanted: wanted.to_owned(),
            offered: authorization.challenges.iter().map(|challenge| challenge.kind.clone()).collect(),
        }
    }

    /// [`IssueError::OrderInvalid`] with what the order says.
    pub(super) fn order_invalid(order: &Order) -> Self {
        Self::OrderInvalid { problem: order.error.clone().map(Box::new) }
    }

    /// The CA's problem document, when there is one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Acme(error) | Self::Download(error) | Self::Finalized(error) => error.problem(),
            Self::OrderInvalid { problem } => problem.as_deref(),
            Self::Invalid(invalid) => invalid.iter().find_map(|bad| bad.problem.as_ref()),
            _ => None,
        }
    }

    /// What went wrong between us and the CA.
    #[must_use]
    pub fn at_the_ca(&self) -> Option<&crate::acme::Error> {
        match self {
            Self::Acme(error) | Self::Download(error) | Self::Finalized(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the order this came from can be of no more use.
    #[must_use]
    pub fn spends_the_order(&self) -> bool {
        match self {
            Self::AccountKey
            | Self::ChallengeNotOffered { .. }
            | Self::ChallengeUnknown { .. }
            | Self::Csr(_)
            | Self::Invalid(_)
            | Self::OrderInvalid { .. }
            | Self::RequestLost
            | Self::Url(_) => true,
            Self::Acme(error) => error.is_refusal(),
            // A chain that was garbled on the way may come whole the next time.
            Self::Chain(error) => {
                use ChainError::{Expired, OtherKey, OtherNames};
                matches!(error, Expired { .. } | OtherKey | OtherNames { .. })
            }
            // What was issued is fetched, however long that takes: to order it again would be one too many.
            _ => false,
        }
    }

    /// What to do about it, a line each.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Acme(error) | Self::Download(error) | Self::Finalized(error) => error.hints(),
            Self::Hook(error) => error.hints(),
            Self::Store(error) => error.hints(),
            Self::Responder(error) => error.hints(),
            Self::NotVisible(error) => error.hints(),
            Self::NoStandingRecord { record, wanted, .. } => {
                vec![
                    format!("set once: {record} TXT \"{wanted}\""),
                    "`hydrant dns persist` prints all of them".to_owned(),
                ]
            }
            Self::RecordNames { .. } => {
                vec!["use dns-01, or a hook that writes at HYDRANT_RECORD_NAMES and announces so".to_owned()]
            }
            Self::ChallengeNotOffered { name, .. } if name.is_wildcard() => {
                vec!["a wildcard can only be validated by dns-01".to_owned()]
            }
            Self::ChallengeNotOffered { offered, .. } => {
                vec![format!("set `challenge:` to one of {}", List(offered))]
            }
            Self::ProfileNotOffered { offered, .. } if offered.is_empty() => {
                vec!["remove `profile:`".to_owned()]
            }
            Self::ProfileNotOffered { offered, .. } => {
                vec![format!("set `profile:` to one of {}, or remove it", List(offered))]
            }
            Self::ValidationDeadline { .. } => {
                vec!["raise `validation_timeout:` if the CA is known to be slow".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// Hooks as the subject of a sentence.
struct Silent<'a>(&'a [String]);

impl fmt::Display for Silent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.0.len() == 1 { "does" } else { "do" };
        write!(f, "{} {verb}", List(self.0))
    }
}

/// The names of an order that the CA could not validate, and what it says of each.
#[derive(Debug)]
pub struct Invalid(Vec<InvalidName>);

/// One of them.
#[derive(Debug)]
pub struct InvalidName {
    /// The name, `*.` included.
    pub name: Identifier,
    /// What the CA says.
    pub problem: Option<Problem>,
    /// The challenge that failed, as the CA shows it; null where none did.
    pub challenge: Value,
}

impl Invalid {
    /// Those among `authorizations` that can never become valid any more.
    pub(super) fn among(authorizations: &[Authorization]) -> Self {
        let bad = |a: &&Authorization| {
            !matches!(a.status, AuthorizationStatus::Pending | AuthorizationStatus::Valid)
        };
        let name = |a: &Authorization| {
            let failed = a.challenges.iter().find(|challenge| challenge.error.is_some());
            InvalidName {
                name: a.name(),
                problem: failed.and_then(|challenge| challenge.error.clone()),
                challenge: failed.map(|challenge| challenge.raw.clone()).unwrap_or_default(),
            }
        };
        Self(authorizations.iter().filter(bad).map(name).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &InvalidName> {
        self.0.iter()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, bad) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "`{}` could not be validated", bad.name)?;
            if let Some(problem) = &bad.problem {
                write!(f, ": {problem}")?;
            }
        }
        Ok(())
    }
}
