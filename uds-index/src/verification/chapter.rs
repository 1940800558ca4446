//! Examining the chapter in one slot: its index pages, its record pages, and whether each record is
//! found by a query.

use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::{self, ChapterLists};
use uds_geometry::{
    ChapterPage, DeltaListNumber, Geometry, IndexPageNumber, PhysicalChapter, RECORD_BYTES,
    RecordPageNumber, VirtualChapter, bits_per,
};
use uds_volume::{RecordPageOrder, Volume, VolumeError, records_of_page, search_record_page};

use super::checked::Checked;
use super::finding::{Cause, Findings, Region};
use super::records::Names;
use crate::IndexError;

/// Findings of a slot that are kept.
const MAX_OF_SLOT: usize = 24;

/// What was found in a slot.
pub(super) struct SlotReport {
    pub(super) slot: PhysicalChapter,
    /// The chapter that is there, or should be.
    pub(super) chapter: Option<VirtualChapter>,
    /// Whether any page bears the volume's nonce: it is no leftover of something else.
    pub(super) is_ours: bool,
    /// Whether its record pages are those of that chapter, as far as they were read.
    pub(super) is_identified: bool,
    /// Whether all index pages are those of one chapter that belongs there.
    pub(super) is_sound: bool,
    /// Whether all of its records were read.
    pub(super) is_whole: bool,
    /// The last list of each index page but the last, where the page can be used.
    pub(super) last_lists: Vec<Option<u32>>,
    pub(super) findings: Findings,
    pub(super) checked: Checked,
}

impl SlotReport {
    /// Whether the records of the chapter are all known, and nothing is wrong with them: what is
    /// not among them was never there.
    pub(super) fn is_reliable(&self) -> bool {
        self.is_identified && self.is_whole && self.findings.damage == 0
    }
}

