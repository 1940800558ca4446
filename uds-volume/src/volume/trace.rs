//! Looking a name up in a chapter, and telling each step.
//!
//! # Invariants
//!
//! 1. What is told is what [`Volume::find_record`] goes by: a page comes from the cache where it is
//!    there, is verified otherwise, and both pages are searched by the same functions.
//! 2. Nothing is cached, touched in the cache, or counted.

use std::ops::Range;

use uds_delta_index::chapter_index::ChapterLists;
use uds_delta_index::{IndexPageHeader, Neighbourhood};
use uds_geometry::{
    ChapterPage, DeltaKey, DeltaListNumber, IndexPageNumber, PhysicalChapter, RECORD_BYTES,
    RecordData, RecordName, RecordPageNumber, VirtualChapter,
};

use super::look_up::Held;
use super::{FIRST_PAGE, Volume};
use crate::cache::table::Page;
use crate::error::{PagePlace, VolumeError};
use crate::record_page::{records_of_page, search_record_page, search_record_page_with};

/// What a look-up in a chapter came by.
#[derive(Debug)]
pub struct RecordTrace {
    /// The chapter.
    pub chapter: VirtualChapter,
    /// Its slot.
    pub slot: PhysicalChapter,
    /// Whether the slot can have the chapter: it was not forgotten since, nor is it being written.
    pub is_held: bool,
    /// What the index page said; `None` where it was not asked.
    pub index_page: Option<IndexPageTrace>,
    /// What the record page said; `None` where it was not asked.
    pub record_page: Option<RecordPageTrace>,
}

/// What an index page said of a name.
#[derive(Debug)]
pub struct IndexPageTrace {
    /// Its number in the chapter, by the index page map.
    pub page: IndexPageNumber,
    /// Where it lies.
    pub place: PagePlace,
    /// The lists that it has, by the index page map.
    pub lists: Range<DeltaListNumber>,
    /// Whether it was in the page cache, and not read from the storage.
    pub is_cached: bool,
    /// What the page says of itself; `None` where it could not be read, or is damaged.
    pub header: Option<IndexPageHeader>,
    /// The name's list.
    pub list: DeltaListNumber,
    /// The name's key there.
    pub key: DeltaKey,
    /// Bits of the list.
    pub list_bits: u32,
    /// The entries around the key. Their values are record pages.
    pub around: Neighbourhood,
    /// The record page that the search found, and whether its entry has the whole name.
    pub found: Option<(RecordPageNumber, bool)>,
}

/// What a record page said of a name.
#[derive(Debug)]
pub struct RecordPageTrace {
    /// Its number in the chapter.
    pub page: RecordPageNumber,
    /// Where it lies.
    pub place: PagePlace,
    /// Whether it was in the page cache, and not read from the storage.
    pub is_cached: bool,
    /// The nodes of the page's tree that the name was compared with, from the root on.
    pub path: Vec<HeapStep>,
    /// What the search found.
    pub found: Option<RecordData>,
}

/// A node of a record page that a search came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapStep {
    /// Its number; its record begins at byte `32 * node` of the page.
    pub node: u32,
    /// The name of its record.
    pub name: RecordName,
}

impl RecordTrace {
    fn new(chapter: VirtualChapter, slot: PhysicalChapter) -> Self {
        Self { chapter, slot, is_held: false, index_page: None, record_page: None }
    }
}

impl Volume {
    /// Looks a name up in a chapter as [`find_record`](Self::find_record) does, or, where the
    /// record page is known already, as [`find_in_record_page`](Self::find_in_record_page), and
    /// tells each step, beside what it led to. Leaves the cache and the counts as they are.
    pub fn trace_record(
        &self,
        chapter: VirtualChapter,
        name: &RecordName,
        known: Option<RecordPageNumber>,
    ) -> (RecordTrace, Result<Option<RecordData>, VolumeError>) {
        let slot = self.geometry.physical_chapter(chapter);
        let mut trace = RecordTrace::new(chapter, slot);
        let Some(held) = self.held(chapter) else { return (trace, Ok(None)) };
        trace.is_held = true;
        let outcome = self.trace_held(held, name, known, &mut trace);
        if self.is_still(held) {
            return (trace, outcome);
        }
        // Void, as for a query: the slot has lost the chapter meanwhile.
        (RecordTrace::new(chapter, slot), Ok(None))
    }

