//! The only writer of files: what it has written is there after a power cut, and there is never half a file.
//!
//! A file is written under a temporary name in its own directory, synced, renamed, and the directory is synced.
//! Everything here blocks; callers on the runtime's thread go through `spawn_blocking` where others would wait for them.

mod error;
mod log;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use error::FileError;
pub use log::Log;
use tempfile::{NamedTempFile, TempPath};

/// The mode of directories that are created.
pub const DIRECTORY_MODE: u32 = 0o700;
/// The mode of files, unless somebody else has to read them.
pub const FILE_MODE: u32 = 0o600;

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// The mode of directories.
    pub directory: u32,
    /// The mode of files.
    pub file: u32,
}

impl Modes {
    /// Nobody but the owner.
    pub const PRIVATE: Self = Self { directory: DIRECTORY_MODE, file: FILE_MODE };

    /// Whoever this umask lets: a person sets one so that a group can read certificates.
    #[must_use]
    pub fn of_umask(umask: u32) -> Self {
        Self { directory: 0o777 & !umask, file: 0o666 & !umask }
    }
}

impl Default for Modes {
    fn default() -> Self {
        Self::PRIVATE
    }
}

const TEMPORARY_PREFIX: &str = ".hydrant-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Writes a file, replacing one of the same name.
///
/// # Errors
///
/// When it could not be made durable; what was there before is then still there, or the whole new content is.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let directory = parent(path);
    let file = temporary(directory, bytes, mode).map_err(FileError::at("write", path))?;
    file.persist(path).map_err(|error| FileError::new("write", path, error.error))?;
    sync_directory(directory)
}

/// [`write`] for a file that nobody else writes now: what a write of it that was cut short left is replaced.
///
/// # Errors
///
/// As [`write`].
pub fn write_alone(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let directory = parent(path);
    let name = path.file_name().unwrap_or_default().display();
    let temporary = directory.join(format!("{TEMPORARY_PREFIX}{name}{TEMPORARY_SUFFIX}"));
    let written = fill(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // Nobody reads it, and the next write replaces it.
        let _ = fs::remove_file(&temporary);
        return Err(FileError::new("write", path, error));
    }
    sync_directory(directory)
}

/// Writes a file unless there is one: gives whether it was written. Of several at once, one writes.
///
/// # Errors
///
/// When it could not be made durable.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, FileError> {
    let directory = parent(path);
    let file = temporary(directory, bytes, mode).map_err(FileError::at("write", path))?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_directory(directory).map(|()| true),
        // The winner may not have come to its own sync yet.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            sync_directory(directory).map(|()| false)
        }
        Err(error) => Err(FileError::new("write", path, error.error)),
    }
}

/// Makes a file that nobody has made before, not even as a link. Not durable: what it stands for ends with the process.
///
/// # Errors
///
/// When something has that name, or it cannot be made.
pub fn create_exclusively(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = made.map_err(FileError::at("create", path))?;
    let written = file.set_permissions(Permissions::from_mode(mode)).and_then(|()| file.write_all(bytes));
    if written.is_err() {
        // It is ours, and of no use.
        let _ = fs::remove_file(path);
    }
    written.map_err(FileError::at("write", path))
}

/// Writes several files of one directory. None appears before the content of all is durable.
///
/// # Errors
///
/// When they could not all be made durable. Some may then be there, each of them whole.
pub fn write_all(directory: &Path, files: &[(&str, &[u8])], mode: u32) -> Result<(), FileError> {
    let mut written = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let path = directory.join(name);
        let file = unsynced(directory, bytes, mode).map_err(FileError::at("write", &path))?;
        written.push((file, path));
    }
    // Not one by one as they are written: what they have in common, as their directory, is then written once.
    for (file, path) in &written {
        file.as_file().sync_all().map_err(FileError::at("write", path))?;
    }
    for (file, path) in written {
        file.persist(&path).map_err(|error| FileError::new("write", &path, error.error))?;
    }
    sync_directory(directory)
}

