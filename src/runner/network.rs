//! The network as it is configured, in the words of the ACME client, which knows no settings.

use std::path::Path;

use super::unavailable::AuthorityError;
use crate::acme::{ClientOptions, Family, RootsFile, Source};
use crate::config::{self, IpVersion, Network, Proxy};

/// The way to a CA and to OCSP responders; whom to trust there is left out.
pub(super) fn way_to(network: &Network) -> ClientOptions {
    ClientOptions {
        family: network.family.map(|version| match version {
            IpVersion::V4 => Family::V4,
            IpVersion::V6 => Family::V6,
        }),
        proxy: match &network.proxy {
            Proxy::Url(url) => Some(url.clone()),
            Proxy::Environment | Proxy::None => None,
        },
        no_proxy: network.proxy == Proxy::None,
        no_proxy_for: network.no_proxy.clone(),
        source: network.source.as_ref().map(|source| match source {
            config::Source::Address(address) => Source::Address(*address),
            config::Source::Interface(name) => Source::Interface(name.clone()),
        }),
        resolve: network.resolve.clone(),
        request_timeout: network.request_timeout,
        connect_timeout: network.connect_timeout,
        in_flight: network.in_flight,
        ..ClientOptions::default()
    }
}

/// Whom to trust at a CA besides the roots of this machine.
pub(super) fn roots(network: &Network) -> Result<Vec<RootsFile>, AuthorityError> {
    let mut roots = Vec::new();
    for path in &network.roots {
        read_roots(path, &mut roots).map_err(|source| AuthorityError::File { path: path.clone(), source })?;
    }
    Ok(roots)
}

/// Roots from a file, or from all files of a directory, as OpenSSL has them there: those that are links to the others by
/// their hash are passed over.
fn read_roots(path: &Path, roots: &mut Vec<RootsFile>) -> std::io::Result<()> {
    if !path.is_dir() {
        roots.push(RootsFile { path: path.to_owned(), pem: std::fs::read(path)? });
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let linked_here = std::fs::read_link(entry.path()).is_ok_and(|to| to.components().count() == 1);
        if linked_here || !entry.path().is_file() {
            continue;
        }
        let pem = std::fs::read(entry.path())?;
        // Other things may lie there.
        if pem.windows(BEGINNING.len()).any(|part| part == BEGINNING) {
            roots.push(RootsFile { path: entry.path(), pem });
        }
    }
    Ok(())
}

const BEGINNING: &[u8] = b"-----BEGIN CERTIFICATE-----";
