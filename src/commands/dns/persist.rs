//! `hydrant dns persist`: the records that prove names for good, and whether they are there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use time::OffsetDateTime;

use crate::acme::persist::{self, Claim};
use crate::commands::gather::Gathered;
use crate::config::Ca;
use crate::error::{Error, ErrorKind, ExitCode};
use crate::identifier::Identifier;
use crate::propagation::Propagation;
use crate::report::words::{Count, List};
use crate::runner::Authorities;

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct PersistOptions {
    /// Names to prove; else those of the list.
    pub names: Vec<Identifier>,
    /// How long records are to be good for; for good, if nothing is said.
    pub valid_for: Option<Duration>,
    /// Look whether they are there.
    pub check: bool,
}

/// Prints the record of each name and, where that is asked for, what is there.
///
/// # Errors
/// The CA cannot be reached, or has no account of ours, or no name for such records. With `check`: nobody can be asked.
pub async fn persist(gathered: &Gathered, options: &PersistOptions) -> Result<ExitCode, Error> {
    let now = OffsetDateTime::now_utc();
    let until = options.valid_for.map(|valid_for| now + valid_for);
    let records = records(gathered, options).await?;
    if !options.check {
        print(gathered, &records, until);
        return Ok(ExitCode::Success);
    }
    let propagation = Propagation::new(&gathered.config.resolvers);
    let looks = records.iter().map(async |record| {
        let found = propagation.values(&record.name).await?;
        let unfit = record.claim.best_of(&found, now).map(|unfit| unfit.to_string());
        Ok::<_, crate::propagation::DnsError>(Seen { record, found, unfit })
    });
    let seen = join_all(looks).await.into_iter().collect::<Result<Vec<_>, _>>();
    let seen = seen.map_err(|error| Error::new(ErrorKind::Unreachable, error).hint(RESOLVERS))?;
    print_seen(gathered, &seen, until);
    let all_there = seen.iter().all(|seen| seen.unfit.is_none());
    Ok(if all_there { ExitCode::Success } else { ExitCode::Failed })
}

const RESOLVERS: &str = "name resolvers that can be asked from here with `resolvers:`";

/// One record, and what it is for.
struct Record {
    name: String,
    claim: Claim,
    proves: Vec<String>,
}

/// What is there at its name.
struct Seen<'r> {
    record: &'r Record,
    found: Vec<String>,
    /// What is wrong with it, if anything is.
    unfit: Option<String>,
}

/// A record for each name; a wildcard has that of the name below which it is.
async fn records(gathered: &Gathered, options: &PersistOptions) -> Result<Vec<Record>, Error> {
    let authorities = Authorities::new(&gathered.config, gathered.accounts(), &gathered.reporter);
    if let Some(address) = options.names.iter().find(|name| !matches!(name, Identifier::Dns(_))) {
        return Err(Error::config(NotInDns { address: address.to_string() }));
    }
    let mut records = Vec::new();
    for (ca, names) in wanted(gathered, options) {
        let account = authorities.existing(&ca).await.map_err(|error| error.to_error())?;
        let issuers = account.client().directory().meta.caa_identities.clone();
        if issuers.is_empty() {
            return Err(Error::failed(NoIssuer { ca: ca.shown() }));
        }
        for (name, proved) in names {
            let wildcard = proved.iter().any(Identifier::is_wildcard);
            let account = account.url().as_str().to_owned();
            let claim = Claim { issuers: issuers.clone(), account, wildcard };
            let proves = proved.iter().map(ToString::to_string).collect();
            records.push(Record { name, claim, proves });
        }
    }
    Ok(records)
}

type Names = BTreeMap<String, Vec<Identifier>>;

/// The names by record, of each CA in the order in which it is met.
fn wanted(gathered: &Gathered, options: &PersistOptions) -> Vec<(Ca, Names)> {
    let config = &gathered.config;
    let given = options.names.iter().map(|name| (config.everywhere().ca, name.clone()));
    let declared = gathered.entries().iter().flat_map(|entry| {
        let ca = config.certificate(&entry.name).ca;
        entry.names.iter().map(move |name| (ca.clone(), name.clone()))
    });
    let mut wanted: Vec<(Ca, Names)> = Vec::new();
    // Addresses have no place in DNS.
    for (ca, name) in given.chain(declared).filter(|(_, name)| matches!(name, Identifier::Dns(_))) {
        let at = wanted.iter().position(|(known, _)| *known == ca).unwrap_or_else(|| {
            wanted.push((ca, Names::new()));
            wanted.len() - 1
        });
        let names = wanted[at].1.entry(persist::record_name(&name)).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    wanted
}

/// As zone files have it, which providers' pages take too.
fn print(gathered: &Gathered, records: &[Record], until: Option<OffsetDateTime>) {
    if gathered.reporter.is_json() {
        let records: Vec<_> = records.iter().map(|record| to_json(record, until)).collect();
        gathered.reporter.json(&json!({ "version": 1, "records": records }));
        return;
    }
    if records.is_empty() {
        return;
    }
    let line = |record: &Record| {
        let strings = strings(&record.claim.value(until));
        format!("{}. IN TXT {strings}\n", record.name)
    };
    gathered.reporter.document(&records.iter().map(line).collect::<String>());
}

fn print_seen(gathered: &Gathered, seen: &[Seen<'_>], until: Option<OffsetDateTime>) {
    if gathered.reporter.is_json() {
        let record = |seen: &Seen<'_>| {
            let mut record = to_json(seen.record, until);
            record["found"] = json!(seen.found);
            record["problem"] = json!(seen.unfit);
            record
        };
        let records: Vec<_> = seen.iter().map(record).collect();
        gathered.reporter.json(&json!({ "version": 1, "records": records }));
        return;
    }
    let mut text = String::new();
    for seen in seen {
        let name = &seen.record.name;
        match &seen.unfit {
            None => text.push_str(&format!("{name}: proves {}\n", List(&seen.record.proves))),
            Some(unfit) => {
                let wanted = strings(&seen.record.claim.value(until));
                text.push_str(&format!("{name}: {unfit}; set it to {wanted}\n"));
            }
        }
    }
    let there = seen.iter().filter(|seen| seen.unfit.is_none()).count();
    text.push_str(&format!("{}: {there} good\n", Count(seen.len(), "record")));
    gathered.reporter.document(&text);
}

fn to_json(record: &Record, until: Option<OffsetDateTime>) -> serde_json::Value {
    json!({
        "name": record.name,
        "type": "TXT",
        "value": record.claim.value(until),
        "proves": record.proves,
    })
}

/// A value as zone files have it: strings of at most 255 octets (RFC 1035 §3.3.14).
fn strings(value: &str) -> String {
    let octets: Vec<char> = value.chars().collect();
    let quoted = octets.chunks(255).map(|part| format!("\"{}\"", part.iter().collect::<String>()));
    quoted.collect::<Vec<_>>().join(" ")
}

/// No record can stand for an address.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` has no place in DNS: an address is proved with http-01 or tls-alpn-01")]
struct NotInDns {
    address: String,
}

/// A CA that such records cannot name.
#[derive(Debug, thiserror::Error)]
#[error("{ca} says no name for records that prove something to it (`caaIdentities` in its directory)")]
struct NoIssuer {
    ca: String,
}
