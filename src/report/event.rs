//! What can happen in a run, and the line for it.

use std::net::SocketAddr;
use std::time::Duration;

use time::OffsetDateTime;

use super::words::{List, When};
use super::{Verbosity, error_text};
use crate::error::Error;
use crate::hook::HookError;
use crate::identifier::{CertName, Identifier};
use crate::issue::CleanError;
use crate::plan::Step;
use crate::propagation::Missing;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// An account was registered.
    AccountCreated {
        /// The CA's directory.
        ca: &'a str,
        /// The account.
        url: &'a str,
    },
    /// The preferred chain was not among those offered; the default one is kept.
    ChainNotOffered {
        /// The certificate.
        name: &'a CertName,
        /// The issuer that was asked for.
        wanted: &'a str,
        /// The issuers that were offered.
        offered: &'a [String],
    },
    /// A deployed challenge could not be cleaned; it stays owed.
    CleaningFailed {
        /// The certificate.
        name: &'a CertName,
        /// Why.
        error: &'a CleanError,
    },
    /// A hook took a certificate.
    Delivered {
        /// The certificate.
        name: &'a CertName,
        /// The hook.
        destination: &'a str,
        /// Whether the hook says it has verified it.
        verified: bool,
    },
    /// A certificate could not be brought to what is declared.
    Failed {
        /// The certificate.
        name: &'a CertName,
        /// Why.
        error: &'a Error,
    },
    /// A hook that is only told of a failure failed itself; nothing depends on it.
    HookFailed {
        /// The certificate.
        name: &'a CertName,
        /// Why.
        error: &'a HookError,
    },
    /// A line that a hook printed.
    HookLine {
        /// The hook.
        hook: &'a str,
        /// The certificate it was called for, if it was for one.
        certificate: Option<&'a str>,
        /// What it printed.
        text: &'a str,
    },
    /// An address that a certificate's challenges are answered on is in use.
    InUse {
        /// The certificate.
        name: &'a CertName,
        /// The address.
        address: SocketAddr,
    },
    /// A certificate was issued and put in place.
    Issued {
        /// The certificate.
        name: &'a CertName,
        /// Whether it had a predecessor.
        renewed: bool,
        /// When it expires.
        not_after: OffsetDateTime,
    },
    /// A certificate is in work elsewhere.
    Leased {
        /// The certificate.
        name: &'a CertName,
        /// By whom.
        holder: &'a str,
    },
    /// A certificate was issued, and its files are gone before they were in use.
    Lost {
        /// The certificate.
        name: &'a CertName,
        /// Which file.
        error: &'a Error,
    },
    /// Something worth knowing about a certificate's settings.
    Remark {
        /// The certificate.
        name: &'a CertName,
        /// What.
        text: &'a str,
    },
    /// Something about a certificate's settings that is probably not meant so.
    Warning {
        /// The certificate.
        name: &'a CertName,
        /// What.
        text: &'a str,
    },
    /// A line of the list is looked at.
    Looking {
        /// The certificate.
        name: &'a CertName,
        /// Its names as declared.
        names: &'a [Identifier],
    },
    /// Records are not visible yet.
    NotVisible {
        /// The certificate.
        name: &'a CertName,
        /// Which records, and where.
        missing: &'a [Missing],
    },
    /// Something worth knowing that concerns the whole run.
    Notice(&'a str),
    /// A certificate goes through a phase.
    Phase {
        /// The certificate.
        name: &'a CertName,
        /// Which.
        phase: Phase,
    },
    /// One exchange with the CA.
    Request {
        /// `GET`, `HEAD` or `POST`.
        method: &'a str,
        /// The resource.
        url: &'a str,
        /// The answer's status, if there was an answer.
        status: Option<u16>,
        /// How long it took.
        elapsed: Duration,
    },
    /// An order of an earlier run is continued.
    Resumed {
        /// The certificate.
        name: &'a CertName,
    },
    /// Work on a certificate begins.
    Started(&'a Step),
    /// Work on a certificate is over.
    Finished(&'a CertName),
    /// A certificate is as declared.
    Unchanged(&'a Step),
    /// The same where one look was enough, so that nothing was said of it before.
    UnchangedAtAGlance {
        /// Its names as declared.
        names: &'a [Identifier],
        /// Why nothing is to be done.
        step: &'a Step,
    },
    /// Something is due and is held back.
    Waiting(&'a Step),
}

/// What a certificate in work is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The CA's answer to the order.
    Ordering,
    /// Hooks that deploy challenges.
    Deploying,
    /// Name servers that do not have a record yet.
    Propagating,
    /// The CA's verdict.
    Validating,
    /// Hooks that take challenges away.
    Cleaning,
    /// The certificate.
    Finalizing,
    /// Files being written.
    Storing,
    /// Hooks that take the certificate.
    Delivering,
}

impl Phase {
    /// What is being done, for progress.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordering => "ordering",
            Self::Deploying => "deploying challenges",
            Self::Propagating => "waiting for DNS",
            Self::Validating => "being validated",
            Self::Cleaning => "cleaning challenges",
            Self::Finalizing => "being issued",
            Self::Storing => "being stored",
            Self::Delivering => "being delivered",
        }
    }
}

impl Event<'_> {
    /// How much has to be asked for before it is printed.
    pub(super) fn verbosity(&self) -> Verbosity {
        match self {
            Self::NotVisible { .. }
            | Self::Phase { .. }
            | Self::Unchanged(_)
            | Self::UnchangedAtAGlance { .. } => Verbosity::Verbose,
            Self::Request { .. } | Self::Finished(_) => Verbosity::Requests,
            _ => Verbosity::Normal,
        }
    }

    /// Whether it is told in the same words whoever is told: what others said.
    pub(super) fn is_passed_on(&self) -> bool {
        matches!(self, Self::HookLine { .. } | Self::Request { .. })
    }

    /// Whether it is no fact about a certificate, and goes to stderr.
    pub(super) fn is_aside(&self) -> bool {
        matches!(
            self,
            Self::HookLine { .. } | Self::NotVisible { .. } | Self::Request { .. } | Self::Phase { .. }
        )
    }

    /// The text of an event that is an error or a warning; printed always, on stderr.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::ChainNotOffered { name, wanted, offered } => Some(format!(
                "warning: {name}: no chain ends at `{wanted}`, only at {}; the default chain is used",
                List(offered)
            )),
            Self::CleaningFailed { name, error } => {
                let error = Error::failed(error.to_string()).hints(error.hints());
                let said = error_text(Some(name.as_str()), &error);
                Some(format!("{said}\nhint: the next run, or `hydrant deliver`, cleans it"))
            }
            Self::Warning { text, .. } => Some((*text).to_owned()),
            Self::Failed { name, error } | Self::Lost { name, error } => {
                Some(error_text(Some(name.as_str()), error))
            }
            Self::HookFailed { name, error } => {
                let error = Error::failed(error.to_string()).hints(error.hints());
                Some(error_text(Some(name.as_str()), &error))
            }
            _ => None,
        }
    }

    /// The line of any other event.
    pub(super) fn line(&self) -> Option<String> {
        Some(match self {
            Self::AccountCreated { ca, url } => format!("account registered at {ca}: {url}"),
            Self::Delivered { name, destination, verified: true } => {
                format!("{name}: delivered to `{destination}`, verified")
            }
            Self::Delivered { name, destination, verified: false } => {
                format!("{name}: delivered to `{destination}`")
            }
            Self::HookLine { hook, certificate: Some(certificate), text } => {
                format!("{certificate}: {hook}: {text}")
            }
            Self::HookLine { hook, certificate: None, text } => format!("{hook}: {text}"),
            Self::InUse { name, address } => format!("{name}: {address} is in use, waiting"),
            Self::Issued { name, renewed, not_after } => {
                let done = if *renewed { "renewed" } else { "issued" };
                format!("{name}: {done}, valid until {}", When(*not_after))
            }
            Self::Leased { name, holder } => format!("{name}: in work elsewhere ({holder}), waiting"),
            Self::NotVisible { name, missing } => {
                let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                format!("{name}: not visible yet: {}", missing.join("; "))
            }
            Self::Notice(text) => (*text).to_owned(),
            Self::Remark { name, text } => format!("{name}: {text}"),
            Self::Phase { name, phase } => format!("{name}: {}", phase.as_str()),
            Self::Request { method, url, status, elapsed } => {
                let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                format!("{method} {url}: {status} in {} ms", elapsed.as_millis())
            }
            Self::Resumed { name } => format!("{name}: going on with the order of an earlier run"),
            Self::Started(step) => format!("{}: {}: {}", step.name, step.action.as_str(), step.because),
            Self::Unchanged(step) | Self::UnchangedAtAGlance { step, .. } => {
                format!("{}: unchanged, {}", step.name, step.because)
            }
            Self::Waiting(step) => format!("{}: waiting, {}", step.name, step.because),
            Self::ChainNotOffered { .. }
            | Self::CleaningFailed { .. }
            | Self::Failed { .. }
            | Self::HookFailed { .. }
            | Self::Finished(_)
            | Self::Looking { .. }
            | Self::Lost { .. }
            | Self::Warning { .. } => return None,
        })
    }
}
