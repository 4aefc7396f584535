//! The one file that a run has to make, and that nobody may have made before: dehydrated's LOCKFILE.
//!
//! It is there as long as the guard lives. A run that ends by a signal drops it on its way out; one that is killed
//! leaves it, and dehydrated's users know to remove it by hand.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use thiserror::Error;
use time::OffsetDateTime;
use time::macros::format_description;

use super::atomic::{self, FILE_MODE, FileError};

/// The right to go on; the file goes with it.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
}

impl LockFile {
    /// Makes the file, mode 0600, with one line: the date, as `date` writes it (in UTC). Never waits.
    ///
    /// # Errors
    ///
    /// Something has that name already, be it a link to nothing; or it cannot be made.
    pub fn take(path: &Path, now: OffsetDateTime) -> Result<Self, LockFileError> {
        const DATE: &[time::format_description::BorrowedFormatItem<'_>] = format_description!(
            "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] UTC [year]"
        );
        // The format has only what every date has.
        let date = now.to_offset(time::UtcOffset::UTC).format(DATE).unwrap_or_default();
        match atomic::create_exclusively(path, format!("{date}\n").as_bytes(), FILE_MODE) {
            Ok(()) => Ok(Self { path: path.to_owned() }),
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
                Err(LockFileError::Held { path: path.to_owned(), age: age(path) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Whoever removed it meanwhile wanted it gone. There is nobody left to tell of anything else.
        let _ = atomic::remove(&self.path);
    }
}

/// How long it has been there; None when a link leads nowhere, or clocks disagree.
fn age(path: &Path) -> Option<Duration> {
    let modified = fs::metadata(path).and_then(|found| found.modified()).ok()?;
    SystemTime::now().duration_since(modified).ok()
}

/// Why there is no lock.
#[derive(Debug, Error)]
pub enum LockFileError {
    /// It cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another run has it, or left it.
    #[error("lock file `{}` present", path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// How long it has been there, where that is known.
        age: Option<Duration>,
    },
}

impl LockFileError {
    /// What a person can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let (path, age) = match self {
            Self::File(error) => return error.hints(),
            Self::Held { path, age } => (path.display(), age),
        };
        let Some(age) = age else {
            return vec![format!("`{path}` is a link that leads nowhere: remove it")];
        };
        let minutes = age.as_secs() / 60;
        let since = match minutes {
            0 => "less than a minute".to_owned(),
            1..120 => format!("{minutes} minutes"),
            120..2880 => format!("{} hours", minutes / 60),
            _ => format!("{} days", minutes / 1440),
        };
        vec![format!(
            "it has been there for {since}: if no other run is at work, one was killed; remove it then: `rm {path}`"
        )]
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn it_is_there_as_long_as_it_is_held() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("lock");
        let now = OffsetDateTime::from_unix_timestamp(1_795_323_117).unwrap();
        let lock = LockFile::take(&path, now).unwrap();
        assert_eq!(fs::read_to_string(lock.path()).unwrap(), "Sun Nov 22 04:51:57 UTC 2026\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let refused = LockFile::take(&path, now).unwrap_err();
        assert_eq!(refused.to_string(), format!("lock file `{}` present", path.display()));
        assert!(refused.hints()[0].starts_with("it has been there for less than a minute: "));
        assert!(path.exists(), "who is refused removes nothing");
        drop(lock);
        assert!(!path.exists());
        drop(LockFile::take(&path, now).unwrap());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_a_lock_too() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("lock");
        symlink("nowhere", &path).unwrap();
        let refused = LockFile::take(&path, OffsetDateTime::UNIX_EPOCH).unwrap_err();
        assert!(refused.hints()[0].ends_with("is a link that leads nowhere: remove it"), "{refused:?}");
        assert!(!base.path().join("nowhere").exists());
    }

    #[test]
    fn a_directory_that_is_missing_is_named() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("none/lock");
        let refused = LockFile::take(&path, OffsetDateTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(refused.to_string(), format!("cannot create `{}`", path.display()));
    }

    #[test]
    fn how_old_it_is_is_said_in_words() {
        let hint = |seconds| {
            let age = Some(Duration::from_secs(seconds));
            LockFileError::Held { path: "lock".into(), age }.hints().remove(0)
        };
        for (seconds, words) in [(7200, "2 hours"), (300, "5 minutes"), (400_000, "4 days")] {
            assert!(hint(seconds).starts_with(&format!("it has been there for {words}: ")), "{seconds}");
        }
    }
}
