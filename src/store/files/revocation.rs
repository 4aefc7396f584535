//! The file of a certificate that was revoked gets another name, so that nothing uses it any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::blocking;
use crate::store::StoreError;
use crate::store::atomic::{self, FileError};

/// The file that a path stands for: one link is followed, as dehydrated does.
///
/// # Errors
///
/// When it cannot be looked up.
pub fn real_file(path: &Path) -> Result<PathBuf, FileError> {
    match fs::read_link(path) {
        // A target that is absolute stands for itself.
        Ok(target) => Ok(atomic::parent(path).join(target)),
        // That is what the system says of a file that is no link.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
            Ok(path.to_owned())
        }
        Err(error) => Err(FileError::new("look up", path, error)),
    }
}

/// Renames a file to `<file>-revoked`, and gives that. A link to it then leads nowhere, and the next run issues anew.
///
/// # Errors
///
/// When it cannot be renamed.
pub async fn set_aside(file: &Path) -> Result<PathBuf, StoreError> {
    let from = file.to_owned();
    let mut to = from.clone().into_os_string();
    to.push("-revoked");
    let to = PathBuf::from(to);
    blocking(move || {
        atomic::rename(&from, &to)?;
        Ok(to)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn one_link_is_followed_and_the_file_behind_it_renamed() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::write(path("cert-1.pem"), "x").unwrap();
        symlink("cert-1.pem", path("cert.pem")).unwrap();
        symlink(path("cert.pem"), path("absolute")).unwrap();
        assert_eq!(real_file(&path("cert.pem")).unwrap(), path("cert-1.pem"));
        assert_eq!(real_file(&path("cert-1.pem")).unwrap(), path("cert-1.pem"));
        assert_eq!(real_file(&path("absolute")).unwrap(), path("cert.pem"));
        assert_eq!(real_file(&path("nothing")).unwrap(), path("nothing"));
        assert_eq!(set_aside(&path("cert-1.pem")).await.unwrap(), path("cert-1.pem-revoked"));
        assert!(!path("cert.pem").exists() && path("cert.pem").is_symlink());
    }
}
