//! The open chapter: the records that are not on the volume yet (specification, section 5).
//!
//! Each zone has a part of it, a hash table of its own with room for its share of a chapter.
//!
//! # Invariants
//!
//! 1. Records keep the order of their arrival. Neither overwriting nor deleting moves one.
//! 2. No two records that are not deleted have equal names.
//! 3. A deleted record's place is not used again: the name, when it comes back, is a new record.
//! 4. There are more than twice as many slots as records, and triangular probing visits every
//!    slot, so each probe ends at an empty one at the latest.

mod collate;
mod save;

use uds_geometry::{Record, RecordData, RecordName, bits_per};

pub(crate) use self::collate::{Buffers, collate};
pub(crate) use self::save::{load, read_header, save};

use crate::IndexError;

/// A slot that no record has. Others hold the record's number, counted from one.
const EMPTY: u32 = 0;

/// One zone's part of an open chapter.
#[derive(Debug)]
pub(crate) struct OpenChapter {
    capacity: usize,
    records: Vec<Record>,
    /// One bit a record.
    deleted: Vec<u64>,
    deletion_count: usize,
    slots: Vec<u32>,
}

/// What became of a record that was put into an open chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Put {
    /// It is stored, and so many more fit.
    Stored { space: usize },
    /// There was no room; nothing changed.
    Full,
}

impl OpenChapter {
    /// An empty part with room for `capacity` records.
    ///
    /// # Errors
    ///
    /// [`IndexError::OutOfMemory`].
    pub(crate) fn new(capacity: u32) -> Result<Self, IndexError> {
        let slot_count = 1_usize << bits_per(2 * u64::from(capacity));
        let capacity = capacity as usize;
        let deleted_words = capacity.div_ceil(64);
        let bytes = capacity * size_of::<Record>() + slot_count * 4 + deleted_words * 8;
        let out_of_memory =
            |_| IndexError::OutOfMemory { what: "open chapter", bytes: bytes as u64 };
        let mut records = Vec::new();
        records.try_reserve_exact(capacity).map_err(out_of_memory)?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(slot_count).map_err(out_of_memory)?;
        slots.resize(slot_count, EMPTY);
        let deleted = vec![0; deleted_words];
        Ok(Self { capacity, records, deleted, deletion_count: 0, slots })
    }

    /// Forgets every record.
    pub(crate) fn reset(&mut self) {
        self.records.clear();
        self.deleted.fill(0);
        self.deletion_count = 0;
        self.slots.fill(EMPTY);
    }

    /// The slot that names the record called `name`, or the empty one where it would go.
    fn probe(&self, name: &RecordName) -> usize {
        self.probe_with(name, |_, _| ())
    }

    /// Reads memory that putting `name` will need, so that many can wait for memory together. The
    /// result means nothing.
    pub(crate) fn touch(&self, name: &RecordName) -> u32 {
        self.slots[name.chapter_index_bits() as usize & (self.slots.len() - 1)]
    }

    /// Probes, and passes each slot that is looked at to `visit`, with the index of its record.
    pub(crate) fn probe_with(
        &self,
        name: &RecordName,
        mut visit: impl FnMut(usize, Option<usize>),
    ) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = name.chapter_index_bits() as usize & mask;
        for attempt in 1.. {
            let index = self.record_index(slot);
            visit(slot, index);
            match index {
                None => break,
                Some(index) if self.records[index].name == *name && !self.is_deleted(index) => {
                    break;
                }
                Some(_) => slot = (slot + attempt) & mask,
            }
        }
        slot
    }

    /// How many slots there are.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The index of the record that a slot names.
    fn record_index(&self, slot: usize) -> Option<usize> {
        (self.slots[slot] as usize).checked_sub(1)
    }

    /// Whether the record at an index was deleted.
    pub(crate) fn is_deleted(&self, index: usize) -> bool {
        self.deletion_count > 0 && self.deleted[index / 64] >> (index % 64) & 1 == 1
    }

    /// Stores a record, in place of one with the same name if there is one.
    pub(crate) fn put(&mut self, name: &RecordName, data: &RecordData) -> Put {
        if self.records.len() >= self.capacity {
            return Put::Full;
        }
        let slot = self.probe(name);
        if let Some(index) = self.record_index(slot) {
            self.records[index].data = *data;
        } else {
            self.records.push(Record { name: *name, data: *data });
            self.slots[slot] = self.records.len() as u32;
        }
        Put::Stored { space: self.capacity - self.records.len() }
    }

    /// The data of the record called `name`.
    pub(crate) fn search(&self, name: &RecordName) -> Option<RecordData> {
        let index = self.record_index(self.probe(name))?;
        Some(self.records[index].data)
    }

    /// Marks the record called `name` deleted, if it is there.
    pub(crate) fn remove(&mut self, name: &RecordName) {
        if let Some(index) = self.record_index(self.probe(name)) {
            self.deleted[index / 64] |= 1 << (index % 64);
            self.deletion_count += 1;
        }
    }

    /// All records in the order of their arrival, deleted ones too.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Records that are not deleted.
    pub(crate) fn live_count(&self) -> usize {
        self.records.len() - self.deletion_count
    }

    /// Whether no further record fits.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= self.capacity
    }

    /// How many records fit into an empty part like this.
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity as u32
    }

    /// How many more records fit.
    pub(crate) fn space(&self) -> usize {
        self.capacity - self.records.len()
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.slots.len() * size_of::<u32>()
            + self.deleted.len() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests;
