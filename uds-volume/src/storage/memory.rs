//! A storage in memory, for tests and for indexes that need not outlive their process.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{SparseBytes, Storage, StorageError, check_read, check_write};
use crate::sync::RwLock;

/// A storage in memory. Only the parts that were written take memory, so an index of gigabytes
/// can be made in one.
///
/// ```
/// use uds_volume::{MemoryStorage, Storage};
///
/// let storage = MemoryStorage::new(1 << 40);
/// storage.write_at(1 << 39, b"far away")?;
/// let mut bytes = [0; 8];
/// storage.read_at(1 << 39, &mut bytes)?;
/// assert_eq!(&bytes, b"far away");
/// assert!(storage.read_at((1 << 40) - 4, &mut bytes).is_err());
/// # Ok::<(), uds_volume::StorageError>(())
/// ```
pub struct MemoryStorage {
    length: u64,
    bytes: RwLock<SparseBytes>,
}

impl MemoryStorage {
    /// A storage of `length` zero bytes.
    #[must_use]
    pub fn new(length: u64) -> Self {
        Self { length, bytes: RwLock::new(SparseBytes::new(length)) }
    }

    /// A storage that holds a copy of `bytes`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, bytes: RwLock::new(SparseBytes::from_slice(bytes)) }
    }

    /// A copy of all bytes: as many as the storage is long.
    ///
    /// # Panics
    ///
    /// Where another thread panicked while it wrote.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.read().expect("writers do not panic").to_vec()
    }
}

impl Storage for MemoryStorage {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        check_read(self.length, offset, buffer.len())?;
        self.bytes.read().expect("writers do not panic").read(offset, buffer);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        check_write(self.length, offset, bytes.len())?;
        self.bytes.write().expect("writers do not panic").write(offset, bytes);
        Ok(())
    }

    /// Does nothing: memory has no other durability than that of its process.
    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn now(&self) -> Duration {
        system_time()
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The system's time since the Unix epoch; zero before it.
pub(super) fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
