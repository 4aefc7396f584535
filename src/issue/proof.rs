//! How the names of an order are proved: by which challenges, when they are visible, and what the CA says of them.

use futures_util::future::try_join_all;

use super::standing::Standing;
use super::{Invalid, IssueError, Issuing, answer};
use crate::acme::{self, Authorization, AuthorizationStatus, Challenge, Order, OrderGoal, OrderStatus};
use crate::config::Propagation;
use crate::hook::{Answer, Approach, Facts, Operation};
use crate::identifier::Identifier;
use crate::ledger::Owed;
use crate::propagation::{Record, Witnesses};
use crate::report::{Event, Phase};

/// A challenge to answer, and the answer; none where a record that stands for good is one.
pub(super) struct Pending {
    pub(super) answer: Option<Answer>,
    challenge: Challenge,
}

impl Issuing<'_, '_> {
    /// Refuses hooks that would write records where the CA does not look, before anything is ordered.
    pub(super) fn check_hooks(&self) -> Result<(), IssueError> {
        let facts = self.hook_facts();
        if facts.challenge != "dns-account-01" {
            return Ok(());
        }
        let unable = self.job.hooks.unaware_of_record_names(&facts);
        if unable.is_empty() { Ok(()) } else { Err(IssueError::RecordNames { hooks: unable }) }
    }

    pub(super) async fn pending_challenges(&self, order: &Order) -> Result<Vec<Pending>, IssueError> {
        let authorizations = self.unless_stopped(self.job.account.authorizations(order)).await??;
        let invalid = Invalid::among(&authorizations);
        if !invalid.is_empty() {
            return Err(IssueError::Invalid(invalid));
        }
        let pending = authorizations.iter().filter(|a| a.status == AuthorizationStatus::Pending);
        self.unless_stopped(try_join_all(pending.map(|pending| self.pending(pending)))).await?
    }

    async fn pending(&self, authorization: &Authorization) -> Result<Pending, IssueError> {
        let job = self.job;
        let wanted = &job.settings.challenge;
        let mut missing = None;
        if wanted.is_standing()
            && let Some(standing) = Standing::of(authorization, job.account)
        {
            match standing.look(job.propagation, job.now).await {
                Ok(()) => return Ok(Pending { answer: None, challenge: standing.challenge().clone() }),
                Err(error) => missing = Some(error),
            }
        }
        let kind = wanted.deployed();
        let is_deployable = !wanted.is_standing() || self.has_deploying_hook();
        match authorization.challenge(kind).filter(|_| is_deployable) {
            Some(challenge) => Ok(Pending {
                answer: Some(answer::to(authorization, challenge, job.account)?),
                challenge: challenge.clone(),
            }),
            None => Err(missing.unwrap_or_else(|| IssueError::not_offered(authorization, wanted.as_str()))),
        }
    }

    fn has_deploying_hook(&self) -> bool {
        !self.job.hooks.wanting(Operation::DeployChallenge, &self.job.facts).is_empty()
    }

    /// What hooks are told while names are proved: the type of the challenges that they answer.
    pub(super) fn hook_facts(&self) -> Facts<'_> {
        Facts { challenge: self.job.settings.challenge.deployed(), ..self.job.facts }
    }

    pub(super) fn owed(&self, answers: &[Answer]) -> Vec<Owed> {
        let facts = self.hook_facts();
        let hooks = self.job.hooks.wanting(Operation::DeployChallenge, &facts);
        let owe = |answer: &Answer| Owed {
            challenge: facts.challenge.to_owned(),
            hooks: hooks.iter().map(|hook| (*hook).to_owned()).collect(),
            answer: answer.clone(),
        };
        answers.iter().map(owe).collect()
    }

    pub(super) async fn deploy_and_answer(
        &mut self,
        order: &Order,
        pending: &[Pending],
        answers: &[Answer],
        approach: Approach,
    ) -> Result<Order, IssueError> {
        let job = self.job;
        self.phase(Phase::Deploying);
        if !answers.is_empty() {
            let facts = self.hook_facts();
            job.responder.deploy(facts.challenge, answers)?;
            job.hooks.deploy_challenges(&facts, answers, approach).await?;
            self.until_visible(answers).await?;
        }

        self.phase(Phase::Validating);
        let validated = async {
            try_join_all(pending.iter().map(|pending| job.account.answer(&pending.challenge))).await?;
            job.account.poll_order(order, OrderGoal::Ready, job.settings.validation_timeout).await
        };
        let order = match self.unless_stopped(validated).await? {
            Ok(order) => order,
            Err(error @ acme::Error::Deadline { .. }) => {
                let unfinished = self.name_the_slow(order).await?;
                return Err(unfinished.unwrap_or(IssueError::Acme(error)));
            }
            Err(error) => return Err(error.into()),
        };
        if order.status != OrderStatus::Invalid {
            return Ok(order);
        }
        // What was deployed is cleaned after this: it does not wait for a CA that hangs when the run is to end.
        let invalid = Invalid::among(&self.unless_stopped(job.account.authorizations(&order)).await??);
        for bad in invalid.iter() {
            // A hook that fails at this too must not hide what the CA says.
            if let Err(error) = job.hooks.invalid_challenge(&job.facts, &bad.name, &bad.challenge).await {
                self.tell(&Event::HookFailed { name: job.name, error: &error });
            }
        }
        Err(if invalid.is_empty() { IssueError::order_invalid(&order) } else { IssueError::Invalid(invalid) })
    }

    /// Waits until records are visible, where that is asked for: a CA that looks too early spends an authorization.
    async fn until_visible(&self, answers: &[Answer]) -> Result<(), IssueError> {
        let job = self.job;
        let Propagation::By(witnesses) = job.settings.propagation else { return Ok(()) };
        let facts = self.hook_facts();
        // What resolvers have kept no provider knows.
        if witnesses == Witnesses::Authoritative && job.hooks.return_when_visible(&facts) {
            return Ok(());
        }
        let record = |answer: &Answer| {
            let name = answer.record_name(facts.challenge)?;
            Some(Record { name, value: answer.value.clone() })
        };
        let records: Vec<Record> = answers.iter().filter_map(record).collect();
        if records.is_empty() {
            return Ok(());
        }
        self.phase(Phase::Propagating);
        let tell = |missing: &[_]| self.tell(&Event::NotVisible { name: job.name, missing });
        let visible = job.propagation.wait(&records, witnesses, job.settings.propagation_timeout, tell);
        Ok(self.unless_stopped(visible).await??)
    }

    /// The authorizations that kept an order from becoming ready in time.
    async fn name_the_slow(&self, order: &Order) -> Result<Option<IssueError>, IssueError> {
        let asked = self.unless_stopped(self.job.account.authorizations(order)).await?;
        let Ok(authorizations) = asked else { return Ok(None) };
        let slow = authorizations.iter().filter(|a| a.status == AuthorizationStatus::Pending);
        let names: Vec<Identifier> = slow.map(Authorization::name).collect();
        let waited = self.job.settings.validation_timeout;
        Ok((!names.is_empty()).then_some(IssueError::ValidationDeadline { names, waited }))
    }
}
