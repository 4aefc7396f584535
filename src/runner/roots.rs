//! The CA roots of this machine.

/// The bundle in which the system keeps all its roots; `None` where it has none in a usual place, or where the caller's
/// environment names another: the TLS library then looks itself.
///
/// On its own that library reads the directory beside the bundle too, where each root is once more, in a file of its own
/// and by two names: on Debian that costs more than all else one certificate does.
pub(super) fn bundle() -> Option<Vec<u8>> {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|variable| std::env::var_os(variable).is_some()) {
        return None;
    }
    BUNDLES.iter().find_map(|path| std::fs::read(path).ok())
}

const BUNDLES: [&str; 4] = [
    // Debian and its kin, Alpine, Arch.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora and its kin, today's and older ones.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // openSUSE.
    "/etc/ssl/ca-bundle.pem",
];
