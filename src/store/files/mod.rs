//! The file store: dehydrated's certificate directories, and hydrant's state beside them.
//!
//! ```text
//! certs/<name>/       cert-<timestamp>.pem … and the links cert.pem …, exactly as dehydrated leaves them
//! .hydrant/           0700
//!   certificates/     <name>.json, the record, and <name>.lock, the lease
//! ```
//!
//! Removing `.hydrant` loses no certificate.

mod accounts;
mod cleanup;
pub(crate) mod layout;
pub(crate) mod lease;
mod read;
mod revocation;
mod set;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::atomic::{self, FileError, Modes};
use super::{LeaseOutcome, Leased, LoadResult, Loaded, Paths, Pending, Stapling, Store, StoreError};
use crate::chain::Chain;
use crate::identifier::CertName;
use crate::key::Secret;
use crate::ledger::{CertificateKey, Record, Staged};
pub use accounts::FileAccounts;
pub use cleanup::{Cleanup, Superseded, Tidied, cleanup};
use lease::{Held, Outcome};
use read::Reader;
pub use revocation::{real_file, set_aside};

/// Certificates in a directory of directories.
#[derive(Clone, Debug)]
pub struct FileStore {
    certs: PathBuf,
    records: PathBuf,
    modes: Modes,
    /// How many leases are out.
    leases: Arc<AtomicUsize>,
}

impl FileStore {
    /// `certs` is dehydrated's CERTDIR, `state` the directory `.hydrant`. Neither has to exist: what is missing is
    /// created when something is written.
    #[must_use]
    pub fn new(certs: PathBuf, state: &Path) -> Self {
        Self { certs, records: state.join("certificates"), modes: Modes::PRIVATE, leases: Arc::default() }
    }

    /// The same with other modes for what is created below CERTDIR. Records stay private: they may hold keys.
    #[must_use]
    pub fn with_modes(self, modes: Modes) -> Self {
        Self { modes, ..self }
    }

    /// The modes of what is created below CERTDIR.
    pub(crate) fn modes(&self) -> Modes {
        self.modes
    }

    /// CERTDIR.
    pub(crate) fn certs(&self) -> &Path {
        &self.certs
    }

    /// Where the records are.
    pub(crate) fn records(&self) -> &Path {
        &self.records
    }

    /// Takes a lease and reads what it is about. Blocks.
    fn take(&self, name: &str) -> Result<Attempt, StoreError> {
        let held = match lease::take(&self.certs, &self.records, name)? {
            Outcome::Taken(held) => held,
            Outcome::HeldBy(holder) => return Ok(Attempt::HeldBy(holder)),
        };
        // Nobody else writes here now: what lies about was left by a run that was killed.
        atomic::sweep(&held.dir(), Duration::ZERO)?;
        let record = held.record()?;
        let (stored, damage) = held.reader()?.stored(name)?;
        let loaded = Loaded::new(stored, damage, record);
        let counted = Counted::new(&self.leases);
        Ok(Attempt::Taken(Box::new(FileLease { held: Arc::new(held), modes: self.modes, loaded, counted })))
    }
}

/// So many certificates are read by one thread.
const ONE_THREAD: usize = 100;

impl Store for FileStore {
    fn load<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Loaded, StoreError>> {
        let (store, name) = (self.clone(), name.clone());
        Box::pin(blocking(move || Reader::open(&store.certs, &store.records)?.load(name.as_str())))
    }

    fn load_all<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<Vec<LoadResult>, StoreError>> {
        Box::pin(async move {
            // To start a thread costs more than to read so few, and so does asking how many would help.
            if names.len() <= ONE_THREAD {
                return self.load_part(names);
            }
            let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
            let size = names.len().div_ceil(threads).max(ONE_THREAD);
            let parts: Vec<_> = names
                .chunks(size)
                .map(|part| {
                    let (store, part) = (self.clone(), part.to_vec());
                    tokio::task::spawn_blocking(move || store.load_part(&part))
                })
                .collect();
            let mut loaded = Vec::with_capacity(names.len());
            for part in parts {
                loaded.extend(finished(part).await?);
            }
            Ok(loaded)
        })
    }

    fn recorded<'a>(&'a self, known: &'a [CertName]) -> Pending<'a, Result<Vec<CertName>, StoreError>> {
        Box::pin(async move {
            let mut names = self.list_records()?;
            let known: BTreeSet<&CertName> = known.iter().collect();
            names.retain(|name| !known.contains(name));
            Ok(names)
        })
    }

    fn prepare<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<PathBuf, StoreError>> {
        let (dir, modes) = (self.certs.join(name.as_str()), self.modes);
        Box::pin(blocking(move || {
            atomic::create_directory_as(&dir, modes.directory)?;
            Ok(dir)
        }))
    }

    fn files<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Paths, StoreError>> {
        let paths = layout::in_use(self.certs.join(name.as_str()));
        Box::pin(async { Ok(paths) })
    }