/// Points the links `(name, target)` of one directory to their targets, one after the other and each at once: a
/// reader sees the old target or the new. A link that is right already is left alone.
///
/// # Errors
///
/// When one could not be switched, or they could not be made durable. Some may then be switched.
pub fn link_all(directory: &Path, links: &[(&str, &str)]) -> Result<(), FileError> {
    for (name, target) in links {
        let path = directory.join(name);
        match fs::read_link(&path) {
            Ok(found) if found == Path::new(target) => continue,
            // Where nothing is there is nothing to replace.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match symlink(target, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    made.map_err(FileError::at("link", &path))?;
                    continue;
                }
            },
            _ => {}
        }
        let link = temporary_name()
            .make_in(directory, |link| symlink(target, link))
            .map_err(FileError::at("link", &path))?
            .into_temp_path();
        TempPath::persist(link, &path).map_err(|error| FileError::new("link", &path, error.error))?;
    }
    // Also when all were right: whoever switched them may not have come to the sync.
    sync_directory(directory)
}

/// Creates a directory and what is missing above it, mode 0700. One that exists keeps its mode and may be a link.
///
/// # Errors
///
/// When it could not be created or made durable.
pub fn create_directory(path: &Path) -> Result<(), FileError> {
    create_directory_as(path, DIRECTORY_MODE)
}

/// [`create_directory`] with another mode.
///
/// # Errors
///
/// As [`create_directory`].
pub fn create_directory_as(path: &Path, mode: u32) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    create_directory_as(above, mode)?;
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {
            fs::set_permissions(path, Permissions::from_mode(mode))
                .map_err(FileError::at("set the mode of", path))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(FileError::new("create the directory", path, error)),
    }
    sync_directory(above)
}

/// Removes a file or a link: gives whether there was one.
///
/// # Errors
///
/// When it could not be removed.
pub fn remove(path: &Path) -> Result<bool, FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::new("remove", path, error)),
    }
}

/// Removes a directory and all that is in it.
///
/// # Errors
///
/// When something could not be removed.
pub fn remove_directory(path: &Path) -> Result<(), FileError> {
    fs::remove_dir_all(path).map_err(FileError::at("remove", path))
}

/// Moves a file to another place, which may be on another file system, replacing what is there.
///
/// # Errors
///
/// When it could not be moved; it is then still in its old place.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    match fs::rename(from, to) {
        Ok(()) => {
            sync_directory(parent(to))?;
            sync_directory(parent(from))
        }
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let bytes = fs::read(from).map_err(FileError::at("read", from))?;
            let mode = fs::metadata(from).map_err(FileError::at("read", from))?.permissions().mode();
            write(to, &bytes, mode & 0o7777)?;
            remove(from).map(|_| ())
        }
        Err(error) => Err(FileError::new("move", from, error)),
    }
}

/// Opens a file to take a lock on, creating it. Its content is a remark for people and never durable.
///
/// # Errors
///
/// When it could not be opened.
pub fn open_lock(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(FileError::at("open", path))
}

/// Keeps others who ask for the same from writing in a directory, as long as what it gives is held. `None` on a file
/// system that has no locks on directories, as some network ones.
///
/// # Errors
///
/// When the directory cannot be opened.
pub fn lock_directory(directory: &Path) -> Result<Option<File>, FileError> {
    let file = File::open(directory).map_err(FileError::at("open", directory))?;
    Ok(file.lock().is_ok().then_some(file))
}

/// Removes the temporary files that killed runs left in a directory, if they are at least so old; gives their
/// number. A directory that does not exist has none.
///
/// # Errors
///
/// When the directory cannot be read or a file cannot be removed.
pub fn sweep(directory: &Path, age: Duration) -> Result<usize, FileError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(FileError::new("read", directory, error)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", directory))?;
        if entry.file_name().to_str().is_some_and(is_temporary)
            && is_older(&entry, age)
            && remove(&entry.path())?
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a file of this name is one that a killed run left, or that is being written.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    // A file whose age is not known, or lies in the future, is young.
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let found = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_zero() || found.is_some_and(|found| found >= age)
}

/// Makes a file of that content and mode, synced, in place of one of that name.
fn fill(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()?
        }
        made => made?,
    };
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A file of that content and mode, synced, that vanishes when dropped.
fn temporary(directory: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let file = unsynced(directory, bytes, mode)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The same, not yet synced.
fn unsynced(directory: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = temporary_name().tempfile_in(directory)?;
    // Before the content: nobody is to read it who may not. Not left to the umask.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    // Not through the wrapper, which adds the temporary name to what the system says.
    file.as_file_mut().write_all(bytes)?;
    Ok(file)
}

fn temporary_name() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    builder
}

fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(FileError::at("sync", directory))
}

/// The directory of a path; that of a bare name is the current one.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

#[cfg(test)]
mod tests;
