//! What can go wrong in the cache.

use uds_delta_index::DeltaError;
use uds_geometry::{DeltaListNumber, RecordName, VirtualChapter};

/// Why the cache has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// There is no memory for the cache.
    #[error("no memory for {bytes} bytes of a cached chapter index")]
    OutOfMemory {
        /// The bytes that were asked for.
        bytes: u64,
    },
    /// A cached index page is not what it must be.
    #[error("the cached index of chapter {chapter} is damaged")]
    Damaged {
        /// The chapter.
        chapter: VirtualChapter,
        /// What is wrong.
        source: DeltaError,
    },
    /// No page of a cached chapter index has a list: its source gave pages that do not belong
    /// together.
    #[error("no page of the cached index of chapter {chapter} has delta list {list}")]
    NoPage {
        /// The chapter.
        chapter: VirtualChapter,
        /// The list.
        list: DeltaListNumber,
    },
    /// A cached chapter index names a record page that chapters do not have.
    #[error(
        "the cached index of chapter {chapter} says that name {name} is on record page {found}; \
         chapters have {count}"
    )]
    RecordPageNumber {
        /// The chapter.
        chapter: VirtualChapter,
        /// The name that was looked up.
        name: RecordName,
        /// The record page.
        found: u32,
        /// How many record pages there are.
        count: u32,
    },
}
