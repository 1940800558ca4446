//! The records of a chapter, and what its index says of each.
//!
//! A chapter is examined as a verification does it, so that both agree on what is damage and what
//! is only a record for which the chapter's index had no room.

use std::collections::HashSet;

use uds_delta_index::chapter_index;
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, PhysicalChapter, RECORD_BYTES, Record,
    RecordData, RecordName, RecordPageNumber, VirtualChapter,
};
use uds_volume::{RecordPageOrder, Volume, search_record_page_with};

use super::Inspector;
use super::slots::SlotReader;
use crate::verification::{Examiner, SlotReport};
use crate::{Finding, IndexError};

/// All that is in a slot of the volume: the records of a chapter, and what is wrong with it.
pub struct ChapterContents<'a> {
    examiner: Examiner<'a>,
    report: SlotReport,
    /// What the index has for each record, page by page and node by node.
    naming: Vec<Naming>,
    order: RecordPageOrder,
}

/// A record of a chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChapterRecord {
    /// The record page that it is on.
    pub page: RecordPageNumber,
    /// Its place there: a node of the tree that the page is.
    pub node: u32,
    /// Its first byte on the storage.
    pub offset: u64,
    /// Its name.
    pub name: RecordName,
    /// Its data.
    pub data: RecordData,
    /// The list of the chapter's index that its name belongs to.
    pub list: DeltaListNumber,
    /// The index page that has that list, where it is not damaged.
    pub index_page: Option<IndexPageNumber>,
    /// Whether a query for its name finds it in this chapter.
    pub naming: Naming,
}

/// Whether the index of a chapter leads to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// It does: a query that looks into this chapter finds the record.
    Indexed,
    /// It leads to another record of that name, on this page and at this node. Where zones did not
    /// fill their parts of a chapter, or its last records do not divide evenly, copies of one
    /// record fill its pages.
    Copy {
        /// The record page of the other record.
        page: RecordPageNumber,
        /// The node of the other record.
        node: u32,
    },
    /// It has no entry for the name, because there was no room for one. No damage.
    NoRoom,
    /// It should, and does not: a query does not find the record.
    Lost {
        /// The record page that it has for the name, if it has one.
        leads_to: Option<RecordPageNumber>,
    },
    /// The pages that would tell are damaged.
    Unknown,
}

impl Inspector {
    /// The records of a chapter.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchChapter`] where no index page of its slot names it;
    /// [`chapter_in_slot`](Self::chapter_in_slot) reads what is there instead. What cannot be read
    /// of the chapter is among its [`findings`](ChapterContents::findings).
    pub fn chapter(&self, chapter: VirtualChapter) -> Result<ChapterContents<'_>, IndexError> {
        let slot = self.geometry().physical_chapter(chapter);
        let (pages, _) = SlotReader::new(&self.volume)?.read(slot);
        if !pages.iter().any(|page| page.chapter == Some(chapter)) {
            let found = pages.iter().find_map(|page| page.chapter);
            return Err(IndexError::NoSuchChapter { chapter, slot, found });
        }
        ChapterContents::read(&self.volume, slot, Some(chapter))
    }

    /// The records in a slot of the volume, whatever chapter they are of. Where that is no chapter
    /// of this index, its record pages are shown all the same, as records that may mean nothing.
    ///
    /// # Errors
    ///
    /// [`IndexError::Volume`] for a slot that does not exist. What cannot be read is among the
    /// [`findings`](ChapterContents::findings).
    pub fn chapter_in_slot(
        &self,
        slot: PhysicalChapter,
    ) -> Result<ChapterContents<'_>, IndexError> {
        self.check_slot(slot)?;
        ChapterContents::read(&self.volume, slot, None)
    }
}

impl<'a> ChapterContents<'a> {
    fn read(
        volume: &'a Volume,
        slot: PhysicalChapter,
        expected: Option<VirtualChapter>,
    ) -> Result<Self, IndexError> {
        let mut examiner = Examiner::new(volume)?;
        let mut report = examiner.examine(slot, expected);
        if !report.is_identified {
            examiner.read_records(&mut report);
            examiner.headers.fill(None);
        }
        let order = RecordPageOrder::new(volume.geometry().records_per_page());
        let mut contents = Self { examiner, report, naming: Vec::new(), order };
        contents.name_all();
        Ok(contents)
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> PhysicalChapter {
        self.report.slot
    }

    /// The first byte of the slot on the storage.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let first = ChapterPage::Index(IndexPageNumber::new(0));
        self.examiner.volume.place(self.report.slot, first).offset
    }

    /// The chapter, or `None` where the slot has no index pages of one: its records may mean
    /// nothing then.
    #[must_use]
    pub fn chapter(&self) -> Option<VirtualChapter> {
        self.report.chapter.filter(|_| self.report.is_identified)
    }

