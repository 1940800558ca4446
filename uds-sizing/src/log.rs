//! The log of records for one chapter size: which chapter is open, and what is in it.
//!
//! # Invariants
//!
//! 1. The open chapter holds fewer records than a chapter has: the one that fills it closes it.
//! 2. A name is counted once in the open chapter, however often it is posted. Names are known by 32
//!    bits and their slot: of a billion posts, about one is taken for another name.

use crate::hash::Hash;

/// A log whose chapters have one size.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) chapter_records: u32,
    /// The number of the open chapter.
    pub(crate) open: u32,
    /// Records in it.
    pub(crate) filled: u32,
    /// Short hashes of its names, 0 in a free slot; half of the slots at most are taken.
    names: Box<[u32]>,
}

impl Log {
    /// An empty log.
    pub(crate) fn new(chapter_records: u32) -> Self {
        let slots = (2 * chapter_records as usize).next_power_of_two();
        Self { chapter_records, open: 0, filled: 0, names: vec![0; slots].into_boxed_slice() }
    }

    /// Posts a name: a record is added, unless the open chapter has one of it. Says whether one
    /// was.
    pub(crate) fn post(&mut self, hash: Hash) -> bool {
        let mask = self.names.len() - 1;
        let (mut slot, name) = (hash.slot(mask), hash.short());
        while self.names[slot] != 0 {
            if self.names[slot] == name {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        self.names[slot] = name;
        self.filled += 1;
        if self.filled == self.chapter_records {
            self.open = self.open.saturating_add(1);
            self.filled = 0;
            self.names.fill(0);
        }
        true
    }

    /// The names of the open chapter, for a save.
    pub(crate) fn names(&self) -> &[u32] {
        &self.names
    }

    /// Takes the names of a save.
    pub(crate) fn names_mut(&mut self) -> &mut [u32] {
        &mut self.names
    }

    /// Bytes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.names)
    }
}
