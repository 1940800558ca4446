//! Names, geometry and sizes of a UDS deduplication index.
//!
//! This crate is the arithmetic under all others: which numbers follow from a memory size, which
//! bits of a name place it where, which slot of the volume a chapter lives in, and how many blocks
//! an index takes on storage. It does no I/O and holds no state. The numbers are those of the
//! on-disk format of Linux's dm-vdo; the specification's sections 1, 2, 9.1, 9.10 and 10.1 define
//! them.
//!
//! ```
//! use uds_geometry::{Configuration, LayoutSizes, MemorySize};
//!
//! // What does an index of 256 MB take on disk, and how much data does it remember?
//! let geometry = Configuration::dense(MemorySize::MB_256).geometry();
//! let sizes = LayoutSizes::new(&geometry)?;
//! assert_eq!(sizes.total_bytes(), 2_781_704_192);
//! assert_eq!(geometry.records_per_volume() * 4096, 256 << 30);
//! # Ok::<(), uds_geometry::GeometryError>(())
//! ```
#![forbid(unsafe_code)]

mod bits;
mod configuration;
mod delta;
mod error;
mod geometry;
mod layout;
mod memory;
mod murmur;
mod number;
mod record;
mod volume_index;

pub use bits::bits_per;
pub use configuration::{
    CACHE_CHAPTERS, Configuration, CustomConfiguration, PAGE_BYTES, SPARSE_SAMPLE_RATE,
    VOLUME_INDEX_MEAN_DELTA,
};
pub use delta::DeltaCoding;
pub use error::GeometryError;
pub use geometry::{
    Geometry, HEADER_PAGES, INDEX_PAGE_HEADER_BYTES, INDEX_PAGE_OFFSET_BITS, Remapping,
};
pub use layout::{BLOCK_BYTES, LayoutSizes, SAVE_SLOTS, open_chapter_bytes, page_map_bytes};
pub use memory::MemorySize;
pub use murmur::{murmur3_x64_128, murmur3_x64_128_pair};
pub use number::{
    ChapterPage, DeltaKey, DeltaListNumber, IndexPageNumber, MAX_ZONES, PhysicalChapter,
    PhysicalPage, RecordPageNumber, VirtualChapter, ZoneCount, ZoneId,
};
pub use record::{DATA_BYTES, NAME_BYTES, Nonce, RECORD_BYTES, Record, RecordData, RecordName};
pub use volume_index::{SubIndexParameters, VolumeIndexParameters};
