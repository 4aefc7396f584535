//! ONE certificate, top to bottom: from a step of the plan to files that are in place.
//!
//! The file to read first. Every arrow of the sequence is written to the ledger before it is taken, so that a run
//! killed anywhere is continued by the next one: the order is read again by its URL, the key and the request are
//! those that were saved, and what was deployed is cleaned.
//!
//! ```text
//! intent ─▶ order ─▶ authorizations ─▶ deploy ─▶ answer ─▶ ready ─▶ clean ─▶ finalize ─▶ chain ─▶ files ─▶ links
//! ```

mod answer;
mod clean;
mod download;
mod failure;
mod order;
mod proof;
mod request;
mod standing;

use time::OffsetDateTime;

pub use clean::{CleanError, Cleaned, Cleaner};
pub use failure::{Invalid, IssueError};

use crate::acme::{Account, Order, OrderGoal, OrderStatus};
use crate::chain::{Chain, ChainError};
use crate::config::CertificateSettings;
use crate::csr::Csr;
use crate::hook::{Answer, Approach, Facts, Hooks, Operation, Stop};
use crate::identifier::{CertName, Identifier};
use crate::ledger::{CertificateKey, Intent, Owed};
use crate::propagation::Propagation;
use crate::report::{Event, Phase, Reporter};
use crate::responder::Responder;
use crate::store::Lease;
use crate::turns::{Turn, Turns};

/// One certificate to get, and everything that is needed for it.
pub struct Job<'a> {
    /// The name it is kept under.
    pub name: &'a CertName,
    /// The names it is to carry, the first is the primary one.
    pub names: &'a [Identifier],
    /// The request a hook made, if one did; else a key and a request are made here.
    pub csr: Option<&'a Csr>,
    /// The renewal identifier of the certificate that this one replaces.
    pub replaces: Option<&'a str>,
    /// What was configured for it.
    pub settings: &'a CertificateSettings,
    /// The account that orders it.
    pub account: &'a Account,
    /// The orders that are open in this run.
    pub orders: &'a Turns,
    /// Who answers challenges and syncs files.
    pub hooks: &'a Hooks,
    /// Who answers challenges without a hook.
    pub responder: &'a Responder,
    /// Who knows what is visible in DNS.
    pub propagation: &'a Propagation,
    /// What hooks are told about it.
    pub facts: Facts<'a>,
    /// Ends waits when a signal came.
    pub stop: &'a Stop,
    /// Who is told what happens.
    pub reporter: &'a Reporter,
    /// The instant that counts as now.
    pub now: OffsetDateTime,
}

/// Gets the certificate, or goes on getting it, and leaves its new files in use; deliveries are then owed.
///
/// # Errors
/// Whatever stopped it. The ledger then says what is still owed.
pub async fn issue(job: &Job<'_>, lease: &mut Lease, approach: Approach) -> Result<(), IssueError> {
    let mut issuing = Issuing { job, lease, request: None, turn: None };
    issuing.check_hooks()?;
    issuing.clean_leftovers().await?;
    let chain = match issuing.obtain(approach).await {
        // Another machine got the same order and finalized it first: that is nobody's failure.
        Err(IssueError::Chain(ChainError::OtherKey)) => Box::pin(issuing.obtain_anew()).await?,
        obtained => obtained?,
    };
    issuing.stage(&chain).await?;
    put_in_place(job.hooks, &job.facts, lease).await
}

/// `sync_cert` on files that are written, then the links; repeated by the next run where it was cut off. Needs no CA.
///
/// # Errors
/// A hook failed, or the files cannot be put to use; [`StoreError::NotStaged`](crate::store::StoreError::NotStaged)
/// when they are gone.
pub async fn put_in_place(hooks: &Hooks, facts: &Facts<'_>, lease: &mut Lease) -> Result<(), IssueError> {
    let Some(staged) = lease.record.staged.clone() else { return Ok(()) };
    if !staged.switch {
        let paths = lease.staged(&staged).await?;
        hooks.sync_cert(facts, &paths.for_hooks()).await?;
        lease.record.decide_switch();
        lease.save().await?;
    }
    lease.switch(staged.timestamp).await?;
    // Saved with the deliveries, which come next; until then, to repeat the switch changes nothing.
    lease.record.switched();
    Ok(())
}

