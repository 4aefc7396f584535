//! Certificates that are not kept: rehearsals (`run --dry-run`) and requests of others (`sign-csr`).
//!
//! What is owed is kept all the same: a challenge that was deployed is cleaned by a later run if this one is killed.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::{LeaseOutcome, Leased, LoadResult, Loaded, Paths, Pending, Store, StoreError, Stored};
use crate::chain::Chain;
use crate::identifier::CertName;
use crate::key::Secret;
use crate::ledger::{CertificateKey, Record, Staged};

/// A store that shows what is in another one and keeps none of the certificates it is given.
pub struct Rehearsal<'a> {
    real: &'a dyn Store,
}

impl<'a> Rehearsal<'a> {
    /// Rehearses on what `real` holds.
    #[must_use]
    pub fn new(real: &'a dyn Store) -> Self {
        Self { real }
    }

    fn wrap(outcome: LeaseOutcome) -> LeaseOutcome {
        match outcome {
            LeaseOutcome::Taken(lease) => LeaseOutcome::Taken(Box::new(Transient::rehearsing(lease))),
            held @ LeaseOutcome::HeldBy(_) => held,
        }
    }
}

impl Store for Rehearsal<'_> {
    fn load<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Loaded, StoreError>> {
        Box::pin(async move { Ok(without_work(self.real.load(name).await?)) })
    }

    fn load_all<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<Vec<LoadResult>, StoreError>> {
        Box::pin(async move {
            let loaded = self.real.load_all(names).await?;
            Ok(loaded.into_iter().map(|loaded| loaded.map(without_work)).collect())
        })
    }

    fn foresee<'a>(&'a self, names: &'a [CertName]) -> Pending<'a, Result<(), StoreError>> {
        self.real.foresee(names)
    }

    fn recorded<'a>(&'a self, known: &'a [CertName]) -> Pending<'a, Result<Vec<CertName>, StoreError>> {
        self.real.recorded(known)
    }

    fn prepare<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<PathBuf, StoreError>> {
        self.real.prepare(name)
    }

    fn files<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<Paths, StoreError>> {
        self.real.files(name)
    }

    fn lease<'a>(&'a self, name: &'a CertName) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        Box::pin(async move { Ok(Self::wrap(self.real.lease(name).await?)) })
    }

    fn lease_wait<'a>(
        &'a self,
        name: &'a CertName,
        patience: Duration,
    ) -> Pending<'a, Result<LeaseOutcome, StoreError>> {
        Box::pin(async move { Ok(Self::wrap(self.real.lease_wait(name, patience).await?)) })
    }

    fn settle(&self) -> Pending<'_, ()> {
        self.real.settle()
    }
}

/// A lease on a certificate whose files are never written.
pub struct Transient {
    lease: Box<dyn Leased>,
    /// What callers see: the record as they saved it, and what came of it.
    shown: Loaded,
    /// Whether the record itself is kept, so that a later run with the same request goes on with its order.
    keeps_record: bool,
    chain: Issued,
}

/// Where the chain that was issued is found afterwards.
pub type Issued = Rc<OnceCell<Chain>>;

impl Transient {
    /// For a rehearsal: the real certificate's own record stays as it is, but for challenges to clean.
    #[must_use]
    pub fn rehearsing(lease: Box<dyn Leased>) -> Self {
        let shown = without_work(lease.loaded().clone());
        Self { lease, shown, keeps_record: false, chain: Issued::default() }
    }

    /// For the request of somebody else, under a name of its own.
    #[must_use]
    pub fn for_request(lease: Box<dyn Leased>) -> (Self, Issued) {
        let mut shown = lease.loaded().clone();
        // Nothing is ever stored under that name, so what was staged is gone with its process.
        shown.record.staged = None;
        let chain = Issued::default();
        (Self { lease, shown, keeps_record: true, chain: Rc::clone(&chain) }, chain)
    }

    /// Nothing that could be in a file.
    fn no_paths() -> Paths {
        let nowhere = || PathBuf::from("/dev/null");
        Paths {
            dir: nowhere(),
            key: nowhere(),
            cert: nowhere(),
            fullchain: nowhere(),
            chain: nowhere(),
            csr: nowhere(),
        }
    }
}

impl Leased for Transient {
    fn loaded(&self) -> &Loaded {
        &self.shown
    }

    fn save<'a>(&'a mut self, record: &'a Record) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut real = self.lease.loaded().record.clone();
            if self.keeps_record {
                real = Record { fence: real.fence, staged: None, ..record.clone() };
            } else {
                real.owed_cleaning.clone_from(&record.owed_cleaning);
                real.deployed.clone_from(&record.deployed);
            }
            if real != self.lease.loaded().record {
                self.lease.save(&real).await?;
            }
            self.shown.record = record.clone();
            Ok(())
        })
    }

    fn fresh_timestamp(&mut self, now: i64) -> Pending<'_, Result<u64, StoreError>> {
        Box::pin(async move { Ok(u64::try_from(now).unwrap_or_default()) })
    }

    fn stage<'a>(
        &'a mut self,
        _timestamp: u64,
        _key: &'a CertificateKey,
        _csr: &'a str,
        chain: &'a Chain,
    ) -> Pending<'a, Result<(), StoreError>> {
        // Set only once: one certificate is issued under one lease.
        let _ = self.chain.set(chain.clone());
        Box::pin(async { Ok(()) })
    }

    fn staged<'a>(&'a mut self, _staged: &'a Staged) -> Pending<'a, Result<Paths, StoreError>> {
        Box::pin(async { Ok(Self::no_paths()) })
    }

    fn switch(&mut self, timestamp: u64) -> Pending<'_, Result<(), StoreError>> {
        let leaf = self.chain.get().map(|chain| chain.leaf().clone());
        self.shown.stored = leaf.map(|leaf| Stored { leaf, timestamp: Some(timestamp) });
        self.shown.damage = None;
        Box::pin(async { Ok(()) })
    }

    fn files(&self) -> Pending<'_, Result<Paths, StoreError>> {
        if self.chain.get().is_some() {
            return Box::pin(async { Ok(Self::no_paths()) });
        }
        self.lease.files()
    }

    fn existing_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>> {
        self.lease.existing_key()
    }

    fn next_key(&self) -> Pending<'_, Result<Option<Secret>, StoreError>> {
        self.lease.next_key()
    }
}

/// Without the unfinished work of real runs: that is not for a rehearsal to finish.
fn without_work(mut loaded: Loaded) -> Loaded {
    loaded.record = Record {
        fence: loaded.record.fence,
        owed_cleaning: std::mem::take(&mut loaded.record.owed_cleaning),
        deployed: std::mem::take(&mut loaded.record.deployed),
        renewal: loaded.record.renewal.take(),
        foreign_key: loaded.record.foreign_key,
        ..Record::default()
    };
    loaded
}
