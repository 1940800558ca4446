//! Dropping the oldest entries of many lists at once.
//!
//! As [`retain_in_segment`](DeltaZone::retain_in_segment), with several walks side by side (see
//! [`walks`]). What is to go is only noted while walking, and taken out afterwards, the last
//! entry first: so that the places of those before stay what they were.
//!
//! Invariant: a walk notes entries of its own segment only, even where it has to begin in an
//! earlier one. So no entry is taken out twice.

use uds_geometry::DeltaListNumber;

use super::{CACHE_LINE, Cursor, DeltaZone, SEGMENTS};
use crate::DeltaError;
use crate::list::Position;
use crate::walks::{self, Entry, Stop, Walk};

/// Segments that are walked along before anything is taken out.
const BATCH: usize = 64;
/// Entries of a segment that are dropped together. Of more, half of the list would be moved more
/// often than it pays.
const MAX_REFUSED: usize = 4;

/// A segment of a list of which the oldest entries are dropped.
///
/// How old an entry is follows from its value alone: values count up and wrap around.
#[derive(Clone, Copy, Debug)]
pub struct AgingSegment {
    /// The list.
    pub list: DeltaListNumber,
    /// The segment, below [`SEGMENTS`].
    pub segment: usize,
    /// The oldest value that an entry of the list can have.
    pub base: u32,
    /// Entries go whose value, counted from `base` modulo the number of values, is below this.
    pub expired: u64,
    /// The oldest value of the entries that are kept, counted from `base`: what
    /// [`DeltaZone::drop_oldest`] has learnt. `u32::MAX` where no entry is kept.
    pub oldest: u32,
}

/// What was found of a segment.
#[derive(Clone, Copy, Default)]
struct Scanned {
    refused: [Position; MAX_REFUSED],
    count: usize,
    /// The oldest value kept, once the walk has come to its end.
    oldest: Option<u32>,
}

impl Scanned {
    /// Notes an entry that is to go. False where that is one too many, or makes no sense.
    fn note(&mut self, entry: &Entry, list_bits: u32) -> bool {
        let &Entry { offset, key, delta, bits, is_collision } = entry;
        let Some(slot) = self.refused.get_mut(self.count) else { return false };
        let Ok(key) = u32::try_from(key) else { return false };
        *slot = Position { key, delta, offset, bits, is_collision, is_at_end: false };
        self.count += 1;
        slot.end() <= list_bits
    }
}

impl DeltaZone {
    /// Drops the oldest entries of segments of lists, and says in each segment what the oldest
    /// value of those is that are kept. No segment may be among them twice; the segments of a list
    /// come in ascending order, side by side.
    ///
    /// Where entries went, all cursors of the zone become stale.
    ///
    /// # Errors
    ///
    /// As [`retain_in_segment`](Self::retain_in_segment). Entries of other segments may have been
    /// dropped then.
    pub fn drop_oldest(&mut self, segments: &mut [AgingSegment]) -> Result<(), DeltaError> {
        let mut scanned = [Scanned::default(); BATCH];
        for batch in segments.chunks_mut(BATCH) {
            for &AgingSegment { list, segment, .. } in &*batch {
                let index = self.index_of(list)?;
                Self::check_segment(segment)?;
                self.mark(index);
            }
            std::hint::black_box(self.touch_segments(batch));
            scanned.fill(Scanned::default());
            self.scan_all(batch, &mut scanned);
            for (segment, scanned) in batch.iter_mut().zip(&scanned).rev() {
                match scanned.oldest {
                    Some(oldest) => {
                        self.take_out(segment.list, &scanned.refused[..scanned.count])?;
                        segment.oldest = oldest;
                    }
                    None => self.drop_oldest_singly(segment)?,
                }
            }
        }
        Ok(())
    }

    /// Drops the oldest entries of a segment in which there is something out of the ordinary.
    fn drop_oldest_singly(&mut self, segment: &mut AgingSegment) -> Result<(), DeltaError> {
        let &mut AgingSegment { list, segment: number, base, expired, .. } = segment;
        let coding = self.coding;
        let mut oldest = u32::MAX;
        self.retain_in_segment(list, number, |value| {
            let relative = coding.value_from(value, base.into());
            let is_kept = relative >= expired;
            if is_kept {
                oldest = oldest.min(relative as u32);
            }
            is_kept
        })?;
        segment.oldest = oldest;
        Ok(())
    }

    /// Reads a byte of each line of memory of some segments, so that the waits overlap.
    fn touch_segments(&self, segments: &[AgingSegment]) -> u8 {
        let mut all = 0;
        for &AgingSegment { list, segment, .. } in segments {
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

    /// Walks along all segments, and notes what is to go. One that the ordinary way has to deal
    /// with is left without an oldest value.
    fn scan_all(&self, segments: &[AgingSegment], scanned: &mut [Scanned; BATCH]) {
        let mut walks = segments
            .iter()
            .enumerate()
            .filter_map(|(slot, segment)| self.walk_along(segment, slot));
        walks::run(
            &self.memory,
            &self.coding,
            || walks.next(),
            |slot, stop| {
                let AgingSegment { list, segment, .. } = segments[slot];
                let Ok(index) = self.index_of(list) else { return false };
                let header = &self.headers[index];
                let scanned = &mut scanned[slot];
                match *stop {
                    // On the way from an earlier mark.
                    Stop::At(entry) if entry.offset < header.segment_start(segment) => true,
                    Stop::At(entry) => scanned.note(&entry, header.size.into()),
                    Stop::End { offset, oldest, .. } => {
                        let is_whole = offset == header.segment_end(segment);
                        scanned.oldest = u32::try_from(oldest).ok().filter(|_| is_whole);
                        false
                    }
                    Stop::Odd => false,
                }
            },
        );
    }

    /// A walk along a segment. None where its list is not marked.
    fn walk_along(&self, segment: &AgingSegment, slot: usize) -> Option<Walk> {
        let index = self.index_of(segment.list).ok()?;
        let header = &self.headers[index];
        if !header.is_marked() {
            return None;
        }
        let walk = self.walk_from(index, segment.segment);
        Some(Walk {
            until: walk.start + u64::from(header.segment_end(segment.segment)),
            base: segment.base,
            expired: segment.expired,
            slot,
            ..walk
        })
    }
}
