//! A whole hook in Rust: answers http-01 by files in a directory that web servers hand out as
//! `/.well-known/acme-challenge/`. `ACME_WEBROOT` names it.
//!
//! It takes the challenges of many certificates in one call and says of each how it went, so that one that cannot be
//! written fails alone. Under dehydrated the same program works as any hook does.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use hydrant_hook_protocol::{Capabilities, Chaining, HookCall, Operation, Results, Triple};

fn main() -> ExitCode {
    match HookCall::from_env().map_err(Into::into).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("webroot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(call: HookCall) -> Result<ExitCode, Box<dyn Error>> {
    match call {
        HookCall::Probe => {
            let operations = [Operation::DeployChallenge, Operation::CleanChallenge];
            let mut capabilities =
                Capabilities::for_operations(operations).with_challenges(Chaining::Batch).in_parallel();
            // A file is there when it is written.
            capabilities.visible_on_return = true;
            capabilities.announce()?;
            Ok(ExitCode::SUCCESS)
        }
        HookCall::DeployChallenge(triples) => each(&triples, |file, triple| fs::write(file, &triple.value)),
        HookCall::CleanChallenge(triples) => each(&triples, |file, _| match fs::remove_file(file) {
            // What is not there is clean.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }),
        // What a hook does not know it leaves alone, with success.
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Does something with the file of each challenge, and says how that went.
fn each(
    triples: &[Triple],
    act: impl Fn(&Path, &Triple) -> io::Result<()>,
) -> Result<ExitCode, Box<dyn Error>> {
    let directory = PathBuf::from(env::var_os("ACME_WEBROOT").ok_or("ACME_WEBROOT is not set")?);
    let mut results = Results::from_env()?;
    let mut is_failed = false;
    for (index, triple) in triples.iter().enumerate() {
        // A token is base64url and so a file name, whatever a CA may send.
        let is_name = Path::new(&triple.token).components().count() == 1 && triple.token != "..";
        let acted = if is_name {
            act(&directory.join(&triple.token), triple)
        } else {
            Err(io::Error::other("the token is no file name"))
        };
        match acted {
            Ok(()) => results.done(index)?,
            Err(error) => {
                is_failed = true;
                eprintln!("webroot: {}: {error}", triple.identifier);
                results.failed(index, error.to_string())?;
            }
        }
    }
    Ok(if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
