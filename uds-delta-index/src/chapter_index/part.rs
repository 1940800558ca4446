//! Looking up names on an index page that is not read as a whole: its front says where the name's
//! list lies, and only the bytes of that list are needed then.
//!
//! Invariant: where the whole page is sound, a search by its parts says what [`search`] says.
//!
//! [`search`]: super::search

use std::ops::Range;

use uds_geometry::{DeltaListNumber, Geometry, RecordName, RecordPageNumber};

use super::entry_coding;
use super::read::search_list;
use crate::DeltaError;
use crate::list::ListView;
use crate::page::IndexPageHeader;

/// Where the list of a name lies on an index page.
///
/// ```
/// use uds_delta_index::chapter_index::{ChapterIndexBuilder, ListPlace};
/// use uds_delta_index::{DeltaError, IndexPageHeader};
/// use uds_geometry::{Configuration, Nonce, RecordName, RecordPageNumber, VirtualChapter};
///
/// let geometry = Configuration::tiny(false).geometry();
/// let (name, record_page) = (RecordName::of_block(b"a block"), RecordPageNumber::new(3));
/// let mut builder = ChapterIndexBuilder::new(&geometry)?;
/// builder.build([(name, record_page)].into_iter())?;
/// let (nonce, chapter) = (Nonce::new(42), VirtualChapter::new(0));
/// let mut page = vec![0; geometry.bytes_per_page() as usize];
/// let lists = builder.pack_page(nonce, chapter, 0, true, &mut page)?.lists;
///
/// let front = &page[..IndexPageHeader::front_bytes(lists)];
/// let header = IndexPageHeader::parse_front(front, page.len(), nonce)?;
/// let place = ListPlace::new(&header, front, &geometry, &name)?;
/// assert_eq!(place.search(&page[place.bytes()], &geometry, &name)?, Some(record_page));
/// # Ok::<(), DeltaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    list: DeltaListNumber,
    /// The bit of the page where the list starts.
    start: u64,
    /// Bits of the list.
    size: u32,
}

impl ListPlace {
    /// The place of the list of `name`, by the front of its page, from which `header` was parsed.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`] where the list is not on this page; [`DeltaError::CorruptPage`].
    pub fn new(
        header: &IndexPageHeader,
        front: &[u8],
        geometry: &Geometry,
        name: &RecordName,
    ) -> Result<Self, DeltaError> {
        let list = geometry.chapter_list(name);
        let page_bytes = geometry.bytes_per_page() as usize;
        let (start, size) = header.place_of(front, page_bytes, list)?;
        Ok(Self { list, start, size })
    }

    /// The bytes of the page that have bits of the list.
    #[must_use]
    pub const fn bytes(&self) -> Range<usize> {
        let end = self.start + self.size as u64;
        (self.start / 8) as usize..end.div_ceil(8) as usize
    }

    /// Looks up a name as [`search`](super::search) does. `bytes` are those of the page at
    /// [`bytes`](Self::bytes); of too few bytes, those that lack are taken as zeroes.
    ///
    /// # Errors
    ///
    /// [`DeltaError::CorruptList`].
    pub fn search(
        &self,
        bytes: &[u8],
        geometry: &Geometry,
        name: &RecordName,
    ) -> Result<Option<RecordPageNumber>, DeltaError> {
        let coding = entry_coding(geometry)?;
        let view =
            ListView { memory: bytes, start: self.start % 8, size: self.size, coding: &coding };
        Ok(search_list(&view, self.list, geometry, name)?.map(|(page, _)| page))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uds_geometry::{Configuration, Nonce, VirtualChapter};

    use super::*;
    use crate::chapter_index::{ChapterIndexBuilder, search};

    const NONCE: Nonce = Nonce::new(0x0123_4567_89ab_cdef);

    fn name(seed: u64, number: u32) -> RecordName {
        RecordName::of_block(&(u128::from(seed) << 32 | u128::from(number)).to_le_bytes())
    }

    /// A page with the lists of names `0..count`, some of which share list and key.
    fn page(geometry: &Geometry, seed: u64, count: u32) -> Vec<u8> {
        let mut names: Vec<_> = (0..count).map(|number| name(seed, number)).collect();
        for twin in 0..count as usize / 50 {
            let mut bytes = *names[twin].as_bytes();
            bytes[0] ^= 1;
            names.push(RecordName::new(bytes));
        }
        let mut builder = ChapterIndexBuilder::new(geometry).unwrap();
        let pages = geometry.record_pages_per_chapter();
        let records = (0..).zip(&names);
        let records = records.map(|(n, &name): (u32, _)| (name, RecordPageNumber::new(n % pages)));
        assert_eq!(builder.build(records).unwrap(), 0);
        let mut page = vec![0; geometry.bytes_per_page() as usize];
        builder.pack_page(NONCE, VirtualChapter::new(3), 0, true, &mut page).unwrap();
        page
    }

    /// What a search by parts says.
    fn search_parts(
        page: &[u8],
        front: usize,
        geometry: &Geometry,
        name: &RecordName,
    ) -> Result<(IndexPageHeader, Option<RecordPageNumber>), DeltaError> {
        let front = &page[..front];
        let header = IndexPageHeader::parse_front(front, page.len(), NONCE)?;
        let place = ListPlace::new(&header, front, geometry, name)?;
        Ok((header, place.search(&page[place.bytes()], geometry, name)?))
    }

    proptest! {
        // Guards the short way against any difference from the whole page: for names that are
        // there and such as are not, on sound pages and on damaged ones. What the short way
        // does not look at may be damaged.
        #[test]
        fn parts_say_what_the_whole_page_says(
            seed: u64,
            count in 0_u32..4000,
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            is_in_front: bool,
        ) {
            let geometry = Configuration::tiny(false).geometry();
            let mut page = page(&geometry, seed, count);
            let front = IndexPageHeader::front_bytes(geometry.delta_lists_per_chapter());
            for (place, byte) in &damage {
                let length = if is_in_front { front } else { page.len() };
                page[place.index(length)] ^= byte;
            }
            let guard = page.len() - 7;
            let mut guarded = page.clone();
            guarded[guard..].fill(0xff);
            let whole = IndexPageHeader::parse(&guarded, NONCE);
            for number in (0..count).step_by(7).chain(1 << 20..(1 << 20) + 50) {
                let name = name(seed, number);
                let parts = search_parts(&page, front, &geometry, &name);
                match &whole {
                    Ok(header) => {
                        let found = search(header, &guarded, &geometry, &name);
                        prop_assert_eq!(parts.ok(), found.ok().map(|found| (*header, found)));
                    }
                    Err(_) => prop_assert!(parts.is_err()),
                }
            }
        }
    }

    // Guards against offsets that lie behind what is at hand, which would read as zeroes.
    #[test]
    fn a_front_without_its_offsets_is_refused() {
        let geometry = Configuration::tiny(false).geometry();
        let page = page(&geometry, 1, 100);
        let front = IndexPageHeader::front_bytes(geometry.delta_lists_per_chapter());
        assert!(IndexPageHeader::parse_front(&page[..front], page.len(), NONCE).is_ok());
        for length in [0, 19, 20, front - 1] {
            assert!(IndexPageHeader::parse_front(&page[..length], page.len(), NONCE).is_err());
        }
        assert!(IndexPageHeader::parse_front(&page[..front], 29, NONCE).is_err());
    }
}
