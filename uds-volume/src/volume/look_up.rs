//! Finding names in chapters, and forgetting chapters (specification, sections 7.5 and 7.6).

use std::ops::Range;

use uds_delta_index::{IndexPageHeader, chapter_index};
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, PhysicalChapter, PhysicalPage, RecordData,
    RecordName, RecordPageNumber, VirtualChapter,
};

use super::slots::SlotState;
use super::{FIRST_PAGE, Volume};
use crate::cache::{Access, Pinned};
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
            let list = self.geometry.chapter_list(name);
            let page = self.page_map.page_for(held.slot, list)?;
            let place = self.place(held.slot, ChapterPage::Index(page));
            let Some((pinned, header)) = self.index_page(held, page)? else { return Ok(None) };
            let found = chapter_index::search(&header, pinned.bytes(), &self.geometry, name)
                .map_err(|source| VolumeError::IndexPage { place, source })?;
            let count = self.geometry.record_pages_per_chapter();
            match found {
                Some(number) if number.get() >= count => {
                    let (name, found) = (*name, number.get());
                    Err(VolumeError::RecordPageNumber { place, name, found, count })
                }
                found => Ok(found),
            }
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
            let Some(pinned) = self.record_page(held, page)? else { return Ok(None) };
            Ok(search_record_page(pinned.bytes(), name))
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
            let page_bytes = self.geometry.bytes_per_page() as usize;
            let numbered = (0..).map(IndexPageNumber::new).zip(pages.chunks_exact(page_bytes));
            let headers = numbered.map(|(page, bytes)| self.verify(held, page, bytes));
            headers.collect::<Result<_, _>>().map(Some)
        })
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

    /// Searches the slot of a chapter. If the slot loses the chapter meanwhile, whatever the
    /// search found or failed at is void: nothing is found.
    fn while_held<T>(
        &self,
        chapter: VirtualChapter,
        search: impl FnOnce(Held) -> Result<Option<T>, VolumeError>,
    ) -> Result<Option<T>, VolumeError> {
        let slot = self.geometry.physical_chapter(chapter);
        let held = Held { chapter, slot, state: self.slots.state(slot) };
        if !held.state.may_hold(chapter) {
            return Ok(None);
        }
        let result = search(held);
        if self.is_still(held) { result } else { Ok(None) }
    }

    fn is_still(&self, held: Held) -> bool {
        self.slots.state(held.slot) == held.state
    }

    /// An index page, from the cache or the storage, and its header. `None` where the chapter has
    /// left its slot.
    fn index_page(
        &self,
        held: Held,
        page: IndexPageNumber,
    ) -> Result<Option<(Pinned<IndexPageHeader>, IndexPageHeader)>, VolumeError> {
        let place = self.place(held.slot, ChapterPage::Index(page));
        let access = self.cache.access(self.geometry.physical_page(held.slot, place.page));
        self.counters.add_index_page(matches!(access, Access::Cached(_)));
        match access {
            Access::Cached(pinned) => {
                let header = *pinned.header().expect("index pages are cached with their headers");
                check_chapter(place, held.chapter, header)?;
                Ok(Some((pinned, header)))
            }
            Access::Missing(_) if !self.is_still(held) => Ok(None),
            Access::Missing(mut loading) => {
                self.read_pages(held.slot, place.page, loading.bytes_mut())?;
                let header = self.verify(held, page, loading.bytes_mut())?;
                Ok(Some((loading.publish(Some(header)), header)))
            }
        }
    }

    /// A record page, from the cache or the storage. `None` where the chapter has left its slot.
    fn record_page(
        &self,
        held: Held,
        page: RecordPageNumber,
    ) -> Result<Option<Pinned<IndexPageHeader>>, VolumeError> {
        let page = ChapterPage::Record(page);
        let access = self.cache.access(self.geometry.physical_page(held.slot, page));
        self.counters.add_record_page(matches!(access, Access::Cached(_)));
        match access {
            Access::Cached(pinned) => Ok(Some(pinned)),
            Access::Missing(_) if !self.is_still(held) => Ok(None),
            Access::Missing(mut loading) => {
                self.read_pages(held.slot, page, loading.bytes_mut())?;
                Ok(Some(loading.publish(None)))
            }
        }
    }

    /// The header of an index page that must be this page of this chapter.
    fn verify(
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
#[derive(Clone, Copy)]
struct Held {
    chapter: VirtualChapter,
    slot: PhysicalChapter,
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
