//! Where the savings are: by directory, by file type, in the files that save most, and by how far
//! back the duplicates were.
//!
//! | module | part |
//! |---|---|
//! | `tree`, `cut` | directories, a bounded tree of them, and the dozen rows shown of it |
//! | `kinds` | file types, by the ends of names |
//! | `top` | the files that save most |
//! | `age` | how far back the duplicates were |
//! | `savings` | all of it as it is told: the JSON object |
//! | `text`, `bars` | the same for people, and for a page of charts |
//! | `labels` | what rows are about, each in so many columns |
//!
//! # Invariants
//!
//! 1. The memory is bounded, whatever is fed: 4 MiB hold all of it.
//! 2. Whatever was fed is in exactly one row by directory and in one by type: the rows of either
//!    sum to the total, however much was merged to stay within the bound.
//! 3. The sums do not depend on the order of feeding.

mod age;
mod bars;
mod cut;
mod kinds;
mod labels;
mod savings;
mod text;
mod top;
mod tree;

use std::ops::AddAssign;
use std::path::Path;

pub(crate) use age::{AgeTally, AgeUnit};
pub(crate) use savings::{Savings, Scope};

use kinds::Kinds;
use top::TopFiles;
use tree::Tree;

/// The rows of a list at most, with that of what has no row of its own.
const ROWS: usize = 12;

/// What all of it takes at most, whatever is fed.
#[cfg(test)]
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// A file that was read, or what was read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileTally<'a> {
    pub(crate) path: &'a Path,
    /// The path of the command line under which it was found: `path` itself, or above it.
    pub(crate) root: &'a Path,
    /// Bytes of its blocks, the last one padded, without those of zeroes only.
    pub(crate) bytes: u64,
    /// Bytes of its blocks of zeroes only.
    pub(crate) zero_bytes: u64,
    /// Bytes of its blocks that were known: exact, or an estimate without bias from a sample,
    /// which can be less than nothing for a single file.
    pub(crate) saved_bytes: i64,
}

/// What was read and saved somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Bytes of all blocks, those of zeroes only included.
    pub(crate) bytes: u64,
    /// Bytes of the blocks of zeroes only, which are not saved by deduplication.
    pub(crate) zero_bytes: u64,
    /// Bytes of the blocks that were known. Estimates add up without bias only if those below
    /// zero do, too.
    pub(crate) saved_bytes: i64,
}

impl Sums {
    /// What was saved, as it is told: never less than nothing.
    fn saved(&self) -> u64 {
        self.saved_bytes.max(0) as u64
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.zero_bytes = self.zero_bytes.saturating_add(other.zero_bytes);
        self.saved_bytes = self.saved_bytes.saturating_add(other.saved_bytes);
    }
}

/// Counts files by directory and type, and keeps those that save most.
#[derive(Debug, Default)]
pub(crate) struct Breakdown {
    tree: Tree,
    kinds: Kinds,
    top: TopFiles,
    total: Sums,
}

impl Breakdown {
    /// Counts a file. To be called once for each, when what became of its last block is known.
    pub(crate) fn add(&mut self, file: &FileTally<'_>) {
        let sums = Sums {
            bytes: file.bytes.saturating_add(file.zero_bytes),
            zero_bytes: file.zero_bytes,
            saved_bytes: file.saved_bytes,
        };
        if sums.is_empty() {
            return;
        }
        self.total += sums;
        self.tree.add(file.path, file.root, sums);
        self.kinds.add(file.path, sums);
        self.top.add(file.path, sums);
    }

    /// All that was fed.
    #[cfg(test)]
    pub(crate) fn total(&self) -> Sums {
        self.total
    }

    /// About the bytes that all of it takes.
    #[cfg(test)]
    fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes() + self.kinds.memory_bytes() + self.top.memory_bytes()
    }
}

#[cfg(test)]
mod tests;
