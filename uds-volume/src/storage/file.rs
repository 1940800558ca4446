//! A storage in a regular file or on a block device.
//!
//! # Invariants
//!
//! 1. Whoever can write holds an exclusive advisory lock for as long as the storage lives; readers
//!    hold a shared one. A second opener gets [`StorageError::InUse`] at once, in this process
//!    and in any other; the lock dies with the process.
//! 2. Nothing is created, resized or overwritten unless the caller asked for just that, and never
//!    before the lock is held.
//! 3. A file that could not be made in full is removed again, if it was new; one that could not
//!    grow is as long as it was.

mod options;
mod reserve;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::time::Duration;

pub use options::FileOptions;

use super::memory::system_time;
use super::{Operation, Storage, StorageError, check_write};
use crate::sync::atomic::{AtomicBool, Ordering};

/// A storage in a regular file or on a block device, locked against other users.
///
/// ```
/// use uds_volume::{FileStorage, Storage};
///
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("index");
/// let storage = FileStorage::create(&path, 1 << 20)?;
/// storage.write_at(4096, b"a chapter")?;
/// storage.sync()?;
/// assert!(FileStorage::open(&path).is_err(), "it is in use");
/// drop(storage);
/// assert_eq!(FileStorage::open(&path)?.len(), 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileStorage {
    file: File,
    path: Box<Path>,
    length: u64,
    access: Access,
    /// Whether it grows without space being set aside.
    sparse: bool,
    /// Whether the file system has said that it cannot read without waiting. Written and read
    /// by whoever reads; a hint that orders nothing, so all accesses are relaxed.
    always_waits: AtomicBool,
}

/// What may be done with an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Reading only.
    Read,
    /// Reading and writing; syncs reach the device.
    ReadWrite,
    /// Reading and writing; syncs do nothing.
    Ephemeral,
}

impl FileStorage {
    /// Opens an existing file or block device for reading and writing.
    ///
    /// # Errors
    ///
    /// [`StorageError::InUse`] where it is open elsewhere, [`StorageError::WrongKind`] where
    /// `path` leads to a directory or the like, and [`StorageError::Path`] where the operating
    /// system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        FileOptions::new().open(path)
    }

    /// Opens an existing file or block device for reading only. Several readers may do so at once,
    /// but none while a writer has it open.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        FileOptions::new().read_only(true).open(path)
    }

    /// Creates a file of `bytes` bytes, with space on the file system for all of them, so that
    /// no later write can fail for want of space. Its content reads as zeroes.
    ///
    /// # Errors
    ///
    /// [`StorageError::AlreadyExists`] where the file exists, [`StorageError::NoSpace`] where the
    /// file system has too little space (nothing is left behind then), and those of
    /// [`open`](Self::open).
    pub fn create(path: impl AsRef<Path>, bytes: u64) -> Result<Self, StorageError> {
        FileOptions::new().create(path, bytes)
    }

    /// Whether it is a block device, whose size is what it is.
    ///
    /// # Errors
    ///
    /// [`StorageError::Path`] where the operating system does not say.
    pub fn is_device(&self) -> Result<bool, StorageError> {
        let metadata = self.file.metadata();
        let metadata =
            metadata.map_err(|error| StorageError::path("examine", &self.path, error))?;
        Ok(metadata.file_type().is_block_device())
    }

    /// Makes a file at least `bytes` bytes long, with space on the file system for all of them
    /// unless it was opened as [sparse](FileOptions::sparse). What it holds stays as it is, and
    /// what is new reads as zeroes. A block device must be long enough.
    ///
    /// This can take minutes where the file system has no quick way: `goes_on` is asked now and
    /// then, and may break it off. Then, and after a failure, the file is as long as it was.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use uds_volume::{FileStorage, Storage};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// // Whoever creates a file without bytes can look around before it takes the space.
    /// let mut storage = FileStorage::create(directory.path().join("index"), 0)?;
    /// let grown = storage.grow(1 << 20, &mut || ControlFlow::Continue(()))?;
    /// assert!(grown.is_continue() && storage.len() == 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StorageError::NoSpace`], [`StorageError::DeviceTooSmall`], [`StorageError::ReadOnly`],
    /// and [`StorageError::Path`] or [`StorageError::Sync`] where the operating system refuses.
    pub fn grow(
        &mut self,
        bytes: u64,
        goes_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StorageError> {
        if self.access == Access::Read {
            return Err(StorageError::ReadOnly);
        }
        let found = self.length;
        if self.is_device()? {
            if found < bytes {
                let path = self.path.clone();
                return Err(StorageError::DeviceTooSmall { path, wanted: bytes, found });
            }
            return Ok(ControlFlow::Continue(()));
        }
        let length = bytes.max(found);
        let grown = reserve::set_size(&self.file, &self.path, length, self.sparse, goes_on)
            .and_then(|grown| {
                if grown.is_continue() && self.access == Access::ReadWrite {
                    reserve::sync_name(&self.file, &self.path)?;
                }
                Ok(grown)
            });
        if matches!(grown, Ok(ControlFlow::Continue(()))) {
            self.length = length;
        } else {
            // What is to be told is why it did not grow, not that this fails too.
            let _ = self.file.set_len(found);
        }
        grown
    }

    /// Cuts a file off after `bytes` bytes, if it is longer, and closes it: to undo a
    /// [`grow`](Self::grow). A block device is only closed.
    ///
    /// # Errors
    ///
    /// [`StorageError::ReadOnly`], and [`StorageError::Path`] where the operating system refuses.
    pub fn cut_off(self, bytes: u64) -> Result<(), StorageError> {
        if self.access == Access::Read {
            return Err(StorageError::ReadOnly);
        }
        if bytes >= self.length || self.is_device()? {
            return Ok(());
        }
        let cut = self.file.set_len(bytes);
        cut.map_err(|error| StorageError::path("set the size of", &self.path, error))
    }
}

