//! Making the index of a chapter whose records are all known.
//!
//! The lists are those that inserting the records one by one, in their order of arrival, into a
//! delta index of `(IPGS + 1)` pages would make. Where no record can be refused, which is nearly
//! always, they are encoded at once from the sorted records ([`encode`](super::encode)). Otherwise
//! the records are inserted one by one, because which are refused depends on all that came before.

use uds_geometry::{
    DeltaKey, DeltaListNumber, Geometry, Nonce, RecordName, RecordPageNumber, VirtualChapter,
};

use super::encode::SortedRecords;
use super::{CODING, entry_coding};
use crate::bits::copy_bits;
use crate::coding::EntryCoding;
use crate::list::{ListView, Mark, Position};
use crate::page::{lists_that_fit, write_page};
use crate::{DeltaError, DeltaZone, Insertion, ZoneConfiguration};

/// Bytes behind the last list, so that loads and stores of words stay within the memory.
const PADDING_BYTES: u64 = 8;

/// Finished delta lists, back to back.
#[derive(Debug, Default)]
pub(super) struct Lists {
    memory: Vec<u8>,
    starts: Vec<u64>,
    sizes: Vec<u16>,
    used_bits: u64,
}

impl Lists {
    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.sizes.clear();
        self.used_bits = 0;
    }

    /// Makes these `count` empty lists.
    fn clear_to(&mut self, count: u32) {
        self.clear();
        (0..count).for_each(|_| self.push(0, |_, _| {}));
    }

    /// Adds a list of `size` bits; `write` writes them, from the bit that it is given on.
    pub(super) fn push(&mut self, size: u16, write: impl FnOnce(&mut [u8], u64)) {
        let start = self.used_bits;
        self.used_bits += u64::from(size);
        let needed = (self.used_bits.div_ceil(8) + PADDING_BYTES) as usize;
        if self.memory.len() < needed {
            // Doubling keeps the number of enlargements low; the memory is used again.
            self.memory.resize(needed.max(2 * self.memory.len()), 0);
        }
        self.starts.push(start);
        self.sizes.push(size);
        write(&mut self.memory, start);
    }

    pub(super) fn used_bits(&self) -> u64 {
        self.used_bits
    }

    fn view<'a>(&'a self, list: usize, coding: &'a EntryCoding) -> ListView<'a> {
        let (start, size) = (self.starts[list], u32::from(self.sizes[list]));
        ListView { memory: &self.memory, start, size, coding }
    }
}

/// What [`ChapterIndexBuilder::pack_page`] put on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedPage {
    /// How many lists are on the page.
    pub lists: u32,
    /// How many records' entries were given up to make the lists fit. Their records are on their
    /// record pages, but can no longer be found.
    pub evicted: u32,
}

/// Makes chapter indexes, one after the other, in memory that is used again.
#[derive(Debug)]
pub struct ChapterIndexBuilder {
    geometry: Geometry,
    coding: EntryCoding,
    names: Vec<RecordName>,
    pages: Vec<u16>,
    sorted: SortedRecords,
    lists: Lists,
    /// For chapters whose records must be inserted one by one; made when first needed.
    zone: Option<DeltaZone>,
}

impl ChapterIndexBuilder {
    /// Makes a builder for the chapters of a geometry.
    ///
    /// # Errors
    ///
    /// [`DeltaError::InvalidArgument`] where a chapter of that geometry cannot have an index.
    pub fn new(geometry: &Geometry) -> Result<Self, DeltaError> {
        let mut lists = Lists::default();
        lists.clear_to(geometry.delta_lists_per_chapter());
        Ok(Self {
            geometry: geometry.clone(),
            coding: entry_coding(geometry)?,
            names: Vec::new(),
            pages: Vec::new(),
            sorted: SortedRecords::default(),
            lists,
            zone: None,
        })
    }

    /// Makes the lists of a chapter from its records, in order of arrival. Returns how many of them
    /// found no room and are not indexed.
    ///
    /// # Errors
    ///
    /// [`DeltaError::DuplicateName`] where a name comes again that is in the index in full;
    /// [`DeltaError::InvalidArgument`] for a record page that a chapter does not have;
    /// [`DeltaError::OutOfMemory`]. All lists are empty then.
    pub fn build(
        &mut self,
        records: impl Iterator<Item = (RecordName, RecordPageNumber)>,
    ) -> Result<usize, DeltaError> {
        let result = self.take_records(records).and_then(|()| self.build_lists());
        if result.is_err() {
            self.lists.clear_to(self.geometry.delta_lists_per_chapter());
        }
        result
    }

    fn build_lists(&mut self) -> Result<usize, DeltaError> {
        if self.encode_at_once() { Ok(0) } else { self.insert_one_by_one() }
    }

    /// The short way. False where a record might be refused.
    pub(super) fn encode_at_once(&mut self) -> bool {
        self.sorted.sort(&self.geometry, &self.names, &self.pages)
            && self.sorted.encode(&self.coding, &self.names, &mut self.lists)
            && self.zone_would_hold(self.lists.used_bits())
    }