    fn lease<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        let (store, name) = (self.clone(), name.clone());
        Box::pin(async move {
            let take = move || store.take(name.as_str());
            let attempt =
                if self.leases.load(Ordering::Relaxed) == 0 { take() } else { blocking(take).await };
            match attempt? {
                Attempt::Taken(lease) => Ok(LeaseOutcome::Taken(lease)),
                Attempt::HeldBy(holder) => Ok(LeaseOutcome::HeldBy(holder)),
            }
        })
    }

    fn lease_wait<'a>(
        &'a self,
        name: &'a CertName,
        patience: Duration,
    ) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(500);
        Box::pin(async move {
            let deadline = Instant::now() + patience;
            let mut pause = Duration::from_millis(10);
            loop {
                let outcome = self.lease(name).await?;
                let left = deadline.saturating_duration_since(Instant::now());
                if matches!(outcome, LeaseOutcome::Taken(_)) || left.is_zero() {
                    return Ok(outcome);
                }
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }
}

impl FileStore {
    fn load_part(&self, names: &[CertName]) -> Result<Vec<LoadResult>, StoreError> {
        let reader = Reader::open(&self.certs, &self.records)?;
        Ok(names.iter().map(|name| reader.load(name.as_str())).collect())
    }

    fn list_records(&self) -> Result<Vec<CertName>, StoreError> {
        let entries = match std::fs::read_dir(&self.records) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("read", &self.records, error).into()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(FileError::at("read", &self.records))?.file_name();
            let name = file.to_str().and_then(layout::recorded_name).and_then(|name| name.parse().ok());
            names.extend(name);
        }
        names.sort();
        Ok(names)
    }
}

enum Attempt {
    Taken(Box<FileLease>),
    HeldBy(String),
}

/// A certificate whose lock we have.
struct FileLease {
    held: Arc<Held>,
    modes: Modes,
    loaded: Loaded,
    counted: Counted,
}

impl Leased for FileLease {
    fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    fn save<'a>(&'a mut self, record: &'a Record) -> Pending<'a, Result<(), StoreError>> {
        let (held, record) = (Arc::clone(&self.held), record.clone());
        Box::pin(async move {
            self.loaded.record = self.counted.blocking(move || held.save(record)).await?;
            Ok(())
        })
    }

    fn fresh_timestamp(&mut self, now: i64) -> Pending<'_, Result<u64, StoreError>> {
        let dir = self.held.dir();
        Box::pin(self.counted.blocking(move || Ok(set::fresh_timestamp(&dir, now)?)))
    }

    fn stage<'a>(
        &'a mut self,
        timestamp: u64,
        key: &'a CertificateKey,
        csr: &'a str,
        chain: &'a Chain,
    ) -> Pending<'a, Result<(), StoreError>> {
        let (held, modes) = (Arc::clone(&self.held), self.modes);
        let (key, csr, chain) = (key.clone(), csr.to_owned(), chain.clone());
        Box::pin(
            self.counted.blocking(move || Ok(set::stage(&held.dir(), modes, timestamp, &key, &csr, &chain)?)),
        )
    }

    fn staged<'a>(&'a mut self, staged: &'a Staged) -> Pending<'a, Result<Paths, StoreError>> {
        let (dir, staged) = (self.held.dir(), staged.clone());
        Box::pin(self.counted.blocking(move || {
            set::check(&dir, staged.timestamp)?;
            Ok(set::staged_paths(&dir, staged.timestamp, staged.key))
        }))
    }

    fn switch(&mut self, timestamp: u64) -> Pending<'_, Result<(), StoreError>> {
        let held = Arc::clone(&self.held);
        Box::pin(async move {
            let (stored, damage) = self
                .counted
                .blocking(move || {
                    set::switch(&held.dir(), timestamp)?;
                    Ok::<_, StoreError>(held.reader()?.stored(held.name())?)
                })
                .await?;
            self.loaded = Loaded::new(stored, damage, std::mem::take(&mut self.loaded.record));
            Ok(())
        })
    }

    fn files(&self) -> Pending<'_, Result<Paths, StoreError>> {
        let paths = layout::in_use(self.held.dir());
        Box::pin(async { Ok(paths) })
    }

    fn existing_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>> {
        let dir = self.held.dir();
        Box::pin(self.counted.blocking(move || Ok(set::key(&dir)?)))
    }

    fn next_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>> {
        let dir = self.held.dir();
        Box::pin(self.counted.blocking(move || Ok(set::next_key(&dir)?)))
    }

    fn stapling(&self) -> Pending<'_, Result<Option<Stapling>, StoreError>> {
        let dir = self.held.dir();
        Box::pin(self.counted.blocking(move || Ok(set::stapling(&dir)?)))
    }

    fn save_response<'a>(
        &'a mut self,
        timestamp: u64,
        response: &'a [u8],
    ) -> Pending<'a, Result<(), StoreError>> {
        let (dir, modes, response) = (self.held.dir(), self.modes, response.to_owned());
        Box::pin(self.counted.blocking(move || Ok(set::save_response(&dir, modes, timestamp, &response)?)))
    }

    fn save_next_key<'a>(&'a mut self, key: Option<&'a Secret>) -> Pending<'a, Result<(), StoreError>> {
        let (dir, key) = (self.held.dir(), key.cloned());
        Box::pin(self.counted.blocking(move || Ok(set::save_next_key(&dir, key.as_ref())?)))
    }
}

/// One of the leases that are out.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(leases: &Arc<AtomicUsize>) -> Self {
        leases.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(leases))
    }

    /// Runs what blocks. With no other certificate in work nobody waits meanwhile, and to hand it to another thread and
    /// back would cost more than most of it.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if self.0.load(Ordering::Relaxed) == 1 { work() } else { blocking(work).await }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs what blocks on a thread of its own. It runs to its end even if the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    finished(tokio::task::spawn_blocking(work)).await
}

async fn finished<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        // A blocking task is cancelled only by the end of the runtime, and then nobody awaits it: it panicked.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests;
