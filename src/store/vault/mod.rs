//! The Vault store: certificates as secrets, and hydrant's records where no reader of certificates reaches.
//!
//! ```text
//! <mount>/<prefix>/<name>                            the certificate in use, in one secret, written at once
//! <state mount>/<state prefix>/certificate-<hash>    its record, its lease, what was issued and is not yet in use
//! <state mount>/<state prefix>/account-<hash>        the account at a CA
//! ```
//!
//! Nothing is on the disk. Hooks that need files get them in a directory in memory (`scratch`), which goes with the run.
//!
//! # Leases and clocks
//!
//! A lease is a mark in the record: who has it, and for how long from the time at which *Vault* wrote that version. It is
//! over when *Vault's* clock, by the `Date` of the answer that shows it, says so. The clocks of runners are not asked, and
//! may be wrong by hours; where several nodes answer, their clocks must agree to within the lease, as Vault itself
//! demands. The holder renews it at a third of its life, in the background.
//!
//! The lease only keeps runs out of each other's way. What makes it safe is that every write names the version it
//! replaces: who was stopped for so long that another took over is refused, whatever its clock says.

mod accounts;
mod document;
mod keeper;
mod lease;
mod needs;
mod scratch;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::Instant;

use super::{LeaseOutcome, LoadResult, Loaded, Paths, Pending, Store, StoreError};
use crate::config::VaultSettings;
use crate::identifier::CertName;
use crate::vault::{Client, Error, Kv, Metadata};
pub use accounts::VaultAccounts;
use document::{Document, Secret};
use keeper::{Keeper, Keeping, Taken};
use lease::VaultLease;
pub use needs::Need;
use scratch::Scratch;

/// Certificates in Vault.
pub struct VaultStore {
    shared: Rc<Shared>,
    /// Who a certificate belongs to, for layouts that say so.
    owner: Owner,
    scratch: Rc<Scratch>,
    /// Leases that are held, or being given back.
    keepers: RefCell<Vec<Keeping>>,
    /// What is known of secrets that will be loaded.
    foreseen: RefCell<Option<Rc<Known>>>,
}

/// What is known of secrets without reading them, by their paths.
type Known = BTreeMap<String, Metadata>;

type Owner = Box<dyn Fn(&CertName) -> Option<String>>;

/// What store and accounts share: the way to Vault, and where things are.
pub struct Shared {
    /// Or why there is none: who asks for nothing needs none.
    client: Result<Client, Error>,
    settings: VaultSettings,
}

impl Shared {
    /// Sends nothing yet. What is wrong with the way there is said when something is to be sent.
    #[must_use]
    pub fn new(client: Result<Client, Error>, settings: VaultSettings) -> Self {
        Self { client, settings }
    }

    /// The mount with the certificates.
    async fn certificates(&self) -> Result<Kv, Error> {
        self.mount(&self.settings.mount).await
    }

    /// The mount with accounts and records.
    async fn state(&self) -> Result<Kv, Error> {
        self.mount(&self.settings.state_mount).await
    }

    async fn mount(&self, name: &str) -> Result<Kv, Error> {
        self.client.as_ref().map_err(Clone::clone)?.kv(name).await
    }

    /// Where a certificate is.
    fn path(&self, name: &CertName) -> String {
        let settings = &self.settings;
        settings.elsewhere.get(name).cloned().unwrap_or_else(|| joined(&settings.prefix, name.as_str()))
    }

    /// Has only the latest version of a secret of ours kept, as far as that is allowed.
    async fn keep_one_version(&self, path: &str) -> Result<(), Error> {
        match self.state().await?.set_max_versions(path, 1).await {
            Err(Error::Denied { .. }) if !self.settings.state_is_apart => Ok(()),
            done => done,
        }
    }

