//! A dns-01 hook that costs about a millisecond, for measurements and for tests of batches.
//!
//! It reads `RIG_DNS_API`, `RIG_DNS` and `RIG_DIR`, which the rig gives, and these knobs:
//!
//! - `RIG_HOOK_SLEEP_MS`: how long `deploy_challenge` takes besides
//! - `RIG_HOOK_FAIL_NAMES`: names, separated by blanks, that `deploy_challenge` fails for good
//! - `RIG_HOOK_SKIP_NAMES`: names that it says it has done, and has not
//! - `RIG_HOOK_CREATED`: since when `list_challenges` says that every value is there; else it does not know
//! - `RIG_HOOK_LOG`: a file that gets one line a call, a JSON array of the arguments
//! - `RIG_HOOK_CPU`: a file that gets one line a call, the nanoseconds of CPU that the call cost
//! - `RIG_HOOK_CAPABILITIES`: the JSON to answer the probe with; `none`: stay silent, as an old hook does

use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hydrant_hook_protocol::{
    Capabilities, Chaining, HookCall, ListedValue, Listing, Operation, Results, Triple,
};
use hydrant_rig::ChallengeServer;
use serde_json::Value;

fn main() -> ExitCode {
    let code = answer().unwrap_or_else(|error| {
        eprintln!("rig hook: {error}");
        ExitCode::FAILURE
    });
    if let Err(error) = record_cpu() {
        eprintln!("rig hook: RIG_HOOK_CPU: {error}");
    }
    code
}

fn answer() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    log(&arguments)?;
    match HookCall::parse(arguments)? {
        HookCall::Probe => announce()?,
        HookCall::DeployChallenge(triples) => return deploy(&triples),
        HookCall::CleanChallenge(triples) => return clean(&triples),
        HookCall::ListChallenges(names) => list(names)?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn log(arguments: &[String]) -> io::Result<()> {
    append("RIG_HOOK_LOG", || Ok(Value::from(arguments).to_string()))
}

/// The first number of schedstat is the time on a CPU, of this program's only thread.
fn record_cpu() -> io::Result<()> {
    append("RIG_HOOK_CPU", || {
        let statistics = fs::read_to_string("/proc/self/schedstat")?;
        Ok(statistics.split_whitespace().next().unwrap_or("0").to_owned())
    })
}

/// Adds a line to the file that a variable names. One write to a file opened for appending, so that lines of calls at
/// the same time do not mix.
fn append(variable: &str, line: impl FnOnce() -> io::Result<String>) -> io::Result<()> {
    let Ok(file) = env::var(variable) else { return Ok(()) };
    let line = line()? + "\n";
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

fn announce() -> io::Result<()> {
    match env::var("RIG_HOOK_CAPABILITIES") {
        Ok(silent) if silent == "none" => Ok(()),
        Ok(json) => writeln!(io::stdout(), "{json}"),
        Err(_) => {
            let operations =
                [Operation::DeployChallenge, Operation::CleanChallenge, Operation::ListChallenges];
            let mut capabilities =
                Capabilities::for_operations(operations).with_challenges(Chaining::Batch).in_parallel();
            capabilities.visible_on_return = true;
            capabilities.announce()
        }
    }
}

fn deploy(triples: &[Triple]) -> Result<ExitCode, Box<dyn Error>> {
    if let Ok(milliseconds) = env::var("RIG_HOOK_SLEEP_MS") {
        thread::sleep(Duration::from_millis(milliseconds.parse()?));
    }
    let failing = env::var("RIG_HOOK_FAIL_NAMES").unwrap_or_default();
    let skipped = env::var("RIG_HOOK_SKIP_NAMES").unwrap_or_default();
    let is_in = |names: &str, triple: &Triple| names.split_whitespace().any(|name| name == triple.identifier);
    let fails = |triple: &Triple| is_in(&failing, triple);
    let good = triples.iter().filter(|triple| !fails(triple) && !is_in(&skipped, triple));
    ChallengeServer::of_environment()?.add(good.map(record))?;
    report(triples, fails)
}

fn clean(triples: &[Triple]) -> Result<ExitCode, Box<dyn Error>> {
    ChallengeServer::of_environment()?.remove(triples.iter().map(record))?;
    report(triples, |_| false)
}

fn list(names: Vec<String>) -> Result<(), Box<dyn Error>> {
    let server = ChallengeServer::of_environment()?;
    let created = env::var("RIG_HOOK_CREATED").ok();
    let mut listing = Listing::from_env()?;
    for name in names {
        let record = format!("_acme-challenge.{name}");
        for value in server.values(&record)? {
            let (name, record, created) = (name.clone(), record.clone(), created.clone());
            listing.value(ListedValue { name, record, value, created })?;
        }
    }
    Ok(())
}

fn record(triple: &Triple) -> (String, &str) {
    (format!("_acme-challenge.{}", triple.identifier), &triple.value)
}

/// Says what became of each triple, where the caller takes that; else one failure fails the call.
fn report(triples: &[Triple], fails: impl Fn(&Triple) -> bool) -> Result<ExitCode, Box<dyn Error>> {
    let mut results = Results::from_env()?;
    for (index, triple) in triples.iter().enumerate() {
        if fails(triple) {
            results.failed(index, format!("told to fail {}", triple.identifier))?;
        } else {
            results.done(index)?;
        }
    }
    let in_batch = env::var_os(hydrant_hook_protocol::env::RESULTS).is_some();
    let good = in_batch || !triples.iter().any(fails);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
