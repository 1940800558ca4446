//! The sample of names, and where the record of each lies in every log: a hash table of fixed size.
//!
//! # Invariants
//!
//! 1. Linear probing: an entry lies at its slot or after it, with no free slot between.
//! 2. At most seven eighths of the slots are taken once [`Sample::thin_out`] was called as often as
//!    [`Sample::is_full`] says.
//! 3. A slot is free if and only if its hash is 0.

use crate::hash::Hash;

/// Logs that an entry can lie in.
pub(crate) const MAX_LOGS: usize = 4;

/// What is remembered of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The hash of the name, 0 in a free slot.
    pub(crate) hash: u64,
    /// The short hash of the sample of the sparse index that came before it, when it was posted
    /// last.
    pub(crate) neighbour: u32,
    /// The chapter of its record in each log.
    pub(crate) chapters: [u32; MAX_LOGS],
}

/// The table.
#[derive(Debug)]
pub(crate) struct Sample {
    slots: Box<[Entry]>,
    taken: usize,
}

impl Sample {
    /// An empty table of 2 to the power of `bits` slots.
    pub(crate) fn new(bits: u32) -> Self {
        Self { slots: vec![Entry::default(); 1 << bits].into_boxed_slice(), taken: 0 }
    }

    /// The entry of a name, and whether it was made just now.
    pub(crate) fn entry(&mut self, hash: Hash) -> (&mut Entry, bool) {
        let mask = self.slots.len() - 1;
        let mut slot = hash.slot(mask);
        while self.slots[slot].hash != 0 && self.slots[slot].hash != hash.get() {
            slot = (slot + 1) & mask;
        }
        let entry = &mut self.slots[slot];
        let is_new = entry.hash == 0;
        if is_new {
            entry.hash = hash.get();
            self.taken += 1;
        }
        (entry, is_new)
    }

    /// Whether it must be thinned out before another name comes.
    pub(crate) const fn is_full(&self) -> bool {
        self.taken >= self.slots.len() / 8 * 7
    }

    /// Removes all names that are not in the sample of so many halvings.
    pub(crate) fn thin_out(&mut self, halvings: u32) {
        let mask = self.slots.len() - 1;
        // From a free slot on, so that no run of entries is entered in its middle.
        let Some(start) = self.slots.iter().position(|entry| entry.hash == 0) else { return };
        for step in 0..=mask {
            let slot = (start + step) & mask;
            let entry = self.slots[slot];
            if entry.hash == 0 {
                continue;
            }
            self.slots[slot] = Entry::default();
            self.taken -= 1;
            let hash = Hash::from_stored(entry.hash);
            if hash.is_sampled(halvings) {
                // Its slot, or a free one before where it was: all before it were put back so.
                *self.entry(hash).0 = entry;
            }
        }
    }

    /// The entries, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter(|entry| entry.hash != 0)
    }

    /// Names in the table.
    pub(crate) const fn len(&self) -> usize {
        self.taken
    }

    /// Slots of the table, as a power of two.
    pub(crate) const fn bits(&self) -> u32 {
        self.slots.len().trailing_zeros()
    }

    /// Bytes in memory, when all of it is used.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uds_geometry::RecordName;

    use super::*;

    fn hash(number: u64) -> Hash {
        Hash::of(&RecordName::of_block(&number.to_le_bytes()))
    }

    // Guards the table as entries go: a gap in a run of entries would hide those behind it, also
    // where the run goes over the end of the table.
    #[test]
    fn thinning_out_loses_no_other_name() {
        for first in (0..50).map(|round| round * 1000) {
            let mut sample = Sample::new(6);
            let hashes: Vec<_> = (first..).take(56).map(hash).collect();
            for (number, &hash) in (1..).zip(&hashes) {
                let (entry, is_new) = sample.entry(hash);
                assert!(is_new);
                entry.chapters[0] = number;
            }
            assert!(sample.is_full() && sample.len() == 56);
            sample.thin_out(1);
            let left: HashSet<_> = sample.iter().map(|entry| entry.hash).collect();
            for (number, &hash) in (1..).zip(&hashes) {
                assert_eq!(left.contains(&hash.get()), hash.is_sampled(1));
                if hash.is_sampled(1) {
                    let (entry, is_new) = sample.entry(hash);
                    assert_eq!((is_new, entry.chapters[0]), (false, number));
                }
            }
            assert_eq!(sample.len(), left.len());
        }
    }
}
