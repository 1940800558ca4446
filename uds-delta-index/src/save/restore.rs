//! Restoring a saved delta index into zones, of which there may be another number than were saved.
//!
//! Steps: read every stream's [`SavedZone`]; [`Restoration::begin`] checks them against each other
//! and lays out the lists in the new zones; [`Restoration::read_lists`] reads each stream's items.
//!
//! Invariants:
//! 1. No list is laid out before all lists of its zone are known to fit its memory.
//! 2. Each list that is not empty is read exactly once: a stream's items are in ascending order,
//!    within the range of the stream, and as many as there are such lists.

use std::io::Read;

use uds_geometry::{DeltaListNumber, ZoneId};

use super::{ITEM_HEADER_BYTES, ListTag, MAX_ITEM_BYTES, SavedZone, check};
use crate::{Bound, DeltaError, DeltaZone};

/// A restore in progress: zones that have their lists' sizes, and wait for their bits.
#[derive(Debug)]
#[must_use = "the lists have yet to be read"]
pub struct Restoration {
    saved: Vec<SavedZone>,
    lists_per_zone: u32,
}

impl Restoration {
    /// Checks the headers of all streams against each other, empties `zones`, which together must
    /// be the whole new index, and lays out the saved lists in them. Zone 0 is credited with all
    /// records and collisions.
    ///
    /// # Errors
    ///
    /// [`DeltaError::CorruptSave`] or [`DeltaError::SaveTooLarge`] where the save cannot be used;
    /// [`DeltaError::InvalidArgument`] where `zones` are not the zones of one index. The zones are
    /// empty then.
    pub fn begin(saved: Vec<SavedZone>, zones: &mut [DeltaZone]) -> Result<Self, DeltaError> {
        zones.iter_mut().for_each(DeltaZone::reset);
        let list_count = check_zones(zones)?;
        check_headers(&saved, list_count)?;
        for zone in zones.iter_mut() {
            if let Err(error) = zone.lay_out(&sizes_of(&saved, zone)) {
                zones.iter_mut().for_each(DeltaZone::reset);
                return Err(error);
            }
        }
        let records = saved.iter().fold(0_u64, |sum, zone| sum.wrapping_add(zone.records));
        let collisions = saved.iter().fold(0_u64, |sum, zone| sum.wrapping_add(zone.collisions));
        zones[0].credit(records, collisions);
        Ok(Self { saved, lists_per_zone: zones[0].list_count() })
    }

    /// Reads the items of one stream into the zones given to [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// [`DeltaError::Io`], [`DeltaError::CorruptSave`]. All zones are empty then.
    pub fn read_lists(
        &self,
        stream: ZoneId,
        tag: ListTag,
        input: &mut impl Read,
        zones: &mut [DeltaZone],
    ) -> Result<(), DeltaError> {
        let result = self.read_items(stream, tag, input, zones);
        if result.is_err() {
            zones.iter_mut().for_each(DeltaZone::reset);
        }
        result
    }

    fn read_items(
        &self,
        stream: ZoneId,
        tag: ListTag,
        input: &mut impl Read,
        zones: &mut [DeltaZone],
    ) -> Result<(), DeltaError> {
        let Some(saved) = self.saved.get(usize::from(stream.get())) else {
            return Err(DeltaError::InvalidArgument {
                what: "stream of a saved delta index",
                found: stream.get().into(),
                wanted: "one of those that the restoration was begun with",
            });
        };
        let mut items = Items::new(saved, tag);
        while let Some((item, size)) = items.read(saved, input)? {
            let list = DeltaListNumber::new(item.list);
            let zone = zones.get_mut((item.list / self.lists_per_zone) as usize);
            let phase = item.phase.into();
            let is_filled =
                zone.is_some_and(|zone| zone.fill(list, items.bytes_of(&item), phase, size));
            if !is_filled {
                return Err(DeltaError::InvalidArgument {
                    what: "delta list to restore",
                    found: item.list.into(),
                    wanted: "a list of the zones that the restoration was begun with",
                });
            }
        }
        Ok(())
    }
}

/// The items of one delta index in a stream, as they are read.
pub(super) struct Items {
    tag: ListTag,
    data: Box<[u8]>,
    /// A list of the next item must not be below this one.
    lowest: u32,
    /// How many items are to come.
    left: usize,
}

impl Items {
    pub(super) fn new(saved: &SavedZone, tag: ListTag) -> Self {
        let left = saved.sizes.iter().filter(|&&size| size > 0).count();
        let data = vec![0; MAX_ITEM_BYTES as usize].into_boxed_slice();
        Self { tag, data, lowest: saved.first_list, left }
    }

