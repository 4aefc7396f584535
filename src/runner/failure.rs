//! What stopped a certificate, and what that means for its next attempt.

use std::time::Duration;

use super::{Unavailable, issue_error};
use crate::error::Error;
use crate::issue::IssueError;

/// What stopped a certificate: the way to the CA, or its own issue.
pub(super) enum Failure {
    Authority(Unavailable),
    Issue(IssueError),
}

impl Failure {
    /// What went wrong between us and the CA.
    pub(super) fn at_the_ca(&self) -> Option<&crate::acme::Error> {
        match self {
            Self::Authority(error) => error.at_the_ca(),
            Self::Issue(error) => error.at_the_ca(),
        }
    }

    /// Whether it holds the certificate back: what never reached the CA does not, nor does what has nothing to do with
    /// this certificate, unless the CA wants to be left alone.
    pub(super) fn counts(&self) -> bool {
        match self {
            Self::Authority(_) => self.retry_after().is_some(),
            // Nor does what the disk does not take: the same order goes on as soon as it does.
            Self::Issue(IssueError::Stopped | IssueError::Store(_)) => false,
            Self::Issue(_) => self.at_the_ca().is_none_or(|error| !error.is_unreachable()),
        }
    }

    /// How long the CA wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.at_the_ca()?.retry_after()
    }

    pub(super) fn spends_the_order(&self) -> bool {
        matches!(self, Self::Issue(error) if error.spends_the_order())
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Authority(error) => error.to_error(),
            Self::Issue(error) => issue_error(error),
        }
    }
}
