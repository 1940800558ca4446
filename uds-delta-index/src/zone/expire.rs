//! Dropping few entries of many lists at once.
//!
//! As [`retain_in_segment`](DeltaZone::retain_in_segment), with several walks side by side, for the
//! reason that [`ahead`](super::ahead) gives. What is to go is only noted while walking, and taken
//! out afterwards, the last entry first: so that the places of those before stay what they were.

use uds_geometry::DeltaListNumber;

use super::{Cursor, DeltaZone, SEGMENTS};
use crate::DeltaError;
use crate::coding::{EntryCoding, NAME_BITS};
use crate::list::Position;

/// Bytes that memory hands over at once.
const CACHE_LINE: usize = 64;
/// Walks side by side.
const LANES: usize = 8;
/// Entries of a segment that are dropped together. Of more, half of the list would be moved more
/// often than it pays.
const MAX_REFUSED: usize = 4;

/// A segment of a list that [`DeltaZone::retain_in_segments`] thins out.
#[derive(Clone, Copy, Debug)]
pub struct SegmentOfList {
    /// The list.
    pub list: DeltaListNumber,
    /// The segment, below [`SEGMENTS`].
    pub segment: usize,
}

/// A walk along a segment.
#[derive(Clone, Copy, Default)]
struct Lane {
    /// The bit where the list starts, and where it ends.
    start: u64,
    end: u64,
    /// The next entry's bit, from the start of the list, and where the segment ends.
    offset: u32,
    until: u32,
    /// The key of the last entry passed.
    key: u64,
    refused_count: usize,
    refused: [Position; MAX_REFUSED],
    /// The position among the segments.
    slot: usize,
}

/// How a step of a walk ends.
enum Step {
    GoOn,
    Done,
    /// Too many entries, or damage: the ordinary way has to deal with it.
    Odd,
}

impl Lane {
    #[inline(always)]
    fn step(
        &mut self,
        memory: &[u8],
        coding: &EntryCoding,
        keep: &mut impl FnMut(usize, u32) -> bool,
    ) -> Step {
        if self.offset >= self.until {
            return if self.offset == self.until { Step::Done } else { Step::Odd };
        }
        let place = self.start + u64::from(self.offset);
        let Some((value, entry)) = coding.decode_with_value(memory, place, self.end) else {
            return Step::Odd;
        };
        let is_collision = entry.delta == 0 && self.offset > 0;
        let bits = entry.bits + if is_collision { NAME_BITS } else { 0 };
        self.key += u64::from(entry.delta);
        if !keep(self.slot, value) && !self.refuse(entry.delta, bits, is_collision) {
            return Step::Odd;
        }
        self.offset += bits;
        Step::GoOn
    }

    /// Notes an entry that is to go. False where that is one too many, or makes no sense.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, delta: u32, bits: u32, is_collision: bool) -> bool {
        let Some(slot) = self.refused.get_mut(self.refused_count) else { return false };
        let Ok(key) = u32::try_from(self.key) else { return false };
        *slot = Position { key, delta, offset: self.offset, bits, is_collision, is_at_end: false };
        self.refused_count += 1;
        true
    }
}

impl DeltaZone {
    /// Drops entries of segments of lists. No list may be among them twice, but with different
    /// segments, in ascending order and side by side. `keep` is asked with the position of a
    /// segment and an entry's value, and sees each entry of the segment, perhaps several times, and
    /// perhaps others of the list.
    ///
    /// Where entries went, all cursors of the zone become stale.
    ///
    /// # Errors
    ///
    /// As [`retain_in_segment`](Self::retain_in_segment). Entries of other segments may have been
    /// dropped then.
    pub fn retain_in_segments(
        &mut self,
        segments: &[SegmentOfList],
        mut keep: impl FnMut(usize, u32) -> bool,
    ) -> Result<(), DeltaError> {
        let mut scanned = [None; BATCH];
        let mut done = 0;
        for batch in segments.chunks(BATCH) {
            for SegmentOfList { list, segment } in batch {
                let index = self.index_of(*list)?;
                Self::check_segment(*segment)?;
                self.mark(index);
            }
            std::hint::black_box(self.touch_segments(batch));
            self.scan_all(batch, &mut scanned, &mut |slot, value| keep(done + slot, value));
            for (slot, &SegmentOfList { list, segment }) in batch.iter().enumerate().rev() {
                match scanned[slot].take() {
                    Some(Scanned { refused, count }) => self.take_out(list, &refused[..count])?,
                    None => {
                        self.retain_in_segment(list, segment, |value| keep(done + slot, value))?;
                    }
                }
            }
            done += batch.len();
        }
        Ok(())
    }

