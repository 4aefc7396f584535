//! What the program runs on: `hydrant.yml`, environment and flags, resolved once.
//!
//! A front door ends in a [`Config`]. What differs between doors is in it as plain values, so that nothing behind it
//! asks which door it was.

pub mod account;
pub mod ca;
pub mod certificate;
pub mod dehydrated;
pub mod delivery;
pub mod duration;
pub mod environment;
pub mod file;
pub mod flags;
mod layer;
pub mod lecertvend;
mod nearest;
mod node;
pub mod pattern;
pub mod propagation;
pub mod resolve;
pub mod setting;
pub mod store;
pub mod tenants;
#[cfg(test)]
mod tests;
pub mod values;
pub mod written;
pub mod yaml;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use account::{AccountSettings, ExternalAccount};
pub use ca::Ca;
pub use certificate::{CertificateSettings, Certificates, Ocsp, Remarks};
pub use pattern::Pattern;
pub use propagation::Propagation;
pub use resolve::{Resolved, load, load_if_named};
pub use store::{SecretField, StoreKind, VaultSettings};
pub use values::{ChallengeType, Format, IpVersion, MacAlgorithm, Proxy};

use crate::hook::HookSettings;
use crate::identifier::CertName;

/// Everything a run needs to know, with all defaults applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings are independent of each other")]
pub struct Config {
    /// The directory below which everything is kept; absolute.
    pub base_dir: PathBuf,
    /// What keeps certificates, accounts and state.
    pub store: StoreKind,
    /// Where in Vault they are, if it is Vault that keeps them.
    pub vault: VaultSettings,
    /// Where certificates and their keys are kept.
    pub certs_dir: PathBuf,
    /// Where account keys are kept.
    pub accounts_dir: PathBuf,
    /// Where certificates that answer tls-alpn-01 are put for a TLS server to find.
    pub alpn_dir: PathBuf,
    /// Where the ledger is.
    pub state_dir: PathBuf,
    /// Where the list of certificates comes from.
    pub domains: DomainsSource,
    /// The configuration file, if there is one; hooks are told.
    pub config_path: Option<PathBuf>,
    /// How to reach the CA.
    pub network: Network,
    /// Who we are to the CA.
    pub account: AccountSettings,
    /// All hooks, in the order they are called.
    pub hooks: Vec<HookSettings>,
    /// Who is asked about the DNS; the system's resolvers when there are none.
    pub resolvers: Vec<SocketAddr>,
    /// How many certificates are in work at once; at least 1.
    pub jobs: usize,
    /// Whether certificates are worked on one after the other.
    pub hook_sequence: HookSequence,
    /// What the failure of one certificate means for those behind it.
    pub on_failure: OnFailure,
    /// Whether a certificate that failed is left alone for a while.
    pub backoff: bool,
    /// Who decides that a certificate is due.
    pub renewal: Renewal,
    /// How long it is from one run to the next, if the person said.
    pub cadence: Option<Duration>,
    /// Go through the staging CA; store and deliver nothing. CAs are the twins already.
    pub dry_run: bool,
    /// What is issued is for trying out. CAs are the twins already, directories are apart from production's.
    pub staging: bool,
    /// What facts are printed as.
    pub format: Format,
    /// The one file that a run has to lock, where the door has such a thing.
    pub lock: Option<PathBuf>,
    /// Which exit codes a run can end with.
    pub exit_codes: ExitCodes,
    /// What is done with superseded files at the end of a run over the whole list.
    pub auto_cleanup: AutoCleanup,
    /// The permissions that files and directories are made without.
    pub umask: u32,
    /// The environment that hooks get; `None` is that of this process.
    pub environment: Option<Vec<(OsString, OsString)>>,
    /// Whether hooks are given only those secrets of the caller's environment that they ask for.
    pub withhold_secrets: bool,
    /// What is said about single certificates.
    pub certificates: Certificates,
    /// Rules for who may ask for which name; they come on top of those from elsewhere.
    pub tenants: Option<Vec<tenants::Tenant>>,
}

/// Where the list of certificates comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainsSource {
    /// The command line: the names of one certificate.
    Arguments {
        /// Its names.
        names: Vec<String>,
        /// What it is kept under, if not its first name.
        alias: Option<String>,
    },
    /// A file, with the drop-in directory beside it.
    Path(PathBuf),
    /// The command line: the lines of a list.
    Text(String),
    /// Standard input.
    Stdin,
}

/// How to reach the CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// PEM files with roots that the CA's TLS certificate may chain to, and directories of such files.
    pub roots: Vec<PathBuf>,
    /// Trust only these.
    pub roots_only: bool,
    /// Do not verify the CA's TLS certificate.
    pub insecure: bool,
    /// The one version of IP to speak; `None` is both.
    pub family: Option<IpVersion>,
    /// The way there.
    pub proxy: Proxy,
    /// Hosts that are reached without the proxy; a comma-separated list as in `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// The address or network interface to speak from.
    pub source: Option<Source>,
    /// Addresses of hosts that are not looked up.
    pub resolve: Vec<(String, Vec<SocketAddr>)>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How many requests are with a CA at once; at least 1.
    pub in_flight: usize,
}

