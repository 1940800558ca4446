//! Finding names in chapters, and forgetting chapters (specification, sections 7.5 and 7.6).

use std::ops::Range;

use uds_delta_index::{IndexPageHeader, chapter_index};
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, PhysicalChapter, PhysicalPage, RecordData,
    RecordName, RecordPageNumber, VirtualChapter,
};

use super::slots::SlotState;
use super::{FIRST_PAGE, Volume};
use crate::cache::table::Page;
use crate::cache::{Access, Loading};
use crate::error::{PagePlace, VolumeError};
use crate::record_page::search_record_page;

impl Volume {
    /// The data of `name` in a chapter, or `None` where the chapter does not have it or is no
    /// longer on the volume.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`] where a page cannot be read, and those of
    /// [`VolumeError::is_corruption`] where an index page is not what it must be. Other look-ups
    /// are not affected.
    pub fn find_record(
        &self,
        chapter: VirtualChapter,
        name: &RecordName,
    ) -> Result<Option<RecordData>, VolumeError> {
        match self.find_record_page(chapter, name)? {
            Some(page) => self.find_in_record_page(chapter, page, name),
            None => Ok(None),
        }
    }

    /// The record page of a chapter that `name` may be on, by the chapter's index. `None` where
    /// the chapter does not have the name or is no longer on the volume.
    ///
    /// # Errors
    ///
    /// As for [`find_record`](Self::find_record).
    pub fn find_record_page(
        &self,
        chapter: VirtualChapter,
        name: &RecordName,
    ) -> Result<Option<RecordPageNumber>, VolumeError> {
        self.while_held(chapter, |held| {
            let page = ChapterPage::Index(self.index_page_for(held, name)?);
            self.in_page(held, page, |content| self.search_index_page(held, page, content, name))
        })
    }

    /// The data of `name` on a record page of a chapter. `None` where the page does not have the
    /// name or the chapter is no longer on the volume.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a page that chapters do not
    /// have.
    pub fn find_in_record_page(
        &self,
        chapter: VirtualChapter,
        page: RecordPageNumber,
        name: &RecordName,
    ) -> Result<Option<RecordData>, VolumeError> {
        self.check_record_page(page)?;
        self.while_held(chapter, |held| {
            let search = |content: &Page| Ok(search_record_page(&content.bytes, name));
            self.in_page(held, ChapterPage::Record(page), search)
        })
    }

    /// Reads and verifies all index pages of a chapter, in one piece and past the cache. `None`
    /// where the chapter is no longer on the volume.
    ///
    /// # Errors
    ///
    /// As for [`find_record`](Self::find_record).
    pub fn read_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, VolumeError> {
        self.while_held(chapter, |held| {
            self.read_index_pages(held.slot, pages)?;
            self.verify_all(held, pages).map(Some)
        })
    }

    /// The headers of all index pages of a chapter.
    pub(super) fn verify_all(
        &self,
        held: Held,
        pages: &[u8],
    ) -> Result<Vec<IndexPageHeader>, VolumeError> {
        let page_bytes = self.geometry.bytes_per_page() as usize;
        let numbered = (0..).map(IndexPageNumber::new).zip(pages.chunks_exact(page_bytes));
        numbered.map(|(page, bytes)| self.verify(held, page, bytes)).collect()
    }

    /// Reads all index pages of a chapter as [`read_chapter_index`](Self::read_chapter_index) does,
    /// and walks all of their lists: nothing that is looked up in them will fail.
    ///
    /// # Errors
    ///
    /// As for [`find_record`](Self::find_record).
    pub fn read_sound_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, VolumeError> {
        let Some(headers) = self.read_chapter_index(chapter, pages)? else { return Ok(None) };
        self.validate_all(self.geometry.physical_chapter(chapter), &headers, pages)?;
        Ok(Some(headers))
    }

    /// Walks all lists of the index pages of a slot.
    pub(super) fn validate_all(
        &self,
        slot: PhysicalChapter,
        headers: &[IndexPageHeader],
        pages: &[u8],
    ) -> Result<(), VolumeError> {
        let page_bytes = self.geometry.bytes_per_page() as usize;
        let numbered = (0..).map(IndexPageNumber::new).zip(pages.chunks_exact(page_bytes));
        for ((number, page), header) in numbered.zip(headers) {
            let place = self.place(slot, ChapterPage::Index(number));
            chapter_index::validate(header, page, &self.geometry)
                .map_err(|source| VolumeError::IndexPage { place, source })?;
        }
        Ok(())
    }

    /// Forgets a chapter that has left the index: its pages leave the cache, and look-ups in it,
    /// also those under way, find nothing. Does nothing where its slot has a newer chapter.
    pub fn forget_chapter(&self, chapter: VirtualChapter) {
        let slot = self.geometry.physical_chapter(chapter);
        if self.slots.forget(slot, chapter) {
            self.cache.forget(self.pages_of(slot));
        }
    }

    /// All pages of a slot.
    pub(super) fn pages_of(&self, slot: PhysicalChapter) -> Range<PhysicalPage> {
        let start = self.geometry.physical_page(slot, FIRST_PAGE);
        start..PhysicalPage::new(start.get() + self.geometry.pages_per_chapter())
    }

