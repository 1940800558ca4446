//! A storage that costs no more than a copy of its bytes, and knows whether it was written to.
//!
//! The fuzzer watches every comparison, so that a storage which looks for blocks of zeroes would
//! take most of its time.

use std::fmt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uds_volume::{Storage, StorageError};

/// Bytes in memory.
pub(crate) struct FlatStorage {
    bytes: RwLock<Vec<u8>>,
    /// Whether a write has been tried, allowed or not.
    is_touched: AtomicBool,
}

impl FlatStorage {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: RwLock::new(bytes.to_vec()), is_touched: AtomicBool::new(false) }
    }

    /// Whether anybody has written.
    pub(crate) fn is_touched(&self) -> bool {
        self.is_touched.load(Ordering::Relaxed)
    }
}

/// The part of a storage of `length` bytes that an access means, if it has all of it.
fn range(length: usize, offset: u64, count: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(count).filter(|&end| end <= length)?;
    Some(start..end)
}

impl Storage for FlatStorage {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let bytes = self.bytes.read().expect("writers do not panic");
        let (length, wanted) = (bytes.len() as u64, buffer.len() as u64);
        let range = range(bytes.len(), offset, buffer.len()).ok_or(StorageError::Truncated {
            offset,
            wanted,
            found: length.saturating_sub(offset),
        })?;
        buffer.copy_from_slice(&bytes[range]);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), StorageError> {
        self.is_touched.store(true, Ordering::Relaxed);
        let mut bytes = self.bytes.write().expect("writers do not panic");
        let storage_bytes = bytes.len() as u64;
        let range = range(bytes.len(), offset, data.len()).ok_or(StorageError::BeyondEnd {
            offset,
            length: data.len() as u64,
            storage_bytes,
        })?;
        bytes[range].copy_from_slice(data);
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn len(&self) -> u64 {
        self.bytes.read().expect("writers do not panic").len() as u64
    }

    /// Stands still, so that an input does the same each time.
    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

impl fmt::Debug for FlatStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatStorage").field("length", &self.len()).finish_non_exhaustive()
    }
}
