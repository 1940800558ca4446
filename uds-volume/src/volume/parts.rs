//! Looking names up in pages that are not cached without reading them as a whole.
//!
//! Of a page that is read for one name and not needed again, a few hundred bytes are of use. Where
//! the storage has them at hand ([`Storage::read_now`](crate::Storage::read_now)), a zone takes
//! just these, in its own thread and without the cache. Otherwise the page is read as ever.
//!
//! # Invariants
//!
//! 1. What parts say of a sound page is what the whole page says.
//! 2. Parts tell no errors: whatever is odd about them is left to the whole page. What is damaged
//!    elsewhere on the page they do not see.
//! 3. Who asks checks afterwards, as for any look-up, that the slot has kept its chapter
//!    (see [`slots`](super::slots)). Parts of different chapters are void like pages of an old one.

use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::ListPlace;
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, PhysicalPage, RecordData, RecordName,
    RecordPageNumber,
};

use super::Volume;
use super::look_up::Held;
use crate::record_page::find_in_parts;

/// The most bytes of a part. Larger lists, and tables of more lists, are left to whole pages.
const PART_BYTES: usize = 4096;

/// Where parts of pages are read to, and the pages that this was done with lately.
#[derive(Debug)]
pub(super) struct Parts {
    buffer: Box<[u8]>,
    lately: Lately,
}

impl Parts {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; PART_BYTES].into(), lately: Lately::new() }
    }

    /// Whether a page that is not cached is to be read in parts.
    pub(super) fn are_enough_for(&mut self, page: PhysicalPage) -> bool {
        self.lately.is_rarely_used(page)
    }

    /// What an index page says of a name; `None` where its parts do not tell.
    pub(super) fn search_index_page(
        &mut self,
        volume: &Volume,
        held: Held,
        page: IndexPageNumber,
        name: &RecordName,
    ) -> Option<Option<RecordPageNumber>> {
        let geometry = &volume.geometry;
        let offset = volume.place(held.slot, ChapterPage::Index(page)).offset;
        let lists = volume.page_map.lists_of(held.slot, page).ok()?;
        let count = lists.end.get().checked_sub(lists.start.get())?;
        let front = self.buffer.get_mut(..IndexPageHeader::front_bytes(count))?;
        if !volume.storage.read_now(offset, front) {
            return None;
        }
        let page_bytes = geometry.bytes_per_page() as usize;
        let header = IndexPageHeader::parse_front(front, page_bytes, volume.nonce).ok()?;
        let start = header.lowest_list();
        let found = start..DeltaListNumber::new(start.get() + header.list_count());
        if header.chapter() != held.chapter || found != lists {
            return None;
        }
        let place = ListPlace::new(&header, front, geometry, name).ok()?;
        let bytes = place.bytes();
        let list = self.buffer.get_mut(..bytes.len())?;
        if !volume.storage.read_now(offset + bytes.start as u64, list) {
            return None;
        }
        let found = place.search(list, geometry, name).ok()?;
        let is_sound = found.is_none_or(|it| it.get() < geometry.record_pages_per_chapter());
        is_sound.then_some(found)
    }

    /// The data that a record page has for a name; `None` where its parts do not tell.
    pub(super) fn search_record_page(
        volume: &Volume,
        held: Held,
        page: RecordPageNumber,
        name: &RecordName,
    ) -> Option<RecordData> {
        let offset = volume.place(held.slot, ChapterPage::Record(page)).offset;
        find_in_parts(volume.geometry.records_per_page(), name, |within, buffer| {
            volume.storage.read_now(offset + within as u64, buffer)
        })
    }
}

/// How often a page is read in parts before it is cached: whoever uses it so often will use it
/// again. Reading it whole costs as much as twenty look-ups in parts.
const MOST_USES: u32 = 2;
/// Pages that are remembered: more than fit the cache of the default geometry, so that those worth
/// caching are known again, but few beside the pages of its volume, so that of pages used at random
/// hardly any comes back in time.
const REMEMBERED: usize = 1024;

/// The pages that were read in parts lately, and how often.
#[derive(Debug)]
struct Lately(Box<[(PhysicalPage, u32)]>);

impl Lately {
    fn new() -> Self {
        Self(vec![(PhysicalPage::new(0), 0); REMEMBERED].into())
    }

    /// Notes the use of a page that is not cached. Says whether it was not used often.
    fn is_rarely_used(&mut self, page: PhysicalPage) -> bool {
        // Neighbours, which come together, have places of their own.
        let place = &mut self.0[page.get() as usize % REMEMBERED];
        if place.0 != page {
            *place = (page, 0);
        }
        let is_rare = place.1 < MOST_USES;
        // Once it was cached it starts anew.
        place.1 = if is_rare { place.1 + 1 } else { 0 };
        is_rare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards pages that are used again and again: they get into the cache soon, also while many
    // others are used once.
    #[test]
    fn a_page_that_comes_back_is_not_rare() {
        let mut lately = Lately::new();
        // None of them takes the place of a page below.
        let mut others = (20 * REMEMBERED as u32 + 100..).map(PhysicalPage::new);
        for page in [PhysicalPage::new(0), PhysicalPage::new(17), PhysicalPage::new(900)] {
            for _ in 0..2 {
                for _ in 0..MOST_USES {
                    assert!(lately.is_rarely_used(page));
                    others.by_ref().take(50).for_each(|it| assert!(lately.is_rarely_used(it)));
                }
                assert!(!lately.is_rarely_used(page));
            }
        }
    }
}
