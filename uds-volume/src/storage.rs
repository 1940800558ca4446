//! What an index needs from the place it is stored on: the [`Storage`] trait.
//!
//! Nothing else of the library touches the operating system, so a test that brings a storage of
//! its own (see [`sim`](crate::sim)) sees, and can spoil, every read, write and sync, and owns
//! the clock.
//!
//! # Invariants
//!
//! 1. Reads and writes are exact: they transfer every byte asked for, or fail. No implementation
//!    invents bytes: a read past the end is [`StorageError::Truncated`], never zeroes.
//! 2. The size is fixed while the storage is shared. A write past the end fails and changes
//!    nothing.
//! 3. Only `sync` makes writes durable and only `sync` orders them. After a power cut any subset of
//!    the writes since the last successful sync may be found, each torn at 512-byte sectors.
//! 4. After a failed `sync` nothing is known about the writes before it, and a second `sync` that
//!    succeeds proves nothing about them.

mod bytes;
mod counting;
mod error;
mod file;
mod memory;

use std::fmt::Debug;
use std::time::Duration;

pub(crate) use bytes::SparseBytes;
pub use counting::{CountingStorage, OperationCounts};
pub use error::{FileKind, Operation, StorageError};
pub use file::{FileOptions, FileStorage};
pub use memory::MemoryStorage;

use crate::sync::Arc;

/// A fixed number of bytes that can be read, written and made durable, and a clock.
///
/// All methods take `&self` and may be called from several threads at once. Concurrent accesses
/// to one byte are not ordered; callers keep writers of a range apart from its readers.
pub trait Storage: Debug + Send + Sync {
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Truncated`] where the storage ends before the last byte asked for, and
    /// [`StorageError::Io`] where the device fails. The content of `buffer` is then unspecified.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError>;

    /// Fills `buffer` with the bytes at `offset` if they are at hand, so that nobody waits for a
    /// device, and says whether it did. Where not, the content of `buffer` is unspecified.
    ///
    /// It may always decline, and does so unless an implementation has a way: whoever asks then
    /// goes to [`read_at`](Self::read_at), which also tells what is wrong where something is.
    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let _ = (offset, buffer);
        false
    }

    /// Writes all of `bytes` at `offset`. Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// [`StorageError::BeyondEnd`] where the range does not lie within the storage, and
    /// [`StorageError::Io`] where the device fails. In the latter case the range holds any mixture
    /// of old and new bytes.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes every write that returned before this call durable.
    ///
    /// # Errors
    ///
    /// [`StorageError::Io`] where the device cannot say that the writes are durable. They may or
    /// may not be; trying again cannot tell.
    fn sync(&self) -> Result<(), StorageError>;

    /// Bytes of the storage.
    fn len(&self) -> u64;

    /// Whether the storage has no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of day, as the time since the Unix epoch.
    ///
    /// It comes from the storage so that tests own it. It may stand still and run backwards.
    fn now(&self) -> Duration;

    /// Says that `bytes` bytes at `offset` will probably be read soon. A hint only: it never
    /// fails, and ranges past the end are no fault.
    fn read_ahead(&self, offset: u64, bytes: u64) {
        let _ = (offset, bytes);
    }
}

impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        (**self).read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        (**self).read_now(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        (**self).write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        (**self).sync()
    }

    fn len(&self) -> u64 {
        (**self).len()
    }

    fn now(&self) -> Duration {
        (**self).now()
    }

    fn read_ahead(&self, offset: u64, bytes: u64) {
        (**self).read_ahead(offset, bytes);
    }
}

/// Checks that a read of `wanted` bytes at `offset` lies within `storage_bytes`.
pub(crate) fn check_read(
    storage_bytes: u64,
    offset: u64,
    wanted: usize,
) -> Result<(), StorageError> {
    let found = storage_bytes.saturating_sub(offset);
    if wanted as u64 > found {
        return Err(StorageError::Truncated { offset, wanted: wanted as u64, found });
    }
    Ok(())
}

/// Checks that a write of `length` bytes at `offset` lies within `storage_bytes`.
pub(crate) fn check_write(
    storage_bytes: u64,
    offset: u64,
    length: usize,
) -> Result<(), StorageError> {
    let length = length as u64;
    if length > storage_bytes.saturating_sub(offset) {
        return Err(StorageError::BeyondEnd { offset, length, storage_bytes });
    }
    Ok(())
}
