//! Checks of a zone's invariants, from its raw memory. For tests and for verification tools.

use uds_geometry::DeltaListNumber;

use super::{DeltaZone, GUARD_BYTES};
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
    /// The search hint of a list is not at an ordinary entry or the end.
    #[error("the search hint of delta list {list} is at bit {bit_offset}, where no entry starts")]
    Hint {
        /// The list.
        list: DeltaListNumber,
        /// The hint's bit offset.
        bit_offset: u32,
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
        let start = self.headers[index].start;
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
        let hint = self.headers[index].hint();
        let mut is_hint_good = hint == Mark::default();
        let mut position = Position::before(Mark::default());
        while !position.is_at_end {
            let next = view.next(&position);
            position = next.map_err(|defect| InvariantViolation::List(defect.in_list(list)))?;
            let here = Mark { offset: position.offset, key: position.previous_key() };
            is_hint_good |= here == hint && !position.is_collision;
            census.records += u64::from(!position.is_at_end);
            census.collisions += u64::from(position.is_collision);
        }
        if !is_hint_good {
            return Err(InvariantViolation::Hint { list, bit_offset: hint.offset });
        }
        Ok(())
    }
}
