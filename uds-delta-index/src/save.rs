//! The saved form of a delta index: one stream for each zone (specification, section 3.11).
//!
//! A zone's stream has a header of 40 bytes and a size of 16 bits for each list; other data may
//! follow; then comes an item for each list that is not empty; and somewhere behind the items of
//! all delta indexes of the stream, a guard item.
//!
//! | bytes of the header | field |
//! |---|---|
//! | 0..8 | magic `DI-00002` |
//! | 8..12, 12..16 | zone number, zone count |
//! | 16..20, 20..24 | first list, list count |
//! | 24..32, 32..40 | record count, collision count |
//!
//! | bytes of an item | field |
//! |---|---|
//! | 0 | tag of the delta index |
//! | 1 | `p`, the bit of the first byte where the list starts |
//! | 2..4 | byte count |
//! | 4..8 | list number |
//! | 8.. | that many bytes; bits outside the list mean nothing |
//!
//! This module writes `p = 0` and zero bits behind the list, so that equal lists make equal
//! streams. It reads any `p` from 0 to 7.

mod restore;
mod walk;

use std::io::{Read, Write};

use uds_geometry::{DeltaListNumber, ZoneCount, ZoneId};

pub use restore::Restoration;
pub use walk::SavedLists;

use crate::bits::copy_bits;
use crate::zone::MAX_LIST_BITS;
use crate::{Bound, DeltaError, DeltaZone};

const MAGIC: [u8; 8] = *b"DI-00002";
const HEADER_BYTES: usize = 40;
const ITEM_HEADER_BYTES: usize = 8;
/// The most bytes of an item that a reader accepts.
const MAX_ITEM_BYTES: u64 = 8199;
const GUARD_ITEM: [u8; 8] = *b"z\0\0\0\0\0\0\0";
/// Sizes that are read or written at once.
const SIZES_AT_ONCE: usize = 4096;

/// Which delta index a list item belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListTag {
    /// The only volume index of a dense index, or a chapter index: `m`.
    Dense,
    /// The names of a sparse index that are not samples: `d`.
    NonHook,
    /// The samples of a sparse index: `s`.
    Hook,
}

impl ListTag {
    const fn byte(self) -> u8 {
        match self {
            Self::Dense => b'm',
            Self::NonHook => b'd',
            Self::Hook => b's',
        }
    }
}

impl DeltaZone {
    /// Writes the zone's header and the sizes of its lists.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Io`].
    pub fn write_header(
        &self,
        zone: ZoneId,
        zone_count: ZoneCount,
        output: &mut impl Write,
    ) -> Result<(), DeltaError> {
        let counts = self.statistics();
        let mut header = [0; HEADER_BYTES];
        header[0..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&u32::from(zone.get()).to_le_bytes());
        header[12..16].copy_from_slice(&u32::from(zone_count.get()).to_le_bytes());
        header[16..20].copy_from_slice(&self.first_list().get().to_le_bytes());
        header[20..24].copy_from_slice(&self.list_count().to_le_bytes());
        header[24..32].copy_from_slice(&counts.records.to_le_bytes());
        header[32..40].copy_from_slice(&counts.collisions.to_le_bytes());
        output.write_all(&header).map_err(DeltaError::writing)?;

        let mut bytes = Vec::with_capacity(2 * SIZES_AT_ONCE);
        for sizes in self.list_sizes().chunks(SIZES_AT_ONCE) {
            bytes.clear();
            bytes.extend(sizes.iter().flat_map(|&size| size.to_le_bytes()));
            output.write_all(&bytes).map_err(DeltaError::writing)?;
        }
        Ok(())
    }

    /// Writes an item for each list that is not empty.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Io`].
    pub fn write_lists(&self, tag: ListTag, output: &mut impl Write) -> Result<(), DeltaError> {
        let mut item = vec![0; ITEM_HEADER_BYTES + MAX_LIST_BITS.div_ceil(8) as usize];
        for (list, view) in self.views() {
            if view.size == 0 {
                continue;
            }
            let byte_count = view.size.div_ceil(8) as usize;
            let item = &mut item[..ITEM_HEADER_BYTES + byte_count];
            item[0] = tag.byte();
            item[1] = 0;
            item[2..4].copy_from_slice(&(byte_count as u16).to_le_bytes());
            item[4..8].copy_from_slice(&list.get().to_le_bytes());
            let data = &mut item[ITEM_HEADER_BYTES..];
            data[byte_count - 1] = 0;
            copy_bits(view.memory, view.start, data, 0, u64::from(view.size));
            output.write_all(item).map_err(DeltaError::writing)?;
        }
        Ok(())
    }
}

