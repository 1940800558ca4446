//! What can go wrong with an index, told to people.

use crate::sync::Arc;
use std::fmt;
use std::io;

use uds_delta_index::DeltaError;
use uds_geometry::{GeometryError, Nonce, PhysicalChapter, VirtualChapter};
use uds_sparse_cache::CacheError;
use uds_volume::{StorageError, VolumeError};

/// Why an operation on an index failed.
///
/// [`kind`](Self::kind) sorts the cases for callers that act on them; `Display` is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no index where one was looked for.
    #[error(
        "there is no index at block {block}: it begins with {found:#018x}, not with the magic \
         number of an index. Check the path and the offset, or create an index"
    )]
    NotAnIndex {
        /// The block that was read, counted from the start of the storage.
        block: u64,
        /// Its first eight bytes.
        found: u64,
    },
    /// The storage ends before the place where an index was looked for.
    #[error(
        "there is no index at block {block}: there are only {bytes} bytes. Check the path and the \
         offset, or create an index"
    )]
    NothingThere {
        /// The block where one was looked for, counted from the start of the storage.
        block: u64,
        /// Bytes of the storage.
        bytes: u64,
    },
    /// No block of a storage looks like the beginning of an index.
    #[error(
        "there is no index in its {bytes} bytes: no block of 4 KiB begins one. Check the path, or \
         create an index"
    )]
    NoIndexFound {
        /// Bytes of the storage.
        bytes: u64,
    },
    /// The storage ends before the index does.
    #[error(
        "the storage is too short for the index in it: {found} bytes where {wanted} are needed. \
         It was truncated, or only partly copied"
    )]
    Truncated {
        /// Bytes that the index needs, its offset included.
        wanted: u64,
        /// Bytes that the storage has.
        found: u64,
    },
    /// The storage is too small for a new index.
    #[error(
        "the storage is too small for the new index: {available} bytes where {needed} are needed. \
         Choose a smaller memory size, a smaller offset, or a larger device"
    )]
    TooSmall {
        /// Bytes that the index needs, its offset included.
        needed: u64,
        /// Bytes that the storage has.
        available: u64,
    },
    /// A part of the index has a version that this library does not know.
    #[error(
        "the {structure} has version {found}, and this library reads {supported}: another program \
         wrote it, or it is damaged"
    )]
    UnsupportedVersion {
        /// Which part.
        structure: &'static str,
        /// Its version.
        found: u64,
        /// The versions that would do.
        supported: &'static str,
    },
    /// A part of the index holds something that it cannot hold.
    #[error(
        "the {structure} at block {block} is damaged: its {field} is {} where {} was expected",
        Shown(field, *found), Shown(field, *expected)
    )]
    Corrupt {
        /// Which part.
        structure: &'static str,
        /// The block where it begins, counted from the start of the storage.
        block: u64,
        /// Which field of it.
        field: &'static str,
        /// What the field holds.
        found: u64,
        /// What it should hold, or the limit that it exceeds.
        expected: u64,
    },
    /// The config block describes an index that cannot exist.
    #[error("the config block at block {block} is damaged: it describes an impossible index")]
    ImpossibleConfiguration {
        /// The block number.
        block: u64,
        /// Which number, and why.
        source: GeometryError,
    },
    /// The index is not of the shape that the caller expects.
    #[error(
        "the index has another configuration: its {field} is {found}, not {wanted}. Open it with \
         the memory size that it was created with"
    )]
    ConfigurationMismatch {
        /// Which number.
        field: &'static str,
        /// What the index has.
        found: u32,
        /// What the caller expects.
        wanted: u32,
    },
    /// The index belongs to another client.
    #[error("the index has nonce {found}, not {wanted}: it belongs to something else")]
    NonceMismatch {
        /// The client nonce in the config block.
        found: Nonce,
        /// What the caller expects.
        wanted: Nonce,
    },
    /// The index was not closed cleanly: its newest records are in no save, and the chapters on the
    /// volume would have to be read again.
    #[error(
        "the index was not closed cleanly: it has to be recovered from its volume, which was not \
         asked for"
    )]
    NotSavedCleanly {
        /// How that shows.
        #[source]
        reason: UncleanReason,
    },
    /// An entry was to be made for a chapter that is not in the window.
    #[error("chapter {chapter} is not in the window, which is {oldest} to {newest}")]
    OutsideWindow {
        /// The chapter.
        chapter: VirtualChapter,
        /// The first chapter of the window.
        oldest: VirtualChapter,
        /// The last chapter of the window, which is open.
        newest: VirtualChapter,
    },
    /// A write or a sync failed earlier, so the index no longer takes changes.
    #[error("the index takes no more changes since a write failed, and will not be saved")]
    Poisoned {
        /// The first failure.
        #[source]
        cause: Arc<IndexError>,
    },
    /// Requests of a batch have no answer.
    #[error("{failed} requests of the batch failed, the first at position {first}")]
    RequestsFailed {
        /// How many.
        failed: usize,
        /// The position of the first of them in the batch, from 0.
        first: usize,
        /// Why that one failed.
        source: Arc<IndexError>,
    },
    /// The recovery or verification of the index was ended before it was done.
    #[error("the work on the index was given up before it was done; the storage is as it was")]
    Abandoned,
    /// The index is suspended, or another thread suspends or resumes it.
    #[error("the index is suspended, or about to be: resume it first")]
    Suspended,
    /// The storage of an index that is not suspended was to be replaced.
    #[error("the index is not suspended: suspend it before it goes over to another storage")]
    NotSuspended,
    /// The storage that an index was to go over to has another index.
    #[error(
        "the other storage has another index: its volume has nonce {found}, not {wanted}. Copy \
         the index to it while it is suspended"
    )]
    OtherIndex {
        /// The nonce of the volume there.
        found: Nonce,
        /// The nonce of the volume of the index.
        wanted: Nonce,
    },
    /// The storage that an index was to go over to lacks a chapter.
    #[error(
        "the other storage lacks chapter {chapter}, which was written before the index was \
         suspended: copy the index to it while it is suspended"
    )]
    ChapterNotCopied {
        /// The chapter.
        chapter: VirtualChapter,
    },
    /// A chapter was asked for that is not on the volume.
    #[error(
        "chapter {chapter} is not on the volume: slot {slot}, where it belongs, has {}",
        Held(*found)
    )]
    NoSuchChapter {
        /// The chapter.
        chapter: VirtualChapter,
        /// Where it belongs.
        slot: PhysicalChapter,
        /// The chapter that is there, if one is.
        found: Option<VirtualChapter>,
    },
    /// The index is closed.
    #[error("the index is closed")]
    Closed,
    /// A thread of the index panicked: a bug of this library.
    #[error("a thread of the index panicked, which is a bug: please report it")]
    Panicked,
    /// A chapter was to be closed that no zone has filled: a bug of this library.
    #[error("a chapter was closed that no zone had filled, which is a bug: please report it")]
    NothingToClose,
    /// A thread could not be started.
    #[error("no thread could be started for the {thread}")]
    Thread {
        /// What the thread is for.
        thread: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// There is not enough memory.
    #[error("{bytes} bytes of memory for the {what} could not be had")]
    OutOfMemory {
        /// What the memory is for.
        what: &'static str,
        /// How much.
        bytes: u64,
    },
    /// The configuration is impossible.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The volume could not be read or written, or holds something that it cannot hold.
    #[error(transparent)]
    Volume(VolumeError),
    /// A page that requests were waiting for could not be read, or is damaged.
    #[error(transparent)]
    Read(Arc<VolumeError>),
    /// The sparse cache has no memory, or has a damaged chapter index.
    #[error("the sparse cache failed")]
    SparseCache(#[source] CacheError),
    /// A delta list could not be changed or read.
    #[error("the volume index failed")]
    VolumeIndex(#[source] DeltaError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stream of a save could not be read or written.
    #[error("a save could not be read or written")]
    Stream(#[source] io::Error),
}

/// A structure on storage that is being read, and the block where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) structure: &'static str,
    pub(crate) block: u64,
}

impl Reading {
    /// The error of a field that holds what it cannot hold.
    pub(crate) fn corrupt(self, field: &'static str, found: u64, expected: u64) -> IndexError {
        let Self { structure, block } = self;
        IndexError::Corrupt { structure, block, field, found, expected }
    }

    /// Checks that a field holds just what it must.
    pub(crate) fn check(
        self,
        field: &'static str,
        found: impl Into<u64>,
        expected: impl Into<u64>,
    ) -> Result<(), IndexError> {
        let (found, expected) = (found.into(), expected.into());
        if found == expected { Ok(()) } else { Err(self.corrupt(field, found, expected)) }
    }
}

/// A number in a message: those that are codes, and mean nothing as amounts, in hexadecimal.
struct Shown(&'static str, u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "magic" | "nonce" | "label" | "version" => write!(f, "{:#x}", self.1),
            _ => write!(f, "{}", self.1),
        }
    }
}

