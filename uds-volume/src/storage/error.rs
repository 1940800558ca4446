//! What can go wrong between an index and the place it is stored on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What a storage was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Making written bytes durable.
    Sync,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
        })
    }
}

/// What a path leads to, where it is nothing that an index can live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A character device.
    CharacterDevice,
    /// A pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Something else.
    Other,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::CharacterDevice => "a character device",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Other => "of a kind that cannot be read at a position",
        })
    }
}

/// Why a storage could not be opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The device or the operating system refused an operation.
    #[error("cannot {operation} {length} bytes at byte {offset} of the storage")]
    Io {
        /// Reading or writing; syncing has length 0.
        operation: Operation,
        /// First byte of the range.
        offset: u64,
        /// Bytes of the range.
        length: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// Written bytes could not be made durable.
    #[error(
        "cannot make the written data durable: some of it may be lost, and trying again cannot tell"
    )]
    Sync {
        /// What the operating system said.
        source: io::Error,
    },
    /// The storage ends before a range that was to be read.
    #[error(
        "the storage is too short: of {wanted} bytes at byte {offset} it has only {found}; \
         it was truncated, or is not the storage of this index"
    )]
    Truncated {
        /// First byte of the range.
        offset: u64,
        /// Bytes that were to be read.
        wanted: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A write to a range outside the storage.
    #[error(
        "cannot write {length} bytes at byte {offset}: the storage ends at byte {storage_bytes}"
    )]
    BeyondEnd {
        /// First byte of the range.
        offset: u64,
        /// Bytes that were to be written.
        length: u64,
        /// Bytes of the storage.
        storage_bytes: u64,
    },
    /// A write to, or a sync of, a storage that was opened for reading only.
    #[error("the storage is open for reading only")]
    ReadOnly,
    /// Another user of the file or device holds a lock on it.
    #[error("{path:?} is in use: it is open elsewhere; close it there first")]
    InUse {
        /// The file or device.
        path: Box<Path>,
    },
    /// A file that was to be created exists.
    #[error("{path:?} exists already: remove it, choose another name, or ask to overwrite it")]
    AlreadyExists {
        /// The file.
        path: Box<Path>,
    },
    /// The path leads to nothing that an index can live in.
    #[error("{path:?} is {kind}: an index needs a regular file or a block device")]
    WrongKind {
        /// The path.
        path: Box<Path>,
        /// What it leads to.
        kind: FileKind,
    },
    /// The file system cannot give the space that was asked for.
    #[error(
        "{path:?} needs {wanted} bytes, but its file system has {available} available; \
         free some space, choose another place, or a smaller index"
    )]
    NoSpace {
        /// The file.
        path: Box<Path>,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that the file system said it has for this user.
        available: u64,
        /// What the operating system said, if it was asked.
        source: Option<io::Error>,
    },
    /// A file would be larger than the limit of the process or the file system allows.
    #[error(
        "{path:?} would have {wanted} bytes, which is more than the limit on the size of files \
         (ulimit -f), or the file system, allows; raise the limit, or choose another place or \
         a smaller index"
    )]
    TooLarge {
        /// The file.
        path: Box<Path>,
        /// Bytes asked for.
        wanted: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// A block device is smaller than what was to be made on it.
    #[error("{path:?} has {found} bytes, but {wanted} are needed; use a larger device")]
    DeviceTooSmall {
        /// The device.
        path: Box<Path>,
        /// Bytes needed.
        wanted: u64,
        /// Bytes of the device.
        found: u64,
    },
    /// The directory of a path does not exist.
    #[error("cannot {action} {path:?}: the directory {directory:?} does not exist")]
    NoDirectory {
        /// What was tried.
        action: &'static str,
        /// The file or device.
        path: Box<Path>,
        /// Its directory.
        directory: Box<Path>,
    },
    /// A file or device could not be opened, created or examined.
    #[error("cannot {action} {path:?}")]
    Path {
        /// What was tried.
        action: &'static str,
        /// The file or device.
        path: Box<Path>,
        /// What the operating system said.
        source: io::Error,
    },
}

impl StorageError {
    /// An error of the operating system about a path.
    pub(crate) fn path(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        match path.parent() {
            Some(directory)
                if source.kind() == io::ErrorKind::NotFound
                    && !directory.as_os_str().is_empty()
                    && matches!(directory.try_exists(), Ok(false)) =>
            {
                Self::NoDirectory { action, path: boxed(path), directory: boxed(directory) }
            }
            _ => Self::Path { action, path: boxed(path), source },
        }
    }

    /// Whether the reason is that the storage, or its file system, is full, or that the file would
    /// be larger than is allowed.
    #[must_use]
    pub fn is_out_of_space(&self) -> bool {
        let full = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            )
        };
        match self {
            Self::NoSpace { .. } | Self::TooLarge { .. } => true,
            Self::Io { source, .. } | Self::Sync { source } | Self::Path { source, .. } => {
                full(source)
            }
            _ => false,
        }
    }
}

/// An owned copy of a path, for an error.
pub(crate) fn boxed(path: &Path) -> Box<Path> {
    PathBuf::from(path).into_boxed_path()
}
