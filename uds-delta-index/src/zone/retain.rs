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

use super::{Cursor, DeltaZone};
use crate::DeltaError;
use crate::bits::move_bits;
use crate::list::{Defect, Mark, Position};

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
    /// How far the list has been read.
    read: u32,
    /// Whether the last entry seen was dropped: there is no run.
    is_dropping: bool,
    dropped: u32,
    lost_collisions: u32,
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
        let walk = self.sweep(index, &mut sweep, &mut keep);
        if walk.is_err() {
            // What cannot be read stays, so that sizes add up.
            sweep.resume_run(sweep.read);
        }
        self.finish_sweep(index, &mut sweep, size);
        walk.map_err(|defect| defect.in_list(list))?;
        Ok(sweep.dropped)
    }

    /// Drops every entry of a segment of a list whose value `keep` refuses. Returns how many went.
    ///
    /// `keep` sees the value of each entry of the segment once; of a damaged list, perhaps those of
    /// other entries. Where entries went, all cursors of the zone become stale.
    ///
    /// This is for few entries: each one that is dropped has half of the list moved.
    ///
    /// # Errors
    ///
    /// As [`retain`](Self::retain), and [`DeltaError::InvalidArgument`] for a segment that lists
    /// do not have.
    pub fn retain_in_segment(
        &mut self,
        list: DeltaListNumber,
        segment: usize,
        mut keep: impl FnMut(u32) -> bool,
    ) -> Result<u32, DeltaError> {
        let index = self.index_of(list)?;
        Self::check_segment(segment)?;
        self.mark(index);
        if !self.headers[index].is_marked() {
            return self.retain(list, keep);
        }
        let mut dropped = 0;
        let header = &self.headers[index];
        let mark = header.mark_before(self.segmentation, segment);
        // Where the key at the segment's start is not known, the walk to there tells it.
        let start = header.segment_start(segment);
        let walk = self.view(index).first_refused(&Position::before(mark), start, &mut |_| true);
        let mut position = walk.map_err(|defect| defect.in_list(list))?;
        loop {
            // Marks move when entries go.
            let until = self.headers[index].segment_end(segment);
            let refused = self.view(index).first_refused(&position, until, &mut keep);
            position = refused.map_err(|defect| defect.in_list(list))?;
            if position.is_at_end || position.bits == 0 {
                return Ok(dropped);
            }
            let mut cursor = Cursor { position, list, stamp: self.stamp };
            self.remove(&mut cursor)?;
            dropped += 1;
            // The entry that followed has yet to be seen.
            let Position { offset, .. } = cursor.position;
            position = Position::before(Mark { offset, key: cursor.position.previous_key() });
        }
    }

    fn sweep(
        &mut self,
        index: usize,
        sweep: &mut Sweep,
        keep: &mut impl FnMut(u32) -> bool,
    ) -> Result<(), Defect> {
        let mut position = Position::before(Mark::default());
        loop {
            // In a run: everything up to the next refused entry stays as it is.
            let refused = self.view(index).first_refused(&position, u32::MAX, keep)?;
            sweep.pass_run(&position, &refused);
            position = refused;
            while !position.is_at_end {
                self.drop_entry(index, sweep, &position);
                position = self.view(index).next(&position)?;
                if !position.is_at_end && keep(self.view(index).value(position.offset)) {
                    self.keep_entry(index, sweep, &position);
                    break;
                }
            }
            if position.is_at_end {
                return Ok(());
            }
        }
    }

    /// Drops an entry, and moves the run that it ends.
    fn drop_entry(&mut self, index: usize, sweep: &mut Sweep, entry: &Position) {
        self.end_run(index, sweep, entry.offset);
        sweep.dropped += 1;
        sweep.lost_collisions += u32::from(entry.is_collision);
        sweep.read = entry.end();
    }

    /// Keeps the first entry behind a dropped one, which may change it, and starts a run.
    fn keep_entry(&mut self, index: usize, sweep: &mut Sweep, entry: &Position) {
        let before = sweep.kept_key;
        let has_head = sweep.has_kept && before == entry.key;
        let delta = entry.key - before;
        sweep.kept_key = entry.key;
        sweep.has_kept = true;
        sweep.read = entry.end();
        let is_unchanged = if entry.is_collision { has_head } else { delta == entry.delta };
        if is_unchanged {
            sweep.resume_run(entry.offset);
            return;
        }
        let value = self.view(index).value(entry.offset);
        let start = self.headers[index].start();
        let place = start + u64::from(sweep.write);
        let end = self.coding.encode(&mut self.memory, place, value, delta);
        sweep.lost_collisions += u32::from(entry.is_collision);
        sweep.write = (end - start) as u32;
        sweep.resume_run(entry.end());
    }

    /// Moves the run of kept entries that ends at `end`.
    fn end_run(&mut self, index: usize, sweep: &mut Sweep, end: u32) {
        if sweep.is_dropping {
            return;
        }
        let start = self.headers[index].start();
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
        self.used_bits -= u64::from(size - sweep.write);
        if sweep.dropped == 0 {
            return;
        }
        header.unmark();
        let counts = &mut self.statistics;
        let dropped = u64::from(sweep.dropped);
        counts.records = counts.records.wrapping_sub(dropped);
        counts.discards = counts.discards.wrapping_add(dropped);
        counts.collisions = counts.collisions.wrapping_sub(u64::from(sweep.lost_collisions));
        self.changed(index);
    }
}

impl Sweep {
    /// Starts a run of kept entries at `offset`, where there is none.
    fn resume_run(&mut self, offset: u32) {
        if self.is_dropping {
            self.run_start = offset;
            self.is_dropping = false;
        }
    }

    /// Notes that a run goes on from behind `from` to `to`.
    fn pass_run(&mut self, from: &Position, to: &Position) {
        self.has_kept |= to.offset > from.end();
        self.kept_key = to.previous_key();
        self.read = to.offset;
    }
}