    fn trace_held(
        &self,
        held: Held,
        name: &RecordName,
        known: Option<RecordPageNumber>,
        trace: &mut RecordTrace,
    ) -> Result<Option<RecordData>, VolumeError> {
        let page = match known {
            Some(page) => {
                self.check_record_page(page)?;
                page
            }
            None => match self.trace_index_page(held, name, trace)? {
                Some(page) => page,
                None => return Ok(None),
            },
        };
        let place = self.place(held.slot, ChapterPage::Record(page));
        let (is_cached, path, found) = (false, Vec::new(), None);
        let told = RecordPageTrace { page, place, is_cached, path, found };
        let told = trace.record_page.insert(told);
        let is_cached = self.look_at(held, ChapterPage::Record(page), |content| {
            let bytes = &content.bytes;
            search_record_page_with(bytes, name, |node| {
                let record = &bytes[node * RECORD_BYTES..];
                let step = records_of_page(record).next();
                told.path
                    .extend(step.map(|record| HeapStep { node: node as u32, name: record.name }));
            });
            told.found = search_record_page(bytes, name);
            Ok(told.found)
        })?;
        told.is_cached = is_cached.0;
        Ok(is_cached.1)
    }

    /// The record page that the index page of a name leads to.
    fn trace_index_page(
        &self,
        held: Held,
        name: &RecordName,
        trace: &mut RecordTrace,
    ) -> Result<Option<RecordPageNumber>, VolumeError> {
        let number = self.index_page_for(held, name)?;
        let page = ChapterPage::Index(number);
        let told = trace.index_page.insert(IndexPageTrace {
            page: number,
            place: self.place(held.slot, page),
            lists: self.page_map.lists_of(held.slot, number)?,
            is_cached: false,
            header: None,
            list: self.geometry.chapter_list(name),
            key: self.geometry.chapter_key(name),
            list_bits: 0,
            around: Neighbourhood::default(),
            found: None,
        });
        let (is_cached, found) = self.look_at(held, page, |content| {
            told.header = content.header;
            self.describe_list(content, told);
            told.found = self.match_on_index_page(held, page, content, name)?;
            Ok(told.found.map(|(number, _)| number))
        })?;
        told.is_cached = is_cached;
        Ok(found)
    }

    /// What an index page has around a key. What is wrong there, the search says.
    fn describe_list(&self, content: &Page, told: &mut IndexPageTrace) {
        let (Some(header), Ok(lists)) = (&content.header, ChapterLists::new(&self.geometry)) else {
            return;
        };
        if let Ok(entries) = lists.entries(header, &content.bytes, told.list) {
            told.around = Neighbourhood::of(entries, told.key);
            told.list_bits = lists.bits_of(header, &content.bytes, told.list).unwrap_or(0);
        }
    }

    /// Looks at a page, in the cache or after reading it. Says which it was.
    fn look_at<T>(
        &self,
        held: Held,
        page: ChapterPage,
        mut look: impl FnMut(&Page) -> Result<T, VolumeError>,
    ) -> Result<(bool, T), VolumeError> {
        let number = self.geometry.physical_page(held.slot, page);
        if let Some(result) = self.cache.peek(number, &mut look) {
            return Ok((true, result?));
        }
        let bytes = vec![0; self.geometry.bytes_per_page() as usize];
        let mut content = Page { bytes, header: None };
        self.read_uncounted(held.slot, page, &mut content.bytes)?;
        if let ChapterPage::Index(number) = page {
            content.header = Some(self.verify(held, number, &content.bytes)?);
        }
        Ok((false, look(&content)?))
    }

    /// Reads and checks all index pages of a chapter as
    /// [`read_sound_chapter_index`](Self::read_sound_chapter_index) does, and keeps nothing. Says
    /// whether the chapter is on the volume.
    ///
    /// # Errors
    ///
    /// As for [`read_sound_chapter_index`](Self::read_sound_chapter_index).
    pub fn check_chapter_index(&self, chapter: VirtualChapter) -> Result<bool, VolumeError> {
        let pages = self.geometry.index_pages_per_chapter() as usize;
        let checked = self.while_held(chapter, |held| {
            let mut bytes = vec![0; pages * self.geometry.bytes_per_page() as usize];
            self.read_uncounted(held.slot, FIRST_PAGE, &mut bytes)?;
            let headers = self.verify_all(held, &bytes)?;
            self.validate_all(held.slot, &headers, &bytes)?;
            Ok(Some(()))
        });
        Ok(checked?.is_some())
    }
}
