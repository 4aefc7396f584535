//! `hydrant sign-csr`: a certificate for a request that somebody else made. Nothing is stored but what is owed.

use time::OffsetDateTime;

use super::gather::Gathered;
use super::run::find_hooks_for_request;
use super::tenants;
use crate::chain::Chain;
use crate::csr::Csr;
use crate::error::{Error, ErrorKind, ExitCode};
use crate::hook::{Hooks, Stop};
use crate::identifier::CertName;
use crate::issue::{self, Job};
use crate::propagation::Propagation;
use crate::runner::{Authorities, Responders, Signals};
use crate::runner::{facts, hook_error, issue_error, refusal_error, store_error};
use crate::store::transient::Transient;
use crate::store::{Lease, LeaseOutcome};
use crate::tenant::Request;

/// Has the request signed and prints the chain.
///
/// # Errors
/// The certificate cannot be had.
pub async fn sign_csr(gathered: &Gathered, csr: &Csr) -> Result<ExitCode, Error> {
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let hooks = find_hooks_for_request(gathered, &stop)?;
    hooks.ready().await.map_err(|error| hook_error(&error))?;
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    let signed = sign(gathered, csr, &authorities, &hooks, &stop).await;
    if signed.is_err() {
        authorities.tell_hooks_of_all_failures(&hooks).await;
    }
    if let Some(code) = signals.exit_code() {
        return Ok(code);
    }
    let chain = signed?;
    if gathered.reporter.is_json() {
        let document = serde_json::json!({
            "version": 1,
            "certificate": chain.cert_pem(),
            "chain": chain.chain_pem(),
            "fullchain": chain.fullchain_pem(),
        });
        gathered.reporter.json(&document);
    } else {
        gathered.reporter.document(chain.fullchain_pem());
    }
    Ok(ExitCode::Success)
}

/// Has it signed.
///
/// # Errors
/// The certificate cannot be had.
pub(super) async fn sign(
    gathered: &Gathered,
    csr: &Csr,
    authorities: &Authorities<'_>,
    hooks: &Hooks,
    stop: &Stop,
) -> Result<Chain, Error> {
    let config = &gathered.config;
    let name = name_of(csr)?;
    let settings = config.certificate(&name);
    let tenancy = tenants::tenancy(gathered).await?;
    let path = config.secret_of(&name);
    let request = Request::new(&name, csr.names(), &settings, path.as_deref());
    tenancy.check(&request).map_err(refusal_error)?;
    let account = authorities.account(&settings.ca).await.map_err(|error| error.to_error())?;
    tenancy.check(&Request { account: Some(account.url().as_str()), ..request }).map_err(refusal_error)?;
    let lease = match gathered.store().lease(&name).await.map_err(store_error)? {
        LeaseOutcome::Taken(lease) => lease,
        LeaseOutcome::HeldBy(holder) => return Err(Error::failed(Busy { holder })),
    };
    let responder = Responders::default().of(config, &settings);
    let job = Job {
        name: &name,
        names: csr.names(),
        csr: Some(csr),
        replaces: None,
        settings: &settings,
        account: &account,
        orders: authorities.orders(),
        hooks,
        responder: &responder,
        propagation: &Propagation::new(&config.resolvers),
        facts: facts(&name, csr.names(), &settings, 1),
        stop,
        reporter: &gathered.reporter,
        now: OffsetDateTime::now_utc(),
    };
    let (transient, chain) = Transient::for_request(lease);
    let mut lease = Lease::new(Box::new(transient));
    let issued = Box::pin(issue::issue(&job, &mut lease, hooks.approach())).await;
    let saved = lease.save().await;
    drop(lease);
    gathered.store().settle().await;
    saved.map_err(store_error)?;
    issued.map_err(issue_error)?;
    // `issue` gave Ok, so a chain was staged.
    chain.get().cloned().ok_or_else(|| Error::new(ErrorKind::Failed, NoChain))
}

/// The same request has the same name, so that a later run goes on with the order of one that was killed.
fn name_of(csr: &Csr) -> Result<CertName, Error> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, csr.der());
    // Half of it: 128 bits are as unique as a file name needs.
    let half: [u8; 16] = std::array::from_fn(|index| digest.as_ref()[index]);
    format!("sign-csr/{:032x}", u128::from_be_bytes(half)).parse().map_err(Error::failed)
}

/// The same request is being signed elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("the same request is in work elsewhere: {holder}")]
struct Busy {
    holder: String,
}

/// No chain came of an issue that went well.
#[derive(Debug, thiserror::Error)]
#[error("the CA gave no chain")]
struct NoChain;
