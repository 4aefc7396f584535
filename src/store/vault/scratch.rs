//! Files for hooks, where the store itself has none: in memory where there is a place for that, and gone with the run.
//!
//! What a run that was killed (-9) leaves there is removed by the next one on the same machine: the directory of a run
//! that lives is locked.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use tempfile::TempDir;

use crate::chain::Chain;
use crate::identifier::CertName;
use crate::key::Secret;
use crate::store::atomic::{self, DIRECTORY_MODE, FILE_MODE, FileError};
use crate::store::{Paths, StoreError};

/// A directory that is made when it is first needed.
#[derive(Default)]
pub(super) struct Scratch(OnceCell<Held>);

struct Held {
    directory: TempDir,
    /// Shows that we live.
    _lock: Option<File>,
}

impl Scratch {
    /// The directory of a certificate, which nobody else can look into.
    pub(super) fn directory(&self, name: &CertName) -> Result<PathBuf, FileError> {
        let held = if let Some(held) = self.0.get() {
            held
        } else {
            let place = place();
            sweep(&place);
            let made = make(&place).map_err(FileError::at("create a directory in", &place))?;
            self.0.get_or_init(|| made)
        };
        let path = held.directory.path().join(name.as_str());
        atomic::create_directory_as(&path, DIRECTORY_MODE)?;
        Ok(path)
    }
}

/// Writes the files of a certificate, as far as they are known.
pub(super) fn show(
    paths: &Paths,
    chain: Option<&Chain>,
    csr: Option<&str>,
    key: Option<&Secret>,
) -> Result<(), StoreError> {
    let key = key.map(|key| (&paths.key, key.expose()));
    let csr = csr.map(|csr| (&paths.csr, csr));
    let chain = chain.map(|chain| {
        [
            (&paths.cert, chain.cert_pem()),
            (&paths.chain, chain.chain_pem()),
            (&paths.fullchain, chain.fullchain_pem()),
        ]
    });
    for (path, text) in key.into_iter().chain(csr).chain(chain.into_iter().flatten()) {
        write(path, text.as_bytes())?;
    }
    Ok(())
}

/// Writes one file.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    Ok(atomic::write(path, content, FILE_MODE)?)
}

/// What directories of ours begin with.
const PREFIX: &str = "hydrant-files-";
const LOCK: &str = ".lock";

fn make(place: &Path) -> io::Result<Held> {
    // 0700 whatever the umask is.
    let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
    // Locked before it has the name that is looked for.
    let unnamed = directory.path().join("lock");
    let lock = atomic::open_lock(&unnamed).ok().filter(|lock| lock.try_lock().is_ok());
    if lock.is_some() {
        let _ = atomic::rename(&unnamed, &directory.path().join(LOCK));
    }
    Ok(Held { directory, _lock: lock })
}

/// A place in memory, if there is one.
fn place() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let memory = runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(|place| is_in_memory(place));
    memory.unwrap_or_else(std::env::temp_dir)
}

fn is_in_memory(place: &Path) -> bool {
    // linux/magic.h
    const TMPFS: i128 = 0x0102_1994;
    let writable = rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok();
    writable && place.is_absolute() && statfs(place).is_ok_and(|found| i128::from(found.f_type) == TMPFS)
}

/// Removes what killed runs of ours left. Whatever cannot be removed belongs to somebody else.
fn sweep(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let is_ours =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours || path.is_symlink() {
            continue;
        }
        // One without a lock is being made this moment, and holds nothing yet.
        if File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = atomic::remove_directory(&path);
        }
    }
}
