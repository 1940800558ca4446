//! The queue of pages that readers are to read (specification, section 7.4).
//!
//! A ring of [`POSITIONS`] positions, one of which stays empty. Between its ends
//!
//! ```text
//! first <= next_read <= last
//! ```
//!
//! lie the entries: from `first` to `next_read` those that readers have taken, from `next_read` to
//! `last` those that wait.
//!
//! | state of an entry | leaves by |
//! |---|---|
//! | waiting | `take`, by a reader |
//! | reserved: a reader reads its page | `finish`, by that reader |
//! | over | the end of all before it |
//!
//! An entry that waits or is reserved can become *invalid*: its page was forgotten. Its requests
//! are handed back all the same, to be run again.
//!
//! # Invariants
//!
//! 1. A waiter is in one entry, and is taken out of it once.
//! 2. An entry's position does not change, and is not given to another before the entry is over.
//!
//! All of this is behind the cache's mutex.

use std::collections::VecDeque;

use uds_geometry::PhysicalPage;

/// How many positions the ring has.
pub(crate) const POSITIONS: u64 = 4096;

/// Pages to read, and who waits for them.
#[derive(Debug)]
pub(crate) struct ReadQueue<W> {
    /// The entries from `first` to `last`.
    entries: VecDeque<Entry<W>>,
    /// Counts up for ever; positions are these modulo [`POSITIONS`].
    first: u64,
    next_read: u64,
}

/// A page that is to be read.
#[derive(Debug)]
pub(crate) struct Entry<W> {
    pub(crate) page: PhysicalPage,
    pub(crate) is_invalid: bool,
    pub(crate) waiters: Vec<W>,
    is_over: bool,
}

/// An entry that a reader has taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    number: u64,
}

impl Reserved {
    /// Its position in the ring.
    pub(crate) fn position(&self) -> u16 {
        (self.number % POSITIONS) as u16
    }
}

impl<W> ReadQueue<W> {
    pub(crate) const fn new() -> Self {
        Self { entries: VecDeque::new(), first: 0, next_read: 0 }
    }

    /// Whether no further page fits.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() as u64 + 1 == POSITIONS
    }

    /// Whether a page waits for a reader.
    pub(crate) fn has_waiting(&self) -> bool {
        self.next_read < self.first + self.entries.len() as u64
    }

    /// Adds a page that is in no valid entry. Returns its position. The queue must not be full.
    pub(crate) fn push(&mut self, page: PhysicalPage, waiter: W) -> u16 {
        assert!(!self.is_full(), "who adds a page has waited for room");
        let number = self.first + self.entries.len() as u64;
        let waiters = vec![waiter];
        self.entries.push_back(Entry { page, is_invalid: false, waiters, is_over: false });
        (number % POSITIONS) as u16
    }

    /// The entry at a position that the index names.
    pub(crate) fn at(&mut self, position: u16) -> &mut Entry<W> {
        let offset = u64::from(position).wrapping_sub(self.first) % POSITIONS;
        &mut self.entries[offset as usize]
    }

    /// Takes the next entry that waits.
    pub(crate) fn take(&mut self) -> Option<Reserved> {
        let number = self.next_read;
        self.has_waiting().then(|| {
            self.next_read += 1;
            Reserved { number }
        })
    }

    /// A reserved entry.
    pub(crate) fn entry(&mut self, reserved: &Reserved) -> &mut Entry<W> {
        self.at(reserved.position())
    }

    /// Ends an entry. Returns those that still wait there.
    #[expect(clippy::needless_pass_by_value, reason = "an entry ends once: its right goes")]
    pub(crate) fn finish(&mut self, reserved: Reserved) -> Vec<W> {
        let Reserved { number } = reserved;
        let entry = self.at((number % POSITIONS) as u16);
        entry.is_over = true;
        let waiters = std::mem::take(&mut entry.waiters);
        while self.entries.front().is_some_and(|entry| entry.is_over) {
            self.entries.pop_front();
            self.first += 1;
        }
        waiters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32) -> PhysicalPage {
        PhysicalPage::new(number)
    }

    // Guards the ring's ends: 4095 pages fit, and positions are used again only when everything
    // before them is over (reliability C33).
    #[test]
    fn the_ring_has_room_for_all_positions_but_one() {
        let mut queue = ReadQueue::new();
        for number in 0..4095 {
            assert!(!queue.is_full());
            assert_eq!(queue.push(page(number), number), number as u16);
        }
        assert!(queue.is_full());
        let first = queue.take().unwrap();
        let second = queue.take().unwrap();
        assert_eq!(queue.finish(second), [1]);
        assert!(queue.is_full(), "the first is not over");
        assert_eq!(queue.finish(first), [0]);
        assert_eq!(queue.push(page(9), 9), 4095);
        assert_eq!(queue.push(page(10), 10), 0);
        assert!(queue.is_full());
        assert_eq!(queue.at(0).page, page(10));
        assert_eq!(queue.at(2).page, page(2));
    }

    // Guards the order of reading and the sharing of entries.
    #[test]
    fn pages_are_read_in_order_and_waiters_keep_theirs() {
        let mut queue = ReadQueue::new();
        let position = queue.push(page(7), 'a');
        queue.push(page(8), 'b');
        queue.at(position).waiters.push('c');
        let first = queue.take().unwrap();
        assert_eq!(queue.entry(&first).page, page(7));
        queue.at(position).waiters.push('d');
        assert_eq!(queue.finish(first), ['a', 'c', 'd']);
        let second = queue.take().unwrap();
        assert!(queue.take().is_none());
        queue.entry(&second).is_invalid = true;
        assert_eq!(queue.finish(second), ['b']);
        assert!(queue.entries.is_empty());
    }
}
