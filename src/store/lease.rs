//! A lease with the record that is being worked on.

use std::ops::{Deref, DerefMut};

use super::{Leased, StoreError};
use crate::ledger::Record;

/// A certificate nobody else works on, and its record: changed in memory, written by [`Lease::save`].
pub struct Lease {
    inner: Box<dyn Leased>,
    /// What is owed; what is not saved is lost with the process.
    pub record: Record,
}

impl Lease {
    /// Takes up the record as it was read under the lease.
    #[must_use]
    pub fn new(inner: Box<dyn Leased>) -> Self {
        let record = inner.loaded().record.clone();
        Self { inner, record }
    }

    /// Writes the record, durably; writes nothing when nothing changed.
    ///
    /// # Errors
    /// It cannot be written, or the lease was lost.
    pub async fn save(&mut self) -> Result<(), StoreError> {
        // The fence is the store's own count of writes.
        self.record.fence = self.inner.loaded().record.fence;
        if self.record == self.inner.loaded().record {
            return Ok(());
        }
        self.inner.save(&self.record).await
    }
}

impl Deref for Lease {
    type Target = dyn Leased;

    fn deref(&self) -> &Self::Target {
        self.inner.as_ref()
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.inner.as_mut()
    }
}
