//! The chapter index: which record page of a chapter a name is on (specification, section 4).
//!
//! While a chapter is closed, a [`ChapterIndexBuilder`] makes the delta lists of its records and
//! packs them on index pages. A reader parses a page's header once and looks up names with
//! [`search`].

mod builder;
mod encode;
mod read;

pub use builder::{ChapterIndexBuilder, PackedPage};
pub use read::{search, validate};

use uds_geometry::{DeltaCoding, Geometry};

use crate::DeltaError;
use crate::coding::EntryCoding;

/// The delta code of every chapter index.
const CODING: DeltaCoding = DeltaCoding::chapter_index();

/// How the entries of a geometry's chapter indexes are coded.
fn entry_coding(geometry: &Geometry) -> Result<EntryCoding, DeltaError> {
    EntryCoding::new(CODING, geometry.chapter_payload_bits())
}

#[cfg(test)]
mod tests;
