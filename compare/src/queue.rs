//! What a store without a window has to do to have one: know which names are the oldest.
//!
//! Invariants:
//! 1. The records of a run are numbered in the order of their posting, from 0, without gaps.
//! 2. A name follows from its number, so nothing is kept for the names in the queue. A program
//!    whose names are those of real blocks would have to keep them, in the store or beside it:
//!    forgetting is cheaper here than it would be there.

use uds_geometry::RecordName;

/// The numbers of the records that a store holds: all from the oldest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// How many records may be held.
    capacity: u64,
    oldest: u64,
    end: u64,
}

impl Queue {
    /// An empty queue for so many records.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self { capacity, oldest: 0, end: 0 }
    }

    /// The number of the oldest record held.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.oldest
    }

    /// The number that the next record gets.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Counts records that were stored anew. Returns the names to be deleted for them.
    pub(crate) fn push(&mut self, stored: u64) -> impl Iterator<Item = RecordName> + use<> {
        self.end += stored;
        let first = self.oldest;
        self.oldest = self.oldest.max(self.end.saturating_sub(self.capacity));
        (first..self.oldest).map(name)
    }
}

/// The name of a record.
fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the phase `steady`: a store that deletes too little grows, one that deletes too
    // much, or the wrong names, has less to search than the others.
    #[test]
    fn each_new_record_expires_the_oldest() {
        let mut queue = Queue::new(10);
        assert_eq!(queue.push(8).count(), 0);
        assert_eq!(queue.push(3).collect::<Vec<_>>(), [name(0)]);
        assert_eq!(queue.push(0).count(), 0);
        assert_eq!(queue.push(2).collect::<Vec<_>>(), [name(1), name(2)]);
        assert_eq!((queue.oldest(), queue.end()), (3, 13));
    }
}
