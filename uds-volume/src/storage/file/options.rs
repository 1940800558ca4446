//! Opening, locking and creating files and block devices.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

use super::{Access, FileStorage, reserve};
use crate::storage::error::boxed;
use crate::storage::{FileKind, StorageError};
use crate::sync::atomic::AtomicBool;

/// How a [`FileStorage`] is opened or created.
///
/// ```
/// use uds_volume::FileOptions;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("scratch");
/// // A temporary index: no space set aside, no waiting for the disk.
/// let storage = FileOptions::new().sparse(true).ephemeral(true).create(&path, 1 << 30)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    read_only: bool,
    ephemeral: bool,
    sparse: bool,
    overwrite: bool,
}

impl FileOptions {
    /// Reading and writing, durable, all space reserved, nothing overwritten.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens for reading only, with a shared lock. [`create`](Self::create) ignores it.
    #[must_use]
    pub const fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// Makes `sync` do nothing: for temporary indexes that nobody opens after a crash. Writes
    /// still reach the file, and every other process sees them at once, but a power cut may
    /// lose and reorder all of them.
    #[must_use]
    pub const fn ephemeral(mut self, yes: bool) -> Self {
        self.ephemeral = yes;
        self
    }

    /// Creates a file, and lets it [grow](FileStorage::grow), without setting space aside for it.
    /// Later writes may then fail for want of space.
    #[must_use]
    pub const fn sparse(mut self, yes: bool) -> Self {
        self.sparse = yes;
        self
    }

    /// Lets [`create`](Self::create) take an existing file or a block device.
    ///
    /// A file gets the new size. What it holds stays until it is written over: the caller
    /// invalidates it in the order that its format demands.
    #[must_use]
    pub const fn overwrite(mut self, yes: bool) -> Self {
        self.overwrite = yes;
        self
    }

    /// Opens an existing file or block device.
    ///
    /// # Errors
    ///
    /// Those of [`FileStorage::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FileStorage, StorageError> {
        let path = path.as_ref();
        let (mut file, _) = open_existing(path, !self.read_only)?;
        let length = length_of(&mut file, path)?;
        Ok(self.storage(file, path, length, self.access()))
    }

    /// Creates a file of `bytes` bytes, or takes a block device of at least as many.
    ///
    /// # Errors
    ///
    /// Those of [`FileStorage::create`], and [`StorageError::DeviceTooSmall`]. A file that was
    /// newly made is removed again when a later step fails; one that was to be overwritten keeps
    /// its size.
    pub fn create(&self, path: impl AsRef<Path>, bytes: u64) -> Result<FileStorage, StorageError> {
        let path = path.as_ref();
        let access = if self.ephemeral { Access::Ephemeral } else { Access::ReadWrite };
        match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(file) => {
                self.fill_new(&file, path, bytes)?;
                Ok(self.storage(file, path, bytes, access))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !self.overwrite {
                    return Err(match wrong_kind(path, &metadata("create", path)?) {
                        Some(error) => error,
                        None => StorageError::AlreadyExists { path: boxed(path) },
                    });
                }
                let file = self.take_existing(path, bytes)?;
                Ok(self.storage(file, path, bytes, access))
            }
            Err(source) => Err(StorageError::path("create", path, source)),
        }
    }

    fn storage(&self, file: File, path: &Path, length: u64, access: Access) -> FileStorage {
        FileStorage {
            file,
            path: boxed(path),
            length,
            access,
            sparse: self.sparse,
            always_waits: AtomicBool::new(false),
        }
    }

    const fn access(&self) -> Access {
        match (self.read_only, self.ephemeral) {
            (true, _) => Access::Read,
            (false, true) => Access::Ephemeral,
            (false, false) => Access::ReadWrite,
        }
    }

    /// Locks, sizes and syncs a file that was just created; removes it where that fails.
    fn fill_new(&self, file: &File, path: &Path, bytes: u64) -> Result<(), StorageError> {
        // An opener may have been quicker with its lock. The file is then not ours to remove.
        lock(file, path, true)?;
        let made = reserve::set_size(file, path, bytes, self.sparse, &mut always)
            .and_then(|_| if self.ephemeral { Ok(()) } else { reserve::sync_name(file, path) });
        if made.is_err() {
            // The error at hand says more than one about the removal would.
            let _ = fs::remove_file(path);
        }
        made
    }

    /// Opens and locks a file or device that is to be overwritten, and gives it its size.
    fn take_existing(&self, path: &Path, bytes: u64) -> Result<File, StorageError> {
        let (mut file, is_device) = open_existing(path, true)?;
        let found = length_of(&mut file, path)?;
        if is_device {
            if found < bytes {
                return Err(StorageError::DeviceTooSmall {
                    path: boxed(path),
                    wanted: bytes,
                    found,
                });
            }
            return Ok(file);
        }
        if let Err(error) = reserve::set_size(&file, path, bytes, self.sparse, &mut always) {
            // As above: the first error is the one that matters.
            let _ = file.set_len(found);
            return Err(error);
        }
        if !self.ephemeral {
            reserve::sync_name(&file, path)?;
        }
        Ok(file)
    }
}

