//! The index page map of the latest save, beside the index pages that it is about.

use std::ops::Range;

use uds_geometry::{DeltaListNumber, IndexPageNumber, PhysicalChapter, VirtualChapter};
use uds_volume::IndexPageMap;

use super::Inspector;
use super::slots::SlotReader;
use super::window::{Window, WindowSource};
use crate::IndexError;
use crate::error::UncleanReason;
use crate::layout::RegionReader;

/// The index page map of the latest save.
#[derive(Debug)]
pub struct SavedPageMap<'a> {
    inspector: &'a Inspector,
    map: IndexPageMap,
    slot: u8,
    offset: u64,
    expected: Vec<Option<VirtualChapter>>,
}

/// What the map and the volume say of an index page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MappedPage {
    /// The slot of its chapter.
    pub slot: PhysicalChapter,
    /// Its number in the chapter: never the last one, for which the map has no entry.
    pub page: IndexPageNumber,
    /// The byte of the entry on the storage.
    pub offset: u64,
    /// The last list that the map has for it.
    pub last_list: DeltaListNumber,
    /// The chapter that was in the slot when the map was saved, if one was.
    pub expected: Option<VirtualChapter>,
    /// The chapter that the page names; `None` where it is no index page of this index.
    pub chapter: Option<VirtualChapter>,
    /// The lists of the page, from the first to the one after the last.
    pub lists: Option<Range<DeltaListNumber>>,
}

impl MappedPage {
    /// Whether the page ends where the map says it does. `None` where the map is about no chapter,
    /// the chapter is no longer in the slot, or the page is no index page of this index.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        let chapter = self.chapter?;
        let lists = self.lists.as_ref()?;
        let is_of_same = self.expected == Some(chapter);
        is_of_same.then(|| lists.end.get().saturating_sub(1) == self.last_list.get())
    }
}

impl Inspector {
    /// The index page map of the latest save, also where it is out of date because chapters were
    /// written since.
    ///
    /// # Errors
    ///
    /// [`IndexError::NotSavedCleanly`] where there is no save that could be used;
    /// [`IndexError::Volume`] where the map is damaged; those of the storage.
    pub fn page_map(&self) -> Result<SavedPageMap<'_>, IndexError> {
        let Some((slot, save)) = self.layout.latest_save() else {
            return Err(IndexError::NotSavedCleanly { reason: UncleanReason::NoSave });
        };
        let place = self.layout.slot(slot);
        save.check_window(self.geometry(), place.first_block())?;
        let place = place.page_map();
        let map = IndexPageMap::new(self.geometry());
        map.load(&mut RegionReader::new(&**self.layout.storage(), place))?;
        let source = WindowSource::Save(slot as u8);
        let window = Window { chapters: save.oldest..save.newest, source };
        Ok(SavedPageMap {
            inspector: self,
            map,
            slot: slot as u8,
            offset: place.start * u64::from(uds_geometry::BLOCK_BYTES),
            expected: window.expected(self.geometry()),
        })
    }
}

impl<'a> SavedPageMap<'a> {
    /// The save slot, 0 or 1, that it is in.
    #[must_use]
    pub const fn save_slot(&self) -> u8 {
        self.slot
    }

    /// Its first byte on the storage.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The chapter of its latest update.
    #[must_use]
    pub fn last_update(&self) -> VirtualChapter {
        self.map.last_update()
    }

    /// Each of its entries, and the page on the volume that it is about. The index pages of a slot
    /// are read when the first of them is asked for.
    ///
    /// # Errors
    ///
    /// None that an index that could be opened has.
    pub fn pages(&self) -> Result<MappedPages<'_, 'a>, IndexError> {
        let reader = SlotReader::new(&self.inspector.volume)?;
        Ok(MappedPages { map: self, reader, next: 0, row: Vec::new().into_iter() })
    }
}

/// The entries of an index page map, slot by slot and page by page.
#[derive(Debug)]
pub struct MappedPages<'m, 'a> {
    map: &'m SavedPageMap<'a>,
    reader: SlotReader<'a>,
    next: usize,
    row: std::vec::IntoIter<MappedPage>,
}

impl Iterator for MappedPages<'_, '_> {
    type Item = MappedPage;

    fn next(&mut self) -> Option<MappedPage> {
        loop {
            if let Some(page) = self.row.next() {
                return Some(page);
            }
            let expected = *self.map.expected.get(self.next)?;
            let slot = PhysicalChapter::new(self.next as u32);
            self.next += 1;
            self.row = self.read_row(slot, expected).into_iter();
        }
    }
}

impl MappedPages<'_, '_> {
    fn read_row(
        &mut self,
        slot: PhysicalChapter,
        expected: Option<VirtualChapter>,
    ) -> Vec<MappedPage> {
        let (mut pages, _) = self.reader.read(slot);
        // The last page has no entry.
        let _ = pages.pop();
        let row = pages.len() as u64;
        let header = self.map.map.saved_bytes() - 2 * row * self.map.expected.len() as u64;
        let mapped = pages.into_iter().filter_map(|page| {
            let end = self.map.map.lists_of(slot, page.number).ok()?.end.get();
            let entry = u64::from(slot.get()) * row + u64::from(page.number.get());
            Some(MappedPage {
                slot,
                page: page.number,
                offset: self.map.offset + header + 2 * entry,
                last_list: DeltaListNumber::new(end.saturating_sub(1)),
                expected,
                chapter: page.chapter,
                lists: page.lists,
            })
        });
        mapped.collect()
    }
}