/// Where connections come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An address of this machine.
    Address(IpAddr),
    /// A network interface.
    Interface(String),
}

/// Whether certificates are worked on one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookSequence {
    /// Many at once; each keeps its own order of calls.
    Overlapping,
    /// One line of the list after the other, as dehydrated calls its hook.
    Strict,
}

/// What the failure of one certificate means for those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing.
    GoOn,
    /// They are not worked on.
    Stop,
}

/// Who decides that a certificate is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A fixed number of days before the end; how many is each certificate's `renew_days`.
    Days,
    /// `renew_before` where it is set, else the CA's renewal window (RFC 9773), else a part of the lifetime.
    Window,
}

/// What is done with superseded files at the end of a run over the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCleanup {
    /// Nothing.
    No,
    /// They are moved to the archive.
    Archive,
    /// They are deleted.
    Delete,
}

/// Which exit codes a run can end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCodes {
    /// dehydrated's: 0, or 1 for every failure; after a signal the process ends by it.
    Dehydrated,
    /// hydrant's own, which tell apart what to do about a failure.
    Hydrant,
    /// lecertvend's: 0 or 1.
    Lecertvend,
}

impl ExitCodes {
    /// Whether a hook that fails at the end of a run makes it a failed run; under dehydrated it is only said
    /// (contract 4.4).
    #[must_use]
    pub fn count_exit_hook(self) -> bool {
        self != Self::Dehydrated
    }
}

impl Config {
    /// What a run in `base_dir` does when nobody says anything. `base_dir` is absolute.
    #[must_use]
    pub fn in_directory(base_dir: &Path) -> Self {
        Self {
            store: StoreKind::Files,
            vault: VaultSettings::default(),
            certs_dir: base_dir.join("certs"),
            accounts_dir: base_dir.join("accounts"),
            alpn_dir: base_dir.join("alpn-certs"),
            state_dir: base_dir.join(".hydrant"),
            domains: DomainsSource::Path(base_dir.join("domains.txt")),
            base_dir: base_dir.to_owned(),
            config_path: None,
            network: Network {
                roots: Vec::new(),
                roots_only: false,
                insecure: false,
                family: None,
                proxy: Proxy::Environment,
                no_proxy: None,
                source: None,
                resolve: Vec::new(),
                request_timeout: Duration::from_secs(30),
                connect_timeout: Duration::from_secs(10),
                in_flight: 16,
            },
            account: AccountSettings::default(),
            hooks: Vec::new(),
            resolvers: Vec::new(),
            jobs: 256,
            hook_sequence: HookSequence::Overlapping,
            on_failure: OnFailure::GoOn,
            backoff: true,
            renewal: Renewal::Window,
            cadence: None,
            dry_run: false,
            staging: false,
            format: Format::Text,
            lock: None,
            exit_codes: ExitCodes::Hydrant,
            auto_cleanup: AutoCleanup::No,
            umask: 0o077,
            environment: None,
            withhold_secrets: true,
            certificates: Certificates::default(),
            tenants: None,
        }
    }

    /// Where in Vault a certificate is kept, mount included, if it is Vault that keeps it.
    #[must_use]
    pub fn secret_of(&self, name: &CertName) -> Option<String> {
        let VaultSettings { mount, prefix, elsewhere, .. } = &self.vault;
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let path = elsewhere.get(name).cloned().unwrap_or_else(|| format!("{folder}{name}"));
        (self.store == StoreKind::Vault).then(|| format!("{mount}/{path}"))
    }

    /// A variable of the environment that hooks get, if it is text.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.environment {
            None => std::env::var_os(name),
            Some(variables) => {
                variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
            }
        };
        value?.into_string().ok()
    }

    /// The settings of one certificate.
    #[must_use]
    pub fn certificate(&self, name: &CertName) -> CertificateSettings {
        self.certificates.settings(name)
    }

    /// The settings of a certificate that nothing particular is said about.
    #[must_use]
    pub fn everywhere(&self) -> CertificateSettings {
        let mut settings = self.certificates.base.clone();
        settings.apply(&self.certificates.above);
        settings
    }

    /// How long it is from one run to the next: a day, if nobody says otherwise.
    #[must_use]
    pub fn cadence(&self) -> Duration {
        self.cadence.unwrap_or(Duration::from_hours(24))
    }
}

/// The file that is shipped to be copied.
#[cfg(test)]
pub(crate) const EXAMPLE: &str = include_str!("../../examples/hydrant.yml");
