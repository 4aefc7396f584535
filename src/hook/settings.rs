//! What hooks are told: how they are configured, what a run and a certificate have in common for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hydrant_hook_protocol::{Chaining, Operation};
use serde::{Deserialize, Serialize};

use super::lines::Stream;
use super::redact::Redaction;
use super::stop::Stop;
use crate::identifier::{CertName, Identifier};
use crate::key::Secret;

/// One hook, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// What it is called in messages, in the ledger and in `HYDRANT_HOOK`. Unique among the hooks of a run.
    pub name: String,
    /// A path, or a bare name that is looked up in `PATH`.
    pub command: PathBuf,
    /// The operations it is called for; `None`: all that it wants.
    pub operations: Option<Vec<Operation>>,
    /// Variables for this hook alone.
    pub env: BTreeMap<String, String>,
    /// The same with what must not be seen.
    pub secret_env: BTreeMap<String, Secret>,
    /// Withheld variables that it is given all the same.
    pub pass_env: Vec<String>,
    /// When set, it sees of the caller's environment only these, those of `pass_env`, and a few that every program
    /// needs, such as `PATH`.
    pub env_only: Option<Vec<String>>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How often a call that ends with exit code 75 (try again later) is repeated at once.
    pub retries: u32,
    /// How many challenges it is given in one call. `None`: as many as it announces; one, if it announces nothing.
    pub chain: Option<Chaining>,
}

/// What all hooks of a run share.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct HookContext {
    /// The environment of hydrant's caller.
    pub environment: Vec<(OsString, OsString)>,
    /// dehydrated's exports: `WELLKNOWN BASEDIR CERTDIR ALPNCERTDIR CONFIG COMMAND`, those that apply.
    pub exports: BTreeMap<String, String>,
    /// Variables of the caller that only hooks with a matching `pass_env` see. Empty through the dehydrated door.
    pub withheld: BTreeSet<String>,
    /// What is not to be shown.
    pub redaction: Redaction,
    /// Whether nothing is stored or delivered in this run.
    pub dry_run: bool,
    /// The directory URL of the CA for calls that belong to no certificate.
    pub ca: String,
    /// Whether certificates overlap.
    pub sequence: Sequence,
    /// In a strict sequence: whether stdout is not for hooks, which then write to stderr.
    pub stdout_taken: bool,
    /// In a strict sequence: whether `altnames` stays set for the calls after a certificate, as under dehydrated without
    /// `--keep-going`.
    pub names_stay: bool,
    /// In a strict sequence: whether the names are all there is to say of a certificate, since it is kept nowhere.
    pub only_names: bool,
    /// Whether hooks are probed. dehydrated does so in `--cron` only.
    pub probe: bool,
    /// How long a hook that must end is given after TERM.
    pub grace: Duration,
    /// When the run is to end.
    pub stop: Stop,
}

impl HookContext {
    /// A context with the environment of this process, nothing withheld, and certificates that overlap.
    #[must_use]
    pub fn new(ca: impl Into<String>, stop: Stop) -> Self {
        Self {
            environment: std::env::vars_os().collect(),
            exports: BTreeMap::new(),
            withheld: BTreeSet::new(),
            redaction: Redaction::default(),
            dry_run: false,
            ca: ca.into(),
            sequence: Sequence::Overlapping,
            stdout_taken: false,
            names_stay: false,
            only_names: false,
            probe: true,
            grace: Duration::from_secs(5),
            stop,
        }
    }
}

/// Whether the calls for several certificates overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// They do; output is passed on line by line, and hooks read nothing.
    Overlapping,
    /// One certificate after the other, as under dehydrated: hooks that announce nothing inherit hydrant's input and
    /// output, and are probed again for every line.
    Strict,
}

/// What a hook may know about the certificate it is called for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The name it is kept under.
    pub name: &'a CertName,
    /// All its names. Not empty.
    pub names: &'a [Identifier],
    /// The type of its challenges.
    pub challenge: &'a str,
    /// Its key algorithm in dehydrated's words: `rsa`, `prime256v1`, `secp384r1`, `secp521r1`.
    pub key_algo: &'a str,
    /// Whether a key is made ready for the certificate after it.
    pub key_rollover: bool,
    /// The directory URL of its CA.
    pub ca: &'a str,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// Where files that answer http-01 are put.
    pub webroot: Option<&'a Path>,
    /// Who owns it.
    pub owner: Option<&'a str>,
    /// The names of the hooks it is given to; `None`: all of the run.
    pub hooks: Option<&'a [String]>,
}

impl Facts<'_> {
    /// Whether the certificate is given to the hook of this name.
    pub(super) fn uses(&self, hook: &str) -> bool {
        self.hooks.is_none_or(|hooks| hooks.iter().any(|name| name == hook))
    }

    /// The first name as hooks get it, dehydrated's "primary".
    pub(super) fn primary(&self) -> String {
        self.names.first().map(ToString::to_string).unwrap_or_default()
    }
}

/// What a hook deploys so that the CA finds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// The name to prove, without `*.`; for an address under tls-alpn-01 its reverse-DNS name.
    pub identifier: String,
    /// The challenge's token.
    pub token: String,
    /// The content of the TXT record or of the file; for tls-alpn-01 the digest in hexadecimal with colons.
    pub value: String,
    /// Whether it is for the wildcard of `identifier`.
    pub wildcard: bool,
    /// The name of the TXT record where it is not dns-01's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

impl Answer {
    /// The name of the TXT record; None for challenges that are answered otherwise.
    #[must_use]
    pub fn record_name(&self, challenge: &str) -> Option<String> {
        self.record.clone().or_else(|| (challenge == "dns-01").then(|| dns01_record(&self.identifier)))
    }
}

/// The name of the TXT record that answers dns-01 (RFC 8555 §8.4).
#[must_use]
pub fn dns01_record(identifier: &str) -> String {
    format!("_acme-challenge.{identifier}")
}

/// The files of a certificate, as hooks are told of them.
#[derive(Clone, Copy, Debug)]
pub struct CertificateFiles<'a> {
    /// The private key.
    pub key: &'a Path,
    /// The certificate alone.
    pub cert: &'a Path,
    /// The certificate and its chain.
    pub fullchain: &'a Path,
    /// The chain without the certificate.
    pub chain: &'a Path,
    /// The CSR.
    pub csr: &'a Path,
}

/// That a certificate was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Whether the hook saw it in use, rather than only ending with success.
    pub verified: bool,
}

/// A line that a hook printed.
#[derive(Clone, Copy, Debug)]
pub struct HookLine<'a> {
    /// The configured name of the hook.
    pub hook: &'a str,
    /// The certificate it was called for; `None` for calls of the run and for batches.
    pub certificate: Option<&'a str>,
    /// Where it printed the line.
    pub stream: Stream,
    /// The line without its end and without secrets.
    pub text: &'a str,
    /// Whether the line goes on: a prompt, or a very long line. What follows comes as a line of its own.
    pub partial: bool,
}

/// Shows the lines that hooks print.
pub type LineSink = Rc<dyn Fn(HookLine<'_>)>;

/// An answer of the CA that ended an attempt.
#[derive(Clone, Copy, Debug)]
pub struct RequestFailure<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `get`, `head` or `post`.
    pub method: &'a str,
    /// The body.
    pub body: &'a str,
    /// The headers, a line each.
    pub headers: &'a str,
}
