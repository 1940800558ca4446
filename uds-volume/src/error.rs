//! What can go wrong with a volume.

use std::io;

use uds_geometry::PhysicalPage;

use crate::storage::StorageError;

/// Why a volume could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The storage failed on a page of the volume.
    #[error("the storage failed on page {page} of the volume, at byte {offset}")]
    Storage {
        /// The first page of the range.
        page: PhysicalPage,
        /// Its first byte on the storage.
        offset: u64,
        /// What the storage said.
        source: StorageError,
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
         {wanted}; rebuild the index from its volume"
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

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "{number}"),
            Self::AtLeast(number) => write!(f, "at least {number}"),
            Self::Below(number) => write!(f, "below {number}"),
            Self::AtMost(number) => write!(f, "at most {number}"),
        }
    }
}
