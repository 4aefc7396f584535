//! The lease of a certificate: a lock on a file beside its record, held as long as the process works on it.
//!
//! The system gives the lock back when the process ends, however it ends; nothing expires and nothing is stale.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::system::uname;

use super::layout;
use super::read::{self, Reader};
use crate::ledger::{CertificateKey, Record};
use crate::store::StoreError;
use crate::store::atomic::{self, FILE_MODE, FileError, Log};

/// A lease that is held until the last reference is gone: a write that is still under way keeps it too.
pub(crate) struct Held {
    name: String,
    certs: PathBuf,
    records: PathBuf,
    lock: File,
    /// Locked while the record is written: one writer at a time.
    written: Mutex<Written>,
}

/// What we know of the record's file.
#[derive(Default)]
struct Written {
    /// The record's fence as we last read or wrote it.
    fence: u64,
    /// That of the last write. When it failed, the file may have it all the same.
    tried: u64,
    /// The file since we began it, and the key that is in it: it holds no other, and none that is not needed any more.
    log: Option<(Log, Option<CertificateKey>)>,
}

/// The answer to a request for the lock.
pub(crate) enum Outcome {
    Taken(Held),
    HeldBy(String),
}

/// Takes the lease of `name`, unless another process has it.
pub(crate) fn take(certs: &Path, records: &Path, name: &str) -> Result<Outcome, StoreError> {
    atomic::create_directory(records)?;
    let path = layout::lock(records, name);
    let lock = loop {
        let file = atomic::open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Outcome::HeldBy(holder(&file))),
            Err(TryLockError::Error(error)) => return Err(FileError::new("lock", &path, error).into()),
        }
        // It may have been removed before we had the lock, and the next run would then lock another file.
        if is_at(&file, &path).map_err(FileError::at("lock", &path))? {
            break file;
        }
    };
    sign(&lock).map_err(FileError::at("write", &path))?;
    let held = Held {
        name: name.to_owned(),
        certs: certs.to_owned(),
        records: records.to_owned(),
        lock,
        written: Mutex::default(),
    };
    Ok(Outcome::Taken(held))
}

impl Held {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The certificate's directory.
    pub(crate) fn dir(&self) -> PathBuf {
        self.certs.join(&self.name)
    }

    pub(crate) fn reader(&self) -> Result<Reader<'_>, FileError> {
        Reader::open(&self.certs, &self.records)
    }

    /// Reads the record that later writes replace.
    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let record = read::record_in(&self.records, &self.name)?.unwrap_or_default();
        *written = Written { fence: record.fence, tried: record.fence, log: None };
        Ok(record)
    }

    /// Replaces the record; gives it as it was written.
    pub(crate) fn save(&self, mut record: Record) -> Result<Record, StoreError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = || StoreError::LeaseLost { name: self.name.clone() };
        let path = layout::lock(&self.records, &self.name);
        if !is_at(&self.lock, &path).map_err(FileError::at("look up", &path))? {
            return Err(lost());
        }
        // Put back only when all went well: after a failure the file is begun anew.
        let log = match written.log.take() {
            Some((log, key)) if log.is_as_left()? => Some((log, key)),
            _ => {
                let found = read::record_in(&self.records, &self.name)?.map_or(0, |record| record.fence);
                if found != written.fence && found != written.tried {
                    return Err(lost());
                }
                None
            }
        };
        record.fence = written.tried + 1;
        written.tried = record.fence;
        let (line, key) = (record.to_json(), record.key());
        written.log = match log {
            Some((mut log, held)) if held.as_ref() == key && log.has_room_for(&line) => {
                log.add(&line)?;
                Some((log, held))
            }
            _ => {
                let path = layout::record(&self.records, &self.name);
                Some((Log::begin(&path, &line, FILE_MODE)?, key.cloned()))
            }
        };
        written.fence = record.fence;
        Ok(record)
    }
}

/// Whether `path` still leads to this open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says in the lock file who has it, for [`holder`].
fn sign(lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all_at(format!("{}\n", this_process()).as_bytes(), 0)
}

/// Who we are, for people.
pub(crate) fn this_process() -> String {
    let host = uname();
    format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}

/// Who says to have the lock. Somebody may have taken it this moment and not have signed yet.
fn holder(lock: &File) -> String {
    let mut text = [0; 512];
    let length = lock.read_at(&mut text, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&text[..length]);
    match text.lines().next() {
        Some(holder) if !holder.is_empty() => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}
