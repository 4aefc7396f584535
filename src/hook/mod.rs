//! Starts other programs: hooks answer challenges and deliver certificates.
//!
//! The contract on the wire is dehydrated's: the operation is the first argument, its arguments follow, exit code 0
//! means done (`hydrant_hook_protocol` has it as types). Read on in this order:
//!
//! - [`Hooks`]: all hooks of a run, asked for one operation of one certificate;
//! - `call`: one hook: its turn, its retries, what its exit code means;
//! - `challenge`, `batch`: how many challenges go into one call, and what becomes of each;
//! - `environment`: what a hook sees;
//! - `process`, `lines`, `program`: one process, what it prints, where it is found.
//!
//! # Environment of a hook
//!
//! The environment of hydrant's caller, without what is withheld; dehydrated's exports; the hook's own `env:`; and the
//! facts of the call. A later one wins.
//!
//! | Variable | Where | Is |
//! |---|---|---|
//! | `WELLKNOWN` `BASEDIR` `CERTDIR` `ALPNCERTDIR` `CONFIG` `COMMAND` | every call | as dehydrated exports them |
//! | `alias` | calls for a certificate | the name it is kept under |
//! | `altnames` | calls for a certificate | all its names, separated by blanks |
//! | `CHALLENGETYPE` `KEY_ALGO` `PRIVATE_KEY_ROLLOVER` | calls for a certificate | as dehydrated writes them |
//! | `HYDRANT_PROTOCOL` | every call | `1` |
//! | `HYDRANT_HOOK` | every call | the configured name of the hook |
//! | `HYDRANT_CA` | every call | the directory URL of the CA |
//! | `HYDRANT_DRY_RUN` | every call of a dry run | `1` |
//! | `HYDRANT_CERTIFICATE` | calls for a certificate | the name it is kept under |
//! | `HYDRANT_NAMES` | calls for a certificate | all its names, separated by blanks |
//! | `HYDRANT_CHALLENGE` | calls for a certificate, batches | the type of its challenges |
//! | `HYDRANT_ATTEMPT` | calls for a certificate | which attempt at it this is, from 1 |
//! | `HYDRANT_OWNER` | calls for a certificate | its owner, where one is configured |
//! | `HYDRANT_RECORD_NAME` | calls with a single dns-01 challenge | `_acme-challenge.` and the name |
//! | `HYDRANT_BATCH` `HYDRANT_RESULTS` | batches | files with facts, and for results |
//! | `HYDRANT_CHANGED` | `exit_hook` | the certificates that changed, separated by blanks |

mod batch;
mod call;
mod challenge;
mod environment;
mod error;
mod lines;
mod process;
mod program;
mod redact;
mod stop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

pub use hydrant_hook_protocol::{Chaining, Operation};
use hydrant_hook_protocol::{HookCall, env};
use serde::{Deserialize, Serialize};

pub use batch::Approach;
use call::{Hook, Shared};
pub use error::{HookError, NameFailure};
pub use lines::Stream;
pub use process::Status;
pub use program::{Program, ProgramError};
pub use redact::Redaction;
pub use stop::{Stop, StopHandle};
pub use trial::{Trial, Trials};

use crate::identifier::{CertName, Identifier};

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
    /// One certificate after the other, as under dehydrated: hooks inherit hydrant's input and output, and those that
    /// announce nothing are probed again for every line.
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
    /// Who owns it.
    pub owner: Option<&'a str>,
}

