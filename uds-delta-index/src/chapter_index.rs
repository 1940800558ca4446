//! The chapter index: which record page of a chapter a name is on (specification, section 4).
//!
//! While a chapter is closed, a [`ChapterIndexBuilder`] makes the delta lists of its records and
//! packs them on index pages. A reader parses a page's header once and looks up names with
//! [`search`].
//!
//! ```
//! use uds_delta_index::chapter_index::{ChapterIndexBuilder, search};
//! use uds_delta_index::{DeltaError, IndexPageHeader};
//! use uds_geometry::{Configuration, Nonce, RecordName, RecordPageNumber, VirtualChapter};
//!
//! let geometry = Configuration::tiny(false).geometry();
//! let (name, record_page) = (RecordName::of_block(b"a block"), RecordPageNumber::new(3));
//! let mut builder = ChapterIndexBuilder::new(&geometry)?;
//! assert_eq!(builder.build([(name, record_page)].into_iter())?, 0);
//!
//! let (nonce, chapter) = (Nonce::new(42), VirtualChapter::new(0));
//! let mut page = vec![0; geometry.bytes_per_page() as usize];
//! let packed = builder.pack_page(nonce, chapter, 0, true, &mut page)?;
//! assert_eq!(packed.lists, geometry.delta_lists_per_chapter());
//!
//! let header = IndexPageHeader::parse(&page, nonce)?;
//! assert_eq!(search(&header, &page, &geometry, &name)?, Some(record_page));
//! # Ok::<(), DeltaError>(())
//! ```

mod builder;
mod encode;
mod lists;
mod part;
mod read;

pub use builder::{ChapterIndexBuilder, PackedPage};
pub use lists::ChapterLists;
pub use part::ListPlace;
pub use read::{search, search_match, validate};

use uds_geometry::{DeltaCoding, Geometry};

use crate::DeltaError;
use crate::coding::EntryCoding;

/// The delta code of every chapter index.
const CODING: DeltaCoding = DeltaCoding::chapter_index();
/// The memory of a chapter's delta index while the chapter is open comes in pieces of this size.
const ZONE_BYTES_UNIT: usize = 65536;

/// How the entries of a geometry's chapter indexes are coded.
fn entry_coding(geometry: &Geometry) -> Result<EntryCoding, DeltaError> {
    EntryCoding::new(CODING, geometry.chapter_payload_bits())
}

#[cfg(test)]
mod tests;