    /// Reads a byte of each line of memory of some segments, so that the waits overlap.
    fn touch_segments(&self, segments: &[SegmentOfList]) -> u8 {
        let mut all = 0;
        for &SegmentOfList { list, segment } in segments {
            let Ok(index) = self.index_of(list) else { continue };
            let header = &self.headers[index];
            let byte = |offset: u32| ((header.start() + u64::from(offset)) / 8) as usize;
            let bytes = byte(header.segment_start(segment))..byte(header.segment_end(segment));
            let bytes = self.memory.get(bytes).unwrap_or_default();
            all = bytes.iter().step_by(CACHE_LINE).fold(all, |all, byte| all ^ byte);
        }
        all
    }

    pub(super) fn check_segment(segment: usize) -> Result<(), DeltaError> {
        if segment < SEGMENTS {
            return Ok(());
        }
        Err(DeltaError::InvalidArgument {
            what: "segment of a list",
            found: segment as u64,
            wanted: "0 to 3",
        })
    }

    /// Removes entries of a list, the last one first.
    fn take_out(&mut self, list: DeltaListNumber, refused: &[Position]) -> Result<(), DeltaError> {
        for &position in refused.iter().rev() {
            let mut cursor = Cursor { position, list, stamp: self.stamp };
            self.remove(&mut cursor)?;
        }
        Ok(())
    }

    /// Walks along all segments. None for one that the ordinary way has to deal with.
    fn scan_all(
        &self,
        segments: &[SegmentOfList],
        scanned: &mut [Option<Scanned>; BATCH],
        keep: &mut impl FnMut(usize, u32) -> bool,
    ) {
        let mut lanes = [Lane::default(); LANES];
        let mut starts = segments.iter().enumerate().filter_map(|(slot, segment)| {
            let index = self.index_of(segment.list).ok()?;
            self.lane(index, segment.segment, slot)
        });
        let mut active = 0;
        for (lane, start) in lanes.iter_mut().zip(&mut starts) {
            *lane = start;
            active += 1;
        }
        // A copy: its fields stay in registers.
        let coding = self.coding;
        while active > 0 {
            let mut at = 0;
            while at < active {
                let lane = &mut lanes[at];
                let step = lane.step(&self.memory, &coding, keep);
                if matches!(step, Step::GoOn) {
                    at += 1;
                    continue;
                }
                let (refused, count) = (lane.refused, lane.refused_count);
                scanned[lane.slot] =
                    matches!(step, Step::Done).then_some(Scanned { refused, count });
                if let Some(start) = starts.next() {
                    *lane = start;
                    at += 1;
                } else {
                    active -= 1;
                    lanes[at] = lanes[active];
                }
            }
        }
    }

    /// A walk along a segment of a list that is marked.
    fn lane(&self, index: usize, segment: usize, slot: usize) -> Option<Lane> {
        let header = &self.headers[index];
        if !header.is_marked() {
            return None;
        }
        let mark = header.mark_before(self.segmentation, segment);
        Some(Lane {
            start: header.start(),
            end: header.end(),
            offset: mark.offset,
            until: header.segment_end(segment),
            key: mark.key.into(),
            slot,
            ..Lane::default()
        })
    }
}

/// What is to go of a segment.
#[derive(Clone, Copy)]
struct Scanned {
    refused: [Position; MAX_REFUSED],
    count: usize,
}

/// Segments that are walked along before anything is taken out.
const BATCH: usize = 64;
