//! Dropping many entries of a list in one walk.
//!
//! The outcome is that of removing the entries one by one (specification, section 3.8): the entry
//! behind a dropped one takes over its delta, and the first collision to survive its ordinary entry
//! becomes the ordinary entry. Kept entries move towards the start of the list, in runs: only the
//! first of a run, whose delta changes, is written anew.
//!
//! Invariant: what has been written never reaches what has yet to be read, because the code of a
//! sum of deltas is no longer than their codes together.

use uds_geometry::DeltaListNumber;

use super::DeltaZone;
use crate::DeltaError;
use crate::bits::move_bits;
use crate::list::{Mark, Position};

/// The state of a walk that drops entries. Offsets are from the start of the list.
#[derive(Default)]
struct Sweep {
    /// Where the run of kept entries starts that have not been moved yet.
    run_start: u32,
    /// Where they go.
    write: u32,
    /// The key of the last entry kept, or 0.
    kept_key: u32,
    /// Whether an entry was kept.
    has_kept: bool,
    /// Whether the last entry seen was dropped: there is no run.
    is_dropping: bool,
    dropped: u32,
    lost_collisions: u32,
    hint: Mark,
}

impl DeltaZone {
    /// Drops every entry of a list whose value `keep` refuses. Returns how many went.
    ///
    /// `keep` sees each entry's value once, in the order of the list. Where entries went, all
    /// cursors of the zone become stale.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`]; [`DeltaError::CorruptList`], before which entries may have been
    /// dropped.
    pub fn retain(
        &mut self,
        list: DeltaListNumber,
        mut keep: impl FnMut(u32) -> bool,
    ) -> Result<u32, DeltaError> {
        let index = self.index_of(list)?;
        let size = u32::from(self.headers[index].size);
        let mut sweep = Sweep::default();
        let mut position = Position::before(Mark::default());
        loop {
            match self.view(index).next(&position) {
                Ok(next) => position = next,
                Err(defect) => {
                    // What cannot be read stays, so that sizes add up; the hint may be in it.
                    self.resume_run(&mut sweep, position.end());
                    sweep.hint = Mark::default();
                    self.finish_sweep(index, &mut sweep, size);
                    return Err(defect.in_list(list));
                }
            }
            if position.is_at_end {
                break;
            }
            if keep(self.view(index).value(position.offset)) {
                self.keep_entry(index, &mut sweep, &position, size / 2);
            } else {
                self.end_run(index, &mut sweep, position.offset);
                sweep.dropped += 1;
                sweep.lost_collisions += u32::from(position.is_collision);
            }
        }
        self.finish_sweep(index, &mut sweep, size);
        Ok(sweep.dropped)
    }

    fn keep_entry(&mut self, index: usize, sweep: &mut Sweep, entry: &Position, middle: u32) {
        let before = sweep.kept_key;
        let has_head = sweep.has_kept && before == entry.key;
        let delta = entry.key - before;
        sweep.kept_key = entry.key;
        sweep.has_kept = true;
        if sweep.is_dropping {
            let is_unchanged = if entry.is_collision { has_head } else { delta == entry.delta };
            if is_unchanged {
                self.resume_run(sweep, entry.offset);
            } else {
                let value = self.view(index).value(entry.offset);
                let start = self.headers[index].start;
                let place = start + u64::from(sweep.write);
                let end = self.coding.encode(&mut self.memory, place, value, delta);
                sweep.lost_collisions += u32::from(entry.is_collision);
                sweep.note_ordinary(sweep.write, before, entry.offset, middle);
                sweep.write = (end - start) as u32;
                self.resume_run(sweep, entry.end());
                return;
            }
        }
        if !entry.is_collision {
            let target = sweep.write + (entry.offset - sweep.run_start);
            sweep.note_ordinary(target, before, entry.offset, middle);
        }
    }

    /// Starts a run of kept entries at `offset`, where there is none.
    fn resume_run(&self, sweep: &mut Sweep, offset: u32) {
        if sweep.is_dropping {
            sweep.run_start = offset;
            sweep.is_dropping = false;
        }
    }

    /// Moves the run of kept entries that ends at `end`.
    fn end_run(&mut self, index: usize, sweep: &mut Sweep, end: u32) {
        if sweep.is_dropping {
            return;
        }
        let start = self.headers[index].start;
        let from = start + u64::from(sweep.run_start);
        let length = end - sweep.run_start;
        move_bits(&mut self.memory, from, start + u64::from(sweep.write), u64::from(length));
        sweep.write += length;
        sweep.is_dropping = true;
    }

    fn finish_sweep(&mut self, index: usize, sweep: &mut Sweep, size: u32) {
        self.end_run(index, sweep, size);
        let header = &mut self.headers[index];
        header.size = super::list_bits(sweep.write);
        header.set_hint(sweep.hint);
        self.used_bits -= u64::from(size - sweep.write);
        if sweep.dropped == 0 {
            return;
        }
        let counts = &mut self.statistics;
        let dropped = u64::from(sweep.dropped);
        counts.records = counts.records.wrapping_sub(dropped);
        counts.discards = counts.discards.wrapping_add(dropped);
        counts.collisions = counts.collisions.wrapping_sub(u64::from(sweep.lost_collisions));
        self.stamp = self.stamp.wrapping_add(1);
    }
}

impl Sweep {
    /// Notes an ordinary entry as the hint, if it was in the first half of the list.
    fn note_ordinary(&mut self, target: u32, key_before: u32, offset: u32, middle: u32) {
        if offset <= middle {
            self.hint = Mark { offset: target, key: key_before };
        }
    }
}
