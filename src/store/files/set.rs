//! The set of five files that one issue makes, and the links that put it to use.

use std::fs;
use std::io;
use std::path::Path;

use super::layout::{self, Kind};
use crate::chain::Chain;
use crate::key::Secret;
use crate::ledger::{CertificateKey, KeySource};
use crate::store::atomic::{self, FILE_MODE, FileError, Modes};
use crate::store::{Paths, Stapling, StoreError};

/// A timestamp that is later than those of all files in `dir`, and not before `now`.
///
/// So names never clash, and a key is never younger than its certificate, which reading relies on.
pub(crate) fn fresh_timestamp(dir: &Path, now: i64) -> Result<u64, FileError> {
    let now = u64::try_from(now).unwrap_or(0);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(now),
        Err(error) => return Err(FileError::new("read", dir, error)),
    };
    let mut fresh = now;
    for entry in entries {
        let name = entry.map_err(FileError::at("read", dir))?.file_name();
        let found = name.to_str().and_then(layout::timestamp_of);
        fresh = fresh.max(found.map_or(0, |timestamp| timestamp.saturating_add(1)));
    }
    Ok(fresh)
}

/// Makes the files durable.
pub(crate) fn stage(
    dir: &Path,
    modes: Modes,
    timestamp: u64,
    key: &CertificateKey,
    csr: &str,
    chain: &Chain,
) -> Result<(), FileError> {
    atomic::create_directory_as(dir, modes.directory)?;
    let mut contents = vec![
        (Kind::Csr, csr),
        (Kind::Cert, chain.cert_pem()),
        (Kind::Chain, chain.chain_pem()),
        (Kind::Fullchain, chain.fullchain_pem()),
    ];
    if let CertificateKey::New(pem) = key {
        contents.push((Kind::Key, pem.expose()));
    }
    let names: Vec<String> = contents.iter().map(|(kind, _)| kind.file(timestamp)).collect();
    let files: Vec<_> =
        names.iter().map(String::as_str).zip(contents.iter().map(|(_, text)| text.as_bytes())).collect();
    atomic::write_all(dir, &files, modes.file)
}

/// The paths for `sync_cert`: those with timestamps.
///
/// A kept key has the timestamp of the issue that made it, and `sync_cert` gets that path; dehydrated names a file that
/// does not exist. Where a hook keeps the key, there is none, and dehydrated's name stands.
pub(crate) fn staged_paths(dir: &Path, timestamp: u64, key: KeySource) -> Paths {
    let mut paths = layout::issued(dir.to_owned(), timestamp);
    if key == KeySource::Kept {
        let link = dir.join(Kind::Key.link());
        paths.key = match fs::read_link(&link) {
            Ok(target) => dir.join(target),
            Err(_) => link,
        };
    }
    paths
}

/// Whether all files of an issue are there. A key is not always among them.
pub(crate) fn check(dir: &Path, timestamp: u64) -> Result<(), StoreError> {
    for kind in Kind::ALL {
        let path = dir.join(kind.file(timestamp));
        if kind != Kind::Key && !exists(&path)? {
            return Err(StoreError::NotStaged { path });
        }
    }
    Ok(())
}

/// Points the links to the files of an issue, in dehydrated's order. The link to the key moves only if the issue made
/// a key.
pub(crate) fn switch(dir: &Path, timestamp: u64) -> Result<(), StoreError> {
    check(dir, timestamp)?;
    let made_a_key = exists(&dir.join(Kind::Key.file(timestamp)))?;
    let links: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::Key || made_a_key)
        .map(|kind| (kind.link(), kind.file(timestamp)))
        .collect();
    let links: Vec<(&str, &str)> = links.iter().map(|(link, target)| (*link, target.as_str())).collect();
    Ok(atomic::link_all(dir, &links)?)
}

/// The private key in use.
pub(crate) fn key(dir: &Path) -> Result<Option<Secret>, FileError> {
    read_key(&dir.join(Kind::Key.link()))
}

/// The key that is ready for the next issue.
pub(crate) fn next_key(dir: &Path) -> Result<Option<Secret>, FileError> {
    read_key(&dir.join(layout::NEXT_KEY))
}

/// Replaces the key that is ready for the next issue, or removes it. Nobody but us needs it before it is in use.
pub(crate) fn save_next_key(dir: &Path, key: Option<&Secret>) -> Result<(), FileError> {
    let path = dir.join(layout::NEXT_KEY);
    match key {
        Some(key) => atomic::write(&path, key.expose().as_bytes(), FILE_MODE),
        None => atomic::remove(&path).map(|_| ()),
    }
}

/// The chain in use and the OCSP response that is kept with it.
pub(crate) fn stapling(dir: &Path) -> Result<Option<Stapling>, FileError> {
    let read = |path: &Path| match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error)),
    };
    let Some(fullchain) = read(&dir.join(Kind::Fullchain.link()))? else { return Ok(None) };
    // What is no text has no certificates either.
    let fullchain = String::from_utf8(fullchain).unwrap_or_default();
    let path = dir.join(layout::OCSP);
    let response = read(&path)?;
    Ok(Some(Stapling { fullchain, path, response }))
}

/// Writes a response and then puts the link to it.
pub(crate) fn save_response(
    dir: &Path,
    modes: Modes,
    timestamp: u64,
    response: &[u8],
) -> Result<(), FileError> {
    let (base, extension) = layout::split(layout::OCSP);
    let file = format!("{base}-{timestamp}.{extension}");
    atomic::write(&dir.join(&file), response, modes.file)?;
    atomic::link_all(dir, &[(layout::OCSP, &file)])
}

fn read_key(path: &Path) -> Result<Option<Secret>, FileError> {
    match fs::read_to_string(path) {
        Ok(pem) => Ok(Some(Secret::new(pem))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error)),
    }
}

fn exists(path: &Path) -> Result<bool, FileError> {
    path.try_exists().map_err(FileError::at("look up", path))
}
