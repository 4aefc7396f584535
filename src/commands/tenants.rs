//! The rules of tenants: read from a place that the job cannot write and that `hydrant.yml` cannot name.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoError;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::geteuid;
use serde_json::Value;

use super::gather::{Gathered, variable};
use crate::config::tenants::Tenants;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, ErrorKind};
use crate::report::diagnostics;
use crate::runner::store_error;
use crate::store::StoreError;
use crate::tenant::{Claims, Rules, Tenancy};
use crate::vault::{self, Client};

/// The file, which counts before everything else.
const FILE: &str = "/etc/hydrant/tenants.yml";

/// Names the secret, `mount/path`, where there is no file.
pub(super) const VARIABLE: &str = "HYDRANT_TENANTS";

/// The field of a secret that has the rules.
const FIELD: &str = "tenants";

/// Reads the rules that hold, and asks Vault who we are where a rule wants to know.
///
/// # Errors
/// Rules that cannot be read, or that are not out of the job's reach; rules with faults.
pub(super) async fn tenancy(gathered: &Gathered) -> Result<Tenancy, Error> {
    let mut all = binding(gathered).await?;
    let own = gathered.config.tenants.clone();
    let place = gathered.config.config_path.as_ref().map(|path| format!("`{}`", path.display()));
    all.extend(own.map(|tenants| Rules { place: place.unwrap_or_default(), tenants }));
    let claims = if all.iter().any(Rules::need_claims) { claims(gathered).await? } else { Claims::new() };
    Ok(Tenancy::new(all, claims))
}

/// The rules that `hydrant.yml` cannot widen.
async fn binding(gathered: &Gathered) -> Result<Vec<Rules>, Error> {
    if let Some(text) = in_file(Path::new(FILE)).map_err(Error::config)? {
        return Ok(vec![parsed(gathered, FILE, &text)?]);
    }
    if let Some(place) = variable(VARIABLE) {
        let path = place.trim_matches('/');
        let Some((mount, path)) = path.split_once('/') else {
            return Err(Error::config(BadPlace::NoPath { place }));
        };
        let said = |error| at(&place, error);
        let client = gathered.ways().trusted(&gathered.config).map_err(said)?;
        return match in_secret(&client, mount, path, said).await? {
            Some(text) => Ok(vec![parsed(gathered, &place, &text)?]),
            None => Err(Error::config(BadPlace::Absent { place })),
        };
    }
    let Some(client) = gathered.vault() else { return Ok(Vec::new()) };
    // Whoever sends nothing needs no way to Vault; what is wrong with it is said when something is sent.
    let Ok(client) = client else { return Ok(Vec::new()) };
    // Of what the store itself would say nothing else is said.
    let said = |error| store_error(StoreError::from(error));
    let mut all = Vec::new();
    for place in gathered.config.vault.all_rules() {
        if let Some(text) = in_secret(&client, &place.mount, &place.path, said).await? {
            all.push(parsed(gathered, &format!("{}/{}", place.mount, place.path), &text)?);
        }
    }
    Ok(all)
}

/// The text of the file, if there is one.
fn in_file(path: &Path) -> Result<Option<String>, BadPlace> {
    let place = || path.display().to_string();
    let unreadable = |source| BadPlace::Unreadable { place: place(), source };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == IoError::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    check_owner(path, &metadata)?;
    // Who may write the directory can put another file there.
    let directory = path.parent().unwrap_or(path);
    check_owner(directory, &fs::metadata(directory).map_err(unreadable)?)?;
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(std::io::Error::other("it is not UTF-8")))?;
    Ok(Some(text))
}

/// Root can write everything, and is told from a job only by what it runs: its own files are as good as can be, and none of
/// anybody else's are. For others a file of their own is as bad as one that they may write.
fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), BadPlace> {
    let us = geteuid();
    let is_ours = metadata.uid() == us.as_raw();
    if us.is_root() && !is_ours {
        return Err(BadPlace::OwnedFile { path: path.display().to_string() });
    }
    let is_anybodys = metadata.mode() & 0o022 != 0;
    if is_anybodys || !us.is_root() && (is_ours || access(path, Access::WRITE_OK).is_ok()) {
        return Err(BadPlace::WritableFile { path: path.display().to_string() });
    }
    Ok(())
}

