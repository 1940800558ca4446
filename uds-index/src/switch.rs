//! The storage that an index is on, which can be another one after a suspension.

use std::time::Duration;

use uds_volume::{Storage, StorageError};

use crate::sync::{Arc, RwLock, read, write};

/// A storage that passes everything on to another, which can be replaced. Operations and
/// replacements wait for each other.
#[derive(Debug)]
pub(crate) struct Switch {
    current: RwLock<Arc<dyn Storage>>,
}

impl Switch {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { current: RwLock::new(storage) }
    }

    /// Whether everything goes to `storage`.
    pub(crate) fn leads_to(&self, storage: &Arc<dyn Storage>) -> bool {
        Arc::ptr_eq(&read(&self.current), storage)
    }

    /// Passes everything on to `storage` from now on, and lets go of the one before.
    pub(crate) fn lead_to(&self, storage: Arc<dyn Storage>) {
        let old = std::mem::replace(&mut *write(&self.current), storage);
        // Closing a file can take long: not under the lock.
        drop(old);
    }
}

impl Storage for Switch {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        read(&self.current).read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        read(&self.current).read_now(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        read(&self.current).write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        read(&self.current).sync()
    }

    fn len(&self) -> u64 {
        read(&self.current).len()
    }

    fn now(&self) -> Duration {
        read(&self.current).now()
    }

    fn read_ahead(&self, offset: u64, bytes: u64) {
        read(&self.current).read_ahead(offset, bytes);
    }
}
