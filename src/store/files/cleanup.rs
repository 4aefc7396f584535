//! Moves files that are no longer in use to the archive, or deletes them.
//!
//! dehydrated's rules, and two more: each certificate's lease is held while its directory is tidied, and files that wait
//! for their switch stay. Nested certificate directories are tidied too.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{FileAccounts, FileStore, blocking, layout, lease};
use crate::ledger::Record;
use crate::store::StoreError;
use crate::store::atomic::{self, FileError};

/// What becomes of files that are no longer in use.
#[derive(Clone, Debug)]
pub enum Superseded {
    /// They are moved below this directory, each to the name of its certificate.
    Archive(PathBuf),
    /// They are deleted.
    Delete,
}

/// What a cleanup did.
#[derive(Debug, Default)]
pub struct Cleanup {
    /// What was done, in order.
    pub done: Vec<Tidied>,
    /// Certificates that another run works on, which were left alone, and who that is.
    pub held: Vec<(String, String)>,
    /// Certificates that could not be tidied, and why.
    pub failed: Vec<(String, StoreError)>,
    /// How many temporary files of killed runs were removed.
    pub swept: usize,
}

/// One file that was tidied away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tidied {
    /// A file was moved to the archive.
    Archived {
        /// The certificate's name.
        certificate: String,
        /// The file's name.
        file: String,
    },
    /// A link to nothing was removed.
    BrokenLink {
        /// The certificate's name.
        certificate: String,
        /// The link's name.
        file: String,
    },
    /// A file was deleted.
    Deleted {
        /// The certificate's name.
        certificate: String,
        /// The file's name.
        file: String,
    },
}

impl Tidied {
    /// What was done, the certificate's name, the file's.
    pub(crate) fn parts(&self) -> (&'static str, &str, &str) {
        match self {
            Self::Archived { certificate, file } => ("archived", certificate, file),
            Self::BrokenLink { certificate, file } => ("broken link removed", certificate, file),
            Self::Deleted { certificate, file } => ("deleted", certificate, file),
        }
    }
}

/// `a.example: archived cert-1.pem`.
impl fmt::Display for Tidied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, certificate, file) = self.parts();
        write!(f, "{certificate}: {done}: {file}")
    }
}

/// Names in use whose older files are tidied away, in dehydrated's order.
const LINKS: [&str; 6] = ["cert.csr", "cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", "ocsp.der"];

/// How old a temporary file must be where a run may be writing one this moment.
const ABANDONED: Duration = Duration::from_hours(1);

/// Tidies all certificate directories of a store, declared or not, and what killed runs left anywhere. One that cannot be
/// tidied does not keep the others from it.
///
/// # Errors
///
/// When the certificate directory cannot be listed.
pub async fn cleanup(
    store: &FileStore,
    accounts: &FileAccounts,
    superseded: &Superseded,
) -> Result<Cleanup, StoreError> {
    let (store, accounts, superseded) = (store.clone(), accounts.clone(), superseded.clone());
    blocking(move || {
        let mut cleanup = Cleanup::default();
        for name in directories(store.certs())? {
            if let Err(error) = tidy(&store, &name, &superseded, &mut cleanup) {
                cleanup.failed.push((name, error));
            }
        }
        cleanup.swept += atomic::sweep(store.records(), ABANDONED)?;
        cleanup.swept += accounts.sweep(ABANDONED)?;
        Ok(cleanup)
    })
    .await
}