/// Writes the guard item, which says that a stream is complete.
///
/// # Errors
///
/// [`DeltaError::Io`].
pub fn write_guard(output: &mut impl Write) -> Result<(), DeltaError> {
    output.write_all(&GUARD_ITEM).map_err(DeltaError::writing)
}

/// Reads a guard item. `stream` is the number of the stream, for the error.
///
/// # Errors
///
/// [`DeltaError::Io`], or [`DeltaError::CorruptSave`] where there is something else.
pub fn read_guard(stream: ZoneId, input: &mut impl Read) -> Result<(), DeltaError> {
    let mut item = [0; GUARD_ITEM.len()];
    input.read_exact(&mut item).map_err(DeltaError::reading)?;
    // The other bytes of the item are not defined.
    check(stream, "tag of the guard", Bound::Exactly, GUARD_ITEM[0].into(), item[0].into())
}

/// The header of a saved zone and the sizes of its lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedZone {
    stream: ZoneId,
    first_list: u32,
    records: u64,
    collisions: u64,
    sizes: Vec<u16>,
}

impl SavedZone {
    /// Reads the header and the sizes from stream `stream` of `stream_count`.
    ///
    /// `list_count` is the number of lists of the whole index: no more memory is asked for than
    /// their sizes take.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Io`]; [`DeltaError::CorruptSave`] where the header is not that of this stream;
    /// [`DeltaError::OutOfMemory`].
    pub fn read(
        input: &mut impl Read,
        stream: ZoneId,
        stream_count: ZoneCount,
        list_count: u32,
    ) -> Result<Self, DeltaError> {
        let mut header = [0; HEADER_BYTES];
        input.read_exact(&mut header).map_err(DeltaError::reading)?;
        let short = |at: usize| u64::from(crate::bits::load(&header, 8 * at as u64) as u32);
        let long = |at: usize| short(at) | short(at + 4) << 32;
        check(stream, "magic", Bound::Exactly, u64::from_le_bytes(MAGIC), long(0))?;
        check(stream, "zone number", Bound::Exactly, stream.get().into(), short(8))?;
        check(stream, "zone count", Bound::Exactly, stream_count.get().into(), short(12))?;
        let (first_list, count) = (short(16), short(20));
        let most = u64::from(list_count).saturating_sub(first_list);
        check(stream, "list count", Bound::AtMost, most, count)?;
        Ok(Self {
            stream,
            first_list: first_list as u32,
            records: long(24),
            collisions: long(32),
            sizes: read_sizes(input, count as usize)?,
        })
    }

    /// The first list of the saved zone.
    #[must_use]
    pub const fn first_list(&self) -> DeltaListNumber {
        DeltaListNumber::new(self.first_list)
    }

    /// How many lists the saved zone has.
    #[must_use]
    pub fn list_count(&self) -> u32 {
        self.sizes.len() as u32
    }

    /// The records that the saved zone counted, modulo 2^64.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The collisions that the saved zone counted, modulo 2^64.
    #[must_use]
    pub const fn collisions(&self) -> u64 {
        self.collisions
    }

    /// The bits of each list.
    #[must_use]
    pub fn list_sizes(&self) -> &[u16] {
        &self.sizes
    }
}

fn read_sizes(input: &mut impl Read, count: usize) -> Result<Vec<u16>, DeltaError> {
    let mut sizes = Vec::new();
    let bytes = 2 * count as u64;
    sizes.try_reserve_exact(count).map_err(|_| DeltaError::OutOfMemory { bytes })?;
    let mut buffer = [0; 2 * SIZES_AT_ONCE];
    while sizes.len() < count {
        let part = &mut buffer[..2 * (count - sizes.len()).min(SIZES_AT_ONCE)];
        input.read_exact(part).map_err(DeltaError::reading)?;
        sizes.extend(part.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
    }
    Ok(sizes)
}

/// Checks a field of a stream.
fn check(
    stream: ZoneId,
    field: &'static str,
    rule: Bound,
    expected: u64,
    found: u64,
) -> Result<(), DeltaError> {
    if rule.holds(expected, found) {
        return Ok(());
    }
    Err(DeltaError::CorruptSave { stream, field, rule, expected, found })
}

#[cfg(test)]
mod tests;
