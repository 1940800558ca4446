//! The counters of a scan, shared by its workers and the progress bar. A block is one of 4 KiB, or
//! a chunk with `--chunker`.
//!
//! # Invariants
//!
//! 1. `blocks = zero + unique + duplicate + failed` once all workers have ended. While they run,
//!    blocks that were read but not yet posted are missing from the latter three.
//! 2. Every counter is written by any worker or the walker with relaxed additions and means
//!    something exact only after these threads were joined.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Everything that a scan counts.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Bytes of file content, padding not counted, holes counted.
    pub(crate) bytes: Counter,
    /// Files and devices read to their end.
    pub(crate) files: Counter,
    /// Blocks of all kinds.
    pub(crate) blocks: Counter,
    /// Blocks of zeroes only.
    pub(crate) zero: Counter,
    /// Blocks that the index did not know.
    pub(crate) unique: Counter,
    /// Blocks that the index knew.
    pub(crate) duplicate: Counter,
    /// Bytes of the zero blocks, of the unique and of the duplicate ones, padding counted.
    pub(crate) zero_bytes: Counter,
    pub(crate) unique_bytes: Counter,
    pub(crate) duplicate_bytes: Counter,
    /// Bytes of the blocks that are not zero, padding counted.
    pub(crate) posted_bytes: Counter,
    /// Blocks that the index could not look up.
    pub(crate) failed: Counter,
    /// Further names of files that were counted already.
    pub(crate) hard_links: Counter,
    /// Symbolic links that were not followed.
    pub(crate) symlinks: Counter,
    /// Files and directories that were gone when they were to be read.
    pub(crate) vanished: Counter,
    /// Names of the file of `--index`, which is not data.
    pub(crate) own: Counter,
    /// Files and directories that a filter leaves out; what is in the latter is not counted.
    pub(crate) filtered: Counter,
    /// FIFOs, sockets and devices inside directories.
    pub(crate) special: Counter,
}