/// What a slot of the volume has, in a message.
struct Held(Option<VirtualChapter>);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(chapter) => write!(f, "chapter {chapter}"),
            None => f.write_str("no chapter of this index"),
        }
    }
}

/// How it shows that an index was not closed cleanly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UncleanReason {
    /// Neither save slot holds a save.
    #[error("it was never saved, or its save slots are damaged")]
    NoSave,
    /// The saved open chapter was discarded because chapters were written after the save.
    #[error("chapters were written after the last save")]
    WrittenSince,
    /// A chapter that the save names is not on the volume.
    #[error("chapter {chapter}, which the last save names, is not on the volume")]
    ChapterMissing {
        /// The chapter.
        chapter: VirtualChapter,
    },
    /// The save is there, but cannot be used.
    #[error("its last save cannot be used")]
    Unusable(#[source] Box<IndexError>),
}

/// The kinds of failures, for callers that act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no index there.
    NotAnIndex,
    /// There is an index, but not the one that the caller means.
    Mismatch,
    /// The index has a version that this library does not support.
    UnsupportedVersion,
    /// The index is damaged.
    Damaged,
    /// The index has to be rebuilt before it can be used.
    NotSavedCleanly,
    /// Another process, or another part of this one, has the index open.
    InUse,
    /// The storage is too small or full.
    NoSpace,
    /// An argument makes no sense, or asks for what is not supported.
    InvalidArgument,
    /// The index takes no changes since a write failed.
    Poisoned,
    /// The index is suspended.
    Suspended,
    /// The index is closed.
    Closed,
    /// The recovery or verification of the index was given up.
    Abandoned,
    /// A bug of this library.
    Bug,
    /// There is not enough memory, or no thread could be started.
    Resources,
    /// The storage failed.
    Io,
}

