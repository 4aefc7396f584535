//! Records that stand for good (dns-persist-01): whether they prove a name, before the CA is asked to look.

use time::OffsetDateTime;

use super::IssueError;
use crate::acme::persist::{self, Claim};
use crate::acme::{Account, Authorization, Challenge};
use crate::identifier::Identifier;
use crate::propagation::Propagation;

/// A name that may be proved by a record that stands for good.
pub(super) struct Standing<'a> {
    name: Identifier,
    challenge: &'a Challenge,
    claim: Claim,
}

impl<'a> Standing<'a> {
    /// None where the CA does not offer that.
    pub(super) fn of(authorization: &'a Authorization, account: &Account) -> Option<Self> {
        let challenge = authorization.challenge(persist::TYPE)?;
        let claim = Claim {
            issuers: persist::issuers(challenge),
            account: persist::account(challenge).unwrap_or(account.url().as_str()).to_owned(),
            wildcard: authorization.wildcard,
        };
        Some(Self { name: authorization.name(), challenge, claim })
    }

    pub(super) fn challenge(&self) -> &Challenge {
        self.challenge
    }

    /// Whether one of the records there proves the name: a CA that looks in vain spends an authorization.
    pub(super) async fn look(
        &self,
        propagation: &Propagation,
        now: OffsetDateTime,
    ) -> Result<(), IssueError> {
        let record = persist::record_name(&self.name);
        let values = propagation
            .values(&record)
            .await
            .map_err(|source| IssueError::Lookup { record: record.clone(), source })?;
        let Some(unfit) = self.claim.best_of(&values, now) else { return Ok(()) };
        Err(IssueError::NoStandingRecord {
            name: self.name.clone(),
            record,
            unfit,
            wanted: self.claim.value(None),
        })
    }
}
