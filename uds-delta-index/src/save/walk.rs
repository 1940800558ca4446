//! Walking the lists of a saved delta index without restoring them: in the memory of one list.

use std::io::Read;

use uds_geometry::{DeltaCoding, DeltaListNumber};

use super::restore::Items;
use super::{ListTag, SavedZone};
use crate::DeltaError;
use crate::coding::EntryCoding;
use crate::list::ListView;
use crate::zone::Entries;

/// The lists of one delta index in one stream, as they are read. Lists without entries are not in
/// the stream.
pub struct SavedLists<'a> {
    saved: &'a SavedZone,
    coding: EntryCoding,
    items: Items,
}

impl<'a> SavedLists<'a> {
    /// The lists of the zone with this header, of an index with this code.
    ///
    /// # Errors
    ///
    /// [`DeltaError::InvalidArgument`] where values cannot have so many bits.
    pub fn new(
        saved: &'a SavedZone,
        tag: ListTag,
        coding: DeltaCoding,
        value_bits: u32,
    ) -> Result<Self, DeltaError> {
        let coding = EntryCoding::new(coding, value_bits)?;
        Ok(Self { saved, coding, items: Items::new(saved, tag) })
    }

    /// Reads the next list: its number and its entries. `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Io`], [`DeltaError::CorruptSave`]. The stream cannot be read on then. The
    /// entries yield [`DeltaError::CorruptList`], which says nothing of the lists behind.
    pub fn read(
        &mut self,
        input: &mut impl Read,
    ) -> Result<Option<(DeltaListNumber, Entries<'_>)>, DeltaError> {
        let Some((item, size)) = self.items.read(self.saved, input)? else { return Ok(None) };
        let list = DeltaListNumber::new(item.list);
        let view = ListView {
            memory: self.items.bytes_of(&item),
            start: item.phase.into(),
            size: size.into(),
            coding: &self.coding,
        };
        Ok(Some((list, Entries::new(view, list))))
    }
}

impl std::fmt::Debug for SavedLists<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedLists").field("saved", &self.saved.stream).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::{DeltaKey, RecordName, ZoneCount, ZoneId};

    use super::*;
    use crate::{DeltaZone, ZoneConfiguration};

    // Guards what a check of a save sees against what a restore would make of it.
    #[test]
    fn the_walk_sees_what_was_saved() {
        let coding = DeltaCoding::new(1024).unwrap();
        let mut zone = DeltaZone::new(&ZoneConfiguration {
            first_list: DeltaListNumber::new(0),
            list_count: 10,
            memory_bytes: 1 << 16,
            coding,
            value_bits: 8,
            key_bits: 20,
        })
        .unwrap();
        for number in 0..300_u32 {
            let name = RecordName::of_block(&number.to_le_bytes());
            // List 4 stays empty; every key comes twice.
            let list = DeltaListNumber::new([0, 1, 2, 3, 5, 6, 7, 8, 9][number as usize % 9]);
            let key = DeltaKey::new(number / 18 * 700);
            let mut cursor = zone.find(list, key, &name).unwrap();
            let collision = cursor.matches(key).then_some(&name);
            let _ = zone.insert(&mut cursor, key, number % 256, collision).unwrap();
        }
        let (id, count) = (ZoneId::ZERO, ZoneCount::ONE);
        let mut stream = Vec::new();
        zone.write_header(id, count, &mut stream).unwrap();
        zone.write_lists(ListTag::Hook, &mut stream).unwrap();
        let mut input = &stream[..];
        let saved = SavedZone::read(&mut input, id, count, 10).unwrap();
        let mut lists = SavedLists::new(&saved, ListTag::Hook, coding, 8).unwrap();
        let mut seen = Vec::new();
        while let Some((list, entries)) = lists.read(&mut input).unwrap() {
            let entries: Vec<_> = entries.collect::<Result<_, _>>().unwrap();
            let wanted: Vec<_> = zone.entries(list).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(entries, wanted);
            seen.push(list.get());
        }
        assert_eq!(seen, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
        assert!(input.is_empty());
    }
}
