//! A dns-01 hook that costs about a millisecond, for measurements and for tests of batches.
//!
//! It reads `RIG_DNS_API`, `RIG_DNS` and `RIG_DIR`, which the rig gives, and these knobs:
//!
//! - `RIG_HOOK_SLEEP_MS`: how long `deploy_challenge` takes besides
//! - `RIG_HOOK_FAIL_NAMES`: names, separated by blanks, that `deploy_challenge` fails for good
//! - `RIG_HOOK_LOG`: a file that gets one line a call, a JSON array of the arguments
//! - `RIG_HOOK_CAPABILITIES`: the JSON to answer the probe with; `none`: stay silent, as an old hook does

use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hydrant_rig::ChallengeServer;
use serde_json::{Value, json};

/// What dehydrated asks every hook first; no hook has such an operation.
const PROBE: &str = "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match answer(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rig hook: {}: {error}", arguments.first().map_or("no operation", String::as_str));
            ExitCode::FAILURE
        }
    }
}

fn answer(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    log(arguments)?;
    let Some((operation, arguments)) = arguments.split_first() else {
        return Err("called without arguments".into());
    };
    match operation.as_str() {
        "deploy_challenge" => deploy(&challenges(arguments)?),
        "clean_challenge" => clean(&challenges(arguments)?),
        PROBE => {
            if env::var("HYDRANT_PROTOCOL").is_ok_and(|version| version == "1") {
                announce();
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

struct Challenge<'a> {
    name: &'a str,
    record: String,
    value: &'a str,
}

/// Arguments come as name, token, value; name, token, value; …
fn challenges(arguments: &[String]) -> Result<Vec<Challenge<'_>>, String> {
    let (triples, rest) = arguments.as_chunks::<3>();
    if !rest.is_empty() || triples.is_empty() {
        return Err(format!("{} arguments are no triples", arguments.len()));
    }
    Ok(triples
        .iter()
        .map(|[name, _, value]| Challenge { name, record: format!("_acme-challenge.{name}"), value })
        .collect())
}

fn deploy(challenges: &[Challenge<'_>]) -> Result<ExitCode, Box<dyn Error>> {
    if let Ok(milliseconds) = env::var("RIG_HOOK_SLEEP_MS") {
        thread::sleep(Duration::from_millis(milliseconds.parse()?));
    }
    let failing = env::var("RIG_HOOK_FAIL_NAMES").unwrap_or_default();
    let fails = |challenge: &Challenge<'_>| failing.split_whitespace().any(|name| name == challenge.name);
    let good = challenges.iter().filter(|challenge| !fails(challenge));
    ChallengeServer::of_environment()?.add(good.map(|it| (it.record.as_str(), it.value)))?;
    results(challenges, fails)
}

fn clean(challenges: &[Challenge<'_>]) -> Result<ExitCode, Box<dyn Error>> {
    ChallengeServer::of_environment()?.remove(challenges.iter().map(|it| (it.record.as_str(), it.value)))?;
    results(challenges, |_| false)
}

/// Says what became of each triple, where the caller wants to know; to another caller one failure fails all.
fn results(
    challenges: &[Challenge<'_>],
    fails: impl Fn(&Challenge<'_>) -> bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let Ok(file) = env::var("HYDRANT_RESULTS") else {
        return Ok(if challenges.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    };
    let lines: String = challenges
        .iter()
        .enumerate()
        .map(|(index, challenge)| {
            let result = if fails(challenge) {
                json!({ "index": index, "outcome": "failed", "message": "the rig was told to fail this name" })
            } else {
                json!({ "index": index, "outcome": "done" })
            };
            format!("{result}\n")
        })
        .collect();
    fs::write(file, lines)?;
    Ok(ExitCode::SUCCESS)
}

fn announce() {
    match env::var("RIG_HOOK_CAPABILITIES") {
        Ok(silent) if silent == "none" => {}
        Ok(json) => println!("{json}"),
        Err(_) => println!(
            "{}",
            json!({
                "hydrant": 1,
                "operations": ["deploy_challenge", "clean_challenge"],
                "challenges": "batch",
                "parallel": true,
                "visible_on_return": true,
            })
        ),
    }
}

/// One write to a file opened for appending, so that lines of calls at the same time do not mix.
fn log(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Ok(file) = env::var("RIG_HOOK_LOG") else { return Ok(()) };
    let line = format!("{}\n", Value::from(arguments.to_vec()));
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())?;
    Ok(())
}
