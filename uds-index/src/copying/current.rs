//! The records of a chapter that are current: those that a query would find there.
//!
//! | chapter | a record counts if |
//! |---|---|
//! | dense | the volume index names this chapter for it: each name has one entry |
//! | sparse, a sample | the same: samples of all chapters have one |
//! | sparse, no sample | the chapter's index names its page, and no dense chapter has the name |
//!
//! Copies of a fill record (specification, section 5.4) count once.

use std::ops::Range;

use uds_delta_index::IndexPageHeader;
use uds_geometry::{Record, RecordPageNumber, VirtualChapter};
use uds_volume::{Volume, records_of_page};

use super::Part;
use crate::IndexError;
use crate::engine::{Current, Engine};

/// Reads the chapters of an index.
pub(super) struct Reader<'a> {
    engine: &'a Engine,
    chapters: Range<VirtualChapter>,
    /// The pages of the chapter at hand.
    index: Vec<u8>,
    records: Vec<u8>,
    headers: Vec<IndexPageHeader>,
    /// The record pages that could be read.
    pages: Vec<RecordPageNumber>,
    /// For each record whether it is current, and the order of the names.
    current: Vec<Current>,
    order: Vec<(u64, u32)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(engine: &'a Engine) -> Result<Self, IndexError> {
        Ok(Self {
            engine,
            chapters: engine.written_chapters()?,
            index: Vec::new(),
            records: Vec::new(),
            headers: Vec::new(),
            pages: Vec::new(),
            current: Vec::new(),
            order: Vec::new(),
        })
    }

    /// The chapters on the volume.
    pub(super) fn chapters(&self) -> Range<VirtualChapter> {
        self.chapters.clone()
    }

    /// Whether a chapter's slot has all of its index pages.
    pub(super) fn is_there(&mut self, chapter: VirtualChapter) -> bool {
        self.read_index(chapter)
    }

    /// Leaves out the chapters up to this one. Says how many that are.
    pub(super) fn begin_after(&mut self, chapter: VirtualChapter) -> u64 {
        let first = chapter.next().clamp(self.chapters.start, self.chapters.end);
        let skipped = first.get() - self.chapters.start.get();
        self.chapters.start = first;
        skipped
    }

    /// The current records of a chapter, page by page; without a number, those in memory.
    pub(super) fn read(&mut self, chapter: Option<VirtualChapter>) -> Result<Part, IndexError> {
        let Some(chapter) = chapter else {
            let records = self.engine.records_in_memory(self.chapters.end)?;
            return Ok(Part { records, ..Part::default() });
        };
        let mut part = Part::default();
        if !self.read_index(chapter) {
            part.is_bad = true;
            return Ok(part);
        }
        self.read_records(chapter, &mut part);
        let volume = self.volume();
        volume.read_ahead(volume.geometry().physical_chapter(chapter.next()), true);
        self.drop_outdated(chapter, &mut part)?;
        Ok(part)
    }

    fn volume(&self) -> &'a Volume {
        self.engine.volume()
    }

    /// Reads the index pages. Says whether they are this chapter's. What the index page map says of
    /// them does not matter here: where it is damaged, the records are there all the same.
    fn read_index(&mut self, chapter: VirtualChapter) -> bool {
        let volume = self.volume();
        let geometry = volume.geometry();
        let slot = geometry.physical_chapter(chapter);
        self.headers.clear();
        if volume.read_index_pages(slot, &mut self.index).is_err() {
            return false;
        }
        for page in self.index.chunks_exact(geometry.bytes_per_page() as usize) {
            match IndexPageHeader::parse(page, volume.nonce()) {
                Ok(header) if header.chapter() == chapter => self.headers.push(header),
                _ => return false,
            }
        }
        true
    }

    /// Reads the records of the pages that can be read.
    fn read_records(&mut self, chapter: VirtualChapter, part: &mut Part) {
        let volume = self.volume();
        let geometry = volume.geometry();
        let slot = geometry.physical_chapter(chapter);
        let numbers = (0..geometry.record_pages_per_chapter()).map(RecordPageNumber::new);
        part.records.reserve_exact(geometry.records_per_chapter() as usize);
        self.pages.clear();
        if volume.read_record_pages(slot, &mut self.records).is_ok() {
            part.records.extend(records_of_page(&self.records));
            self.pages.extend(numbers);
            return;
        }
        let mut page = vec![0; geometry.bytes_per_page() as usize];
        for number in numbers {
            if volume.read_record_page(slot, number, &mut page).is_ok() {
                part.records.extend(records_of_page(&page));
                self.pages.push(number);
            } else {
                part.unreadable_pages += 1;
            }
        }
    }

    /// Leaves out the records that are not current, and those that are there twice.
    fn drop_outdated(
        &mut self,
        chapter: VirtualChapter,
        part: &mut Part,
    ) -> Result<(), IndexError> {
        let all = part.records.len();
        self.engine.tell_current(chapter, &part.records, &mut self.current)?;
        let volume = self.volume();
        let per_page = volume.geometry().records_per_page() as usize;
        for (position, record) in part.records.iter().enumerate() {
            if self.current[position] == Current::Unknown {
                let page = self.pages[position / per_page];
                let is_named = volume.index_names(&self.headers, &self.index, &record.name, page);
                self.current[position] = if is_named { Current::Yes } else { Current::No };
            }
        }
        self.mark_copies(&part.records);
        let mut current = self.current.iter();
        part.records.retain(|_| current.next() == Some(&Current::Yes));
        part.outdated = (all - part.records.len()) as u64;
        Ok(())
    }

    /// Of several current records of one name, leaves the first.
    fn mark_copies(&mut self, records: &[Record]) {
        let prefix = |position: u32| records[position as usize].name.volume_index_bits();
        self.order.clear();
        let current = (0_u32..).zip(&self.current).filter(|(_, it)| **it == Current::Yes);
        self.order.extend(current.map(|(position, _)| (prefix(position), position)));
        self.order.sort_unstable();
        let mut same = self.order.chunk_by_mut(|a, b| a.0 == b.0).filter(|run| run.len() > 1);
        same.by_ref().for_each(|run| {
            run.sort_unstable_by_key(|&(_, at)| (records[at as usize].name, at));
            for pair in run.windows(2) {
                let (first, second) = (pair[0].1 as usize, pair[1].1 as usize);
                if records[first].name == records[second].name {
                    self.current[second] = Current::No;
                }
            }
        });
    }
}
