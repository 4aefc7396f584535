//! A small file that grows by lines, of which the last whole one counts.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{FileError, write_alone};

/// How long, in octets, a log grows before it is begun anew.
const LONGEST: u64 = 256 * 1024;

/// A file that we have replaced by one line, and that we add lines to.
///
/// A line costs one sync. To replace the file costs two, a new file and the end of an old one, several times as much. What
/// a cut-short write leaves is no whole line, and the one before it counts: nobody was told of the other.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Log {
    /// Replaces what is there by one line, which ends with its newline. Nobody else writes the file now.
    ///
    /// # Errors
    ///
    /// As [`write_alone`].
    pub fn begin(path: &Path, line: &[u8], mode: u32) -> Result<Self, FileError> {
        write_alone(path, line, mode)?;
        let file = OpenOptions::new().write(true).open(path).map_err(FileError::at("open", path))?;
        Ok(Self { path: path.to_owned(), file, length: line.len() as u64 })
    }

    /// Adds a line, which ends with its newline.
    ///
    /// # Errors
    ///
    /// When it could not be made durable. The log is then to be begun anew.
    pub fn add(&mut self, line: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all_at(line, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What counted before counts again.
            let _ = self.file.set_len(self.length);
            return Err(FileError::new("write", &self.path, error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Whether the file is still the one we wrote, as long as we left it.
    ///
    /// # Errors
    ///
    /// When it cannot be looked up.
    pub fn is_as_left(&self) -> Result<bool, FileError> {
        let looked_up = || {
            let ours = self.file.metadata()?;
            match fs::metadata(&self.path) {
                Ok(found) => {
                    Ok((found.dev(), found.ino(), found.len()) == (ours.dev(), ours.ino(), self.length))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        };
        looked_up().map_err(FileError::at("look up", &self.path))
    }

    /// Whether it may grow by another line.
    #[must_use]
    pub fn has_room_for(&self, line: &[u8]) -> bool {
        self.length + line.len() as u64 <= LONGEST
    }
}
