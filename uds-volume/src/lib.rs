//! Storage, record pages and chapters of a UDS deduplication index.
//!
//! A [`Volume`] keeps the closed chapters of an index on a [`Storage`]: it writes a chapter's
//! records and its index, and finds a name in a given chapter with two page reads at most. Which
//! chapter to ask is not its business.
//!
//! - [`Storage`] is the only way to the operating system: [`FileStorage`] for files and block
//!   devices, [`MemoryStorage`], [`CountingStorage`], and the simulated disk of [`sim`] for tests.
//! - [`Volume::find_record`] looks a name up and waits for what must be read. Zones that have
//!   better things to do use a [`Searcher`], which reads only what is at hand, and let [`Readers`]
//!   do the waiting.
//! - [`RecordPageEncoder`], [`search_record_page`] and [`records_of_page`] make and read record
//!   pages, [`RadixSorter`] sorts their records.
//! - [`IndexPageMap`] knows which index page of a chapter to look at.
//!
//! The layout on storage is that of Linux's dm-vdo. The specification's sections 6 to 8 define it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use uds_geometry::{Configuration, Nonce, Record, RecordData, RecordName, VirtualChapter};
//! use uds_volume::{ChapterScratch, MemoryStorage, Volume};
//!
//! let geometry = Configuration::tiny(false).geometry();
//! let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
//! let volume = Volume::new(storage, geometry.clone(), 0, Nonce::new(42))?;
//!
//! let records: Vec<Record> = (0..geometry.records_per_chapter())
//!     .map(|number| Record {
//!         name: RecordName::of_block(&number.to_le_bytes()),
//!         data: RecordData::new([number as u8; 16]),
//!     })
//!     .collect();
//! let mut scratch = ChapterScratch::new(&geometry)?;
//! let chapter = VirtualChapter::new(7);
//! volume.write_chapter(chapter, &records, &[], &mut scratch)?;
//!
//! let name = RecordName::of_block(&1234_u32.to_le_bytes());
//! let found = volume.find_record(chapter, &name)?;
//! assert_eq!(found, Some(RecordData::new([1234_u32 as u8; 16])));
//! # Ok::<(), uds_volume::VolumeError>(())
//! ```

mod cache;
mod error;
mod page_map;
mod radix;
mod read_queue;
mod record_page;
mod storage;
mod sync;
#[cfg(test)]
mod testing;
mod volume;

pub mod sim;

pub use error::{PagePlace, VolumeError, Wanted};
pub use page_map::IndexPageMap;
pub use radix::RadixSorter;
pub use record_page::{
    RecordPageEncoder, RecordPageOrder, records_of_page, search_record_page,
    search_record_page_with,
};
pub use storage::{
    CountingStorage, FileKind, FileOptions, FileStorage, MemoryStorage, Operation, OperationCounts,
    Storage, StorageError,
};
pub use volume::{
    ChapterReport, ChapterScratch, FinishedRead, HeapStep, IndexPageTrace, Lookup, ProbedChapter,
    Progress, ReadCompletion, Readers, RecordPageTrace, RecordTrace, Searcher, Volume,
    VolumeStatistics, chapter_range,
};