    /// Where a certificate's record is.
    fn record_path(&self, name: &str) -> String {
        joined(&self.settings.state_prefix, &document::key(document::CERTIFICATE, name))
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// So many certificates in a folder are worth asking for what is known of all that is in it.
const MANY: usize = 16;

/// A folder with so many times as many secrets as are asked for is not listed: to read those costs less.
const OTHERS: usize = 4;

/// So many certificates are read at once; how many requests that are is the client's to limit.
const READ_AT_ONCE: usize = 32;

impl VaultStore {
    /// A store that nothing is known of yet. `owner` says who a certificate belongs to.
    #[must_use]
    pub fn new(shared: Rc<Shared>, owner: impl Fn(&CertName) -> Option<String> + 'static) -> Self {
        Self {
            shared,
            owner: Box::new(owner),
            scratch: Rc::default(),
            keepers: RefCell::default(),
            foreseen: RefCell::default(),
        }
    }

    /// The way to Vault.
    ///
    /// # Errors
    /// There is none.
    pub fn client(&self) -> Result<Client, Error> {
        self.shared.client.clone()
    }

    /// What is `known` of the secret may spare reading it.
    async fn read(&self, name: &CertName, known: Option<&Metadata>) -> LoadResult {
        let shared = &self.shared;
        let (state, certificates) = (shared.state().await?, shared.certificates().await?);
        let (record_path, path) = (shared.record_path(name.as_str()), shared.path(name));
        let document = async {
            let found = state.find(&record_path).await?;
            Ok::<_, StoreError>(Document::read(found, state.mount(), &record_path)?.document)
        };
        let secret = async { Ok::<_, StoreError>(certificates.find(&path).await?) };
        let (document, secret) = match known {
            None => tokio::try_join!(document, secret)?,
            Some(known) => {
                let document = document.await?;
                if let Some(stored) = document.in_use(&shared.settings.layout, known) {
                    let record = document.record(state.mount(), &record_path)?;
                    return Ok(Loaded::new(Some(stored), None, record));
                }
                (document, secret.await?)
            }
        };
        let record = document.record(state.mount(), &record_path)?;
        Ok(Secret::new(secret, &shared.settings.layout).loaded(&document, record))
    }

    /// What is known of the secrets of these certificates; of few, or of few among many others, not asked for.
    async fn look_over(&self, names: &[CertName]) -> Result<Known, Error> {
        let mut folders = BTreeMap::<String, usize>::new();
        for name in names {
            let path = self.shared.path(name);
            *folders.entry(folder_of(&path).to_owned()).or_default() += 1;
        }
        let mut known = BTreeMap::new();
        for (folder, count) in folders.into_iter().filter(|(_, count)| *count >= MANY) {
            let certificates = self.shared.certificates().await?;
            let found = certificates.list_with_metadata(&folder, count * OTHERS).await?;
            known.extend(found.into_iter().flatten().map(|(name, one)| (joined(&folder, &name), one)));
        }
        Ok(known)
    }

    async fn take(&self, name: &CertName) -> Result<LeaseOutcome, StoreError> {
        let shared = &self.shared;
        let state = shared.state().await?;
        let record_path = shared.record_path(name.as_str());
        // Else our own last lease would be taken for that of another run.
        let ending = {
            let mut keepers = self.keepers.borrow_mut();
            keepers.iter().position(|keeper| keeper.gives_back(name)).map(|index| keepers.swap_remove(index))
        };
        if let Some(ending) = ending {
            ending.end().await;
        }
        let (keeping, taken) =
            Keeper::start(Rc::clone(shared), state.clone(), record_path.clone(), name.clone());
        {
            let mut keepers = self.keepers.borrow_mut();
            keepers.retain(|keeper| !keeper.is_over());
            keepers.push(keeping);
        }
        let (document, hand) = match taken.await? {
            Taken::Ours { document, hand } => (document, hand),
            Taken::HeldBy(holder) => return Ok(LeaseOutcome::HeldBy(holder)),
        };
        // Read under the lease: the version that is replaced later is this one.
        let found = shared.certificates().await?.find(&shared.path(name)).await?;
        let record = document.record(state.mount(), &record_path)?;
        let secret = Secret::new(found, &shared.settings.layout);
        let loaded = secret.loaded(&document, record);
        Ok(LeaseOutcome::Taken(Box::new(VaultLease {
            shared: Rc::clone(shared),
            name: name.clone(),
            owner: (self.owner)(name),
            scratch: Rc::clone(&self.scratch),
            hand,
            document,
            secret,
            loaded,
        })))
    }
}

impl Store for VaultStore {
    fn load<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Loaded, StoreError>> {
        Box::pin(self.read(name, None))
    }

    /// A Vault that does not answer is not asked for the rest of them: each would be waited for in vain.
    fn load_all<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<Vec<LoadResult>, StoreError>> {
        Box::pin(async move {
            let foreseen = self.foreseen.borrow().clone();
            let known = match foreseen {
                Some(known) => known,
                None => Rc::new(self.look_over(names).await?),
            };
            let mut all = Vec::with_capacity(names.len());
            let read = |name| self.read(name, known.get(&self.shared.path(name)));
            let mut reading = stream::iter(names.iter().map(read)).buffered(READ_AT_ONCE);
            while let Some(loaded) = reading.next().await {
                match loaded {
                    Err(StoreError::Vault(error)) if concerns_all(&error) => return Err(error.into()),
                    loaded => all.push(loaded),
                }
            }
            Ok(all)
        })
    }

    fn foresee<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.foreseen.replace(None);
            if !names.is_empty() {
                let known = self.look_over(names).await?;
                self.foreseen.replace(Some(Rc::new(known)));
            }
            Ok(())
        })
    }

    fn recorded<'a>(&'a self, known: &'a [CertName]) -> Pending<'a, Result<Vec<CertName>, StoreError>> {
        Box::pin(async move {
            let known: BTreeSet<String> =
                known.iter().map(|name| document::key(document::CERTIFICATE, name.as_str())).collect();
            let state = &self.shared.state().await?;
            let mut keys = state.list(&self.shared.settings.state_prefix).await?;
            keys.retain(|key| key.starts_with(document::CERTIFICATE) && !known.contains(key));
            let read = |key: String| async move {
                let path = joined(&self.shared.settings.state_prefix, &key);
                let found = Document::read(state.find(&path).await?, state.mount(), &path);
                // What is no record is none of ours.
                Ok::<_, StoreError>(found.ok().and_then(|found| found.document.name.parse().ok()))
            };
            let mut names: Vec<CertName> = Vec::new();
            let mut reading = stream::iter(keys.into_iter().map(read)).buffered(READ_AT_ONCE);
            while let Some(name) = reading.next().await {
                names.extend(name?);
            }
            names.sort();
            Ok(names)
        })
    }

    fn prepare<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<PathBuf, StoreError>> {
        Box::pin(async move { Ok(self.scratch.directory(name)?) })
    }

    fn files<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Paths, StoreError>> {
        Box::pin(async move {
            let found = self.shared.certificates().await?.find(&self.shared.path(name)).await?;
            Secret::new(found, &self.shared.settings.layout).show(&self.scratch, name)
        })
    }

    fn lease<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        Box::pin(self.take(name))
    }

    fn lease_wait<'a>(
        &'a self,
        name: &'a CertName,
        patience: Duration,
    ) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(250);
        Box::pin(async move {
            let deadline = Instant::now() + patience;
            let mut pause = Duration::from_millis(50);
            loop {
                let outcome = self.take(name).await?;
                let left = deadline.saturating_duration_since(Instant::now());
                if matches!(outcome, LeaseOutcome::Taken(_)) || left.is_zero() {
                    return Ok(outcome);
                }
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }

    fn settle(&self) -> Pending<'_, ()> {
        // What cannot be given back in this time is over by itself at the end of the lease.
        const PATIENCE: Duration = Duration::from_secs(15);
        let keepers = std::mem::take(&mut *self.keepers.borrow_mut());
        Box::pin(async move {
            let _ = tokio::time::timeout(
                PATIENCE,
                futures_util::future::join_all(keepers.into_iter().map(Keeping::end)),
            )
            .await;
        })
    }
}

/// Whether it would be the same for every other certificate.
fn concerns_all(error: &Error) -> bool {
    let is_of_the_way_in = matches!(
        error,
        Error::LoginRefused { .. }
            | Error::NoMount { .. }
            | Error::NoSecret { .. }
            | Error::NotVersion2 { .. }
            | Error::Setting { .. }
            | Error::TokenRefused
    );
    is_of_the_way_in || error.may_pass() || matches!(error, Error::Unreachable { .. })
}