#[cfg(target_os = "linux")]
impl FileStorage {
    /// Reads bytes of the file if the kernel has all of them in memory.
    fn read_cached(&self, offset: u64, buffer: &mut [u8]) -> bool {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let length = buffer.len();
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match preadv2(&self.file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(count) => count == length,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.always_waits.store(true, Ordering::Relaxed);
                false
            }
            // Not in memory, or something that the ordinary read will tell.
            Err(_) => false,
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl FileStorage {
    fn read_cached(&self, _: u64, _: &mut [u8]) -> bool {
        self.always_waits.store(true, Ordering::Relaxed);
        false
    }
}

impl Storage for FileStorage {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset.saturating_add(done as u64)) {
                Ok(0) => {
                    let wanted = buffer.len() as u64;
                    return Err(StorageError::Truncated { offset, wanted, found: done as u64 });
                }
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let length = buffer.len() as u64;
                    let operation = Operation::Read;
                    return Err(StorageError::Io { operation, offset, length, source });
                }
            }
        }
        Ok(())
    }

    /// Takes what the operating system has in its page cache, on Linux.
    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let is_within =
            offset.checked_add(buffer.len() as u64).is_some_and(|end| end <= self.length);
        is_within && !self.always_waits.load(Ordering::Relaxed) && self.read_cached(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        if self.access == Access::Read {
            return Err(StorageError::ReadOnly);
        }
        check_write(self.length, offset, bytes.len())?;
        // `write_all_at` repeats short and interrupted writes.
        self.file.write_all_at(bytes, offset).map_err(|source| StorageError::Io {
            operation: Operation::Write,
            offset,
            length: bytes.len() as u64,
            source,
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        match self.access {
            Access::Read => Err(StorageError::ReadOnly),
            Access::ReadWrite => {
                self.file.sync_data().map_err(|source| StorageError::Sync { source })
            }
            Access::Ephemeral => Ok(()),
        }
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn now(&self) -> Duration {
        system_time()
    }

    fn read_ahead(&self, offset: u64, bytes: u64) {
        // A hint: whatever the kernel answers, the read itself will tell.
        #[cfg(target_os = "linux")]
        if let Some(bytes) = std::num::NonZeroU64::new(bytes) {
            use rustix::fs::{Advice, fadvise};
            let _ = fadvise(&self.file, offset, Some(bytes), Advice::WillNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a read-only index that is written to, or believes that it synced.
    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        drop(FileStorage::create(&path, 8192).unwrap());
        let reader = FileStorage::open_read_only(&path).unwrap();
        assert!(matches!(reader.write_at(0, &[1]), Err(StorageError::ReadOnly)));
        assert!(matches!(reader.sync(), Err(StorageError::ReadOnly)));
    }

    // Guards reads without waiting: the right bytes or a refusal, and nothing past the end. What
    // was just written is in the page cache of every file system that can do it at all.
    #[test]
    fn what_is_at_hand_is_read_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let storage = FileStorage::create(directory.path().join("file"), 8192).unwrap();
        let written: Vec<u8> = (0..8192_u32).map(|byte| (byte % 251) as u8).collect();
        storage.write_at(0, &written).unwrap();
        for (offset, length) in [(0, 1), (0, 8192), (4000, 200), (8191, 1), (5, 0)] {
            let mut bytes = vec![0; length];
            let is_read = storage.read_now(offset, &mut bytes);
            assert!(is_read || storage.always_waits.load(Ordering::Relaxed));
            let from = offset as usize;
            assert!(!is_read || bytes == written[from..from + length], "{offset}");
        }
        for offset in [8191, 8192, 1 << 62, u64::MAX - 1, u64::MAX] {
            assert!(!storage.read_now(offset, &mut [0; 2]), "{offset}");
        }
    }

    // Guards against a file that grows behind the layout's back, and against zeroes for bytes
    // that are not there.
    #[test]
    fn nothing_lies_beyond_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let storage = FileStorage::create(&path, 8192).unwrap();
        assert!(matches!(
            storage.write_at(8190, &[0; 4]),
            Err(StorageError::BeyondEnd { offset: 8190, length: 4, storage_bytes: 8192 })
        ));
        assert!(matches!(
            storage.read_at(8190, &mut [0; 4]),
            Err(StorageError::Truncated { offset: 8190, wanted: 4, found: 2 })
        ));
        assert!(storage.read_at(u64::MAX, &mut [0; 4]).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 8192);
    }
}