struct Issuing<'j, 'l> {
    job: &'j Job<'j>,
    lease: &'l mut Lease,
    /// The request that the ledger has, where it was made now: it need not be read and checked again.
    request: Option<Csr>,
    /// The right to have an order for these names open.
    turn: Option<Turn<'j>>,
}

impl Issuing<'_, '_> {
    /// Orders, or goes on with an order, until the chain is there that was chosen and checked.
    async fn obtain(&mut self, approach: Approach) -> Result<Chain, IssueError> {
        let approach = self.take_turn(approach).await?;
        let order = match self.resumed_order().await? {
            Some(order) => order,
            None => self.order().await?,
        };
        let order = self.validate(order, approach).await?;
        self.chain(order).await
    }

    /// The same with an order of its own, for one that went to somebody else.
    async fn obtain_anew(&mut self) -> Result<Chain, IssueError> {
        let text =
            format!("{}: the order went to another client of this account, ordering anew", self.job.name);
        self.tell(&Event::Notice(&text));
        self.lease.record.abandon();
        self.obtain(self.job.hooks.approach()).await
    }

    /// Cleans what an earlier run deployed and could not clean.
    async fn clean_leftovers(&mut self) -> Result<(), IssueError> {
        if self.lease.record.owed_cleaning.is_empty() {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.lease.record.owed_cleaning);
        let still_owed = self.clean(owed).await;
        self.lease.record.owed_cleaning = still_owed;
        self.save().await
    }

