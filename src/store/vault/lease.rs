//! A certificate that nobody else works on.

use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Shared;
use super::document::{Document, InUse, Issued, Secret, Set};
use super::keeper::Hand;
use super::scratch::{self, Scratch};
use crate::chain::Chain;
use crate::identifier::CertName;
use crate::key::{PrivateKey, Secret as Hidden};
use crate::ledger::{CertificateKey, KeySource, Record, Staged};
use crate::store::files::layout as names;
use crate::store::{Leased, Loaded, Paths, Pending, Stapling, StoreError};
use crate::vault::{Content, Error, Found, Written};

/// A certificate whose lease we have.
pub(super) struct VaultLease {
    pub(super) shared: Rc<Shared>,
    pub(super) name: CertName,
    pub(super) owner: Option<String>,
    pub(super) scratch: Rc<Scratch>,
    pub(super) hand: Hand,
    pub(super) document: Box<Document>,
    pub(super) secret: Secret,
    pub(super) loaded: Loaded,
}

impl VaultLease {
    /// Writes the document as `change` leaves it; what is not written is as it was.
    async fn write(&mut self, forget: bool, change: impl FnOnce(&mut Document)) -> Result<(), StoreError> {
        let mut document = self.document.clone();
        change(&mut document);
        self.hand.write(Document::clone(&document), forget).await?;
        self.document = document;
        Ok(())
    }

    /// What was staged at that time.
    fn set(&self, timestamp: u64) -> Result<(Set, Chain), StoreError> {
        let gone = || StoreError::NotStaged { path: self.record_place() };
        let set = self.document.staged.clone().filter(|set| set.timestamp == timestamp).ok_or_else(gone)?;
        let chain = Chain::parse(&set.fullchain).map_err(|_| gone())?;
        Ok((set, chain))
    }

    fn record_place(&self) -> std::path::PathBuf {
        let settings = &self.shared.settings;
        std::path::Path::new(&settings.state_mount).join(self.shared.record_path(self.name.as_str()))
    }

    /// The key that belongs to a set.
    fn key_of(&self, set: &Set) -> Option<Hidden> {
        set.key.clone().or_else(|| self.secret.key().filter(|_| set.keeps_key))
    }

