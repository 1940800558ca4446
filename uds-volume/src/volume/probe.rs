//! Finding out which chapter a slot holds, and which chapters a volume has (specification,
//! sections 7.7 and 7.8).
//!
//! Every slot is probed, so that bad chapters may be anywhere and as many as they like: the
//! reference looks for the ends of the range alone, and gives up after a hundred bad slots.

use std::ops::Range;

use uds_delta_index::{IndexPageHeader, chapter_index};
use uds_geometry::{
    ChapterPage, DeltaListNumber, Geometry, IndexPageNumber, PhysicalChapter, Record, RecordName,
    RecordPageNumber, VirtualChapter,
};

use super::Volume;
use crate::error::VolumeError;

/// Larger numbers would overflow sooner or later; no device lives to see them.
const LAST_CHAPTER: u64 = u64::MAX - (1 << 40);

/// A chapter whose index pages are sound, and where its delta lists are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbedChapter {
    /// The chapter that the slot holds.
    pub chapter: VirtualChapter,
    /// The last delta list of each index page but the last.
    last_lists: Vec<DeltaListNumber>,
}

impl Volume {
    /// Reads all index pages of a slot, in one piece, and says which chapter they are of. `pages`
    /// is room for them.
    ///
    /// The pages must name one chapter that belongs in the slot, their lists must follow one
    /// another from the first to the last, and every entry must be sound. The record pages are not
    /// looked at.
    ///
    /// # Errors
    ///
    /// What keeps the slot from holding a chapter; for a slot that was never written, that its
    /// pages are not this volume's.
    pub fn probe(
        &self,
        slot: PhysicalChapter,
        pages: &mut Vec<u8>,
    ) -> Result<ProbedChapter, VolumeError> {
        self.read_index_pages(slot, pages)?;
        let lists = self.geometry.delta_lists_per_chapter();
        let mut first: Option<VirtualChapter> = None;
        let mut next_list = DeltaListNumber::new(0);
        let mut last_lists = Vec::new();
        let bytes = self.geometry.bytes_per_page() as usize;
        let count = self.geometry.index_pages_per_chapter();
        for (number, page) in (0..).zip(pages.chunks_exact(bytes)) {
            let place = self.place(slot, ChapterPage::Index(IndexPageNumber::new(number)));
            let damaged = |source| VolumeError::IndexPage { place, source };
            let header = IndexPageHeader::parse(page, self.nonce).map_err(damaged)?;
            let expected = *first.get_or_insert(header.chapter());
            if header.chapter() != expected {
                let found = header.chapter();
                return Err(VolumeError::WrongChapter { place, expected, found });
            }
            let start = header.lowest_list();
            let found = start..DeltaListNumber::new(start.get() + header.list_count());
            let is_last = number + 1 == count;
            let ends_well = found.end.get() <= lists && (!is_last || found.end.get() == lists);
            if start != next_list || !ends_well {
                let expected = next_list..DeltaListNumber::new(lists);
                return Err(VolumeError::WrongLists { place, expected, found });
            }
            chapter_index::validate(&header, page, &self.geometry).map_err(damaged)?;
            next_list = found.end;
            if !is_last {
                // A first page without lists has none before it; no chapter of ours has one.
                last_lists.push(DeltaListNumber::new(next_list.get().saturating_sub(1)));
            }
        }
        let place = self.place(slot, super::FIRST_PAGE);
        // There is a first page in every chapter.
        let chapter = first.unwrap_or_default();
        let wanted = self.geometry.physical_chapter(chapter);
        if wanted != slot {
            return Err(VolumeError::WrongSlot { place, chapter, wanted });
        }
        Ok(ProbedChapter { chapter, last_lists })
    }