    /// The order of a run that was cut off, when it is for the same and still of use.
    async fn resumed_order(&mut self) -> Result<Option<Order>, IssueError> {
        let Some(intent) = &self.lease.record.intent else { return Ok(None) };
        let Some(url) = intent.order.as_ref().filter(|_| self.is_wanted(intent)) else { return Ok(None) };
        let url = url.parse()?;
        let order = match self.unless_stopped(self.job.account.order(&url)).await? {
            Ok(order) => order,
            // The CA forgot it, or gives it to nobody any more: order anew.
            Err(error) if error.is_refusal() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if order.status == OrderStatus::Invalid {
            return Ok(None);
        }
        // Until it is finalized the order can take the request that the hook makes now; after that only the saved one
        // belongs to it, and this one waits for the next renewal.
        if let (OrderStatus::Pending | OrderStatus::Ready, Some(csr)) = (order.status, self.job.csr) {
            self.lease.record.request(CertificateKey::Foreign, csr.to_pem());
            self.save().await?;
        }
        self.tell(&Event::Resumed { name: self.job.name });
        Ok(Some(order))
    }

    /// Whether an intent is for what is wanted now: the same names, from the same account, by the same profile.
    fn is_wanted(&self, intent: &Intent) -> bool {
        let job = self.job;
        let names = job.names.iter().map(ToString::to_string);
        intent.ca == job.settings.ca.directory.as_str()
            && intent.account == job.account.url().as_str()
            && intent.profile == job.settings.profile
            && names.eq(intent.names.iter().cloned())
    }

    /// Everything a later run needs to finish what begins here, key and request included.
    async fn intent(&mut self) -> Result<Intent, IssueError> {
        let job = self.job;
        let started = job.now.unix_timestamp();
        let (key, csr) = self.request().await?;
        let pem = csr.to_pem();
        self.request = Some(csr);
        Ok(Intent {
            ca: job.settings.ca.directory.to_string(),
            account: job.account.url().as_str().to_owned(),
            names: job.names.iter().map(ToString::to_string).collect(),
            profile: job.settings.profile.clone(),
            replaces: job.replaces.map(ToOwned::to_owned),
            timestamp: self.lease.fresh_timestamp(started).await?,
            key,
            csr: Some(pem),
            order: None,
            started,
        })
    }

    /// Brings the order to `ready` or beyond. Whatever happens between deploying and the CA's verdict, what was
    /// deployed is cleaned before anything else.
    async fn validate(&mut self, order: Order, approach: Approach) -> Result<Order, IssueError> {
        if order.status != OrderStatus::Pending {
            return Ok(order);
        }
        let pending = self.pending_challenges(&order).await?;
        let job = self.job;
        let answers: Vec<Answer> = pending.iter().filter_map(|pending| pending.answer.clone()).collect();
        let tell = |address| self.tell(&Event::InUse { name: job.name, address });
        let (challenge, patience) = (job.settings.challenge.deployed(), job.settings.validation_timeout);
        let turn = job.responder.turn(challenge, &answers, patience, tell);
        let _turn = job.stop.unless_stopped(turn).await.ok_or(IssueError::Stopped)??;
        let deployed = self.owed(&answers);
        self.lease.record.deploying(deployed, job.now.unix_timestamp());
        self.save().await?;
        let verdict = self.deploy_and_answer(&order, &pending, &answers, approach).await;
        let still_owed = self.clean(self.lease.record.owed_for(&answers)).await;
        self.lease.record.cleaned(&answers);
        self.lease.record.owe_cleaning(still_owed);
        verdict
    }

    /// Cleans what was deployed and gives what could not be: that stays owed, and the run says so, but the
    /// certificate is worth having all the same.
    async fn clean(&self, deployed: Vec<Owed>) -> Vec<Owed> {
        if !deployed.is_empty() {
            self.phase(Phase::Cleaning);
        }
        let cleaner = Cleaner { hooks: self.job.hooks, responder: self.job.responder };
        let outcome = cleaner.clean(&self.job.facts, deployed).await;
        for error in &outcome.errors {
            self.tell(&Event::CleaningFailed { name: self.job.name, error });
        }
        outcome.still_owed
    }

    /// Has the order finalized and gives the chain.
    async fn chain(&mut self, order: Order) -> Result<Chain, IssueError> {
        self.phase(Phase::Finalizing);
        let csr = if let Some(csr) = self.request.take() {
            csr
        } else {
            let saved = self.lease.record.intent.as_ref().and_then(|intent| intent.csr.as_deref());
            Csr::from_pem(saved.ok_or(IssueError::RequestLost)?)?
        };
        let order = match order.status {
            OrderStatus::Ready => self.unless_stopped(self.job.account.finalize(&order, csr.der())).await??,
            _ => order,
        };
        // From here on a CA hands the order to nobody else.
        self.turn = None;
        let timeout = self.job.settings.order_timeout;
        let issued = self.job.account.poll_order(&order, OrderGoal::Issued, timeout);
        let order = self.unless_stopped(issued).await??;
        if order.status == OrderStatus::Invalid {
            return Err(IssueError::order_invalid(&order));
        }
        let chain = self.preferred_chain(&order).await?;
        chain.check(csr.public_key_der(), self.job.names, self.job.now)?;
        Ok(chain)
    }

    /// Writes all new files; from here on the certificate is ours, whatever happens.
    async fn stage(&mut self, chain: &Chain) -> Result<(), IssueError> {
        self.phase(Phase::Storing);
        let intent = self.lease.record.intent.clone().ok_or(IssueError::RequestLost)?;
        let csr = intent.csr.as_deref().ok_or(IssueError::RequestLost)?;
        self.lease.stage(intent.timestamp, &intent.key, csr, chain).await?;
        self.prepare_next_key(&intent.key).await?;
        let destinations = self.job.hooks.wanting(Operation::DeployCert, &self.job.facts);
        let now = self.job.now.unix_timestamp();
        self.lease.record.stage(intent.timestamp, intent.key.source(), destinations, now);
        self.lease.record.settings = Some(self.job.settings.fingerprint());
        if self.job.hooks.wanting(Operation::SyncCert, &self.job.facts).is_empty() {
            self.lease.record.decide_switch();
        }
        self.save().await
    }

    /// What the CA says, unless the run is to end first: the next one asks again.
    async fn unless_stopped<T>(&self, answer: impl Future<Output = T>) -> Result<T, IssueError> {
        self.job.stop.unless_stopped(answer).await.ok_or(IssueError::Stopped)
    }

    async fn save(&mut self) -> Result<(), IssueError> {
        Ok(self.lease.save().await?)
    }

    fn phase(&self, phase: Phase) {
        self.tell(&Event::Phase { name: self.job.name, phase });
    }

    fn tell(&self, event: &Event<'_>) {
        self.job.reporter.event(event);
    }
}
