//! Keeps an OCSP response beside a certificate where that is asked for, and gives it to hooks.

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::network::way_to;
use super::wanted::Wanted;
use super::{hook_error, store_error};
use crate::error::{Error, ErrorKind};
use crate::hook::{HookError, Operation};
use crate::ledger::OwedResponse;
use crate::ocsp::{FetchError, Good, OcspError, Responders, Subject};
use crate::report::Event;
use crate::store::{Lease, LeaseOutcome};

impl Certificate<'_> {
    /// [`Certificate::staple`] for a certificate that nothing else is to do about; one that another run has in work is
    /// that run's to look after.
    pub(super) async fn staple_unchanged(&self, wanted: &Wanted) -> Result<(), Error> {
        if self.settings.ocsp.is_none() {
            return Ok(());
        }
        match self.runner.store.lease(&self.entry.name).await.map_err(store_error)? {
            LeaseOutcome::Taken(lease) => self.staple(&mut Lease::new(lease), wanted).await,
            LeaseOutcome::HeldBy(_) => Ok(()),
        }
    }

    /// Fetches a response when there is none, or none that is good and young enough; then makes the deliveries that are
    /// owed. A CA without responders is no failure: many have given them up.
    pub(super) async fn staple(&self, lease: &mut Lease, wanted: &Wanted) -> Result<(), Error> {
        let Some(wish) = self.settings.ocsp else { return Ok(()) };
        if self.runner.deliver_only || self.runner.stop.is_stopped() {
            return Ok(());
        }
        let Some(kept) = lease.stapling().await.map_err(store_error)? else { return Ok(()) };
        let subject = Subject::of_chain(&kept.fullchain).map_err(Error::failed)?;
        if subject.responder().is_none() {
            return self.say_once_that_there_is_no_responder(lease).await;
        }
        let now = OffsetDateTime::now_utc();
        let is_fresh = |good: Good| now - good.this_update <= wish.max_age;
        let found = kept.response.as_deref().and_then(|response| subject.check(response, now).ok());
        if !found.is_some_and(is_fresh) {
            let fetched = self.runner.stop.unless_stopped(self.fetch(&subject)).await;
            let Some(response) = fetched.transpose().map_err(|error| ocsp_error(&error))? else {
                return Ok(());
            };
            let timestamp = u64::try_from(now.unix_timestamp()).unwrap_or_default();
            let facts = self.facts(&wanted.names, 1);
            let hooks = self.runner.hooks.wanting(Operation::DeployOcsp, &facts);
            let hooks: Vec<String> = hooks.into_iter().map(str::to_owned).collect();
            // Owed before there is something to give: a run that is killed here gives the older one again.
            lease.record.owed_response = Some(OwedResponse { timestamp, hooks });
            lease.save().await.map_err(store_error)?;
            lease.save_response(timestamp, &response).await.map_err(store_error)?;
            let updated = format!("{}: OCSP response updated", self.entry.name);
            self.runner.reporter.event(&Event::Notice(&updated));
        }
        self.deliver_response(lease, wanted, &kept.path).await
    }

    async fn fetch(&self, subject: &Subject) -> Result<Vec<u8>, FetchError> {
        let response = Responders::new(&way_to(&self.runner.config.network))?.ask(subject).await?;
        subject.check(&response, OffsetDateTime::now_utc())?;
        Ok(response)
    }

    async fn deliver_response(
        &self,
        lease: &mut Lease,
        wanted: &Wanted,
        path: &std::path::Path,
    ) -> Result<(), Error> {
        let Some(owed) = lease.record.owed_response.take() else { return Ok(()) };
        let hooks = &self.runner.hooks;
        let facts = self.facts(&wanted.names, 1);
        let (mut failures, mut still_owed) = (Vec::new(), Vec::new());
        // A hook that is no longer part of this is owed nothing.
        for hook in owed.hooks.iter().filter(|hook| hooks.has(hook)) {
            if let Err(error) = hooks.deploy_ocsp(hook, &facts, path, owed.timestamp).await {
                failures.push(error);
                still_owed.push(hook.clone());
            }
        }
        if !still_owed.is_empty() {
            lease.record.owed_response = Some(OwedResponse { hooks: still_owed, ..owed });
        }
        lease.save().await.map_err(store_error)?;
        HookError::all(failures).map_err(|error| hook_error(&error))
    }

    async fn say_once_that_there_is_no_responder(&self, lease: &mut Lease) -> Result<(), Error> {
        let Some(stored) = &lease.loaded().stored else { return Ok(()) };
        let fingerprint = Some(stored.leaf.fingerprint.clone());
        if lease.record.without_responder != fingerprint {
            let note = format!(
                "note: {}: the certificate names no OCSP responder, so there is no response to keep",
                self.entry.name
            );
            self.runner.reporter.aside(&note);
            lease.record.without_responder = fingerprint;
            lease.save().await.map_err(store_error)?;
        }
        Ok(())
    }
}

fn ocsp_error(error: &FetchError) -> Error {
    let failed = Error::new(ErrorKind::Failed, error.clone());
    match error {
        FetchError::Unreachable(_) | FetchError::Status { .. } => {
            failed.hint("the certificate is in place; the next run asks the responder again")
        }
        FetchError::Ocsp(OcspError::Revoked) => failed.hint("renew it: run with `--force`"),
        _ => failed,
    }
}
