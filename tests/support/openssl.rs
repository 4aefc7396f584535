use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::rig::Rig;

/// What openssl reads in the first certificate of a PEM file.
pub(crate) struct CertificateFacts {
    /// DNS names and addresses, as openssl writes them.
    pub(crate) names: BTreeSet<String>,
    pub(crate) public_key: String,
    /// Hexadecimal.
    pub(crate) serial: String,
    pub(crate) issuer: String,
    /// The whole text, for what is not above.
    pub(crate) text: String,
}

impl CertificateFacts {
    #[track_caller]
    pub(crate) fn of(file: &Path) -> CertificateFacts {
        let x509 = |options: &[&str]| {
            openssl(Command::new("openssl").args(["x509", "-noout", "-in"]).arg(file).args(options))
        };
        let text = x509(&["-text", "-certopt", "no_pubkey,no_sigdump", "-nameopt", "RFC2253"]);
        let names = x509(&["-ext", "subjectAltName"]);
        let names = names.lines().nth(1).unwrap_or_default().split(", ");
        let value =
            |option| x509(&[option, "-nameopt", "RFC2253"]).trim().split_once('=').unwrap().1.to_owned();
        CertificateFacts {
            names: names.filter_map(|name| Some(name.trim().split_once(':')?.1.to_owned())).collect(),
            public_key: x509(&["-pubkey"]),
            serial: value("-serial"),
            issuer: value("-issuer"),
            text,
        }
    }
}

/// A directory of the file store holds one good certificate, as [`assert_good_set`] has it, and nobody else can read
/// any of it.
#[track_caller]
pub(crate) fn assert_good_pair(rig: &Rig, directory: &Path, names: &[&str]) {
    assert_good_set(rig, directory, names);
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for name in ["privkey.pem", "cert.pem", "chain.pem", "fullchain.pem", "cert.csr"] {
        let file = directory.join(name);
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// The files of one good certificate: the chain verifies to a root of the CA, `fullchain.pem` is the certificate and its
/// chain, the key is its key, the names are these.
#[track_caller]
pub(crate) fn assert_good_set(rig: &Rig, directory: &Path, names: &[&str]) {
    let file = |name: &str| directory.join(name);
    let read = |name: &str| {
        fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{}: {error}", file(name).display()))
    };
    openssl(
        Command::new("openssl")
            .args(["verify", "-no-CApath", "-no-CAstore", "-CAfile"])
            .arg(rig.roots())
            .arg("-untrusted")
            .args([file("chain.pem"), file("cert.pem")]),
    );
    assert_eq!(read("fullchain.pem"), read("cert.pem") + &read("chain.pem"), "{}", directory.display());

    let certificate = CertificateFacts::of(&file("cert.pem"));
    let key = openssl(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(file("privkey.pem")));
    assert_eq!(certificate.public_key, key, "{}: the key is another one's", directory.display());
    let names: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(certificate.names, names, "{}", directory.display());
}

/// The permissions of a file, or of what a link shows.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

#[track_caller]
pub(crate) fn openssl(command: &mut Command) -> String {
    let output = command.output().expect("tests/rig/install installs openssl");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}
