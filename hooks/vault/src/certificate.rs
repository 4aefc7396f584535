//! What is in the files of a certificate.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use hydrant::chain::Leaf;
use hydrant::key::{PrivateKey, Secret};
use hydrant::vault::Content;
use zeroize::Zeroizing;

use crate::error::Fault;

/// The paths that a call names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The private key.
    pub key: String,
    /// The certificate alone.
    pub cert: String,
    /// The certificate and its chain.
    pub fullchain: String,
    /// The chain without the certificate.
    pub chain: String,
}

/// A certificate and its key, as they are to be delivered.
#[derive(Debug)]
pub struct Certificate {
    /// The private key, PEM.
    pub key: Secret,
    /// The private key as nginx of old and lecertvend have it: SEC1 for ECDSA.
    pub file_key: Secret,
    /// The certificate alone.
    pub cert: String,
    /// The certificate and its chain.
    pub fullchain: String,
    /// The chain without the certificate; empty for one that a root signed.
    pub chain: String,
    /// When it was made, in seconds since 1970, as far as that is known.
    pub timestamp: String,
    /// Whether the caller said when.
    pub is_new: bool,
    /// What it says of itself.
    pub leaf: Leaf,
}

impl Certificate {
    /// Reads the files, and makes sure that they belong together. Without a `timestamp` the certificate is an old one.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read(files: &Files, timestamp: Option<u64>) -> Result<Self, Fault> {
        let key = text(&files.key)?;
        let [cert, fullchain, chain] = [&files.cert, &files.fullchain, &files.chain].map(|path| text(path));
        let (cert, fullchain, chain) = (cert?, fullchain?, chain?);
        let private =
            PrivateKey::from_pem(&key).map_err(|cause| Fault::Key { path: files.key.clone(), cause })?;
        let leaf = leaf(&files.cert, &cert)?;
        // Whatever keeps the files may be at work on them.
        for (path, leaf) in
            [(&files.cert, &leaf), (&files.fullchain, &self::leaf(&files.fullchain, &fullchain)?)]
        {
            if !leaf.is_for_key(private.public_key_der()) {
                return Err(Fault::Mismatch { key: files.key.clone(), other: path.clone() });
            }
        }
        Ok(Self {
            key: Secret::from(key),
            file_key: private.to_file_pem(),
            cert: cert.to_string(),
            fullchain: fullchain.to_string(),
            chain: chain.to_string(),
            timestamp: timestamp.map_or_else(|| made(Path::new(&files.cert)), |seconds| seconds.to_string()),
            is_new: timestamp.is_some(),
            leaf,
        })
    }
}

impl Certificate {
    /// The same as what a secret is filled with.
    #[must_use]
    pub fn content<'a>(&'a self, owner: Option<&'a str>) -> Content<'a> {
        Content {
            cert: &self.cert,
            chain: &self.chain,
            fullchain: &self.fullchain,
            key: self.key.expose(),
            file_key: self.file_key.expose(),
            timestamp: &self.timestamp,
            is_new: self.is_new,
            owner,
        }
    }
}

fn leaf(path: &str, pem: &str) -> Result<Leaf, Fault> {
    Leaf::parse_first(pem.as_bytes()).map_err(|cause| Fault::Certificate { path: path.to_owned(), cause })
}

fn text(path: &str) -> Result<Zeroizing<String>, Fault> {
    let bytes = fs::read(path).map_err(|cause| Fault::File { path: path.to_owned(), cause })?;
    let text = String::from_utf8(bytes).map(Zeroizing::new);
    text.map_err(|_| Fault::NotText { path: path.to_owned() })
}

/// When a certificate was made: `cert.pem` is a link to `cert-SECONDS.pem`; else the age of the file says it.
fn made(cert: &Path) -> String {
    let target = fs::read_link(cert).ok();
    let stem = target.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    if let Some(seconds) = stem.and_then(|stem| stem.strip_prefix("cert-"))
        && seconds.parse::<u64>().is_ok()
    {
        return seconds.to_owned();
    }
    let modified = fs::metadata(cert).and_then(|metadata| metadata.modified()).ok();
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map(|since| since.as_secs().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_says_when_a_certificate_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("cert.pem");
        fs::write(directory.path().join("cert-1700000000.pem"), "x").unwrap();
        std::os::unix::fs::symlink("cert-1700000000.pem", &link).unwrap();
        assert_eq!(made(&link), "1700000000");
        assert!(made(&directory.path().join("cert-1700000000.pem")).parse::<u64>().unwrap() > 1_700_000_000);
        assert_eq!(made(&directory.path().join("none.pem")), "");
    }
}