    /// Puts a set in the place of the certificate in use, at once.
    async fn put_to_use(&mut self, timestamp: u64) -> Result<(), StoreError> {
        let (set, chain) = self.set(timestamp)?;
        let key = self.key_of(&set);
        let parsed = key.as_ref().and_then(|key| PrivateKey::from_pem(key.expose()).ok());
        let file_key = parsed.map(|key| key.to_file_pem()).or_else(|| key.clone());
        let exposed =
            |key: &Option<Hidden>| key.as_ref().map(|key| key.expose().to_owned()).unwrap_or_default();
        let (key, file_key) = (Hidden::new(exposed(&key)), Hidden::new(exposed(&file_key)));
        let content = Content {
            cert: chain.cert_pem(),
            chain: chain.chain_pem(),
            fullchain: chain.fullchain_pem(),
            key: key.expose(),
            file_key: file_key.expose(),
            timestamp: &timestamp.to_string(),
            is_new: true,
            owner: self.owner.as_deref(),
        };
        let layout = &self.shared.settings.layout;
        let wanted = layout.filled(&content, &self.secret.data);
        let kv = self.shared.certificates().await?;
        let path = self.shared.path(&self.name);
        // A switch that is repeated finds its work done.
        if self.secret.cas == 0 || wanted != self.secret.data {
            let written = match kv.write_and_see(&path, &wanted, self.secret.cas).await {
                Ok(written) => written,
                Err(error @ Error::Conflict { .. }) => match kv.find(&path).await? {
                    // Who took over from us has put the same to use.
                    Found::Version(version) if version.data == wanted => {
                        Written { number: version.number, created: version.created }
                    }
                    _ => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            };
            (self.secret.cas, self.secret.created, self.secret.data) =
                (written.number, written.created, wanted);
        }
        // One whose key a hook has is looked at each time.
        let has_key = self.secret.key().is_some();
        self.document.written = has_key.then(|| InUse::new(&self.secret, layout, chain.cert_pem()));
        self.document.issued = Some(Issued::of(chain.leaf(), timestamp));
        self.loaded = self.secret.loaded(&self.document, std::mem::take(&mut self.loaded.record));
        Ok(())
    }

    /// Shows a set to `sync_cert`, by names of its own.
    fn show_staged(&self, staged: &Staged) -> Result<Paths, StoreError> {
        let (set, chain) = self.set(staged.timestamp)?;
        let paths = names::issued(self.scratch.directory(&self.name)?, staged.timestamp);
        scratch::show(&paths, Some(&chain), Some(&set.csr), self.key_of(&set).as_ref())?;
        Ok(paths)
    }
}

impl Leased for VaultLease {
    fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    fn save<'a>(&'a mut self, record: &'a Record) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let record = Record { fence: self.loaded.record.fence + 1, ..record.clone() };
            let held_a_key = self.document.holds_a_key(&self.loaded.record);
            let change = |document: &mut Document| {
                document.set_record(&record);
                if record.staged.is_none() {
                    document.staged = None;
                }
            };
            let mut next = self.document.clone();
            change(&mut next);
            let forget = held_a_key && !next.holds_a_key(&record);
            self.write(forget, change).await?;
            self.loaded.record = record;
            Ok(())
        })
    }

    fn fresh_timestamp(&mut self, now: i64) -> Pending<'_, Result<u64, StoreError>> {
        let in_use = self.loaded.stored.as_ref().and_then(|stored| stored.timestamp);
        let staged = self.document.staged.as_ref().map(|set| set.timestamp);
        let after = in_use.max(staged).map_or(0, |timestamp| timestamp.saturating_add(1));
        Box::pin(async move { Ok(u64::try_from(now).unwrap_or_default().max(after)) })
    }

    /// Durable with the next write of the record, which is one with it.
    fn stage<'a>(
        &'a mut self,
        timestamp: u64,
        key: &'a CertificateKey,
        csr: &'a str,
        chain: &'a Chain,
    ) -> Pending<'a, Result<(), StoreError>> {
        self.document.staged = Some(Set {
            timestamp,
            key: match key {
                CertificateKey::New(pem) => Some(pem.clone()),
                CertificateKey::Foreign | CertificateKey::Kept => None,
            },
            keeps_key: key.source() == KeySource::Kept,
            csr: csr.to_owned(),
            fullchain: chain.fullchain_pem().to_owned(),
        });
        Box::pin(async { Ok(()) })
    }

    fn staged<'a>(&'a mut self, staged: &'a Staged) -> Pending<'a, Result<Paths, StoreError>> {
        Box::pin(async move { self.show_staged(staged) })
    }

    fn switch(&mut self, timestamp: u64) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(self.put_to_use(timestamp))
    }

    fn files(&self) -> Pending<'_, Result<Paths, StoreError>> {
        Box::pin(async { self.secret.show(&self.scratch, &self.name) })
    }

    fn existing_key(&self) -> Pending<'_, Result<Option<Hidden>, StoreError>> {
        Box::pin(async { Ok(self.secret.key()) })
    }

    fn next_key(&self) -> Pending<'_, Result<Option<Hidden>, StoreError>> {
        Box::pin(async { Ok(self.document.next_key.clone()) })
    }

    fn save_next_key<'a>(&'a mut self, key: Option<&'a Hidden>) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move { self.write(false, |document| document.next_key = key.cloned()).await })
    }

    fn stapling(&self) -> Pending<'_, Result<Option<Stapling>, StoreError>> {
        Box::pin(async {
            let Some(fullchain) = self.secret.fullchain() else { return Ok(None) };
            let path = self.scratch.directory(&self.name)?.join(names::OCSP);
            let text = self.document.response.as_ref();
            let response = text.and_then(|text| BASE64_STANDARD.decode(text).ok());
            if let Some(response) = &response {
                scratch::write(&path, response)?;
            }
            Ok(Some(Stapling { fullchain, path, response }))
        })
    }

    fn save_response<'a>(
        &'a mut self,
        _timestamp: u64,
        response: &'a [u8],
    ) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let text = BASE64_STANDARD.encode(response);
            self.write(false, |document| document.response = Some(text)).await?;
            scratch::write(&self.scratch.directory(&self.name)?.join(names::OCSP), response)
        })
    }
}
