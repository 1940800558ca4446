//! Storage, record pages and chapters of a UDS deduplication index.

mod cache;
mod error;
mod page_map;
mod radix;
mod record_page;
mod storage;
mod sync;
#[cfg(test)]
mod testing;

pub mod sim;

pub use error::{VolumeError, Wanted};
pub use page_map::IndexPageMap;
pub use radix::RadixSorter;
pub use record_page::{RecordPageEncoder, records_of_page, search_record_page};
pub use storage::{
    CountingStorage, FileKind, FileOptions, FileStorage, MemoryStorage, Operation, OperationCounts,
    Storage, StorageError,
};
