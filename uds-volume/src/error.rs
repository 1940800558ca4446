//! What can go wrong with a volume.

use std::fmt;
use std::io;
use std::ops::Range;

use uds_delta_index::DeltaError;
use uds_geometry::{ChapterPage, DeltaListNumber, PhysicalChapter, RecordName, VirtualChapter};

use crate::storage::StorageError;

/// Where a page lies: by its place in the volume and on the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePlace {
    /// The slot of its chapter.
    pub slot: PhysicalChapter,
    /// Its number in the chapter.
    pub page: ChapterPage,
    /// Its first byte on the storage.
    pub offset: u64,
}

impl fmt::Display for PagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.page {
            ChapterPage::Index(number) => write!(f, "index page {number}")?,
            ChapterPage::Record(number) => write!(f, "record page {number}")?,
        }
        write!(f, " of slot {} (byte {} of the storage)", self.slot, self.offset)
    }
}

/// Why a volume could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The storage failed on a page of the volume.
    #[error("the storage failed at {place}")]
    Storage {
        /// The page, or the first of several.
        place: PagePlace,
        /// What the storage said.
        source: StorageError,
    },
    /// A chapter was written but could not be made durable.
    #[error("chapter {chapter} may not be on the storage: it was written but not synced")]
    Sync {
        /// The chapter.
        chapter: VirtualChapter,
        /// What the storage said.
        source: StorageError,
    },
    /// The storage is too short for the volume.
    #[error(
        "the volume ends at byte {wanted}, but the storage has {found}: it was truncated, or \
         belongs to another index"
    )]
    TooShort {
        /// Bytes needed.
        wanted: u64,
        /// Bytes of the storage.
        found: u64,
    },
    /// An index page is damaged, or was never written.
    #[error("{place} is damaged: names in its lists cannot be found")]
    IndexPage {
        /// The page.
        place: PagePlace,
        /// What is wrong with it.
        source: DeltaError,
    },
    /// An index page belongs to another chapter than the wanted one.
    #[error(
        "{place} belongs to chapter {found}, but should to {expected}: the chapter was damaged"
    )]
    WrongChapter {
        /// The page.
        place: PagePlace,
        /// The chapter wanted.
        expected: VirtualChapter,
        /// The chapter named on the page.
        found: VirtualChapter,
    },
    /// An index page has other lists than the index page map says.
    #[error(
        "{place} has delta lists {} to {}, but should have {} to {} (ends excluded): \
         the page, or the index page map, is damaged",
        found.start, found.end, expected.start, expected.end
    )]
    WrongLists {
        /// The page.
        place: PagePlace,
        /// The lists in the index page map, from the first to the one after the last.
        expected: Range<DeltaListNumber>,
        /// The lists on the page.
        found: Range<DeltaListNumber>,
    },
    /// A slot has the index pages of a chapter that belongs into another one.
    #[error("{place} is of chapter {chapter}, which belongs into slot {wanted}")]
    WrongSlot {
        /// The first index page.
        place: PagePlace,
        /// The chapter that the pages name.
        chapter: VirtualChapter,
        /// Its slot.
        wanted: PhysicalChapter,
    },
    /// An index page names a record page that no chapter has.
    #[error(
        "{place} says that name {name} is on record page {found}, but chapters have only {count}: \
         the page is damaged"
    )]
    RecordPageNumber {
        /// The index page.
        place: PagePlace,
        /// The name that was looked up.
        name: RecordName,
        /// What the index page says.
        found: u32,
        /// Record pages of a chapter.
        count: u32,
    },
    /// A page had to be read while no threads were there to read it.
    #[error("no threads read pages of the volume any more: it is being closed")]
    NoReaders,
    /// The volume has reader threads already.
    #[error("the volume has reader threads already: use those, or drop them first")]
    HasReaders,
    /// A zone has a searcher already.
    #[error("zone {zone} has a searcher already: use that, or drop it first")]
    ZoneTaken {
        /// The zone.
        zone: u8,
    },
    /// A thread could not be started.
    #[error("no thread could be started for the {thread}")]
    Thread {
        /// What the thread is for.
        thread: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Something panicked while a page was read or searched.
    #[error("a panic at {place}: a bug of the storage, or of this library")]
    Panicked {
        /// The page.
        place: PagePlace,
    },
    /// The index of a chapter could not be made from its records.
    #[error("the index of chapter {chapter} cannot be made")]
    ChapterIndex {
        /// The chapter.
        chapter: VirtualChapter,
        /// Why.
        source: DeltaError,
    },
    /// The buffers for writing chapters could not be made.
    #[error("the buffers for writing chapters cannot be made")]
    Scratch {
        /// Why.
        source: DeltaError,
    },
    /// A saved index page map could not be read or written.
    #[error("cannot {action} the index page map")]
    PageMapIo {
        /// Reading or writing.
        action: &'static str,
        /// What the stream said.
        source: io::Error,
    },
    /// A saved index page map holds what no index page map can.
    #[error(
        "the saved index page map is damaged: at its byte {offset} {field} is {found}, but must be \
         {wanted}; the save cannot be used"
    )]
    PageMapCorrupt {
        /// Which number is wrong.
        field: &'static str,
        /// Where it starts in the saved map.
        offset: u64,
        /// What was found.
        found: u64,
        /// The exact value, or the largest or smallest, that would do.
        wanted: Wanted,
    },
    /// A number given by the caller does not fit the geometry of the volume.
    #[error("{what} is {found}, but must be {wanted}")]
    Argument {
        /// What the number is.
        what: &'static str,
        /// What was given.
        found: u64,
        /// What the geometry asks for.
        wanted: Wanted,
    },
}

impl VolumeError {
    /// Whether what lies on the storage is wrong, rather than the storage or the caller.
    #[must_use]
    pub const fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::IndexPage { .. }
                | Self::WrongChapter { .. }
                | Self::WrongLists { .. }
                | Self::WrongSlot { .. }
                | Self::RecordPageNumber { .. }
                | Self::PageMapCorrupt { .. }
        )
    }
}

/// What a number should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Just this.
    Exactly(u64),
    /// This or more.
    AtLeast(u64),
    /// Less than this.
    Below(u64),
    /// This or less.
    AtMost(u64),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "{number}"),
            Self::AtLeast(number) => write!(f, "at least {number}"),
            Self::Below(number) => write!(f, "below {number}"),
            Self::AtMost(number) => write!(f, "at most {number}"),
        }
    }
}
