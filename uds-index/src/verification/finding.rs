//! What a verification finds: where, what, and how bad it is.

use std::fmt;
use std::ops::Range;

use uds_delta_index::DeltaError;
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, PhysicalChapter, RecordName, VirtualChapter,
    ZoneId,
};
use uds_volume::{StorageError, VolumeError};

use crate::IndexError;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is not as it was written: records cannot be found, or the save cannot be used.
    Damage,
    /// Something that is worth knowing, and costs nothing that is not lost anyway.
    Note,
}

/// The part of an index that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// The super block.
    SuperBlock,
    /// The block of the configuration.
    Configuration,
    /// The header of a save slot, 0 or 1.
    SlotHeader {
        /// The slot.
        slot: u8,
    },
    /// The open chapter of a save.
    OpenChapter {
        /// The save slot.
        slot: u8,
    },
    /// The volume index of a zone, in a save.
    VolumeIndex {
        /// The save slot.
        slot: u8,
        /// The zone.
        zone: ZoneId,
    },
    /// The index page map of a save.
    PageMap {
        /// The save slot.
        slot: u8,
    },
    /// A page of a chapter.
    Chapter {
        /// The chapter that is there, or should be; `None` where that is not known.
        chapter: Option<VirtualChapter>,
        /// Its slot on the volume.
        slot: PhysicalChapter,
        /// The page.
        page: ChapterPage,
    },
}

/// Something that a verification found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The part of the index that it is in.
    pub region: Region,
    /// The byte of the storage where that part begins, or a more exact one.
    pub offset: u64,
    /// The delta list, where it is about one, or the first of several.
    pub list: Option<DeltaListNumber>,
    /// What was found.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The storage cannot be read there.
    #[error("it cannot be read")]
    Unreadable(#[source] StorageError),
    /// A part of the layout or of a save holds something that it cannot hold.
    #[error(transparent)]
    Index(IndexError),
    /// An index page map that cannot be used.
    #[error(transparent)]
    PageMap(VolumeError),
    /// An index page, or a delta list, makes no sense.
    #[error(transparent)]
    Lists(DeltaError),
    /// A page names another chapter than the one that belongs there.
    #[error(
        "it is of chapter {found}, but chapter {expected} belongs there: records of chapter \
         {expected} cannot be found"
    )]
    OtherChapter {
        /// The chapter on the page.
        found: VirtualChapter,
        /// The chapter that should be there.
        expected: VirtualChapter,
    },
    /// A slot has the pages of a chapter that belongs into another one.
    #[error("it is of chapter {found}, which belongs into slot {wanted} of the volume")]
    OtherSlot {
        /// The chapter on the page.
        found: VirtualChapter,
        /// Its slot.
        wanted: PhysicalChapter,
    },
    /// An index page does not go on where the one before it ends, or the last one ends too early
    /// or too late.
    #[error(
        "it has delta lists {} to {}, where lists from {first} on, and none after {last}, are \
         wanted: names in its lists cannot be found",
        found.start, found.end
    )]
    Lacking {
        /// The lists on the page, from the first to the one after the last.
        found: Range<DeltaListNumber>,
        /// The list that it should begin with.
        first: DeltaListNumber,
        /// The list that should be the last of the chapter.
        last: DeltaListNumber,
    },
    /// The records of a page are not in the order in which they are searched.
    #[error(
        "the record at node {node} is out of order, and {unfound} records of the page cannot be \
         found"
    )]
    RecordOrder {
        /// The first record, in the order of names, that is less than the one before it.
        node: u32,
        /// How many records a search of the page misses.
        unfound: u32,
    },
    /// Records that the index of their chapter does not name, or on another page, although it had
    /// room for them.
    #[error(
        "{records} of its records cannot be found, for the index of their chapter does not \
         describe them; the first is {name}{}",
        LeadsTo(*leads_to)
    )]
    NotIndexed {
        /// How many.
        records: u32,
        /// The name of one of them.
        name: RecordName,
        /// The record page that the index has for that name.
        leads_to: Option<u32>,
    },
    /// Records of a chapter that belong in one delta list, and are not in it as they are on the
    /// record pages, although it had room for them: it is the list that is damaged.
    #[error("{records} records that belong in delta list {list} cannot be found there")]
    ListDiffers {
        /// How many.
        records: u32,
        /// The list.
        list: DeltaListNumber,
    },
    /// Entries of a chapter's index for which its pages have no records.
    #[error("{entries} of its entries are for records that the chapter does not have")]
    NoSuchRecords {
        /// How many.
        entries: u64,
    },
    /// Two records of a chapter have one name, but not the same data.
    #[error("the chapter has name {name} twice, with different data: one of them is damaged")]
    CopiesDiffer {
        /// The name.
        name: RecordName,
    },
    /// The index page map does not agree with an index page.
    #[error(
        "index page {page} of chapter {chapter} ends with delta list {found}, but the map says \
         {mapped}: names in these lists cannot be found"
    )]
    MapDiffers {
        /// The chapter.
        chapter: VirtualChapter,
        /// Its index page.
        page: IndexPageNumber,
        /// The last list of the page, as the page has it.
        found: u32,
        /// The same, as the map has it.
        mapped: u32,
    },
    /// Two records of the saved open chapter have one name.
    #[error("the saved open chapter has name {name} twice")]
    SavedTwice {
        /// The name.
        name: RecordName,
    },
    /// The slot of a chapter older than those of the save has it, although no newer one has taken
    /// its place.
    #[error(
        "chapter {chapter} is on the volume, but the save says that the oldest one is {oldest}: a \
         recovery could not read it, or the save is damaged"
    )]
    NotInWindow {
        /// The chapter.
        chapter: VirtualChapter,
        /// The oldest chapter of the save.
        oldest: VirtualChapter,
    },
    /// The volume index has forgotten chapters before their time, for want of memory.
    #[error(
        "it has forgotten {chapters} chapters before their time, for want of memory: their \
         records cannot be found"
    )]
    ForgottenEarly {
        /// How many.
        chapters: u64,
    },
    /// Entries of the volume index for records that their chapter does not have.
    #[error(
        "{entries} entries of the volume index are for records of chapter {chapter} that it does \
         not have: looking there is in vain, and what they were for may be lost"
    )]
    Dangling {
        /// The chapter.
        chapter: VirtualChapter,
        /// How many entries.
        entries: u64,
    },
    /// A byte that nothing reads is not as usual.
    #[error(
        "the byte is {found:#04x} where {wanted:#04x} is usual; nothing reads it, but something \
         has changed it"
    )]
    Unusual {
        /// What it is.
        found: u8,
        /// What it is in an index of this library.
        wanted: u8,
    },
}

