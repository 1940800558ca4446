//! A list apart from its zone, for those who want to see what a change would do to it.

use uds_geometry::DeltaListNumber;

use super::ahead::Ahead;
use super::{DeltaStatistics, DeltaZone, GUARD_BYTES, ListHeader, empty_headers, zeroed};
use crate::DeltaError;
use crate::bits::copy_bits;

impl DeltaZone {
    /// A zone that has a copy of this list, its marks and tags included, and no other. What is done
    /// with the copy leaves the list as it is.
    ///
    /// The copy has no room to grow in.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`] and [`DeltaError::OutOfMemory`].
    pub fn copy_of_list(&self, list: DeltaListNumber) -> Result<Self, DeltaError> {
        let header = self.headers[self.index_of(list)?];
        let bits = u64::from(header.size);
        // A word at least, as every zone has.
        let bytes = (bits.div_ceil(8) as usize).max(16) + GUARD_BYTES;
        let mut memory = zeroed(bytes)?;
        copy_bits(&self.memory, header.start(), &mut memory, 0, bits);
        let guard_start = bytes - GUARD_BYTES;
        memory[guard_start..].fill(0xff);
        let mut headers = empty_headers(3)?;
        headers[1] = header;
        headers[1].set_start(0);
        headers[2] = ListHeader::at(8 * guard_start as u64, 8 * GUARD_BYTES as u16);
        Ok(Self {
            memory,
            headers,
            coding: self.coding,
            segmentation: self.segmentation,
            first_list: list.get(),
            list_count: 1,
            whole_zone_lists: self.whole_zone_lists,
            stamp: 0,
            used_bits: bits,
            statistics: DeltaStatistics::default(),
            ahead: Ahead::default(),
        })
    }
}
