//! Many look-ups begun together.
//!
//! Where an entry of a list is depends on the one before it, so a walk along a list spends its time
//! waiting for itself; and before that, for memory. Walks along different lists do not wait for
//! each other: several of them, a step of each in turn, take hardly longer than one.
//!
//! What they have come to is kept, and good for as long as the list does not change.
//!
//! Invariants:
//! 1. A head that was found is at the first entry of its list whose key is the one looked for or
//!    more, or at the end; unless the list has changed since, which `changed` says then.
//! 2. Lists that are not among `changed` have not changed since the look-ups began. Of a list that
//!    is, that may be wrong.

use uds_geometry::{DeltaKey, DeltaListNumber, RecordName};

use super::{Cursor, DeltaZone};
use crate::DeltaError;
use crate::coding::EntryCoding;
use crate::list::{ListView, Position, name_bits_at};

/// Walks side by side. More than the processor can overlap only cost registers.
const LANES: usize = 8;
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

/// A walk that is under way.
#[derive(Clone, Copy, Default)]
struct Lane {
    /// Where the code of the next entry starts, and where the first one's does.
    code: u64,
    first: u64,
    /// Where it would start behind the last entry.
    end: u64,
    /// The key of the last entry passed, and the one looked for.
    key: u64,
    target: u64,
    /// The position among the look-ups.
    slot: usize,
}

/// How a step of a walk ends.
enum Step {
    GoOn,
    /// At an entry with the target or a larger key: its offset, key, delta and bits.
    At(u32, u64, u32, u32),
    /// At the end.
    End,
    /// Somewhere that is to be looked at by the ordinary way.
    Odd,
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

impl Lane {
    #[inline(always)]
    fn step(&mut self, memory: &[u8], coding: &EntryCoding) -> Step {
        if self.code >= self.end {
            return Step::End;
        }
        let Some(entry) = coding.decode_code(memory, self.code, self.end) else {
            return Step::Odd;
        };
        self.key += u64::from(entry.delta);
        if self.key >= self.target {
            let offset = (self.code - self.first) as u32;
            return Step::At(offset, self.key, entry.delta, entry.bits);
        }
        if entry.delta == 0 {
            self.code += name_bits_at(self.code - self.first);
        }
        self.code += u64::from(entry.bits);
        Step::GoOn
    }
}

impl DeltaZone {
    /// Begins with many look-ups, which [`find_ahead`](Self::find_ahead) ends: that is how to be
    /// fast in an index that is much larger than the processor's caches.
    ///
    /// Lists that the zone does not have are passed over. The zone keeps what it finds until the
    /// next call.
    pub fn look_ahead(&mut self, sought: impl Iterator<Item = (DeltaListNumber, DeltaKey)>) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.changed = [0; CHANGED_WORDS];
        ahead.heads.clear();
        ahead.heads.extend(sought.map(|(list, key)| Head { list, key, position: None }));
        // The waits for memory overlap.
        let touched = ahead.heads.iter().fold(0, |all, head| all ^ self.touch(head.list, head.key));
        std::hint::black_box(touched);
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
        let mut lanes = [Lane::default(); LANES];
        let mut active = 0;
        let mut next = 0;
        while active < LANES && self.start_next(heads, &mut next, &mut lanes[active]) {
            active += 1;
        }
        // A copy: its fields stay in registers.
        let coding = self.coding;
        while active > 0 {
            let mut lane = 0;
            while lane < active {
                let step = lanes[lane].step(&self.memory, &coding);
                if matches!(step, Step::GoOn) {
                    lane += 1;
                    continue;
                }
                let head = &mut heads[lanes[lane].slot];
                head.position = self.end_of_walk(head.list, &lanes[lane], &step);
                if self.start_next(heads, &mut next, &mut lanes[lane]) {
                    lane += 1;
                } else {
                    active -= 1;
                    lanes[lane] = lanes[active];
                }
            }
        }
    }

    /// Starts the next walk. False where there is none.
    #[inline]
    fn start_next(&mut self, heads: &[Head], next: &mut usize, lane: &mut Lane) -> bool {
        while let Some(&Head { list, key, .. }) = heads.get(*next) {
            let slot = *next;
            *next += 1;
            let Ok(index) = self.index_of(list) else { continue };
            self.mark(index);
            let mark = self.mark_for(index, key.get());
            let ListView { start, size, .. } = self.view(index);
            let first = self.coding.code_of(start);
            *lane = Lane {
                code: first + u64::from(mark.offset),
                first,
                end: first + u64::from(size),
                key: mark.key.into(),
                target: key.get().into(),
                slot,
            };
            return true;
        }
        false
    }

    /// Where a walk has ended.
    #[inline]
    fn end_of_walk(&self, list: DeltaListNumber, lane: &Lane, step: &Step) -> Option<Position> {
        let view = self.view(self.index_of(list).ok()?);
        match *step {
            Step::At(offset, key, delta, bits) => view.found(offset, key, delta, bits).ok(),
            // Every key passed is below the target, so it fits 32 bits.
            Step::End => view.at_end((lane.code - lane.first) as u32, lane.key as u32).ok(),
            Step::GoOn | Step::Odd => None,
        }
    }
}
