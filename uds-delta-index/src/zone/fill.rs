//! What saving and restoring need of a zone: its lists' sizes and bits.

use uds_geometry::DeltaListNumber;

use super::{DeltaZone, GUARD_BYTES, ListHeader};
use crate::DeltaError;
use crate::bits::copy_bits;
use crate::list::ListView;

impl DeltaZone {
    /// The bits of each list.
    pub(crate) fn list_sizes(&self) -> Vec<u16> {
        self.list_headers().iter().map(|header| header.size).collect()
    }

    /// The lists and their bits.
    pub(crate) fn views(&self) -> impl Iterator<Item = (DeltaListNumber, ListView<'_>)> {
        self.lists().zip(1..).map(|(list, index)| (list, self.view(index)))
    }

    fn list_headers(&self) -> &[ListHeader] {
        &self.headers[1..=self.list_count as usize]
    }

    /// Gives the lists of an empty zone these sizes, and lays them out evenly. Their bits are
    /// whatever the memory holds, until [`fill`](Self::fill) writes them.
    pub(crate) fn lay_out(&mut self, sizes: &[u16]) -> Result<(), DeltaError> {
        debug_assert_eq!(sizes.len(), self.list_count as usize, "a size for each list");
        let needed: u64 = sizes.iter().map(|&size| u64::from(size).div_ceil(8)).sum();
        let zone_bytes = self.memory.len() as u64;
        let Some(free) = (zone_bytes - GUARD_BYTES as u64).checked_sub(needed) else {
            return Err(DeltaError::SaveTooLarge {
                first_list: self.first_list(),
                needed_bytes: needed + GUARD_BYTES as u64,
                zone_bytes,
            });
        };
        // The layout of section 3.7, with lists that all start at a whole byte.
        let gap = free / u64::from(self.list_count);
        let mut place = gap - gap / 2;
        for (header, &size) in self.headers[1..].iter_mut().zip(sizes) {
            *header = ListHeader::at(8 * place, size);
            place += u64::from(size).div_ceil(8) + gap;
        }
        self.used_bits = sizes.iter().map(|&size| u64::from(size)).sum();
        self.changed_throughout();
        Ok(())
    }

    /// Writes the bits of a list, which start at bit `phase` of `bytes`. False where the zone has
    /// no such list of this size.
    pub(crate) fn fill(
        &mut self,
        list: DeltaListNumber,
        bytes: &[u8],
        phase: u64,
        size: u16,
    ) -> bool {
        let Ok(index) = self.index_of(list) else { return false };
        let header = self.headers[index];
        if header.size != size {
            return false;
        }
        copy_bits(bytes, phase, &mut self.memory, header.start(), u64::from(size));
        // A look-up may have left marks that suit the old bits.
        self.headers[index].unmark();
        self.changed(index);
        true
    }

    /// Adds to the counts, modulo 2^64.
    pub(crate) fn credit(&mut self, records: u64, collisions: u64) {
        let counts = &mut self.statistics;
        counts.records = counts.records.wrapping_add(records);
        counts.collisions = counts.collisions.wrapping_add(collisions);
    }
}