    pub(super) fn take_records(
        &mut self,
        records: impl Iterator<Item = (RecordName, RecordPageNumber)>,
    ) -> Result<(), DeltaError> {
        self.names.clear();
        self.pages.clear();
        for (name, page) in records {
            if page.get() >= self.geometry.record_pages_per_chapter() {
                return Err(DeltaError::InvalidArgument {
                    what: "record page of a name",
                    found: page.get().into(),
                    wanted: "less than the number of record pages of a chapter",
                });
            }
            self.names.push(name);
            // A geometry has 4096 record pages at most.
            self.pages.push(page.get() as u16);
        }
        Ok(())
    }

    /// Whether a zone could have taken lists of so many bits one by one, without ever being full.
    fn zone_would_hold(&self, used_bits: u64) -> bool {
        // A list takes no more bytes than its bits and 14 more; the growth of the last insertion
        // is less than a whole list. So this is above every `U` of section 3.7.
        let lists = u64::from(self.geometry.delta_lists_per_chapter());
        let most_used = (used_bits + 14 * lists) / 8 + 8192 + 8;
        most_used <= self.zone_bytes() as u64
    }

    /// Bytes of the delta index of a chapter that is not closed yet.
    fn zone_bytes(&self) -> usize {
        let pages = self.geometry.index_pages_per_chapter() as usize + 1;
        (pages * self.geometry.bytes_per_page() as usize).next_multiple_of(super::ZONE_BYTES_UNIT)
    }

    /// The long way: exactly the operations that define a chapter index (section 4).
    pub(super) fn insert_one_by_one(&mut self) -> Result<usize, DeltaError> {
        let zone = match self.zone.take() {
            Some(mut zone) => {
                zone.reset();
                self.zone.insert(zone)
            }
            None => self.zone.insert(DeltaZone::new(&ZoneConfiguration {
                first_list: DeltaListNumber::new(0),
                list_count: self.geometry.delta_lists_per_chapter(),
                memory_bytes: self.zone_bytes(),
                coding: CODING,
                value_bits: self.geometry.chapter_payload_bits(),
                key_bits: self.geometry.chapter_address_bits(),
            })?),
        };
        let mut overflowed = 0;
        for (name, &page) in self.names.iter().zip(&self.pages) {
            let list = self.geometry.chapter_list(name);
            let key: DeltaKey = self.geometry.chapter_key(name);
            let mut cursor = zone.find(list, key, name)?;
            let collision = cursor.matches(key).then_some(name);
            match zone.insert(&mut cursor, key, page.into(), collision)? {
                Insertion::Inserted => {}
                Insertion::Overflow => overflowed += 1,
            }
        }
        self.lists.clear();
        for (_, view) in zone.views() {
            let size = view.size as u16;
            self.lists.push(size, |memory, start| {
                copy_bits(view.memory, view.start, memory, start, size.into());
            });
        }
        Ok(overflowed)
    }

    /// Packs the lists from `first_list` on into a page, as many as fit. On the last page of a
    /// chapter, and where not even the first list fits, entries are given up to make them fit.
    ///
    /// Where `first_list` is the number of lists, all lists are packed already, and the page has
    /// none.
    ///
    /// # Errors
    ///
    /// [`DeltaError::InvalidArgument`] for a page that has not the geometry's size, or a list that
    /// does not exist; [`DeltaError::PageTooSmall`] where giving up entries does not help.
    pub fn pack_page(
        &mut self,
        nonce: Nonce,
        chapter: VirtualChapter,
        first_list: u32,
        is_last_page: bool,
        page: &mut [u8],
    ) -> Result<PackedPage, DeltaError> {
        let list_count = self.geometry.delta_lists_per_chapter();
        let invalid =
            |what, found, wanted| Err(DeltaError::InvalidArgument { what, found, wanted });
        if page.len() != self.geometry.bytes_per_page() as usize {
            let found = page.len() as u64;
            return invalid("number of bytes of an index page", found, "the geometry's page size");
        }
        if first_list > list_count {
            let found = first_list.into();
            return invalid("first list of a page", found, "at most the number of lists");
        }
        let first = first_list as usize;
        let mut evicted = 0;
        let packed = loop {
            let sizes = self.lists.sizes[first..].iter().map(|&size| u64::from(size));
            let packed = lists_that_fit(page.len(), sizes)?;
            if first_list + packed == list_count || packed > 0 && !is_last_page {
                break packed;
            }
            evicted += self.evict(first, packed as usize, page.len())?;
        };
        let lists = first..first + packed as usize;
        let views = lists.map(|list| self.lists.view(list, &self.coding));
        write_page(page, nonce, chapter, first_list, views)?;
        Ok(PackedPage { lists: packed, evicted })
    }

    /// Empties the first list that did not fit; if that has no entries, the nearest one before it
    /// that has. Returns how many entries went.
    fn evict(&mut self, first: usize, packed: usize, page_bytes: usize) -> Result<u32, DeltaError> {
        let full = (first..=first + packed).rev().find(|&list| self.lists.sizes[list] > 0);
        let list = full.ok_or(DeltaError::PageTooSmall { page_bytes: page_bytes as u64 })?;
        let view = self.lists.view(list, &self.coding);
        let number = DeltaListNumber::new(list as u32);
        let mut position = Position::before(Mark::default());
        let mut entries = 0;
        loop {
            position = view.next(&position).map_err(|defect| defect.in_list(number))?;
            if position.is_at_end {
                break;
            }
            entries += 1;
        }
        self.lists.sizes[list] = 0;
        Ok(entries)
    }
}
