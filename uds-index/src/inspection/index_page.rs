//! An index page of a chapter: its lists, and their entries, each with its place.

use std::ops::Range;

use uds_delta_index::chapter_index::ChapterLists;
use uds_delta_index::{DeltaError, Entries, IndexPageHeader, ListDefect};
use uds_geometry::{
    ChapterPage, DeltaKey, DeltaListNumber, IndexPageNumber, PhysicalChapter, RecordName,
    RecordPageNumber, VirtualChapter,
};
use uds_volume::{PagePlace, VolumeError};

use super::Inspector;
use crate::IndexError;

/// An index page of this index, as it was read from the volume.
#[derive(Debug)]
pub struct IndexPage {
    place: PagePlace,
    number: IndexPageNumber,
    header: IndexPageHeader,
    content: Vec<u8>,
    lists: ChapterLists,
    record_pages: u32,
}

/// A delta list of an index page.
#[derive(Debug)]
pub struct IndexPageList<'a> {
    number: DeltaListNumber,
    bits: Range<u64>,
    entries: Entries<'a>,
    record_pages: u32,
}

/// The entries of a list, in order. It ends after the first error.
#[derive(Debug)]
pub struct PageEntries<'a> {
    list: DeltaListNumber,
    bits: Range<u64>,
    entries: Entries<'a>,
    record_pages: u32,
    is_done: bool,
}

/// An entry of an index page: on which record page of the chapter a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageEntry {
    /// The bit of the page where it begins.
    pub bit_offset: u64,
    /// Its bits, with those of its name.
    pub bits: u32,
    /// The part of the name that the list is sorted by.
    pub key: DeltaKey,
    /// How much that is more than the key of the entry before it; of a first entry, the key.
    pub delta: u32,
    /// The record page.
    pub record_page: RecordPageNumber,
    /// The whole name, where an entry before it has the same list and key.
    pub name: Option<RecordName>,
}

impl Inspector {
    /// An index page of a slot of the volume. Its lists are not walked.
    ///
    /// # Errors
    ///
    /// [`IndexError::Volume`] for a slot or page that does not exist, cannot be read, or is not an
    /// index page of this index.
    pub fn index_page(
        &self,
        slot: PhysicalChapter,
        number: IndexPageNumber,
    ) -> Result<IndexPage, IndexError> {
        self.check_slot(slot)?;
        let geometry = self.geometry();
        let mut content = vec![0; geometry.bytes_per_page() as usize];
        self.volume.read_index_page(slot, number, &mut content)?;
        let place = self.volume.place(slot, ChapterPage::Index(number));
        let header = IndexPageHeader::parse(&content, self.volume.nonce())
            .map_err(|source| VolumeError::IndexPage { place, source })?;
        let lists = ChapterLists::new(geometry)?;
        let record_pages = geometry.record_pages_per_chapter();
        Ok(IndexPage { place, number, header, content, lists, record_pages })
    }

    /// An index page of a chapter.
    ///
    /// # Errors
    ///
    /// As for [`index_page`](Self::index_page), and [`IndexError::NoSuchChapter`] where the page is
    /// of another chapter.
    pub fn index_page_of(
        &self,
        chapter: VirtualChapter,
        number: IndexPageNumber,
    ) -> Result<IndexPage, IndexError> {
        let slot = self.geometry().physical_chapter(chapter);
        let page = self.index_page(slot, number)?;
        let found = page.chapter();
        if found == chapter {
            return Ok(page);
        }
        Err(IndexError::NoSuchChapter { chapter, slot, found: Some(found) })
    }
}

impl IndexPage {
    /// The slot of the volume that it is in.
    #[must_use]
    pub const fn slot(&self) -> PhysicalChapter {
        self.place.slot
    }

    /// Its number in the chapter.
    #[must_use]
    pub const fn number(&self) -> IndexPageNumber {
        self.number
    }

    /// Its first byte on the storage.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.place.offset
    }

    /// The chapter that it names.
    #[must_use]
    pub const fn chapter(&self) -> VirtualChapter {
        self.header.chapter()
    }

    /// Its lists, from the first to the one after the last. It may have none.
    #[must_use]
    pub const fn list_range(&self) -> Range<DeltaListNumber> {
        let first = self.header.lowest_list();
        first..DeltaListNumber::new(first.get() + self.header.list_count())
    }

    /// Bits that no list takes, between the last list and the guard at the end of the page.
    #[must_use]
    pub fn free_bits(&self) -> u64 {
        self.lists.free_bits(&self.header, &self.content)
    }

    /// Its lists, in order.
    ///
    /// # Errors
    ///
    /// Each item: [`DeltaError::CorruptPage`], which a page that was read has not.
    pub fn lists(&self) -> impl Iterator<Item = Result<IndexPageList<'_>, DeltaError>> {
        self.header.lists().map(|number| {
            Ok(IndexPageList {
                number,
                bits: self.lists.place_of(&self.header, &self.content, number)?,
                entries: self.lists.entries(&self.header, &self.content, number)?,
                record_pages: self.record_pages,
            })
        })
    }
}

impl<'a> IndexPageList<'a> {
    /// Its number in the chapter.
    #[must_use]
    pub const fn number(&self) -> DeltaListNumber {
        self.number
    }

    /// Its bits of the page: the first, and the one behind it.
    #[must_use]
    pub const fn bits(&self) -> &Range<u64> {
        &self.bits
    }

    /// Its entries, in order.
    ///
    /// # Errors
    ///
    /// Each item: [`DeltaError::CorruptList`], where an entry makes no sense, or names a record
    /// page that no chapter has. Nothing comes after it.
    #[must_use]
    pub fn entries(self) -> PageEntries<'a> {
        let Self { number: list, bits, entries, record_pages } = self;
        PageEntries { list, bits, entries, record_pages, is_done: false }
    }
}

impl Iterator for PageEntries<'_> {
    type Item = Result<PageEntry, DeltaError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let placed = match self.entries.next_placed()? {
            Ok(placed) => placed,
            Err(error) => {
                self.is_done = true;
                return Some(Err(error));
            }
        };
        let entry = placed.entry;
        if entry.value >= self.record_pages {
            self.is_done = true;
            return Some(Err(DeltaError::CorruptList {
                list: self.list,
                bit_offset: placed.bit_offset,
                size_bits: (self.bits.end - self.bits.start) as u32,
                defect: ListDefect::ValueTooLarge,
            }));
        }
        Some(Ok(PageEntry {
            bit_offset: self.bits.start + u64::from(placed.bit_offset),
            bits: placed.bits,
            key: entry.key,
            delta: placed.delta,
            record_page: RecordPageNumber::new(entry.value),
            name: entry.name,
        }))
    }
}