    /// A chapter, and its slot as it is now. `None` where the slot cannot hold the chapter.
    pub(super) fn held(&self, chapter: VirtualChapter) -> Option<Held> {
        let slot = self.geometry.physical_chapter(chapter);
        let state = self.slots.state(slot);
        state.may_hold(chapter).then_some(Held { chapter, slot, state })
    }

    /// Whether nothing has happened to the slot since.
    pub(super) fn is_still(&self, held: Held) -> bool {
        self.slots.state(held.slot) == held.state
    }

    /// Searches the slot of a chapter. If the slot loses the chapter meanwhile, whatever the
    /// search found or failed at is void: nothing is found.
    pub(super) fn while_held<T>(
        &self,
        chapter: VirtualChapter,
        search: impl FnOnce(Held) -> Result<Option<T>, VolumeError>,
    ) -> Result<Option<T>, VolumeError> {
        let Some(held) = self.held(chapter) else { return Ok(None) };
        let result = search(held);
        if self.is_still(held) { result } else { Ok(None) }
    }

    /// Searches a page, in the cache or after reading it in this thread. `None` where the chapter
    /// has left its slot.
    fn in_page<T>(
        &self,
        held: Held,
        page: ChapterPage,
        search: impl Fn(&Page) -> Result<Option<T>, VolumeError>,
    ) -> Result<Option<T>, VolumeError> {
        let access = self.cache.access(self.geometry.physical_page(held.slot, page), &search);
        self.counters.add_look_up(None, page, matches!(access, Access::Found(_)));
        let mut loading = match access {
            Access::Found(result) => return result,
            Access::Missing(loading) => loading,
        };
        if !self.is_still(held) {
            return Ok(None);
        }
        self.load(held, page, &mut loading)?;
        let result = search(loading.page());
        // Who writes to the slot first changes its state and then has the cache forget its pages.
        loading.publish_if(|| self.is_still(held));
        result
    }

    /// Reads a page of a chapter into a slot of the cache, and verifies it.
    pub(super) fn load<W>(
        &self,
        held: Held,
        page: ChapterPage,
        loading: &mut Loading<'_, W>,
    ) -> Result<(), VolumeError> {
        self.read_pages(held.slot, page, loading.bytes_mut())?;
        let header = match page {
            ChapterPage::Index(number) => Some(self.verify(held, number, loading.bytes_mut())?),
            ChapterPage::Record(_) => None,
        };
        loading.set_header(header);
        Ok(())
    }

    /// The index page of a chapter that has a name's list.
    pub(super) fn index_page_for(
        &self,
        held: Held,
        name: &RecordName,
    ) -> Result<IndexPageNumber, VolumeError> {
        self.page_map.page_for(held.slot, self.geometry.chapter_list(name))
    }

    /// Searches an index page of a chapter.
    pub(super) fn search_index_page(
        &self,
        held: Held,
        page: ChapterPage,
        content: &Page,
        name: &RecordName,
    ) -> Result<Option<RecordPageNumber>, VolumeError> {
        Ok(self.match_on_index_page(held, page, content, name)?.map(|(number, _)| number))
    }

    /// Searches an index page of a chapter. Says with the record page whether the entry has
    /// the whole name.
    pub(super) fn match_on_index_page(
        &self,
        held: Held,
        page: ChapterPage,
        content: &Page,
        name: &RecordName,
    ) -> Result<Option<(RecordPageNumber, bool)>, VolumeError> {
        let place = self.place(held.slot, page);
        let header = content.header.expect("index pages are cached with their headers");
        check_chapter(place, held.chapter, header)?;
        let found = chapter_index::search_match(&header, &content.bytes, &self.geometry, name)
            .map_err(|source| VolumeError::IndexPage { place, source })?;
        let count = self.geometry.record_pages_per_chapter();
        match found {
            Some((number, _)) if number.get() >= count => {
                let (name, found) = (*name, number.get());
                Err(VolumeError::RecordPageNumber { place, name, found, count })
            }
            found => Ok(found),
        }
    }

    /// The header of an index page that must be this page of this chapter.
    pub(super) fn verify(
        &self,
        held: Held,
        page: IndexPageNumber,
        bytes: &[u8],
    ) -> Result<IndexPageHeader, VolumeError> {
        let place = self.place(held.slot, ChapterPage::Index(page));
        let header = IndexPageHeader::parse(bytes, self.nonce)
            .map_err(|source| VolumeError::IndexPage { place, source })?;
        check_chapter(place, held.chapter, header)?;
        let start = header.lowest_list();
        let found = start..DeltaListNumber::new(start.get() + header.list_count());
        let expected = self.page_map.lists_of(held.slot, page)?;
        if found != expected {
            return Err(VolumeError::WrongLists { place, expected, found });
        }
        Ok(header)
    }
}

/// A chapter, and its slot with the state in which it may have the chapter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) chapter: VirtualChapter,
    pub(super) slot: PhysicalChapter,
    state: SlotState,
}

fn check_chapter(
    place: PagePlace,
    expected: VirtualChapter,
    header: IndexPageHeader,
) -> Result<(), VolumeError> {
    let found = header.chapter();
    if found == expected {
        return Ok(());
    }
    Err(VolumeError::WrongChapter { place, expected, found })
}

#[cfg(test)]
mod tests;