/// The answer of a caller who does not break off.
fn always() -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Opens and locks what `path` leads to. Also says whether it is a block device.
fn open_existing(path: &Path, write: bool) -> Result<(File, bool), StorageError> {
    // Looking first keeps an open from blocking on a pipe or from starting a tape.
    let action = if write { "open for writing" } else { "open for reading" };
    let metadata = |path| metadata(action, path);
    let before = metadata(path)?;
    if let Some(error) = wrong_kind(path, &before) {
        return Err(error);
    }
    let mut flags = OFlags::NONBLOCK;
    if write && cfg!(target_os = "linux") && before.file_type().is_block_device() {
        // On Linux this claims the device: it fails with EBUSY where it is mounted or part
        // of another device.
        flags |= OFlags::EXCL;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(|error| {
            if error.kind() == io::ErrorKind::ResourceBusy {
                StorageError::InUse { path: boxed(path) }
            } else {
                StorageError::path(action, path, error)
            }
        })?;
    let opened = file.metadata().map_err(|error| StorageError::path("examine", path, error))?;
    if let Some(error) = wrong_kind(path, &opened) {
        return Err(error);
    }
    lock(&file, path, write)?;
    // Whoever held the lock before may have removed or replaced the file meanwhile.
    let now = metadata(path)?;
    if (now.dev(), now.ino()) != (opened.dev(), opened.ino()) {
        return Err(StorageError::InUse { path: boxed(path) });
    }
    Ok((file, opened.file_type().is_block_device()))
}

/// Takes the advisory lock, exclusive or shared, without waiting for it.
fn lock(file: &File, path: &Path, exclusive: bool) -> Result<(), StorageError> {
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    match retry_on_intr(|| flock(file, operation)) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(StorageError::InUse { path: boxed(path) }),
        Err(error) => Err(StorageError::path("lock", path, error)),
    }
}

fn metadata(action: &'static str, path: &Path) -> Result<Metadata, StorageError> {
    fs::metadata(path).map_err(|error| StorageError::path(action, path, error))
}

/// The error for anything but regular files and block devices.
fn wrong_kind(path: &Path, metadata: &Metadata) -> Option<StorageError> {
    let file_type = metadata.file_type();
    let kind = if file_type.is_file() || file_type.is_block_device() {
        return None;
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_char_device() {
        FileKind::CharacterDevice
    } else if file_type.is_fifo() {
        FileKind::Pipe
    } else if file_type.is_socket() {
        FileKind::Socket
    } else {
        FileKind::Other
    };
    Some(StorageError::WrongKind { path: boxed(path), kind })
}

/// Bytes of an open file or device: devices have no size in their metadata, but an end.
fn length_of(file: &mut File, path: &Path) -> Result<u64, StorageError> {
    file.seek(SeekFrom::End(0)).map_err(|error| StorageError::path("find the end of", path, error))
}
