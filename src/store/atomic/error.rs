//! What goes wrong with a file.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something could not be done with a file.
#[derive(Debug, Error)]
#[error("cannot {action} `{}`", path.display())]
pub struct FileError {
    /// What was tried, as in "cannot …".
    pub action: &'static str,
    /// The file, link or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// For `map_err`.
    pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::new(action, path, source)
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let path = self.path.display();
        let hint = match self.source.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("run as the user who owns `{path}` or its directory, or change their mode")
            }
            io::ErrorKind::QuotaExceeded => {
                format!("the disk quota for `{path}` is used up: free some space")
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                format!("`{path}` is on a file system that is mounted read-only")
            }
            io::ErrorKind::StorageFull => {
                format!("the file system of `{path}` is full: free some space, or some inodes, and run again")
            }
            _ if self.is_out_of_descriptors() => {
                "too many files are open: raise the limit (`ulimit -n`) or lower the number of jobs"
                    .to_owned()
            }
            _ => return Vec::new(),
        };
        vec![hint]
    }

    fn is_out_of_descriptors(&self) -> bool {
        let limits = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
        self.source.raw_os_error().is_some_and(|code| limits.iter().any(|errno| errno.raw_os_error() == code))
    }
}
