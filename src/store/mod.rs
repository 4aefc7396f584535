//! Where certificates and their records live.
//!
//! A certificate is in use as a set of five: key, certificate, chain, full chain and CSR. [`Leased::stage`] makes a new
//! set durable beside the one in use, [`Leased::switch`] puts it in its place. What it means to be stored is the store's
//! own affair: files and links here, one secret with one version elsewhere. Hooks get paths in any case.

pub mod atomic;
pub mod files;
pub mod lockfile;
pub mod transient;
pub mod vault;

mod accounts;
mod lease;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;

use crate::chain::{Chain, ChainError, Leaf};
use crate::error::ErrorKind;
use crate::hook::CertificateFiles;
use crate::identifier::CertName;
use crate::key::Secret;
use crate::ledger::{CertificateKey, Record, RecordError, Staged};
pub use accounts::{Accounts, StoredAccount};
use atomic::FileError;
pub use lease::Lease;

/// A future of a store's method. The runtime has one thread, so it need not be `Send`.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where certificates and their records live.
pub trait Store {
    /// What is known about a certificate. Read without its lease, this may be outdated a moment later, or show a switch
    /// half way: before acting on it, take the lease and look at [`Leased::loaded`].
    fn load<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Loaded, StoreError>>;

    /// The same for many, in the order of `names`. The outer error is for a store that cannot be read at all.
    fn load_all<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<Vec<LoadResult>, StoreError>>;

    /// These will be loaded, part by part: what can be learned of all of them at once is learned now. Nothing is kept of
    /// what was said before.
    fn foresee<'a>(&'a self, _names: &'a [CertName]) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Every certificate that has a record, declared or not, but those that the caller knows of.
    fn recorded<'a>(&'a self, known: &'a [CertName]) -> Pending<'a, Result<Vec<CertName>, StoreError>>;

    /// Makes sure that the certificate has a directory that hooks can work in, and gives it.
    fn prepare<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<PathBuf, StoreError>>;

    /// The files of the certificate in use, where hooks can read them.
    fn files<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Paths, StoreError>>;

    /// Takes the certificate's lease, unless another run has it.
    fn lease<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<LeaseOutcome, StoreError>>;

    /// Takes the certificate's lease, waiting up to `patience` for another run to give it back.
    fn lease_wait<'a>(
        &'a self,
        name: &'a CertName,
        patience: Duration,
    ) -> Pending<'a, Result<LeaseOutcome, StoreError>>;

    /// Waits until every lease that was dropped is given back.
    fn settle(&self) -> Pending<'_, ()> {
        Box::pin(async {})
    }
}

/// What [`Store::load_all`] has to say about one certificate.
pub type LoadResult = Result<Loaded, StoreError>;

/// The answer to a request for a lease.
pub enum LeaseOutcome {
    /// It is ours until dropped.
    Taken(Box<dyn Leased>),
    /// Another run has it: who that is, for people.
    HeldBy(String),
}

/// A certificate nobody else works on. The lease ends when this is dropped.
pub trait Leased {
    /// What was known when the lease was taken, kept up to date by the methods below.
    fn loaded(&self) -> &Loaded;

    /// Replaces the record, durably.
    fn save<'a>(&'a mut self, record: &'a Record) -> Pending<'a, Result<(), StoreError>>;

    /// A timestamp for new files: `now` (seconds since the epoch), or the next one later than all files there are.
    fn fresh_timestamp(&mut self, now: i64) -> Pending<'_, Result<u64, StoreError>>;

    /// Makes a new certificate durable, at the latest with the next [`Leased::save`]; the one in use stays in use. May be
    /// repeated with the same timestamp.
    fn stage<'a>(
        &'a mut self,
        timestamp: u64,
        key: &'a CertificateKey,
        csr: &'a str,
        chain: &'a Chain,
    ) -> Pending<'a, Result<(), StoreError>>;

    /// The files of what was staged, for `sync_cert`.
    ///
    /// Fails with [`StoreError::NotStaged`] when they are gone.
    fn staged<'a>(&'a mut self, staged: &'a Staged) -> Pending<'a, Result<Paths, StoreError>>;

    /// Puts to use what was staged. May be repeated to complete a switch.
    ///
    /// Fails with [`StoreError::NotStaged`], having changed nothing, when it is not all there.
    fn switch(&mut self, timestamp: u64) -> Pending<'_, Result<(), StoreError>>;

    /// The files of the certificate in use, for `deploy_cert`.
    fn files(&self) -> Pending<'_, Result<Paths, StoreError>>;

    /// The private key in use, PEM.
    fn existing_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>>;

    /// The private key that was made ready for the next issue, PEM. A store without a place for it has none.
    fn next_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    /// What a response about the certificate's revocation is asked and checked with. A store that keeps no responses
    /// has none, and neither is there one without a certificate.
    fn stapling(&self) -> Pending<'_, Result<Option<Stapling>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    /// Keeps a response. Called only where there is a [`Stapling`].
    fn save_response<'a>(
        &'a mut self,
        _timestamp: u64,
        _response: &'a [u8],
    ) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    /// Replaces the key that is ready for the next issue, or removes it.
    fn save_next_key<'a>(&'a mut self, _key: Option<&'a Secret>) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// What belongs to OCSP stapling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stapling {
    /// The certificate and its chain, PEM.
    pub fullchain: String,
    /// Where the response is for hooks, whether there is one or not.
    pub path: PathBuf,
    /// The response that is kept, DER.
    pub response: Option<Vec<u8>>,
}