/// The text in a secret, if there is one. It is an error when we could write it.
async fn in_secret(
    client: &Client,
    mount: &str,
    path: &str,
    said: impl Fn(vault::Error) -> Error,
) -> Result<Option<String>, Error> {
    let place = format!("{mount}/{path}");
    let kv = client.kv(mount).await.map_err(&said)?;
    let found = kv.find(path).await.map_err(&said)?;
    let Some(version) = found.version() else { return Ok(None) };
    let paths = ["data", "metadata", "delete", "undelete", "destroy"];
    let paths = paths.map(|part| format!("{mount}/{part}/{path}"));
    let allowed = client.capabilities(&paths.each_ref().map(String::as_str)).await.map_err(&said)?;
    for (path, capabilities) in &allowed {
        if let Some(capability) =
            capabilities.iter().find(|capability| WRITING.contains(&capability.as_str()))
        {
            let (capability, path) = (capability.clone(), path.clone());
            return Err(Error::config(BadPlace::WritableSecret { place, capability, path }));
        }
    }
    let fields: BTreeMap<String, Value> = version.data.to().map_err(&said)?;
    match fields.get(FIELD).and_then(Value::as_str) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(Error::config(BadPlace::NoText { place })),
    }
}

/// What can change a secret, or take it away.
const WRITING: [&str; 6] = ["create", "update", "patch", "delete", "root", "sudo"];

fn parsed(gathered: &Gathered, place: &str, text: &str) -> Result<Rules, Error> {
    let (tenants, faults) = Tenants::parse(place, text);
    if !faults.is_empty() {
        gathered.reporter.aside(&diagnostics::render(&faults, gathered.reporter.color()));
    }
    if faults.iter().any(Diagnostic::is_error) {
        return Err(Error::config(BadPlace::Faults { place: place.to_owned() }));
    }
    Ok(Rules { place: place.to_owned(), tenants })
}

/// Who we are, by a Vault that `hydrant.yml` has not named. Nothing, where the environment names none either.
async fn claims(gathered: &Gathered) -> Result<Claims, Error> {
    let named = ["VAULT_ADDR", "BAO_ADDR"].into_iter().find_map(variable);
    if named.is_none() {
        return Ok(Claims::new());
    }
    let client =
        gathered.ways().trusted(&gathered.config).map_err(|error| at("auth/token/lookup-self", error))?;
    client.claims().await.map_err(|error| at("auth/token/lookup-self", error))
}

/// What Vault did not do for us.
fn at(place: &str, error: vault::Error) -> Error {
    let cause = store_error(StoreError::from(error));
    let kind = if cause.kind == ErrorKind::Unreachable { ErrorKind::Unreachable } else { ErrorKind::Config };
    let hints = cause.hints.clone();
    Error::new(kind, BadPlace::Vault { place: place.to_owned(), cause: cause.to_string() }).hints(hints)
}

/// A place that rules cannot be taken from.
#[derive(Debug, thiserror::Error)]
enum BadPlace {
    #[error("there are no rules of tenants at `{place}`, which {VARIABLE} names")]
    Absent { place: String },
    #[error("the rules of tenants in {place} have faults")]
    Faults { place: String },
    #[error("{VARIABLE} is to name a mount and a path, not `{place}`")]
    NoPath { place: String },
    #[error("the secret `{place}` has no field `{FIELD}` with rules of tenants")]
    NoText { place: String },
    #[error(
        "`{path}` has the rules of tenants, and does not belong to root: it must be root's alone to write"
    )]
    OwnedFile { path: String },
    #[error("cannot read the rules of tenants in {place}")]
    Unreadable { place: String, source: std::io::Error },
    #[error("cannot read the rules of tenants in {place}: {cause}")]
    Vault { place: String, cause: String },
    #[error(
        "`{path}` has the rules of tenants, and this job could change it: it must be root's alone to write"
    )]
    WritableFile { path: String },
    #[error(
        "`{place}` has the rules of tenants, and this job could change it: its token has `{capability}` on `{path}`"
    )]
    WritableSecret { place: String, capability: String, path: String },
}
