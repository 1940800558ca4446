//! The compressed index behind a UDS deduplication index: delta lists, and the chapter index.
//!
//! A *delta index* maps a list number and a key to a small value. Keys are sorted within a list and
//! stored as differences, in about three bytes an entry. It comes in three forms:
//!
//! - [`DeltaZone`]: in memory and changeable, one zone of a volume index;
//! - [`SavedZone`] and [`Restoration`]: as a stream of bytes, saved at a clean shutdown;
//! - [`IndexPageHeader`] and the pages behind it: on the volume, immutable. They make up the
//!   [`chapter_index`], which says on which record page of a chapter a name is.
//!
//! The code of the entries is the on-disk format of Linux's dm-vdo. The specification's sections 3
//! and 4 define it.
//!
//! ```
//! use uds_delta_index::{DeltaError, DeltaZone, Insertion, ZoneConfiguration};
//! use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, RecordName};
//!
//! let mut zone = DeltaZone::new(&ZoneConfiguration {
//!     first_list: DeltaListNumber::new(0),
//!     list_count: 8,
//!     memory_bytes: 65536,
//!     coding: DeltaCoding::new(4080).expect("4080 is the mean delta of all volume indexes"),
//!     value_bits: 10,
//!     key_bits: 20,
//! })?;
//!
//! let (list, key, name) = (DeltaListNumber::new(3), DeltaKey::new(700), RecordName::default());
//! let mut cursor = zone.find(list, key, &name)?;
//! assert!(!cursor.matches(key));
//! assert_eq!(zone.insert(&mut cursor, key, 42, None)?, Insertion::Inserted);
//!
//! let cursor = zone.find(list, key, &name)?;
//! assert!(cursor.matches(key));
//! assert_eq!(zone.value(&cursor), Some(42));
//! assert_eq!(zone.list_bits(list)?, 22);
//! # Ok::<(), DeltaError>(())
//! ```
#![deny(unsafe_code)]

mod bits;
pub mod chapter_index;
mod coding;
mod error;
mod list;
mod neighbourhood;
mod page;
mod save;
mod walks;
mod zone;

pub use error::{Bound, CursorMisuse, DeltaError, ListDefect};
pub use neighbourhood::{Neighbour, Neighbourhood};
pub use page::IndexPageHeader;
pub use save::{ListTag, Restoration, SavedLists, SavedZone, read_guard, write_guard};
pub use zone::{
    AgingSegment, Cursor, DeltaEntry, DeltaStatistics, DeltaZone, Entries, Insertion,
    InvariantViolation, ListTags, MAX_LIST_BITS, MergeScratch, PlacedEntry, SEGMENTS, ZoneCensus,
    ZoneConfiguration, regroup,
};