impl IndexError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAnIndex { .. } | Self::NothingThere { .. } | Self::NoIndexFound { .. } => {
                ErrorKind::NotAnIndex
            }
            Self::ConfigurationMismatch { .. }
            | Self::NonceMismatch { .. }
            | Self::OtherIndex { .. }
            | Self::ChapterNotCopied { .. } => ErrorKind::Mismatch,
            Self::UnsupportedVersion { .. } => ErrorKind::UnsupportedVersion,
            Self::Truncated { .. }
            | Self::Corrupt { .. }
            | Self::ImpossibleConfiguration { .. } => ErrorKind::Damaged,
            Self::NotSavedCleanly { .. } => ErrorKind::NotSavedCleanly,
            Self::TooSmall { .. } => ErrorKind::NoSpace,
            Self::OutsideWindow { .. }
            | Self::NotSuspended
            | Self::NoSuchChapter { .. }
            | Self::Geometry(_) => ErrorKind::InvalidArgument,
            Self::Suspended => ErrorKind::Suspended,
            Self::Poisoned { .. } => ErrorKind::Poisoned,
            Self::RequestsFailed { source, .. } => source.kind(),
            Self::Closed => ErrorKind::Closed,
            Self::Abandoned => ErrorKind::Abandoned,
            Self::Panicked | Self::NothingToClose => ErrorKind::Bug,
            Self::Thread { .. } | Self::OutOfMemory { .. } => ErrorKind::Resources,
            Self::Storage(error) => storage_kind(error),
            Self::Volume(error) => volume_kind(error),
            Self::Read(error) => volume_kind(error),
            Self::VolumeIndex(_) | Self::SparseCache(_) => ErrorKind::Damaged,
            // A region holds more than any sound save: whatever asks for more is damaged.
            Self::Stream(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ErrorKind::Damaged
            }
            Self::Stream(_) => ErrorKind::Io,
        }
    }

    /// The error behind a failed stream: the storage's own, where it was that.
    pub(crate) fn from_stream(error: io::Error) -> Self {
        match error.downcast::<StorageError>() {
            Ok(error) => Self::Storage(error),
            Err(error) => Self::Stream(error),
        }
    }
}

impl From<DeltaError> for IndexError {
    /// A stream that fails and memory that is short are no faults of the volume index.
    fn from(error: DeltaError) -> Self {
        match error {
            DeltaError::Io { source, .. } => Self::from_stream(source),
            DeltaError::OutOfMemory { bytes } => Self::OutOfMemory { what: "volume index", bytes },
            error => Self::VolumeIndex(error),
        }
    }
}

impl From<CacheError> for IndexError {
    /// Memory that is short is no fault of the cached chapters.
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::OutOfMemory { bytes } => Self::OutOfMemory { what: "sparse cache", bytes },
            error => Self::SparseCache(error),
        }
    }
}

impl From<VolumeError> for IndexError {
    /// A stream that fails is no fault of the volume.
    fn from(error: VolumeError) -> Self {
        match error {
            VolumeError::PageMapIo { source, .. } => Self::from_stream(source),
            error => Self::Volume(error),
        }
    }
}

/// Up to eight bytes as a number, for messages about magic numbers.
pub(crate) fn leading_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn storage_kind(error: &StorageError) -> ErrorKind {
    match error {
        StorageError::InUse { .. } => ErrorKind::InUse,
        StorageError::Truncated { .. } => ErrorKind::Damaged,
        error if error.is_out_of_space() => ErrorKind::NoSpace,
        _ => ErrorKind::Io,
    }
}

fn volume_kind(error: &VolumeError) -> ErrorKind {
    match error {
        VolumeError::Storage { source, .. } | VolumeError::Sync { source, .. } => {
            storage_kind(source)
        }
        // What lies on the storage is checked before it is used as an argument.
        VolumeError::Argument { .. } => ErrorKind::InvalidArgument,
        _ => ErrorKind::Damaged,
    }
}
