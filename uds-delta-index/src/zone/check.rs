//! Checks of a zone's invariants, from its raw memory. For tests and for verification tools.

use uds_geometry::DeltaListNumber;

use super::{DeltaZone, GUARD_BYTES, SEGMENTS};
use crate::DeltaError;
use crate::list::{Mark, Position};

/// What a walk over all lists of a zone counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneCensus {
    /// Entries, collisions included.
    pub records: u64,
    /// Collision entries.
    pub collisions: u64,
}

/// An invariant of a zone that does not hold: a bug, or failing memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvariantViolation {
    /// A list starts before the one before it ends.
    #[error("delta list {list} starts at bit {start}, but the room before it is used up to {used}")]
    Overlap {
        /// The list; one beyond the last stands for the guard.
        list: DeltaListNumber,
        /// Where it starts.
        start: u64,
        /// Where the list before it ends.
        used: u64,
    },
    /// The guard at the end of the memory has been overwritten.
    #[error("the guard at the end of a zone's memory has been overwritten")]
    Guard,
    /// The sum of the lists' sizes is not what the zone keeps.
    #[error("the lists of a zone have {counted} bits, but the zone counts {kept}")]
    UsedBits {
        /// The sum.
        counted: u64,
        /// What the zone keeps.
        kept: u64,
    },
    /// The mark of a segment of a list is not where the segment's first entry is.
    #[error(
        "the mark of segment {segment} of delta list {list} is at bit {found}, but the segment \
         starts at bit {wanted}, behind key {key}"
    )]
    Mark {
        /// The list.
        list: DeltaListNumber,
        /// The segment.
        segment: usize,
        /// The bit where the mark is.
        found: u32,
        /// Where it should be.
        wanted: u32,
        /// The key that should be before it.
        key: u32,
    },
    /// A list cannot be decoded.
    #[error(transparent)]
    List(DeltaError),
}

impl DeltaZone {
    /// Walks over all lists and checks every invariant of the zone. Returns what it counted: the
    /// caller compares the sums over all zones with the statistics.
    ///
    /// # Errors
    ///
    /// The first [`InvariantViolation`].
    pub fn check_invariants(&self) -> Result<ZoneCensus, InvariantViolation> {
        let mut census = ZoneCensus::default();
        let mut counted = 0;
        for (index, list) in (1..).zip(self.lists()) {
            self.check_place(index, list)?;
            counted += u64::from(self.headers[index].size);
            self.check_list(index, list, &mut census)?;
        }
        let beyond = DeltaListNumber::new(self.first_list + self.list_count);
        self.check_place(self.list_count as usize + 1, beyond)?;
        if self.memory[self.memory.len() - GUARD_BYTES..] != [0xff; GUARD_BYTES] {
            return Err(InvariantViolation::Guard);
        }
        if counted != self.used_bits {
            return Err(InvariantViolation::UsedBits { counted, kept: self.used_bits });
        }
        Ok(census)
    }

    fn check_place(&self, index: usize, list: DeltaListNumber) -> Result<(), InvariantViolation> {
        let used = self.headers[index - 1].end();
        let start = self.headers[index].start();
        if start < used {
            return Err(InvariantViolation::Overlap { list, start, used });
        }
        Ok(())
    }

    fn check_list(
        &self,
        index: usize,
        list: DeltaListNumber,
        census: &mut ZoneCensus,
    ) -> Result<(), InvariantViolation> {
        let view = self.view(index);
        let mut segment = 1;
        let mut position = Position::before(Mark::default());
        while !position.is_at_end {
            let next = view.next(&position);
            position = next.map_err(|defect| InvariantViolation::List(defect.in_list(list)))?;
            while segment < SEGMENTS
                && (position.is_at_end
                    || u64::from(position.key) >= self.segmentation.boundary(segment))
            {
                self.check_mark(index, list, segment, &position)?;
                segment += 1;
            }
            census.records += u64::from(!position.is_at_end);
            census.collisions += u64::from(position.is_collision);
        }
        Ok(())
    }

    /// Checks the mark of a segment whose first entry is this one.
    fn check_mark(
        &self,
        index: usize,
        list: DeltaListNumber,
        segment: usize,
        first: &Position,
    ) -> Result<(), InvariantViolation> {
        let header = &self.headers[index];
        if !header.is_marked() {
            return Ok(());
        }
        let wanted = Mark { offset: first.offset, key: first.previous_key() };
        let found = header.segment_start(segment);
        let key = header.mark(self.segmentation, segment).map_or(wanted.key, |mark| mark.key);
        if found != wanted.offset || key != wanted.key {
            let (wanted, key) = (wanted.offset, wanted.key);
            return Err(InvariantViolation::Mark { list, segment, found, wanted, key });
        }
        Ok(())
    }
}
