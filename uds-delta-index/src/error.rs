//! What can go wrong in a delta index, a saved one, or a page of a chapter index.

use std::io;

use uds_geometry::{DeltaKey, DeltaListNumber, ZoneId};

/// Why an operation on delta lists failed.
///
/// A refused entry is not an error but [`Insertion::Overflow`](crate::Insertion::Overflow).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// The memory of a zone cannot be had.
    #[error("no memory for delta lists: {bytes} bytes were refused; use a smaller index")]
    OutOfMemory {
        /// How many bytes were asked for.
        bytes: u64,
    },
    /// A number outside its range, given by the caller.
    #[error("the {what} is {found}, but must be {wanted}")]
    InvalidArgument {
        /// Which number.
        what: &'static str,
        /// What was given.
        found: u64,
        /// The range, in words.
        wanted: &'static str,
    },
    /// A list that the zone or the page does not hold.
    #[error("delta list {list} is not here: {count} lists from {first} on are")]
    NoSuchList {
        /// The list asked for.
        list: DeltaListNumber,
        /// The first list that is there.
        first: DeltaListNumber,
        /// How many lists are there.
        count: u32,
    },
    /// A cursor was used in a way that its place does not allow.
    #[error("delta list {list}: {misuse}")]
    Misuse {
        /// The list of the cursor.
        list: DeltaListNumber,
        /// What is wrong.
        misuse: CursorMisuse,
    },
    /// An entry with the same name is there already, as a collision.
    #[error("delta list {list} already has a collision entry for this name, under key {key}")]
    DuplicateName {
        /// The list.
        list: DeltaListNumber,
        /// The key.
        key: DeltaKey,
    },
    /// An insertion would put the keys of a list out of order.
    #[error(
        "key {key} does not belong at the cursor in delta list {list}, which is at {cursor_key}"
    )]
    KeyOrder {
        /// The list.
        list: DeltaListNumber,
        /// The key to insert.
        key: DeltaKey,
        /// The key of the cursor.
        cursor_key: DeltaKey,
    },
    /// The bits of a list make no sense. They came from storage, or memory is failing.
    #[error(
        "delta list {list} is corrupt at bit {bit_offset} of its {size_bits}: {defect}; \
         names in this list cannot be found"
    )]
    CorruptList {
        /// The list.
        list: DeltaListNumber,
        /// The bit offset of the bad entry, from the start of the list.
        bit_offset: u32,
        /// Bits of the list.
        size_bits: u32,
        /// What is wrong with the entry.
        defect: ListDefect,
    },
    /// A page that is not an index page of the wanted volume. Normal during a rebuild: pages that
    /// were never written look like this.
    #[error("index page: {field} is {found:#x}, but {expected:#x} is wanted ({rule})")]
    CorruptPage {
        /// The field of the header that failed, read in little-endian order.
        field: &'static str,
        /// How `expected` bounds it.
        rule: Bound,
        /// The expected value, or the limit.
        expected: u64,
        /// What the page says.
        found: u64,
    },
    /// A saved delta index that does not add up.
    #[error(
        "saved delta index, stream {stream}: {field} is {found:#x}, but {expected:#x} is wanted \
         ({rule}); the save cannot be used"
    )]
    CorruptSave {
        /// The stream, counted from 0.
        stream: ZoneId,
        /// The field that failed.
        field: &'static str,
        /// How `expected` bounds it.
        rule: Bound,
        /// The expected value, or the limit.
        expected: u64,
        /// What the stream says.
        found: u64,
    },
    /// The lists of a saved index do not fit the memory of a zone.
    #[error(
        "saved delta index: lists from {first_list} on need {needed_bytes} bytes, but their zone \
         has {zone_bytes}; the save cannot be used"
    )]
    SaveTooLarge {
        /// The first list of the zone.
        first_list: DeltaListNumber,
        /// Bytes that the lists need.
        needed_bytes: u64,
        /// Bytes that the zone has.
        zone_bytes: u64,
    },
    /// Lists could not be put on a page, even after giving up all those that could be given up.
    #[error("an index page of {page_bytes} bytes cannot hold the table of its delta lists")]
    PageTooSmall {
        /// Bytes of the page.
        page_bytes: u64,
    },
    /// Reading or writing a stream failed.
    #[error("{action} a saved delta index failed")]
    Io {
        /// What was being done: `reading` or `writing`.
        action: &'static str,
        /// The failure.
        source: io::Error,
    },
}

/// How a wanted value bounds a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The field must be the wanted value.
    Exactly,
    /// The field must not exceed the wanted value.
    AtMost,
    /// The field must not be below the wanted value.
    AtLeast,
}

impl Bound {
    /// Whether a field keeps to the wanted value.
    pub(crate) fn holds(self, expected: u64, found: u64) -> bool {
        match self {
            Self::Exactly => found == expected,
            Self::AtMost => found <= expected,
            Self::AtLeast => found >= expected,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Exactly => "exactly",
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
        })
    }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListDefect {
    /// The entry goes on beyond the end of its list.
    #[error("an entry ends beyond its list")]
    EntryBeyondEnd,
    /// The delta code has no end within the list, or stands for more than 32 bits.
    #[error("a delta code has no end")]
    EndlessCode,
    /// The keys add up to more than 32 bits.
    #[error("a key exceeds 32 bits")]
    KeyTooLarge,
    /// An entry of a chapter index names a record page that a chapter does not have.
    #[error("an entry's value is out of range")]
    ValueTooLarge,
}

/// How a cursor was misused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorMisuse {
    /// There is no entry at the cursor: it is at the end of its list.
    #[error("the cursor is at the end, where there is no entry")]
    AtEnd,
    /// The zone was changed by other means since the cursor was made.
    #[error("the zone has changed since the cursor was made: find the key again")]
    Stale,
}

impl DeltaError {
    pub(crate) fn reading(source: io::Error) -> Self {
        Self::Io { action: "reading", source }
    }

    pub(crate) fn writing(source: io::Error) -> Self {
        Self::Io { action: "writing", source }
    }
}