/// Tidies one certificate's directory.
fn tidy(
    store: &FileStore,
    name: &str,
    superseded: &Superseded,
    cleanup: &mut Cleanup,
) -> Result<(), StoreError> {
    let dir = store.certs().join(name);
    if let Superseded::Archive(archive) = superseded {
        atomic::create_directory_as(&archive.join(name), store.modes().directory)?;
    }
    // A lease leaves a file behind: it is taken only where there is something to do.
    if Surplus::find(&dir)?.is_empty() {
        return Ok(());
    }
    let held = match lease::take(store.certs(), store.records(), name)? {
        lease::Outcome::Taken(held) => held,
        lease::Outcome::HeldBy(holder) => {
            cleanup.held.push((name.to_owned(), holder));
            return Ok(());
        }
    };
    let record = held.record()?;
    let surplus = Surplus::find(&dir)?;
    cleanup.swept += atomic::sweep(&dir, Duration::ZERO)?;
    let certificate = || name.to_owned();
    for link in surplus.broken_links {
        atomic::remove(&dir.join(&link))?;
        cleanup.done.push(Tidied::BrokenLink { certificate: certificate(), file: link });
    }
    for file in surplus.files {
        if is_awaited(&record, &file) {
            continue;
        }
        let path = dir.join(&file);
        match superseded {
            Superseded::Archive(archive) => {
                atomic::rename(&path, &archive.join(name).join(&file))?;
                cleanup.done.push(Tidied::Archived { certificate: certificate(), file });
            }
            Superseded::Delete => {
                atomic::remove(&path)?;
                cleanup.done.push(Tidied::Deleted { certificate: certificate(), file });
            }
        }
    }
    Ok(())
}

/// Whether the file belongs to an issue that is not finished.
fn is_awaited(record: &Record, file: &str) -> bool {
    let staged = record.staged.as_ref().map(|staged| staged.timestamp);
    let begun = record.intent.as_ref().map(|intent| intent.timestamp);
    layout::timestamp_of(file).is_some_and(|found| [staged, begun].contains(&Some(found)))
}

/// What can be tidied away in one directory, in dehydrated's order.
#[derive(Default)]
struct Surplus {
    broken_links: Vec<String>,
    files: Vec<String>,
    temporary: bool,
}

impl Surplus {
    fn find(dir: &Path) -> Result<Self, FileError> {
        let names = list(dir)?;
        let mut surplus =
            Self { temporary: names.iter().any(|name| atomic::is_temporary(name)), ..Self::default() };
        for link in LINKS {
            let target = fs::read_link(dir.join(link)).ok();
            let exists = dir.join(link).try_exists().map_err(FileError::at("look up", &dir.join(link)))?;
            if target.is_some() && !exists {
                surplus.broken_links.push(link.to_owned());
            }
            let current = target.as_deref().filter(|_| exists).and_then(Path::file_name);
            let of_this_kind = names.iter().filter(|name| is_issued_as(link, name));
            for name in of_this_kind.filter(|name| current.is_none_or(|current| current != name.as_str())) {
                if dir.join(name).is_file() {
                    surplus.files.push(name.clone());
                }
            }
        }
        Ok(surplus)
    }

    fn is_empty(&self) -> bool {
        self.broken_links.is_empty() && self.files.is_empty() && !self.temporary
    }
}

/// Whether `name` is `<base>-*.<extension>`, perhaps `-revoked`, for the link `<base>.<extension>`.
fn is_issued_as(link: &str, name: &str) -> bool {
    let (base, extension) = layout::split(link);
    let name = name.strip_suffix("-revoked").unwrap_or(name);
    let rest = name.strip_prefix(base).and_then(|rest| rest.strip_prefix('-'));
    rest.and_then(|rest| rest.strip_suffix(extension)).is_some_and(|rest| rest.ends_with('.'))
}

/// The names of all directories below `certs`, each before those in it. Hidden ones are nobody's certificate.
fn directories(certs: &Path) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    let mut open: Vec<String> = subdirectories(certs, "", true)?;
    while let Some(name) = open.pop() {
        open.extend(subdirectories(certs, &name, false)?);
        found.push(name);
    }
    found.sort();
    Ok(found)
}

/// The directories directly below `certs/name`. Links to directories count only at the top, as with dehydrated: deeper
/// down they could lead in a circle.
fn subdirectories(certs: &Path, name: &str, links: bool) -> Result<Vec<String>, FileError> {
    let dir = certs.join(name);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::new("read", &dir, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", &dir))?;
        let kind = entry.file_type().map_err(FileError::at("look up", &entry.path()))?;
        let is_directory = kind.is_dir() || (links && kind.is_symlink() && entry.path().is_dir());
        let Some(file) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if is_directory && !file.starts_with('.') {
            found.push(if name.is_empty() { file } else { format!("{name}/{file}") });
        }
    }
    Ok(found)
}

/// The names in a directory, sorted. Those that are no text are nothing of ours.
fn list(dir: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(FileError::at("read", dir))? {
        let name = entry.map_err(FileError::at("read", dir))?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
