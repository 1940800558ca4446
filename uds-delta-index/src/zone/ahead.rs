//! Many look-ups begun together.
//!
//! They walk side by side (see [`walks`]), after whoever begins them has had them wait for memory
//! together (see [`DeltaZone::touch`]).
//!
//! What they have come to is kept, and good for as long as the list does not change.
//!
//! Invariants:
//! 1. A head that was found is at the first entry of its list whose key is the one looked for or
//!    more, or at the end; unless the list has changed since, which `changed` says then.
//! 2. Lists that are not among `changed` have not changed since the look-ups began. Of a list that
//!    is, that may be wrong.

use std::cell::Cell;

use uds_geometry::{DeltaKey, DeltaListNumber, RecordName};

use super::{Cursor, DeltaZone};
use crate::DeltaError;
use crate::list::Position;
use crate::walks::{self, Entry, Stop, Walk};

/// Words of the set of changed lists, a power of two.
const CHANGED_WORDS: usize = 16;

/// Look-ups that were begun together.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    heads: Vec<Head>,
    /// A bit for each list that has changed, which lists with the same low bits share.
    changed: [u64; CHANGED_WORDS],
}

/// What a look-up has come to.
#[derive(Clone, Copy, Debug)]
struct Head {
    list: DeltaListNumber,
    key: DeltaKey,
    /// None where the walk met with something that the ordinary way has to deal with.
    position: Option<Position>,
}

impl Head {
    fn of(place: Option<(DeltaListNumber, DeltaKey)>) -> Self {
        let none = (DeltaListNumber::new(u32::MAX), DeltaKey::new(0));
        let (list, key) = place.unwrap_or(none);
        Self { list, key, position: None }
    }
}

impl Ahead {
    /// Notes that a list has changed.
    #[inline]
    pub(super) fn note_change(&mut self, index: usize) {
        self.changed[index / 64 % CHANGED_WORDS] |= 1 << (index % 64);
    }

    /// Forgets all look-ups.
    pub(super) fn forget(&mut self) {
        self.heads.clear();
    }

    #[inline]
    fn has_changed(&self, index: usize) -> bool {
        self.changed[index / 64 % CHANGED_WORDS] >> (index % 64) & 1 == 1
    }
}

impl DeltaZone {
    /// Begins with many look-ups, which [`find_ahead`](Self::find_ahead) ends: that is how to be
    /// fast in an index that is much larger than the processor's caches.
    ///
    /// The lists should have been [touched](Self::touch) before. `None`, and lists that the zone
    /// does not have, are passed over. The zone keeps what it finds until the next call.
    pub fn look_ahead(
        &mut self,
        sought: impl Iterator<Item = Option<(DeltaListNumber, DeltaKey)>>,
    ) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.changed = [0; CHANGED_WORDS];
        ahead.heads.clear();
        ahead.heads.extend(sought.map(Head::of));
        self.walk_all(&mut ahead.heads);
        self.ahead = ahead;
    }

    /// Looks for a key as [`find`](Self::find) does, with what the look-up at `position` among
    /// those of [`look_ahead`](Self::look_ahead) came to, if that is still good.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    #[inline]
    pub fn find_ahead(
        &mut self,
        position: usize,
        list: DeltaListNumber,
        key: DeltaKey,
        name: &RecordName,
    ) -> Result<Cursor, DeltaError> {
        let head = self.ahead.heads.get(position);
        if let Some(&Head { list: its_list, key: its_key, position: Some(position) }) = head {
            let index = self.index_of(list)?;
            if (list, key) == (its_list, its_key) && !self.ahead.has_changed(index) {
                return self.cursor_at(index, list, key, name, position);
            }
        }
        self.find(list, key, name)
    }

    /// Walks to all heads.
    fn walk_all(&mut self, heads: &mut [Head]) {
        for head in &*heads {
            if let Ok(index) = self.index_of(head.list) {
                self.mark(index);
            }
        }
        let mut next = 0;
        let places: &[Cell<Head>] = Cell::from_mut(heads).as_slice_of_cells();
        let start_next = || {
            while let Some(head) = places.get(next) {
                next += 1;
                if let Some(walk) = self.walk_to(&head.get(), next - 1) {
                    return Some(walk);
                }
            }
            None
        };
        walks::run(&self.memory, &self.coding, start_next, |slot, stop| {
            let head = places[slot].get();
            let position = self.end_of_walk(head.list, stop);
            places[slot].set(Head { position, ..head });
            false
        });
    }

    /// A walk to a head.
    #[inline]
    fn walk_to(&self, head: &Head, slot: usize) -> Option<Walk> {
        let index = self.index_of(head.list).ok()?;
        let walk = self.walk_from(index, self.segment_of(head.key));
        Some(Walk { target: head.key.get().into(), slot, ..walk })
    }

    /// Where a walk has ended.
    #[inline]
    fn end_of_walk(&self, list: DeltaListNumber, stop: &Stop) -> Option<Position> {
        let view = self.view(self.index_of(list).ok()?);
        match *stop {
            Stop::At(Entry { offset, key, delta, bits, is_collision: false }) => {
                view.found(offset, key, delta, bits).ok()
            }
            // Every key passed is below the target, so it fits 32 bits.
            Stop::End { offset, key, .. } => view.at_end(offset, key as u32).ok(),
            Stop::At(_) | Stop::Odd => None,
        }
    }
}