/// What is known about a certificate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The certificate in use. `None` also when it is there but cannot be understood; `damage` then says so.
    pub stored: Option<Stored>,
    /// What is wrong with the set in use.
    pub damage: Option<Damage>,
    /// Its record; the default when there is none.
    pub record: Record,
}

impl Loaded {
    /// What was found, where it is no damage that a hook keeps the key.
    pub(crate) fn new(stored: Option<Stored>, damage: Option<Damage>, record: Record) -> Self {
        let damage = damage.filter(|damage| !(record.foreign_key && *damage == Damage::KeyMissing));
        Self { stored, damage, record }
    }
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it says.
    pub leaf: Leaf,
    /// When its issue began, seconds since the epoch; `None` for files that were not made by hydrant or dehydrated.
    pub timestamp: Option<u64>,
}

/// The paths of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Its directory.
    pub dir: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The certificate alone.
    pub cert: PathBuf,
    /// The certificate and its chain.
    pub fullchain: PathBuf,
    /// The chain alone.
    pub chain: PathBuf,
    /// The CSR.
    pub csr: PathBuf,
}

impl Paths {
    /// The same as hooks are told of them.
    #[must_use]
    pub fn for_hooks(&self) -> CertificateFiles<'_> {
        let Self { dir: _, key, cert, fullchain, chain, csr } = self;
        CertificateFiles { key, cert, fullchain, chain, csr }
    }
}

/// What is wrong with a set of files that is in use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Damage {
    /// `chain.pem` is missing, or a link to nothing.
    #[error("the chain is missing")]
    ChainMissing,
    /// `fullchain.pem` is missing, or a link to nothing.
    #[error("the full chain is missing")]
    FullchainMissing,
    /// `privkey.pem` is missing, empty, or a link to nothing. No damage where a hook makes the CSR and keeps the key.
    #[error("the private key is missing")]
    KeyMissing,
    /// The files come from different issues: a switch that nobody completed.
    #[error("certificate and chain come from different issues")]
    Mixed,
    /// `cert.pem` holds no certificate.
    #[error("the certificate is unreadable")]
    Unreadable(#[source] ChainError),
    /// The private key is younger than the certificate and does not belong to it.
    #[error("the private key is not that of the certificate")]
    WrongKey,
}

/// Why a store did not do what it was asked for.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// Vault, or the way to it.
    #[error(transparent)]
    Vault(#[from] crate::vault::Error),
    /// The record was changed or removed while we held the lease: nothing more may be written.
    #[error("the lease of `{name}` is lost: its record was changed by somebody else")]
    LeaseLost {
        /// Whose lease.
        name: String,
    },
    /// A staged file, or what a record held of it, is gone.
    #[error("what was issued is gone from `{}`", path.display())]
    NotStaged {
        /// The file.
        path: PathBuf,
    },
    /// The record cannot be used.
    #[error("cannot read `{}`", path.display())]
    Record {
        /// The record's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: RecordError,
    },
}

impl StoreError {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use crate::vault::Error::{NoMount, NoSecret, NotVersion2, Path, Setting};
        match self {
            Self::Vault(error) if error.may_pass() => ErrorKind::Unreachable,
            Self::Vault(
                NoMount { .. } | NoSecret { .. } | NotVersion2 { .. } | Path { .. } | Setting { .. },
            ) => ErrorKind::Config,
            _ => ErrorKind::Failed,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::LeaseLost { .. } => {
                vec![
                    "another run took it over, or hydrant's state was removed while it ran; run again"
                        .to_owned(),
                ]
            }
            Self::Vault(error) => vault_hints(error),
            Self::NotStaged { .. } => {
                vec!["it was removed after the CA had issued it; the certificate is issued anew".to_owned()]
            }
            Self::Record { path, source } => vec![record_hint(path, source)],
        }
    }
}

fn vault_hints(error: &crate::vault::Error) -> Vec<String> {
    use crate::vault::Error::{Conflict, Sealed, Unreachable};
    let mut hints = error.hints();
    hints.extend(match error {
        Conflict { .. } => Some("nothing is lost: run again".to_owned()),
        Sealed => Some("`vault operator unseal` opens it; nothing is lost: run again then".to_owned()),
        Unreachable { .. } if error.may_pass() => {
            Some("check VAULT_ADDR, or `address` under `vault`; nothing is lost: run again".to_owned())
        }
        _ => None,
    });
    hints
}

fn record_hint(path: &Path, error: &RecordError) -> String {
    let remove = format!(
        "removing `{}` loses no certificate, only what hydrant knows to be pending or owed",
        path.display()
    );
    match error {
        RecordError::Format { .. } => format!("run the newer version that wrote it; {remove}"),
        RecordError::Malformed(_) => remove,
    }
}
