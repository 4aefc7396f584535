//! Challenges as files: in the webroot of a web server, in the certificate directory of a TLS server.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::certificate::ChallengeCertificate;
use super::error::ResponderError;
use crate::hook::Answer;

/// Writes `WEBROOT/TOKEN`, 0644, so that a web server of another user can read it.
pub(super) fn write_token(webroot: &Path, answer: &Answer) -> Result<(), ResponderError> {
    let path = token_path(webroot, answer)?;
    if !webroot.is_dir() {
        return Err(ResponderError::NoDirectory { path: webroot.to_owned() });
    }
    write(&path, answer.value.as_bytes(), 0o644)
}

/// Removes it; that it is not there is no failure.
pub(super) fn remove_token(webroot: &Path, answer: &Answer) -> Result<(), ResponderError> {
    remove(token_path(webroot, answer)?)
}

/// Writes `DIRECTORY/NAME.key.pem` and then `NAME.crt.pem`, both 0640; makes the directory, 0700, where it is missing.
pub(super) fn write_certificate(
    directory: &Path,
    certificate: &ChallengeCertificate,
) -> Result<(), ResponderError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| ResponderError::Write { path: directory.to_owned(), source })?;
    let [certificate_path, key_path] = certificate_paths(directory, &certificate.name);
    write(&key_path, certificate.key_pem().as_bytes(), 0o640)?;
    write(&certificate_path, certificate.certificate_pem().as_bytes(), 0o640)
}

/// Removes both; that they are not there is no failure.
pub(super) fn remove_certificate(directory: &Path, name: &str) -> Result<(), ResponderError> {
    let [certificate, key] = certificate_paths(directory, name).map(remove);
    certificate.and(key)
}

fn certificate_paths(directory: &Path, name: &str) -> [PathBuf; 2] {
    ["crt", "key"].map(|kind| directory.join(format!("{name}.{kind}.pem")))
}

fn token_path(webroot: &Path, answer: &Answer) -> Result<PathBuf, ResponderError> {
    let token = &answer.token;
    let base64url = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if token.is_empty() || !token.chars().all(base64url) {
        return Err(ResponderError::BadToken { token: token.clone() });
    }
    Ok(webroot.join(token))
}

/// Never shows half a file, never follows a link that somebody put there. Not durable: a lost answer is deployed again.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), ResponderError> {
    let in_directory = path.parent().unwrap_or(Path::new("."));
    let written =
        tempfile::Builder::new().prefix(".hydrant-").tempfile_in(in_directory).and_then(|mut file| {
            file.write_all(content)?;
            // Set on the file itself: what is created with a mode has the umask taken off.
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
            file.persist(path).map_err(io::Error::from)
        });
    written.map(drop).map_err(|source| ResponderError::Write { path: path.to_owned(), source })
}

fn remove(path: PathBuf) -> Result<(), ResponderError> {
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ResponderError::Remove { path, source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responder::{Responder, ResponderSettings};

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn answer(identifier: &str, token: &str, value: &str) -> Answer {
        Answer {
            identifier: identifier.into(),
            token: token.into(),
            value: value.into(),
            wildcard: false,
            record: None,
        }
    }

    #[test]
    fn a_token_is_there_until_it_is_cleaned() {
        let webroot = tempfile::tempdir().unwrap();
        let settings =
            ResponderSettings { webroot: Some(webroot.path().into()), ..ResponderSettings::default() };
        let responder = Responder::new(settings);
        assert!(responder.answers("http-01") && !responder.answers("tls-alpn-01"));
        let answers = [answer("a.example", "to-ken_1", "to-ken_1.print")];
        responder.deploy("http-01", &answers).unwrap();
        let path = webroot.path().join("to-ken_1");
        assert_eq!(std::fs::read(&path).unwrap(), b"to-ken_1.print");
        assert_eq!(mode(&path), 0o644);
        responder.deploy("http-01", &answers).unwrap();
        // A later run knows the same answers from the ledger.
        responder.clean("http-01", &answers).unwrap();
        responder.clean("http-01", &answers).unwrap();
        assert_eq!(std::fs::read_dir(webroot.path()).unwrap().count(), 0);
    }

    #[test]
    fn refuses_a_token_that_leaves_the_webroot_and_a_webroot_that_is_missing() {
        let webroot = tempfile::tempdir().unwrap();
        let error = write_token(webroot.path(), &answer("a.example", "../t", "v")).unwrap_err();
        assert_eq!(error.to_string(), "the CA gave a token that is not base64url: `../t`");
        let missing = webroot.path().join("none");
        let error = write_token(&missing, &answer("a.example", "t", "v")).unwrap_err();
        assert!(matches!(error, ResponderError::NoDirectory { .. }) && !error.hints().is_empty());
    }

    #[test]
    fn certificates_for_tls_are_files_as_dehydrated_writes_them() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("alpn-certs");
        let settings =
            ResponderSettings { alpn_dir: Some(directory.clone()), ..ResponderSettings::default() };
        let responder = Responder::new(settings);
        let answers = [answer("192.0.2.1", "t", &["0f"; 32].join(":"))];
        responder.deploy("tls-alpn-01", &answers).unwrap();
        let [certificate, key] = certificate_paths(&directory, "1.2.0.192.in-addr.arpa");
        assert_eq!((mode(&directory), mode(&certificate), mode(&key)), (0o700, 0o640, 0o640));
        let starts = |path: &Path, with: &str| std::fs::read_to_string(path).unwrap().starts_with(with);
        assert!(starts(&certificate, "-----BEGIN CERTIFICATE-----"));
        assert!(starts(&key, "-----BEGIN PRIVATE KEY-----"));
        responder.clean("tls-alpn-01", &answers).unwrap();
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    }
}