    /// Takes into the index page map where the lists of a chapter are.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where the chapter was probed on a volume of another geometry.
    pub fn adopt(&self, probed: &ProbedChapter) -> Result<(), VolumeError> {
        let slot = self.geometry.physical_chapter(probed.chapter);
        // The last page has no entry, but is an update too: the map says which chapter was its
        // latest.
        let last = DeltaListNumber::new(self.geometry.delta_lists_per_chapter() - 1);
        let last_lists = probed.last_lists.iter().chain([&last]);
        for (page, &last_list) in (0..).map(IndexPageNumber::new).zip(last_lists) {
            self.page_map.update(probed.chapter, slot, page, last_list)?;
        }
        Ok(())
    }

    /// Reads all record pages of a slot into `pages`, in one piece, as they are and without caching
    /// them.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot that does not exist.
    pub fn read_record_pages(
        &self,
        slot: PhysicalChapter,
        pages: &mut Vec<u8>,
    ) -> Result<(), VolumeError> {
        let count = self.geometry.record_pages_per_chapter();
        pages.resize(count as usize * self.geometry.bytes_per_page() as usize, 0);
        self.read_pages(slot, ChapterPage::Record(RecordPageNumber::new(0)), pages)
    }

    /// Reads the record at a node of a record page's tree, and nothing else.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot or page that does not
    /// exist.
    pub fn read_record(
        &self,
        slot: PhysicalChapter,
        page: RecordPageNumber,
        node: u32,
    ) -> Result<Record, VolumeError> {
        self.check_slot(slot)?;
        self.check_record_page(page)?;
        let what = "the node of a record";
        super::check_below(what, node, self.geometry.records_per_page())?;
        let place = self.place(slot, ChapterPage::Record(page));
        let mut bytes = [0; uds_geometry::RECORD_BYTES];
        let offset = place.offset + u64::from(node) * bytes.len() as u64;
        self.storage
            .read_at(offset, &mut bytes)
            .map_err(|source| VolumeError::Storage { place, source })?;
        Ok(Record::from_bytes(&bytes))
    }

    /// Whether a chapter's index, whose pages were read with
    /// [`read_chapter_index`](Self::read_chapter_index), has a name on a record page. Where the
    /// index is damaged, it has not.
    #[must_use]
    pub fn index_names(
        &self,
        headers: &[IndexPageHeader],
        pages: &[u8],
        name: &RecordName,
        page: RecordPageNumber,
    ) -> bool {
        let list = self.geometry.chapter_list(name);
        let number = headers.partition_point(|header| header.lowest_list() <= list);
        let bytes = self.geometry.bytes_per_page() as usize;
        let found = number.checked_sub(1).and_then(|number| {
            let content = pages.get(number * bytes..(number + 1) * bytes)?;
            chapter_index::search(&headers[number], content, &self.geometry, name).ok()?
        });
        found == Some(page)
    }
}

/// The chapters of a volume whose slots hold these: from the oldest to the one after the newest,
/// which is to be opened. Empty where there are none.
///
/// Of chapters that cannot all be in a volume at the same time, those count that most others go
/// with: a damaged number cannot take a whole volume with it. The oldest ones whose slot the
/// open chapter will need are left out (trap 30a).
#[must_use]
pub fn chapter_range(geometry: &Geometry, chapters: &[VirtualChapter]) -> Range<VirtualChapter> {
    let numbers = chapters.iter().map(|chapter| chapter.get());
    let mut numbers: Vec<u64> = numbers.filter(|&number| number <= LAST_CHAPTER).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let slots = u64::from(geometry.chapters_per_volume());
    let (mut best, mut first) = (0..0, 0);
    for last in 0..numbers.len() {
        while numbers[last] - numbers[first] >= slots {
            first += 1;
        }
        if last + 1 - first >= best.len() {
            best = first..last + 1;
        }
    }
    let Some(&last) = numbers[best.clone()].last() else {
        return VirtualChapter::ZERO..VirtualChapter::ZERO;
    };
    let newest = VirtualChapter::new(last).next();
    let needed = geometry.physical_chapter(newest);
    let mut oldest = VirtualChapter::new(numbers[best.start]);
    for &number in &numbers[best] {
        let chapter = VirtualChapter::new(number);
        if geometry.physical_chapter(chapter) == needed {
            oldest = chapter.next();
        }
    }
    oldest..newest
}