/// Where the index of a chapter leads for a name that is not there.
struct LeadsTo(Option<u32>);

impl fmt::Display for LeadsTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(page) => write!(f, ", which it has on record page {page}"),
            None => f.write_str(", which is not in it"),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SuperBlock => f.write_str("super block"),
            Self::Configuration => f.write_str("configuration"),
            Self::SlotHeader { slot } => write!(f, "save slot {slot}, header"),
            Self::OpenChapter { slot } => write!(f, "save slot {slot}, open chapter"),
            Self::VolumeIndex { slot, zone } => {
                write!(f, "save slot {slot}, volume index of zone {zone}")
            }
            Self::PageMap { slot } => write!(f, "save slot {slot}, index page map"),
            Self::Chapter { chapter, slot, page } => {
                match chapter {
                    Some(chapter) => write!(f, "chapter {chapter} in slot {slot}")?,
                    None => write!(f, "slot {slot}")?,
                }
                match page {
                    ChapterPage::Index(number) => write!(f, ", index page {number}"),
                    ChapterPage::Record(number) => write!(f, ", record page {number}"),
                }
            }
        }
    }
}

impl fmt::Display for Finding {
    /// One line: where, at which byte, what, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}): {}", self.region, self.offset, self.cause)?;
        let mut source = std::error::Error::source(&self.cause);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Findings, of which so many are kept at most: a device that is damaged all over has more than
/// anybody reads.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<Finding>,
    limit: usize,
    pub(crate) damage: u64,
    pub(crate) notes: u64,
}

impl Findings {
    pub(super) const fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit, damage: 0, notes: 0 }
    }

    pub(super) fn damage(&mut self, region: Region, offset: u64, cause: Cause) {
        self.push(Finding { severity: Severity::Damage, region, offset, list: None, cause });
    }

    pub(super) fn push(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Damage => self.damage += 1,
            Severity::Note => self.notes += 1,
        }
        if self.kept.len() < self.limit {
            self.kept.push(finding);
        }
    }

    /// Takes over others, where `demote` says so as notes.
    pub(super) fn absorb(&mut self, other: Self, demote: bool) {
        let dropped = other.damage + other.notes - other.kept.len() as u64;
        for mut finding in other.kept {
            if demote {
                finding.severity = Severity::Note;
            }
            self.push(finding);
        }
        // Only kept ones say what they are; the others of a part are as its damage is.
        if demote || other.damage == 0 {
            self.notes += dropped;
        } else {
            self.damage += dropped;
        }
    }
}
