//! Storage, record pages and chapters of a UDS deduplication index.

mod storage;
mod sync;

pub mod sim;

pub use storage::{
    CountingStorage, FileKind, FileOptions, FileStorage, MemoryStorage, Operation, OperationCounts,
    Storage, StorageError,
};
