//! The file of a redb database, with a switch that ends all access to it.
//!
//! redb closes its database properly when it is dropped. To see what a kill leaves, it must be
//! kept from that: once the switch is off, nothing more reaches the file. Otherwise all calls go
//! through to redb's own backend.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// The switch. Written once, by whoever abandons the database; nothing else hangs on it, so the
/// accesses are relaxed.
#[derive(Clone, Debug, Default)]
pub(super) struct Power(Arc<AtomicBool>);

impl Power {
    /// From now on, nothing reaches the file.
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::Error::other("the database was abandoned, as if killed"));
        }
        Ok(())
    }
}

/// redb's own backend behind the switch.
#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    power: Power,
}

impl Backend {
    /// Opens a file, or creates it.
    pub(super) fn open(path: &Path, power: &Power) -> Result<Self, DatabaseError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = FileBackend::new(options.open(path).map_err(redb::StorageError::Io)?)?;
        Ok(Self { file, power: power.clone() })
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.power.check()?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.power.check()?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.power.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.power.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.power.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
