//! What became of each challenge, told as the caller wants to hear it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use hydrant_hook_protocol::{Results, TRY_LATER, Triple, env as facts};

/// What can go wrong with one challenge.
pub trait Fault {
    /// Whether it may pass by itself.
    fn may_pass(&self) -> bool;

    /// The fault and what a person can do about it, in one line.
    fn line(&self) -> String;
}

/// The type of the challenges of this call, where it is none that a TXT record answers: under dehydrated with http-01 a hook is told
/// of challenges that are not its own.
#[must_use]
pub fn other_challenge() -> Option<String> {
    let told = [facts::CHALLENGE, "CHALLENGETYPE"].into_iter().find_map(|name| std::env::var(name).ok());
    told.filter(|challenge| !matches!(challenge.as_str(), "dns-01" | "dns-account-01"))
}

/// Says what became of each challenge, where the caller takes that; else on stderr, and the worst of it is the exit code.
///
/// # Errors
/// When it cannot be written.
pub fn report<F: Fault>(
    program: &str,
    triples: &[Triple],
    results: &[Result<(), F>],
) -> io::Result<ExitCode> {
    let mut told = Results::from_env()?;
    let mut names_of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let (mut is_failed, mut is_put_off) = (false, false);
    for (index, (triple, result)) in triples.iter().zip(results).enumerate() {
        match result {
            Ok(()) => told.done(index)?,
            Err(fault) if fault.may_pass() => {
                is_put_off = true;
                told.retry(index, fault.line())?;
            }
            Err(fault) => {
                is_failed = true;
                told.failed(index, fault.line())?;
            }
        }
        if let Err(fault) = result {
            names_of.entry(fault.line()).or_default().push(&triple.identifier);
        }
    }
    if std::env::var_os(facts::RESULTS).is_some() {
        // hydrant prints them, each with its certificate.
        return Ok(ExitCode::SUCCESS);
    }
    let mut stderr = io::stderr().lock();
    for (line, names) in names_of {
        writeln!(stderr, "{program}: {}: {line}", names.join(" "))?;
    }
    Ok(match (is_failed, is_put_off) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(TRY_LATER),
        (false, false) => ExitCode::SUCCESS,
    })
}