    /// The next item and the bits of its list, or `None` behind the last.
    pub(super) fn read(
        &mut self,
        saved: &SavedZone,
        input: &mut impl Read,
    ) -> Result<Option<(Item, u16)>, DeltaError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut header = [0; ITEM_HEADER_BYTES];
        input.read_exact(&mut header).map_err(DeltaError::reading)?;
        let item = Item::parse(&header);
        let size = item.check(saved, saved.stream, self.tag, self.lowest)?;
        let bytes = &mut self.data[..item.byte_count as usize];
        input.read_exact(bytes).map_err(DeltaError::reading)?;
        self.lowest = item.list + 1;
        self.left -= 1;
        Ok(Some((item, size)))
    }

    /// The bytes of the item that was read last.
    pub(super) fn bytes_of(&self, item: &Item) -> &[u8] {
        &self.data[..usize::from(item.byte_count)]
    }
}

/// The header of an item.
pub(super) struct Item {
    tag: u8,
    pub(super) phase: u8,
    byte_count: u16,
    pub(super) list: u32,
}

impl Item {
    fn parse(header: &[u8; ITEM_HEADER_BYTES]) -> Self {
        let &[tag, phase, low, high, list @ ..] = header;
        Self {
            tag,
            phase,
            byte_count: u16::from_le_bytes([low, high]),
            list: u32::from_le_bytes(list),
        }
    }

    /// Checks the item against what its stream has declared. Returns the bits of its list.
    fn check(
        &self,
        saved: &SavedZone,
        stream: ZoneId,
        tag: ListTag,
        lowest: u32,
    ) -> Result<u16, DeltaError> {
        let byte_count = u64::from(self.byte_count);
        check(stream, "tag of a list", Bound::Exactly, tag.byte().into(), self.tag.into())?;
        check(stream, "bit offset of a list", Bound::AtMost, 7, self.phase.into())?;
        check(stream, "byte count of a list", Bound::AtMost, MAX_ITEM_BYTES, byte_count)?;
        check(stream, "number of a list", Bound::AtLeast, lowest.into(), self.list.into())?;
        let end = u64::from(saved.first_list) + saved.sizes.len() as u64;
        // The range is not empty: a stream without lists has no items to check.
        check(stream, "number of a list", Bound::AtMost, end - 1, self.list.into())?;
        let size = saved.sizes[(self.list - saved.first_list) as usize];
        check(stream, "size of a list with bits", Bound::AtLeast, 1, size.into())?;
        let expected = (u64::from(self.phase) + u64::from(size)).div_ceil(8);
        check(stream, "byte count of a list", Bound::Exactly, expected, byte_count)?;
        Ok(size)
    }
}

/// Checks that zones are those of one index, and returns how many lists it has.
fn check_zones(zones: &[DeltaZone]) -> Result<u32, DeltaError> {
    let invalid = |found: u64| DeltaError::InvalidArgument {
        what: "first delta list of a zone to restore into",
        found,
        wanted: "behind the lists of the zones before it, all but the last having equally many",
    };
    let per_zone = zones.first().ok_or_else(|| invalid(0))?.list_count();
    let mut next = 0;
    for (index, zone) in zones.iter().enumerate() {
        let is_last = index + 1 == zones.len();
        let count = zone.list_count();
        let has_its_share = if is_last { count <= per_zone } else { count == per_zone };
        if zone.first_list().get() != next || !has_its_share {
            return Err(invalid(zone.first_list().get().into()));
        }
        next += count;
    }
    Ok(next)
}

/// Checks the headers of all streams against each other.
fn check_headers(saved: &[SavedZone], list_count: u32) -> Result<(), DeltaError> {
    let mut next = 0_u64;
    let mut records = 0_u64;
    let mut collisions = 0_u64;
    for (index, zone) in (0_u8..).zip(saved) {
        let stream = zone.stream;
        check(stream, "stream number", Bound::Exactly, index.into(), stream.get().into())?;
        check(stream, "first list", Bound::Exactly, next, zone.first_list.into())?;
        next += zone.sizes.len() as u64;
        // Counts of single zones may be below zero: only the sums mean something.
        records = records.wrapping_add(zone.records);
        collisions = collisions.wrapping_add(zone.collisions);
    }
    let last = saved.last().map_or(ZoneId::ZERO, |zone| zone.stream);
    check(last, "number of all lists", Bound::Exactly, list_count.into(), next)?;
    check(last, "sum of collision counts", Bound::AtMost, records, collisions)
}

/// The sizes of a new zone's lists.
fn sizes_of(saved: &[SavedZone], zone: &DeltaZone) -> Vec<u16> {
    let first = zone.first_list().get() as usize;
    let sizes = saved.iter().flat_map(|saved| &saved.sizes);
    sizes.skip(first).take(zone.list_count() as usize).copied().collect()
}
