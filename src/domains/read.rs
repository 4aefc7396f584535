//! Fetches the text of the list: the one file of this room that does I/O, and it only reads.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::diagnostic::Source;

/// Reads `path`, or standard input when it is `-`, and with `drop_in` then the files of the directory `path` + `.d`:
/// those that end in `.txt` and are not hidden, in alphabetical order, each a source of its own.
///
/// Bytes that are not UTF-8 become U+FFFD, which `parse` reports where it matters: not in comments.
///
/// # Errors
/// When a file cannot be read. A missing directory is no error, a missing `path` is.
pub fn read(path: &Path, drop_in: bool) -> Result<Vec<Arc<Source>>, ReadError> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(ReadError::Stdin)?;
        return Ok(vec![source("<stdin>".to_owned(), &bytes)]);
    }
    let mut sources = vec![read_file(path)?];
    if drop_in {
        for file in drop_ins(path)? {
            sources.push(read_file(&file)?);
        }
    }
    Ok(sources)
}

/// Why the list could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The drop-in directory exists and cannot be listed.
    #[error("cannot list the directory `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is missing or unreadable.
    #[error("cannot read the domains list `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard input broke off.
    #[error("cannot read the domains list from standard input")]
    Stdin(#[source] io::Error),
}

fn read_file(path: &Path) -> Result<Arc<Source>, ReadError> {
    match fs::read(path) {
        Ok(bytes) => Ok(source(path.display().to_string(), &bytes)),
        Err(source) => Err(ReadError::File { path: path.to_owned(), source }),
    }
}

fn source(name: String, bytes: &[u8]) -> Arc<Source> {
    // Columns are to be those an editor shows, and editors hide the byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Arc::new(Source { name, text: String::from_utf8_lossy(bytes).into_owned() })
}

fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut directory = OsString::from(path);
    directory.push(".d");
    let directory = PathBuf::from(directory);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| ReadError::Directory { path: directory.clone(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.as_bytes().ends_with(b".txt") && !name.as_bytes().starts_with(b".") {
            files.push(directory.join(name));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &Path, drop_in: bool) -> Vec<String> {
        read(path, drop_in).unwrap().iter().map(|source| source.text.clone()).collect()
    }

    #[test]
    fn drop_ins_follow_the_list_in_alphabetical_order() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("domains.txt");
        fs::write(&list, "\u{feff}main.example").unwrap();
        assert_eq!(texts(&list, true), ["main.example"]);

        let drop_in = directory.path().join("domains.txt.d");
        fs::create_dir(&drop_in).unwrap();
        for (name, text) in [("b.txt", "b"), ("B.txt", "B"), ("a.txt", "a"), (".c.txt", "c"), ("d.conf", "d")]
        {
            fs::write(drop_in.join(name), text).unwrap();
        }
        assert_eq!(texts(&list, true), ["main.example", "B", "a", "b"]);
        assert_eq!(texts(&list, false), ["main.example"]);
        assert_eq!(read(&list, true).unwrap()[1].name, drop_in.join("B.txt").display().to_string());
    }

    #[test]
    fn bytes_outside_utf8_are_kept_apart_and_reported() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("domains.txt");
        fs::write(&list, b"# f\xfcr\nb\xfccher.example\na.example\n").unwrap();
        let domains = super::super::parse(&read(&list, false).unwrap());
        assert_eq!(domains.entries.len(), 1);
        assert_eq!(domains.diagnostics[0].rule, "not-utf8");
        assert_eq!(domains.diagnostics[0].span.as_ref().unwrap().start(), (2, 1));
    }

    #[test]
    fn a_missing_list_is_an_error() {
        let error = read(Path::new("does/not/exist"), true).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the domains list `does/not/exist`");
    }
}
