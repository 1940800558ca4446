//! The lists of index pages, entry by entry, and the room that they take: for those who check a
//! chapter index as a whole.

use std::ops::Range;

use uds_geometry::{DeltaKey, DeltaListNumber, Geometry};

use super::entry_coding;
use crate::coding::{EntryCoding, NAME_BITS};
use crate::page::{GUARD_BITS, IndexPageHeader, lists_that_fit};
use crate::zone::{Entries, MAX_LIST_BITS};
use crate::{DeltaError, zone};

/// Reads the lists of a geometry's index pages, and says which lists there is room for.
#[derive(Debug)]
pub struct ChapterLists {
    coding: EntryCoding,
    page_bytes: usize,
    page_count: usize,
}

impl ChapterLists {
    /// What reads the index pages of a geometry.
    ///
    /// # Errors
    ///
    /// [`DeltaError::InvalidArgument`] where chapters of that geometry cannot be indexed.
    pub fn new(geometry: &Geometry) -> Result<Self, DeltaError> {
        Ok(Self {
            coding: entry_coding(geometry)?,
            page_bytes: geometry.bytes_per_page() as usize,
            page_count: geometry.index_pages_per_chapter() as usize,
        })
    }

    /// The entries of a list of a page, whose header was parsed from `page`.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`], [`DeltaError::CorruptPage`]; the iterator yields
    /// [`DeltaError::CorruptList`].
    pub fn entries<'a>(
        &'a self,
        header: &IndexPageHeader,
        page: &'a [u8],
        list: DeltaListNumber,
    ) -> Result<Entries<'a>, DeltaError> {
        Ok(Entries::new(header.list(page, list, &self.coding)?, list))
    }

    /// Bits of a list of a page.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`], [`DeltaError::CorruptPage`].
    pub fn bits_of(
        &self,
        header: &IndexPageHeader,
        page: &[u8],
        list: DeltaListNumber,
    ) -> Result<u32, DeltaError> {
        Ok(header.list(page, list, &self.coding)?.size)
    }

    /// Where a list lies: the bit of the page where it begins, and the one behind it.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`], [`DeltaError::CorruptPage`].
    pub fn place_of(
        &self,
        header: &IndexPageHeader,
        page: &[u8],
        list: DeltaListNumber,
    ) -> Result<Range<u64>, DeltaError> {
        let view = header.list(page, list, &self.coding)?;
        Ok(view.start..view.start + u64::from(view.size))
    }

    /// Bits of a page that no list takes, or 0 where its table makes no sense.
    #[must_use]
    pub fn free_bits(&self, header: &IndexPageHeader, page: &[u8]) -> u64 {
        (8 * page.len() as u64).saturating_sub(GUARD_BITS + header.end_of_lists(page))
    }

    /// The bits that a list takes that has entries for different names with these keys, which
    /// never decrease.
    pub fn needed_bits(&self, keys: impl IntoIterator<Item = DeltaKey>) -> u64 {
        let mut bits = 0;
        let mut last: Option<u32> = None;
        for key in keys {
            let key = key.get();
            let delta = key.saturating_sub(last.unwrap_or(0));
            bits += self.coding.entry_bits(delta);
            if last == Some(key) {
                bits += u64::from(NAME_BITS);
            }
            last = Some(key);
        }
        bits
    }

    /// Whether a list of so many bits can be at all: lists end at 65535 bits, and at the end of
    /// their page.
    #[must_use]
    pub fn has_room_for(&self, list_bits: u64) -> bool {
        let fits = lists_that_fit(self.page_bytes, [list_bits]).is_ok_and(|count| count == 1);
        fits && list_bits <= u64::from(MAX_LIST_BITS)
    }

    /// Whether a chapter that is not closed yet has room for lists of so many bits in all,
    /// whatever the order in which their entries come.
    #[must_use]
    pub fn has_room_in_all(&self, bits: u64, lists: u32) -> bool {
        // As for the builder: a list takes no more bytes than its bits and 14 more, and the growth
        // of the last insertion is less than a whole list.
        let most = (bits + 14 * u64::from(lists)) / 8 + 8192 + zone::GUARD_BYTES as u64 + 1;
        let pages = (self.page_count + 1) * self.page_bytes;
        most <= pages.next_multiple_of(super::ZONE_BYTES_UNIT) as u64
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::{Configuration, Nonce, RecordName, RecordPageNumber, VirtualChapter};

    use super::*;
    use crate::chapter_index::ChapterIndexBuilder;

    // Guards the walk, and the sizes that it goes by, against the lists that the builder makes,
    // collisions among them.
    #[test]
    fn lists_are_walked_and_sized_as_they_were_built() {
        let geometry = Configuration::tiny(false).geometry();
        let mut names: Vec<RecordName> =
            (0..2000_u32).map(|n| RecordName::of_block(&n.to_le_bytes())).collect();
        for number in 0..40 {
            let mut bytes = *names[number].as_bytes();
            bytes[0] ^= 1;
            names.push(RecordName::new(bytes));
        }
        let page_of = |n: usize| RecordPageNumber::new(n as u32 % 4);
        let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
        let records = names.iter().enumerate().map(|(n, &name)| (name, page_of(n)));
        assert_eq!(builder.build(records).unwrap(), 0);
        let mut page = vec![0; geometry.bytes_per_page() as usize];
        let nonce = Nonce::new(5);
        builder.pack_page(nonce, VirtualChapter::new(0), 0, true, &mut page).unwrap();
        let header = IndexPageHeader::parse(&page, nonce).unwrap();
        let lists = ChapterLists::new(&geometry).unwrap();
        let (mut total, mut used) = (0, 0);
        let mut next = 160 + 19 * (u64::from(header.list_count()) + 1);
        for list in header.lists() {
            let entries: Vec<_> =
                lists.entries(&header, &page, list).unwrap().collect::<Result<_, _>>().unwrap();
            let bits = lists.bits_of(&header, &page, list).unwrap();
            let place = lists.place_of(&header, &page, list).unwrap();
            assert_eq!((place.start, place.end), (next, next + u64::from(bits)));
            next = place.end;
            // Each entry begins where the one before it ends, and the deltas add up to the keys.
            let mut placed = lists.entries(&header, &page, list).unwrap();
            let (mut end, mut key) = (0, 0);
            for entry in &entries {
                let found = placed.next_placed().unwrap().unwrap();
                key += found.delta;
                assert_eq!((found.entry, found.bit_offset, key), (*entry, end, entry.key.get()));
                end += found.bits;
            }
            assert!(placed.next_placed().is_none());
            assert_eq!(end, bits);
            let keys = entries.iter().map(|entry| entry.key);
            assert_eq!(lists.needed_bits(keys), u64::from(bits));
            let mut wanted: Vec<_> = names
                .iter()
                .filter(|name| geometry.chapter_list(name) == list)
                .map(|name| geometry.chapter_key(name))
                .collect();
            wanted.sort_unstable();
            assert!(entries.iter().map(|entry| entry.key).eq(wanted));
            total += entries.len();
            used += u64::from(bits);
        }
        assert_eq!(total, names.len());
        let table = 160 + 19 * (u64::from(header.list_count()) + 1) + 56;
        let free = 8 * u64::from(geometry.bytes_per_page()) - table - used;
        assert_eq!(lists.free_bits(&header, &page), free);
        assert!(lists.has_room_for(65535) && !lists.has_room_for(65536));
    }
}
