//! Reads certificates and records, thousands in a pass.
//!
//! Directories are opened once and everything is looked up relative to them: that halves the cost of a pass over
//! resolving whole paths.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::layout::{self, Kind};
use crate::chain::Leaf;
use crate::key::PrivateKey;
use crate::ledger::Record;
use crate::store::atomic::FileError;
use crate::store::{Damage, LoadResult, Loaded, StoreError, Stored};

/// Reads below one certificate directory and one directory of records.
pub(crate) struct Reader<'a> {
    certs: Directory<'a>,
    records: Directory<'a>,
}

impl<'a> Reader<'a> {
    /// Opens both; one that does not exist is empty.
    pub(crate) fn open(certs: &'a Path, records: &'a Path) -> Result<Self, FileError> {
        Ok(Self { certs: Directory::open(certs)?, records: Directory::open(records)? })
    }

    /// What is known about one certificate.
    pub(crate) fn load(&self, name: &str) -> LoadResult {
        let (stored, damage) = self.stored(name)?;
        Ok(Loaded::new(stored, damage, record(&self.records, name)?.unwrap_or_default()))
    }

    /// The certificate in use, and what is wrong with it.
    pub(crate) fn stored(&self, name: &str) -> Result<(Option<Stored>, Option<Damage>), FileError> {
        let path = self.certs.path.join(name);
        let Some(dir) = self.certs.below(name, &path)? else { return Ok((None, None)) };
        let Some(pem) = dir.read(Kind::Cert.link())? else { return Ok((None, None)) };
        let leaf = match Leaf::parse_first(&pem) {
            Ok(leaf) => leaf,
            Err(error) => return Ok((None, Some(Damage::Unreadable(error)))),
        };
        let timestamp = dir.timestamp(Kind::Cert)?;
        let damage = damage(&dir, &leaf, timestamp)?;
        Ok((Some(Stored { leaf, timestamp }), damage))
    }
}

/// A record without its certificate, if there is one.
pub(crate) fn record_in(records: &Path, name: &str) -> Result<Option<Record>, StoreError> {
    record(&Directory::open(records)?, name)
}

fn record(records: &Directory<'_>, name: &str) -> Result<Option<Record>, StoreError> {
    let file = layout::record_name(name);
    let Some(json) = records.read(&file)? else { return Ok(None) };
    match Record::parse(&json) {
        Ok(record) => Ok(Some(record)),
        Err(source) => Err(StoreError::Record { path: records.path.join(file), source }),
    }
}

/// Looks for what a crash, or a hand, can leave behind. Costs no parsing of keys unless something looks wrong.
fn damage(dir: &Directory<'_>, leaf: &Leaf, cert: Option<u64>) -> Result<Option<Damage>, FileError> {
    if !dir.has(Kind::Key)? {
        return Ok(Some(Damage::KeyMissing));
    }
    if !dir.has(Kind::Chain)? {
        return Ok(Some(Damage::ChainMissing));
    }
    if !dir.has(Kind::Fullchain)? {
        return Ok(Some(Damage::FullchainMissing));
    }
    // Files that somebody put there by hand have no timestamps to compare.
    let Some(cert) = cert else { return Ok(None) };
    for kind in [Kind::Chain, Kind::Fullchain] {
        if dir.timestamp(kind)?.is_some_and(|timestamp| timestamp != cert) {
            return Ok(Some(Damage::Mixed));
        }
    }
    // An older key is one that is kept. A younger one is that of a switch cut short: it goes first.
    if dir.timestamp(Kind::Key)?.is_some_and(|key| key > cert) && !key_belongs_to(dir, leaf)? {
        return Ok(Some(Damage::WrongKey));
    }
    Ok(None)
}

fn key_belongs_to(dir: &Directory<'_>, leaf: &Leaf) -> Result<bool, FileError> {
    let pem = dir.read(Kind::Key.link())?.map(Zeroizing::new).unwrap_or_default();
    let key = std::str::from_utf8(&pem).ok().and_then(|pem| PrivateKey::from_pem(pem).ok());
    Ok(key.is_some_and(|key| leaf.is_for_key(key.public_key_der())))
}

/// An open directory, or one that does not exist and so holds nothing.
struct Directory<'a> {
    fd: Option<OwnedFd>,
    path: &'a Path,
}

impl<'a> Directory<'a> {
    fn open(path: &'a Path) -> Result<Self, FileError> {
        let fd = found(openat(CWD, path, DIRECTORY, Mode::empty())).map_err(FileError::at("open", path))?;
        Ok(Self { fd, path })
    }

    /// A directory in this one, by its whole path and its name.
    fn below<'b>(&self, name: &str, path: &'b Path) -> Result<Option<Directory<'b>>, FileError> {
        let Some(fd) = &self.fd else { return Ok(None) };
        let fd = found(openat(fd, name, DIRECTORY, Mode::empty())).map_err(FileError::at("open", path))?;
        Ok(fd.map(|fd| Directory { fd: Some(fd), path }))
    }

    /// The content of a file; `None` when there is none, or only a link to nothing.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let Some(fd) = &self.fd else { return Ok(None) };
        let file = found(openat(fd, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))
            .map_err(|error| self.error("open", name, error))?;
        let Some(file) = file else { return Ok(None) };
        // `File` would ask for the size and the position first, which is as much work as the reading.
        let mut content = Vec::with_capacity(4 * 1024);
        loop {
            content.reserve(1024);
            match rustix::io::read(&file, spare_capacity(&mut content)) {
                Ok(0) => return Ok(Some(content)),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(self.error("read", name, errno.into())),
            }
        }
    }

    /// Whether there is such a file, with something in it; not through a link to nothing. There may be no issuers.
    fn has(&self, kind: Kind) -> Result<bool, FileError> {
        let Some(fd) = &self.fd else { return Ok(false) };
        let there = found(statat(fd, kind.link(), AtFlags::empty()))
            .map_err(|error| self.error("look up", kind.link(), error))?;
        Ok(there.is_some_and(|there| there.st_size > 0 || matches!(kind, Kind::Chain)))
    }

    /// The timestamp of the file that is in use; `None` when it is no link, or one to something else.
    fn timestamp(&self, kind: Kind) -> Result<Option<u64>, FileError> {
        let Some(fd) = &self.fd else { return Ok(None) };
        let target = match readlinkat(fd, kind.link(), Vec::with_capacity(64)) {
            Ok(target) => target,
            Err(Errno::INVAL | Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.error("read the link", kind.link(), errno.into())),
        };
        let file = target.to_str().ok().and_then(|target| target.rsplit('/').next());
        Ok(file.and_then(|file| kind.timestamp(file)))
    }

    fn error(&self, action: &'static str, name: &str, error: io::Error) -> FileError {
        FileError::new(action, &self.path.join(name), error)
    }
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// "No such file" is an answer.
fn found<T>(result: Result<T, Errno>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