/// Examines slots, one after the other. Each thread has its own.
pub(super) struct Examiner<'a> {
    pub(super) volume: &'a Volume,
    pub(super) lists: ChapterLists,
    order: RecordPageOrder,
    /// The index pages of the slot at hand, and its record pages.
    pub(super) index: Vec<u8>,
    pub(super) records: Vec<u8>,
    /// The headers of those index pages that can be used.
    pub(super) headers: Vec<Option<IndexPageHeader>>,
    /// Which record pages could be read.
    pub(super) is_read: Vec<bool>,
    pub(super) names: Names,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(volume: &'a Volume) -> Result<Self, IndexError> {
        let geometry = volume.geometry();
        Ok(Self {
            volume,
            lists: ChapterLists::new(geometry)?,
            order: RecordPageOrder::new(geometry.records_per_page()),
            index: Vec::new(),
            records: Vec::new(),
            headers: Vec::new(),
            is_read: Vec::new(),
            names: Names::default(),
        })
    }

    /// Examines a slot that should hold a chapter; or whatever it holds, where none is given.
    pub(super) fn examine(
        &mut self,
        slot: PhysicalChapter,
        expected: Option<VirtualChapter>,
    ) -> SlotReport {
        let geometry = self.volume.geometry();
        let mut report = SlotReport {
            slot,
            chapter: expected,
            is_ours: false,
            is_identified: false,
            is_sound: false,
            is_whole: false,
            last_lists: vec![None; geometry.index_pages_per_chapter() as usize - 1],
            findings: Findings::new(MAX_OF_SLOT),
            checked: Checked::default(),
        };
        self.read_index(&mut report);
        if !self.identify(expected.is_some(), &mut report) {
            return report;
        }
        report.is_identified = true;
        self.check_lists(&mut report);
        report.is_sound = self.headers.iter().all(Option::is_some);
        self.read_records(&mut report);
        report.is_whole = self.is_read.iter().all(|&is_read| is_read);
        self.check_order(&mut report);
        self.check_names(&mut report);
        report
    }

    /// Reads and parses the index pages, those that can be.
    fn read_index(&mut self, report: &mut SlotReport) {
        let (volume, slot) = (self.volume, report.slot);
        self.headers.clear();
        let is_whole = volume.read_index_pages(slot, &mut self.index).is_ok();
        let bytes = volume.geometry().bytes_per_page() as usize;
        let mut failures = Vec::new();
        for (number, page) in (0..).map(IndexPageNumber::new).zip(self.index.chunks_mut(bytes)) {
            let mut header = None;
            match read_unless(is_whole, || volume.read_index_page(slot, number, page)) {
                Err(cause) => failures.push((number, cause)),
                Ok(()) => {
                    report.checked.bytes_read += bytes as u64;
                    match IndexPageHeader::parse(page, volume.nonce()) {
                        Ok(parsed) => header = Some(parsed),
                        Err(error) => {
                            report.is_ours |= has_nonce(page, volume);
                            failures.push((number, Cause::Lists(error)));
                        }
                    }
                }
            }
            self.headers.push(header);
        }
        report.is_ours |= self.headers.iter().any(Option::is_some);
        // Of a chapter that is wholly gone, one page tells it all.
        if self.headers.iter().all(Option::is_none) {
            failures.truncate(1);
        }
        for (number, cause) in failures {
            self.blame(report, ChapterPage::Index(number), cause);
        }
    }

    /// Finds out which chapter it is, and drops the pages of others. Says whether there is one.
    fn identify(&mut self, is_expected: bool, report: &mut SlotReport) -> bool {
        let geometry = self.volume.geometry();
        let mut named = self.headers.iter().flatten().map(IndexPageHeader::chapter);
        let Some(first) = named.next() else { return false };
        report.checked.chapters += 1;
        let is_of_one = named.all(|chapter| chapter == first);
        let expected = if is_expected { report.chapter.unwrap_or(first) } else { first };
        let wanted = geometry.physical_chapter(first);
        if !is_expected && wanted != report.slot {
            let cause = Cause::OtherSlot { found: first, wanted };
            self.blame(report, super::FIRST_PAGE, cause);
            return false;
        }
        report.chapter = Some(expected);
        for number in 0..self.headers.len() {
            let found = self.headers[number].map(|header| header.chapter());
            if let Some(found) = found.filter(|&found| found != expected) {
                let page = ChapterPage::Index(IndexPageNumber::new(number as u32));
                self.blame(report, page, Cause::OtherChapter { found, expected });
                self.headers[number] = None;
                if is_of_one {
                    return false;
                }
            }
        }
        true
    }

    /// Checks that the pages' lists follow one another, and walks them all. Drops the pages that
    /// are wrong.
    fn check_lists(&mut self, report: &mut SlotReport) {
        let geometry = self.volume.geometry();
        let bytes = geometry.bytes_per_page() as usize;
        let all = geometry.delta_lists_per_chapter();
        let mut next = Some(0);
        for number in 0..self.headers.len() {
            let page = ChapterPage::Index(IndexPageNumber::new(number as u32));
            let Some(header) = self.headers[number] else {
                next = None;
                continue;
            };
            let content = &self.index[number * bytes..][..bytes];
            let first = header.lowest_list().get();
            let end = first + header.list_count();
            let is_last = number + 1 == self.headers.len();
            let goes_on = next.is_none_or(|next| next == first);
            if !goes_on || end > all || is_last && end != all {
                let found = header.lowest_list()..DeltaListNumber::new(end);
                let first = DeltaListNumber::new(next.unwrap_or(first));
                let last = DeltaListNumber::new(all - 1);
                self.blame(report, page, Cause::Lacking { found, first, last });
                self.headers[number] = None;
                next = None;
                continue;
            }
            next = Some(end);
            if let Some(last_list) = report.last_lists.get_mut(number) {
                *last_list = Some(end.saturating_sub(1));
            }
            if let Err(error) = chapter_index::validate(&header, content, geometry) {
                self.blame(report, page, Cause::Lists(error));
                self.headers[number] = None;
                continue;
            }
            report.checked.index_pages += 1;
            report.checked.index_lists += u64::from(header.list_count());
        }
    }

    fn read_records(&mut self, report: &mut SlotReport) {
        let (volume, slot) = (self.volume, report.slot);
        let is_whole = volume.read_record_pages(slot, &mut self.records).is_ok();
        let bytes = volume.geometry().bytes_per_page() as usize;
        self.is_read.clear();
        let mut failures = Vec::new();
        for (number, page) in (0..).map(RecordPageNumber::new).zip(self.records.chunks_mut(bytes)) {
            let read = read_unless(is_whole, || volume.read_record_page(slot, number, page));
            self.is_read.push(read.is_ok());
            match read {
                Ok(()) => {
                    report.checked.bytes_read += bytes as u64;
                    report.checked.record_pages += 1;
                    report.checked.records += u64::from(volume.geometry().records_per_page());
                }
                Err(cause) => failures.push((number, cause)),
            }
        }
        for (number, cause) in failures {
            self.blame(report, ChapterPage::Record(number), cause);
        }
    }

    /// Checks that each record is found by a search of its page.
    fn check_order(&self, report: &mut SlotReport) {
        for (number, page) in self.read_pages() {
            let Some(node) = self.order.first_misplaced(page) else { continue };
            let is_lost =
                |record: &uds_geometry::Record| search_record_page(page, &record.name).is_none();
            let unfound = records_of_page(page).filter(is_lost).count() as u32;
            let page = ChapterPage::Record(number);
            let region = Region::Chapter { chapter: report.chapter, slot: report.slot, page };
            let offset =
                self.volume.place(report.slot, page).offset + u64::from(node) * RECORD_BYTES as u64;
            report.findings.damage(region, offset, Cause::RecordOrder { node, unfound });
        }
    }

    /// The record pages that could be read.
    pub(super) fn read_pages(&self) -> impl Iterator<Item = (RecordPageNumber, &[u8])> {
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        let pages = (0..).map(RecordPageNumber::new).zip(self.records.chunks_exact(bytes));
        pages.zip(&self.is_read).filter_map(|(page, &is_read)| is_read.then_some(page))
    }

    pub(super) fn blame(&self, report: &mut SlotReport, page: ChapterPage, cause: Cause) {
        let place = self.volume.place(report.slot, page);
        let region = Region::Chapter { chapter: report.chapter, slot: report.slot, page };
        report.findings.damage(region, place.offset, cause);
    }
}

/// The bits of the number of a record in its chapter.
pub(super) fn record_bits(geometry: &Geometry) -> u32 {
    bits_per(u64::from(geometry.records_per_chapter()) - 1)
}

/// Reads a page, unless it was read together with others.
fn read_unless(is_read: bool, read: impl FnOnce() -> Result<(), VolumeError>) -> Result<(), Cause> {
    if is_read {
        return Ok(());
    }
    read().map_err(|error| match error {
        VolumeError::Storage { source, .. } => Cause::Unreadable(source),
        error => Cause::Index(error.into()),
    })
}

/// Whether a page begins with the volume's nonce, whatever comes after it.
pub(crate) fn has_nonce(page: &[u8], volume: &Volume) -> bool {
    let nonce = volume.nonce().get();
    page.first_chunk().is_some_and(|bytes: &[u8; 8]| {
        u64::from_le_bytes(*bytes) == nonce || u64::from_be_bytes(*bytes) == nonce
    })
}
