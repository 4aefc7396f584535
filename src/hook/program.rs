//! Finding the executable of a hook.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};
use thiserror::Error;

/// An executable that was there when it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What is executed.
    pub(super) path: PathBuf,
    /// What it sees as its own name: the command as configured.
    pub(super) name: OsString,
}

impl Program {
    /// What is executed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finds what `command` means: a path when it holds a slash, else a name that is looked up in `search_path`, the
    /// value of `PATH`. Only absolute directories are searched, so that the working directory never counts.
    ///
    /// # Errors
    /// When there is nothing to execute.
    pub fn find(command: &Path, search_path: Option<&OsStr>) -> Result<Self, ProgramError> {
        let name = command.as_os_str();
        let path = if name.as_bytes().contains(&b'/') {
            check(command)?;
            command.to_owned()
        } else {
            search(command, search_path)?
        };
        Ok(Self { path, name: name.to_owned() })
    }
}

fn search(command: &Path, search_path: Option<&OsStr>) -> Result<PathBuf, ProgramError> {
    let mut found_but = None;
    if !command.as_os_str().is_empty() {
        let directories = std::env::split_paths(search_path.unwrap_or_default());
        for directory in directories.filter(|directory| directory.is_absolute()) {
            let candidate = directory.join(command);
            match check(&candidate) {
                Ok(()) => return Ok(candidate),
                Err(ProgramError::NotExecutable { path }) => found_but = Some(path),
                Err(_) => {}
            }
        }
    }
    Err(match found_but {
        Some(path) => ProgramError::NotExecutable { path },
        None => ProgramError::NotOnPath { command: command.to_owned() },
    })
}

fn check(path: &Path) -> Result<(), ProgramError> {
    let path = || path.to_owned();
    let metadata = std::fs::metadata(path()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProgramError::Missing { path: path() },
        _ => ProgramError::Unreadable { path: path(), source: Arc::new(error) },
    })?;
    if metadata.is_dir() {
        return Err(ProgramError::Directory { path: path() });
    }
    if access(path(), Access::EXEC_OK).is_err() {
        return Err(ProgramError::NotExecutable { path: path() });
    }
    Ok(())
}

/// Why a command cannot be executed.
#[derive(Clone, Debug, Error)]
pub enum ProgramError {
    /// A directory.
    #[error("`{}` is a directory", path.display())]
    Directory {
        /// It.
        path: PathBuf,
    },
    /// Nothing there.
    #[error("`{}` does not exist", path.display())]
    Missing {
        /// It.
        path: PathBuf,
    },
    /// A file that this user may not execute.
    #[error("`{}` is not executable", path.display())]
    NotExecutable {
        /// It.
        path: PathBuf,
    },
    /// A bare name that no directory of `PATH` has.
    #[error("`{}` is in no directory of PATH", command.display())]
    NotOnPath {
        /// It.
        command: PathBuf,
    },
    /// A path that cannot be looked at.
    #[error("`{}` cannot be looked at", path.display())]
    Unreadable {
        /// It.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl ProgramError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Directory { .. } | Self::Unreadable { .. } => None,
            Self::Missing { .. } => {
                Some("check the path; in a file, a relative one counts from where that file is".into())
            }
            Self::NotExecutable { path } => Some(format!("chmod +x {}", path.display())),
            Self::NotOnPath { command } => {
                Some(format!("write ./{} for a file of the working directory", command.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn find(command: &str, path: &str) -> String {
        match Program::find(Path::new(command), Some(OsStr::new(path))) {
            Ok(program) => program.path.display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_bare_name_is_looked_up_and_a_path_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(at("plain"), "").unwrap();
        std::fs::copy("/bin/sh", at("shell")).unwrap();
        std::fs::set_permissions(at("shell"), std::fs::Permissions::from_mode(0o755)).unwrap();

        let path = format!("/nowhere::{}", directory.path().display());
        assert_eq!(find("shell", &path), at("shell"));
        assert_eq!(find(&at("shell"), ""), at("shell"));
        assert_eq!(find("plain", &path), format!("`{}` is not executable", at("plain")));
        assert_eq!(find(&at("plain"), ""), format!("`{}` is not executable", at("plain")));
        assert_eq!(find(&at("none"), &path), format!("`{}` does not exist", at("none")));
        assert_eq!(
            find(&directory.path().display().to_string(), ""),
            format!("`{}` is a directory", directory.path().display())
        );
        // The empty element between the colons would be the working directory.
        assert_eq!(find("Cargo.toml", &path), "`Cargo.toml` is in no directory of PATH");
    }
}
