//! The hook that delivers certificates to HashiCorp Vault or OpenBao: one secret a certificate, whole or not at all.
//!
//! It speaks the plain contract of dehydrated, so it works there too. In the order in which a certificate meets them:
//!
//! - [`settings`]: what a person can set, in the environment and in `vault.inc`
//! - [`certificate`]: what is in the files
//! - [`delivery`]: one secret, written once and read back
//! - [`facts`]: what machines want to know, kept beside the secret
//! - [`error`]: what can go wrong

pub mod certificate;
pub mod delivery;
pub mod error;
pub mod facts;
pub mod settings;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use hydrant_hook_protocol::{Capabilities, HookCall, Operation, TRY_LATER, env};

use crate::certificate::{Certificate, Files};
use crate::delivery::Outcome;
use crate::error::Fault;
use crate::settings::Settings;

/// Answers one call.
///
/// # Errors
/// When the call is none, or what it is to be answered with cannot be written.
pub fn run(call: HookCall) -> Result<ExitCode, Box<dyn Error>> {
    let (domain, files, timestamp) = match call {
        HookCall::Probe => {
            let operations = [Operation::DeployCert, Operation::UnchangedCert];
            let mut capabilities = Capabilities::for_operations(operations).in_parallel();
            capabilities.verifies_delivery = true;
            capabilities.announce()?;
            return Ok(ExitCode::SUCCESS);
        }
        HookCall::DeployCert { domain, key, cert, fullchain, chain, timestamp } => {
            (domain, Files { key, cert, fullchain, chain }, Some(timestamp))
        }
        HookCall::UnchangedCert { domain, key, cert, fullchain, chain } => {
            (domain, Files { key, cert, fullchain, chain }, None)
        }
        _ => return Ok(ExitCode::SUCCESS),
    };
    if std::env::var_os(env::DRY_RUN).is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    match deliver(&domain, &files, timestamp) {
        Ok(Outcome::AsItWas) => Ok(ExitCode::SUCCESS),
        Ok(Outcome::Written { place, version, warning }) => {
            let verb = if timestamp.is_some() { "stored" } else { "had drifted and was repaired" };
            writeln!(io::stdout().lock(), "vault: {place} {verb} (version {version})")?;
            if let Some(warning) = warning {
                writeln!(io::stderr().lock(), "vault: {warning}")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            writeln!(io::stderr().lock(), "vault: {domain}: {}", fault.line())?;
            Ok(if fault.may_pass() { ExitCode::from(TRY_LATER) } else { ExitCode::FAILURE })
        }
    }
}

fn deliver(domain: &str, files: &Files, timestamp: Option<u64>) -> Result<Outcome, Fault> {
    let settings = Settings::from_env()?;
    let certificate = Certificate::read(files, timestamp)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::Runtime)?;
    runtime.block_on(delivery::deliver(&settings, &settings.path(domain), &certificate))
}