    /// What is wrong with it: the first few findings of a verification. For a slot that was never
    /// written, that its pages are not this volume's.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.report.findings.kept
    }

    /// How many findings there are, those that were not kept included.
    #[must_use]
    pub fn finding_count(&self) -> u64 {
        self.report.findings.damage + self.report.findings.notes
    }

    /// The record pages that could be read.
    pub fn record_pages(&self) -> impl Iterator<Item = RecordPageNumber> + '_ {
        self.examiner.read_pages().map(|(number, _)| number)
    }

    /// The records of a page in the order of their names, or rather, where the page is damaged, in
    /// the order in which a sound page would have them. None for a page that could not be read, or
    /// does not exist.
    pub fn records(&self, page: RecordPageNumber) -> impl Iterator<Item = ChapterRecord> + '_ {
        let is_read = self.examiner.is_read.get(page.get() as usize).copied().unwrap_or_default();
        let nodes = if is_read { self.order.nodes() } else { &[] };
        nodes.iter().map(move |&node| self.record(page, node))
    }

    fn record(&self, page: RecordPageNumber, node: u32) -> ChapterRecord {
        let geometry = self.examiner.volume.geometry();
        let number = page.get() * geometry.records_per_page() + node;
        let Record { name, data } = self.examiner.record(number);
        let start = self.examiner.volume.place(self.report.slot, ChapterPage::Record(page)).offset;
        let list = geometry.chapter_list(&name);
        ChapterRecord {
            page,
            node,
            offset: start + u64::from(node) * RECORD_BYTES as u64,
            name,
            data,
            list,
            index_page: self.index_page_of(list).map(|page| IndexPageNumber::new(page as u32)),
            naming: self.naming[number as usize],
        }
    }

    /// The index page that has a list, where it is sound.
    fn index_page_of(&self, list: DeltaListNumber) -> Option<usize> {
        let has_list = |header: &Option<uds_delta_index::IndexPageHeader>| {
            header.is_some_and(|header| header.contains(list))
        };
        self.examiner.headers.iter().position(has_list)
    }

    /// Finds out what the index has for each record.
    fn name_all(&mut self) {
        let missing = &self.examiner.names.missing;
        let is_lost: HashSet<RecordName> = if self.report.is_identified {
            missing.iter().map(|missing| self.examiner.record(missing.record).name).collect()
        } else {
            HashSet::new()
        };
        let geometry = self.examiner.volume.geometry();
        let mut naming = vec![Naming::Unknown; geometry.records_per_chapter() as usize];
        let mut place = naming.iter_mut();
        for page in (0..geometry.record_pages_per_chapter()).map(RecordPageNumber::new) {
            let content = self.record_page(page);
            for node in 0..geometry.records_per_page() {
                let (Some(place), Some(content)) = (place.next(), content) else { continue };
                *place = self.name_one(page, node, content, &is_lost);
            }
        }
        self.naming = naming;
    }

    fn name_one(
        &self,
        page: RecordPageNumber,
        node: u32,
        content: &[u8],
        is_lost: &HashSet<RecordName>,
    ) -> Naming {
        let volume = self.examiner.volume;
        let geometry = volume.geometry();
        let Some(name) = name_at(content, node) else { return Naming::Unknown };
        let bytes = geometry.bytes_per_page() as usize;
        let number = self.index_page_of(geometry.chapter_list(&name));
        let Some((number, header)) =
            number.and_then(|number| Some((number, self.examiner.headers[number]?)))
        else {
            return Naming::Unknown;
        };
        let index_page = &self.examiner.index[number * bytes..][..bytes];
        let Ok(leads_to) = chapter_index::search(&header, index_page, geometry, &name) else {
            return Naming::Unknown;
        };
        let found = match leads_to.map(|page| (page, self.record_page(page))) {
            Some((_, None)) => return Naming::Unknown,
            Some((page, Some(content))) => node_of(content, &name).map(|node| (page, node)),
            None => None,
        };
        match found {
            Some(found) if found == (page, node) => Naming::Indexed,
            Some((page, node)) => Naming::Copy { page, node },
            // It is on the right page, in the wrong place; or it was looked for in vain.
            None if leads_to == Some(page) || is_lost.contains(&name) => Naming::Lost { leads_to },
            None => Naming::NoRoom,
        }
    }

    /// A record page, where it could be read.
    fn record_page(&self, page: RecordPageNumber) -> Option<&[u8]> {
        let number = page.get() as usize;
        let bytes = self.examiner.volume.geometry().bytes_per_page() as usize;
        let is_read = self.examiner.is_read.get(number).copied().unwrap_or_default();
        is_read.then(|| &self.examiner.records[number * bytes..][..bytes])
    }
}

impl std::fmt::Debug for ChapterContents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChapterContents")
            .field("slot", &self.slot())
            .field("chapter", &self.chapter())
            .finish_non_exhaustive()
    }
}

/// The name at a node of a record page.
fn name_at(page: &[u8], node: u32) -> Option<RecordName> {
    let record = page.get(node as usize * RECORD_BYTES..)?;
    record.first_chunk().copied().map(RecordName::new)
}

/// The node at which a search of a record page finds a name.
fn node_of(page: &[u8], name: &RecordName) -> Option<u32> {
    let mut node = 0;
    search_record_page_with(page, name, |compared| node = compared)?;
    Some(node as u32)
}
