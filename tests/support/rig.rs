use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hydrant_rig::ChallengeServer;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A CA with its DNS, on an address of its own. It stops when it is dropped, or when the test program ends in any
/// other way: `tests/rig/up --hold` watches its standard input.
pub(crate) struct Rig {
    holder: Child,
    environment: BTreeMap<String, String>,
    directory: TempDir,
}

impl Rig {
    /// A CA that rejects no good nonce and sends no Retry-After.
    #[track_caller]
    pub(crate) fn start() -> Rig {
        Rig::with(&["--nonce-reject", "0"])
    }

    /// A CA behind the fault proxy: see [`faults`](Self::faults).
    #[track_caller]
    pub(crate) fn with_faults() -> Rig {
        Rig::with(&["--nonce-reject", "0", "--faults"])
    }

    /// A CA with options of `tests/rig/up`.
    #[track_caller]
    pub(crate) fn with(options: &[&str]) -> Rig {
        let directory = TempDir::with_prefix("hydrant-rig-").unwrap();
        let mut holder = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/up"))
            .arg("--hold")
            .arg("--dir")
            .arg(directory.path())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/rig/up runs where tests/rig/install has run");
        let environment = BufReader::new(holder.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "# ready")
            .map(|line| variable(&line))
            .collect::<BTreeMap<_, _>>();
        if environment.is_empty() {
            drop(holder.wait());
            panic!("the rig did not start (see above); has tests/rig/install run?");
        }
        Rig { holder, environment, directory }
    }

    /// What `tests/rig/up` prints.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The directory URL of the CA.
    pub(crate) fn ca(&self) -> &str {
        &self.environment["HYDRANT_CA"]
    }

    /// The loopback address that everything of this rig listens on.
    pub(crate) fn address(&self) -> &str {
        &self.environment["RIG_ADDRESS"]
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The PEM file of the roots that the CA issues from, the preferred one first.
    pub(crate) fn roots(&self) -> &Path {
        Path::new(&self.environment["RIG_ROOT"])
    }

    /// How many certificates the CA has issued.
    pub(crate) fn certificates_issued(&self) -> usize {
        self.log().lines().filter(|line| line.contains("Issued certificate serial")).count()
    }

    /// How many orders the CA has taken.
    pub(crate) fn orders_made(&self) -> usize {
        self.log().lines().filter(|line| line.contains("Added order")).count()
    }

    /// The requests that the CA has had, such as `POST /order-plz`, without what follows the resource's kind.
    pub(crate) fn requests_at_ca(&self) -> Vec<String> {
        let log = self.log();
        log.lines()
            .filter_map(|line| line.strip_suffix(" -> calling handler()"))
            // Pebble YYYY/MM/DD HH:MM:SS METHOD PATH
            .filter_map(|line| line.splitn(4, ' ').nth(3))
            .map(str::to_owned)
            .collect()
    }

    /// All that the CA has printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("pebble.log")).unwrap()
    }

    /// The rig's DNS, to set and remove values.
    pub(crate) fn dns(&self) -> ChallengeServer {
        let variable = |name: &str| self.environment[name].as_str();
        ChallengeServer::connect(variable("RIG_DNS_API"), variable("RIG_DNS"), self.directory.path()).unwrap()
    }

    /// The TXT values of `_acme-challenge.NAME`: empty once all is cleaned.
    pub(crate) fn challenges(&self, name: &str) -> Vec<String> {
        self.dns().values(&format!("_acme-challenge.{name}")).unwrap()
    }

    /// The key that the CA issues with, PEM.
    #[track_caller]
    pub(crate) fn issuing_key(&self) -> String {
        self.management(&[], "/intermediate-keys/0")
    }

    /// Makes the CA answer for a certificate's renewal information with `answer`, which need not even be JSON.
    #[track_caller]
    pub(crate) fn set_renewal_info(&self, certificate_pem: &str, answer: &str) {
        let body = json!({ "Certificate": certificate_pem, "ARIResponse": answer }).to_string();
        self.management(&["--data-binary", &body], "/set-renewal-info/");
    }

    /// What the CA says of a certificate: `Valid` or `Revoked`, with reason. The serial is hexadecimal.
    #[track_caller]
    pub(crate) fn certificate_status(&self, serial: &str) -> Value {
        serde_json::from_str(&self.management(&[], &format!("/cert-status-by-serial/{serial}"))).unwrap()
    }

    #[track_caller]
    fn management(&self, arguments: &[&str], path: &str) -> String {
        let url = format!("{}{path}", self.environment["RIG_PEBBLE_MANAGEMENT"]);
        curl(
            Command::new("curl")
                .arg("--cacert")
                .arg(&self.environment["HYDRANT_CA_ROOTS"])
                .args(arguments)
                .arg(url),
        )
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Closing its stdin stops the rig.
        drop(self.holder.stdin.take());
        drop(self.holder.wait());
    }
}

/// A line of `tests/rig/up`: `export NAME=VALUE`; no value of a rig needs quotes.
fn variable(line: &str) -> (String, String) {
    let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
    assert!(!value.contains('\''), "a quoted value: {line}");
    (name.to_owned(), value.to_owned())
}

/// Runs curl, with a deadline and without a proxy; gives the body.
#[track_caller]
pub(super) fn curl(command: &mut Command) -> String {
    let output = command
        .args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "--max-time", "20"])
        .output();
    let output = output.expect("tests/rig/install installs curl");
    let body = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}\n{body}\n{}", String::from_utf8_lossy(&output.stderr));
    body
}