impl Facts<'_> {
    /// The first name as hooks get it, dehydrated's "primary".
    fn primary(&self) -> String {
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

/// All hooks of a run, in the order in which they are called.
pub struct Hooks {
    hooks: Vec<Rc<Hook>>,
}

impl Hooks {
    /// Finds every hook and probes it.
    ///
    /// # Errors
    /// When one is missing, not executable, fails at the probe, or announces nonsense. Of several missing ones all are
    /// named.
    pub async fn start(
        settings: Vec<HookSettings>,
        context: HookContext,
        lines: LineSink,
    ) -> Result<Self, HookError> {
        let shared = Rc::new(Shared::new(context, lines));
        let found = settings.into_iter().map(|settings| Hook::find(settings, &shared));
        let (found, missing): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        HookError::all(missing.into_iter().filter_map(Result::err).collect())?;
        let mut hooks = Vec::new();
        for mut hook in found.into_iter().flatten() {
            if shared.context.probe {
                hook.probe().await?;
            }
            hooks.push(Rc::new(hook));
        }
        Ok(Self { hooks })
    }

    /// Whether any hook is to be called for this operation.
    #[must_use]
    pub fn wants(&self, operation: Operation) -> bool {
        self.hooks.iter().any(|hook| hook.wants(operation))
    }

    /// The names of the hooks that are called for this operation, in order.
    #[must_use]
    pub fn wanting(&self, operation: Operation) -> Vec<&str> {
        self.hooks.iter().filter(|hook| hook.wants(operation)).map(|hook| hook.name()).collect()
    }

    /// To whom certificates are delivered: the hooks that are called for `deploy_cert`.
    #[must_use]
    pub fn destinations(&self) -> Vec<&str> {
        self.wanting(Operation::DeployCert)
    }

    /// Whether every hook that deploys challenges returns only when the CA can see them.
    #[must_use]
    pub fn visible_on_return(&self) -> bool {
        let mut deploying = self.hooks.iter().filter(|hook| hook.wants(Operation::DeployChallenge));
        deploying.all(|hook| hook.announced().is_some_and(|said| said.visible_on_return))
    }

    /// `startup_hook`: a run begins.
    ///
    /// # Errors
    /// The first failure; later hooks are not called.
    pub async fn startup(&self) -> Result<(), HookError> {
        for hook in self.hooks_for(Operation::StartupHook) {
            hook.call(&HookCall::StartupHook, None, &[]).await?;
        }
        Ok(())
    }

    /// `exit_hook`: a run ends. `changed` are the certificates that changed in it, `error` is why it ends early.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn exit(&self, changed: &[CertName], error: Option<&str>) -> Result<(), HookError> {
        let names: Vec<_> = changed.iter().map(CertName::as_str).collect();
        let changed = [(env::CHANGED, names.join(" "))];
        let call = HookCall::ExitHook { error: error.map(environment::as_argument) };
        let mut failures = Vec::new();
        for hook in self.hooks_for(Operation::ExitHook) {
            failures.extend(hook.call(&call, None, &changed).await.err());
        }
        HookError::all(failures)
    }

    /// `generate_csr`: the text with the first CSR (PEM) that a hook gives, if one does.
    ///
    /// In a strict sequence hooks that announce nothing are probed again first, as dehydrated does for every line.
    ///
    /// # Errors
    /// The first failure.
    pub async fn generate_csr(&self, facts: &Facts<'_>, certdir: &Path) -> Result<Option<String>, HookError> {
        let call = HookCall::GenerateCsr {
            domain: facts.primary(),
            certdir: certdir.display().to_string(),
            names: facts.names.iter().map(ToString::to_string).collect(),
        };
        for hook in &self.hooks {
            hook.probe_for_line(facts).await?;
            if !hook.wants(Operation::GenerateCsr) {
                continue;
            }
            let text = hook.call(&call, Some(facts), &[]).await?;
            // Without such a line what was printed is no CSR and, as under dehydrated, of no account.
            let header = |line: &str| {
                let line = line.trim_end();
                line.starts_with("-----BEGIN ") && line.ends_with("CERTIFICATE REQUEST-----")
            };
            if text.lines().any(header) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Registers a certificate that may yet join a batch of challenges. Batches wait a moment for it; drop it as soon as
    /// it is clear that the certificate will not join.
    #[must_use]
    pub fn approach(&self) -> Approach {
        Approach::new(&self.hooks)
    }

    /// `deploy_challenge`: makes the answers visible, by every hook that wants it, one hook after the other.
    ///
    /// From the moment of the call cleaning is owed, whatever this returns.
    ///
    /// # Errors
    /// The first failure; later hooks are not called.
    pub async fn deploy_challenges(
        &self,
        facts: &Facts<'_>,
        answers: &[Answer],
        mut approach: Approach,
    ) -> Result<(), HookError> {
        for (index, hook) in self.hooks.iter().enumerate() {
            let coming = approach.take(index);
            if hook.wants(Operation::DeployChallenge) {
                challenge::deploy(hook, facts, answers, coming).await?;
            }
        }
        Ok(())
    }

    /// `clean_challenge`: takes the answers away, by every hook that wants it.
    ///
    /// # Errors
    /// All failures; every answer is tried with every hook. [`HookError::hooks`] tells who still owes it.
    pub async fn clean_challenges(&self, facts: &Facts<'_>, answers: &[Answer]) -> Result<(), HookError> {
        self.clean_challenges_of(&self.wanting(Operation::CleanChallenge), facts, answers).await
    }

    /// The same by the named hooks alone: what an earlier run left. Names that belong to no hook of this run are passed
    /// over; the caller knows them from [`Self::wanting`].
    ///
    /// # Errors
    /// All failures.
    pub async fn clean_challenges_of(
        &self,
        hooks: &[&str],
        facts: &Facts<'_>,
        answers: &[Answer],
    ) -> Result<(), HookError> {
        let mut failures = Vec::new();
        for hook in self.hooks_for(Operation::CleanChallenge) {
            if hooks.contains(&hook.name()) {
                failures.extend(challenge::clean(hook, facts, answers).await.err());
            }
        }
        HookError::all(failures)
    }

    /// `invalid_challenge`: the CA refused the answer for `name` and said `response`.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn invalid_challenge(
        &self,
        facts: &Facts<'_>,
        name: &Identifier,
        response: &str,
    ) -> Result<(), HookError> {
        let response = environment::as_argument(response);
        let call = HookCall::InvalidChallenge { domain: name.to_string(), response };
        let mut failures = Vec::new();
        for hook in self.hooks_for(Operation::InvalidChallenge) {
            failures.extend(hook.call(&call, Some(facts), &[]).await.err());
        }
        HookError::all(failures)
    }

    /// `sync_cert`: new files are on disk, the links still show the old ones.
    ///
    /// # Errors
    /// The first failure.
    pub async fn sync_cert(&self, facts: &Facts<'_>, files: &CertificateFiles<'_>) -> Result<(), HookError> {
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::SyncCert {
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
            csr: path(files.csr),
        };
        for hook in self.hooks_for(Operation::SyncCert) {
            hook.call(&call, Some(facts), &[]).await?;
        }
        Ok(())
    }

    /// `deploy_cert` to one destination. `timestamp` is that of the certificate's files.
    ///
    /// # Errors
    /// When the hook fails, or no hook of that name wants deliveries.
    pub async fn deploy_cert(
        &self,
        destination: &str,
        facts: &Facts<'_>,
        files: &CertificateFiles<'_>,
        timestamp: u64,
    ) -> Result<Delivered, HookError> {
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::DeployCert {
            domain: facts.primary(),
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
            timestamp,
        };
        let hook = self.destination(destination, Operation::DeployCert)?;
        hook.call(&call, Some(facts), &[]).await?;
        Ok(Delivered { verified: hook.announced().is_some_and(|said| said.verifies_delivery) })
    }

    /// `unchanged_cert` to one destination; nothing when that hook does not want it.
    ///
    /// # Errors
    /// When the hook fails.
    pub async fn unchanged_cert(
        &self,
        destination: &str,
        facts: &Facts<'_>,
        files: &CertificateFiles<'_>,
    ) -> Result<(), HookError> {
        let Ok(hook) = self.destination(destination, Operation::UnchangedCert) else { return Ok(()) };
        let path = |path: &Path| path.display().to_string();
        let call = HookCall::UnchangedCert {
            domain: facts.primary(),
            key: path(files.key),
            cert: path(files.cert),
            fullchain: path(files.fullchain),
            chain: path(files.chain),
        };
        hook.call(&call, Some(facts), &[]).await?;
        Ok(())
    }

    /// `request_failure`: the CA answered with an error. `method` is `get`, `head` or `post`.
    ///
    /// # Errors
    /// All failures; every hook is called.
    pub async fn request_failure(
        &self,
        facts: Option<&Facts<'_>>,
        failure: &RequestFailure<'_>,
    ) -> Result<(), HookError> {
        // An answer to HEAD has no body: dehydrated puts the headers there and leaves their own place empty.
        let (body, headers) = match failure.method {
            "head" => (failure.headers, ""),
            _ => (failure.body, failure.headers),
        };
        let call = HookCall::RequestFailure {
            status: failure.status.to_string(),
            body: environment::as_argument(body),
            method: failure.method.to_owned(),
            headers: environment::as_argument(headers),
        };
        let mut failures = Vec::new();
        for hook in self.hooks_for(Operation::RequestFailure) {
            failures.extend(hook.call(&call, facts, &[]).await.err());
        }
        HookError::all(failures)
    }

    fn hooks_for(&self, operation: Operation) -> impl Iterator<Item = &Rc<Hook>> {
        self.hooks.iter().filter(move |hook| hook.wants(operation))
    }

    fn destination(&self, name: &str, operation: Operation) -> Result<&Rc<Hook>, HookError> {
        let hook = self.hooks_for(operation).find(|hook| hook.name() == name);
        hook.ok_or_else(|| HookError::NoSuchHook { hook: name.to_owned(), operation })
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.hooks.iter().map(|hook| hook.name())).finish()
    }
}

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
