//! A storage that counts what is done with another.

use std::time::Duration;

use super::{Storage, StorageError};
use crate::sync::atomic::{AtomicU64, Ordering};

/// How often a storage was used. Failed operations count too, but not those that it declined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationCounts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Syncs.
    pub syncs: u64,
    /// Bytes that reads asked for.
    pub bytes_read: u64,
    /// Bytes that writes brought.
    pub bytes_written: u64,
}

/// Counts the operations on the storage that it wraps, and passes them on.
///
/// ```
/// use uds_volume::{CountingStorage, MemoryStorage, Storage};
///
/// let storage = CountingStorage::new(MemoryStorage::new(100));
/// storage.write_at(0, &[1; 10])?;
/// assert_eq!(storage.counts().bytes_written, 10);
/// # Ok::<(), uds_volume::StorageError>(())
/// ```
#[derive(Debug, Default)]
pub struct CountingStorage<S> {
    inner: S,
    // Statistics: each is written by any caller and read by `counts`; none orders anything,
    // so all accesses are relaxed.
    reads: AtomicU64,
    writes: AtomicU64,
    syncs: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl<S> CountingStorage<S> {
    /// Counts what is done with `inner` from now on.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> OperationCounts {
        OperationCounts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
        }
    }

    /// The storage within.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Storage> Storage for CountingStorage<S> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.inner.read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let is_read = self.inner.read_now(offset, buffer);
        if is_read {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.bytes_read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        }
        is_read
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn read_ahead(&self, offset: u64, bytes: u64) {
        self.inner.read_ahead(offset, bytes);
    }
}
