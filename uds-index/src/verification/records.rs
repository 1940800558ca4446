//! Whether each record of a chapter is found through the chapter's index.
//!
//! A query finds the entry of a name by its list and its key, and the record on the page that the
//! entry has. To do that for all names at once, the names are sorted by list and key, and each list
//! is walked once.

use std::ops::Range;

use uds_delta_index::DeltaEntry;
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, RECORD_BYTES, Record, RecordName,
    RecordPageNumber,
};

use super::chapter::{Examiner, SlotReport, record_bits};
use super::finding::{Cause, Finding, Region, Severity};
use super::room;

/// The names of a chapter, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Each name as one number: list, key, and the number of the record in the chapter.
    pub(super) sorted: Vec<u64>,
    /// Names that are not found.
    pub(crate) missing: Vec<Missing>,
    /// The entries with one key, behind the first.
    collisions: Vec<(RecordName, u32)>,
}

/// A name that its chapter's index does not lead to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    pub(super) list: u32,
    pub(crate) record: u32,
    /// The record page that the index has for the name.
    pub(super) leads_to: Option<u32>,
}

/// How the names of a chapter are packed.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub(super) key_bits: u32,
    pub(super) record_bits: u32,
    pub(super) records_per_page: u32,
}

impl Packing {
    pub(super) fn list(self, packed: u64) -> u32 {
        (packed >> self.record_bits >> self.key_bits) as u32
    }

    pub(super) fn key(self, packed: u64) -> u32 {
        (packed >> self.record_bits) as u32 & ((1 << self.key_bits) - 1)
    }

    pub(super) fn record(self, packed: u64) -> u32 {
        packed as u32 & ((1 << self.record_bits) - 1)
    }

    fn page(self, packed: u64) -> u32 {
        self.record(packed) / self.records_per_page
    }
}

/// What the walk over a page counts.
#[derive(Default)]
struct Walked {
    entries: u64,
    copies: u64,
    /// Entries that no record is found by, and the first list with one.
    surplus: u64,
    surplus_list: Option<DeltaListNumber>,
}

impl Examiner<'_> {
    pub(super) fn packing(&self) -> Packing {
        let geometry = self.volume.geometry();
        Packing {
            key_bits: geometry.chapter_address_bits(),
            record_bits: record_bits(geometry),
            records_per_page: geometry.records_per_page(),
        }
    }

    /// Looks all names up.
    pub(super) fn check_names(&mut self, report: &mut SlotReport) {
        let mut names = std::mem::take(&mut self.names);
        self.sort_names(&mut names);
        names.missing.clear();
        let packing = self.packing();
        let mut looked_up = 0;
        let mut surplus = Vec::new();
        for (number, header) in self.headers.iter().enumerate() {
            let Some(header) = header else { continue };
            let mut walked = Walked::default();
            for list in header.lists() {
                let range = range_of(&names.sorted, packing, list.get());
                looked_up += range.len() as u64;
                self.look_up_list(number, list, range, &mut names, &mut walked, report);
            }
            report.checked.index_entries += walked.entries;
            report.checked.copies += walked.copies;
            if walked.surplus > 0 {
                surplus.push((number as u32, walked));
            }
        }
        report.checked.records_not_looked_up += names.sorted.len() as u64 - looked_up;
        if !names.missing.is_empty() {
            room::excuse(self, &mut names, report);
        }
        let is_lacking = self.blame_missing(&names, report);
        // Where records are not those of the index, it has entries for others.
        for (number, walked) in surplus.into_iter().filter(|_| !is_lacking) {
            let page = ChapterPage::Index(IndexPageNumber::new(number));
            let cause = Cause::NoSuchRecords { entries: walked.surplus };
            self.blame_list(report, page, walked.surplus_list, cause);
        }
        self.names = names;
    }

    fn sort_names(&self, names: &mut Names) {
        let packing = self.packing();
        let geometry = self.volume.geometry();
        let lists = u64::from(geometry.delta_lists_per_chapter());
        let mask = (lists << packing.key_bits) - 1;
        names.sorted.clear();
        for (page, content) in self.read_pages() {
            let first = u64::from(page.get() * packing.records_per_page);
            for (record, bytes) in (first..).zip(content.chunks_exact(RECORD_BYTES)) {
                let name = name_of(bytes);
                let place = name.chapter_index_bits() & mask;
                names.sorted.push(place << packing.record_bits | record);
            }
        }
        names.sorted.sort_unstable();
    }

    /// The record of a number.
    pub(crate) fn record(&self, number: u32) -> Record {
        let mut bytes = [0; RECORD_BYTES];
        bytes.copy_from_slice(&self.records[number as usize * RECORD_BYTES..][..RECORD_BYTES]);
        Record::from_bytes(&bytes)
    }

    /// Looks up the names of one list.
    fn look_up_list(
        &self,
        page: usize,
        list: DeltaListNumber,
        range: Range<usize>,
        names: &mut Names,
        walked: &mut Walked,
        report: &mut SlotReport,
    ) {
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        let content = &self.index[page * bytes..][..bytes];
        let Some(header) = &self.headers[page] else { return };
        // The page was walked before: nothing fails here.
        let Ok(entries) = self.lists.entries(header, content, list) else { return };
        let mut entries = entries.map_while(Result::ok).peekable();
        let packing = self.packing();
        let Names { sorted, missing, collisions } = names;
        let mut rest = &sorted[range];
        loop {
            let entry_key = entries.peek().map(|entry| entry.key.get());
            let name_key = rest.first().map(|&packed| packing.key(packed));
            let Some(key) = entry_key.into_iter().chain(name_key).min() else { break };
            let count = rest.iter().take_while(|&&packed| packing.key(packed) == key).count();
            let (group, behind) = rest.split_at(count);
            rest = behind;
            let has_key = |entry: &DeltaEntry| entry.key.get() == key;
            let head = entries.next_if(has_key).map(|head| head.value);
            collisions.clear();
            while let Some(entry) = entries.next_if(has_key) {
                collisions.extend(entry.name.map(|name| (name, entry.value)));
            }
            walked.entries += u64::from(head.is_some()) + collisions.len() as u64;
            if let (&[packed], []) = (group, &collisions[..]) {
                if head == Some(packing.page(packed)) {
                    continue;
                }
            }
            let surplus = walked.surplus;
            let group = Group { list: list.get(), names: group, head, collisions };
            self.look_up_group(group, missing, walked, report);
            if walked.surplus > surplus {
                walked.surplus_list.get_or_insert(list);
            }
        }
    }

    /// Looks up names with one list and key.
    fn look_up_group(
        &self,
        group: Group<'_>,
        missing: &mut Vec<Missing>,
        walked: &mut Walked,
        report: &mut SlotReport,
    ) {
        let packing = self.packing();
        let Group { list, names, head, collisions } = group;
        let record_numbers = names.iter().map(|&packed| packing.record(packed));
        let mut records: Vec<(RecordName, u32)> =
            record_numbers.map(|number| (self.record(number).name, number)).collect();
        records.sort_unstable();
        collisions.sort_unstable();
        let is_read = |page: u32| self.is_read.get(page as usize).copied().unwrap_or_default();
        // What was found by each entry: the head's place is behind those of the collisions.
        let mut is_used = vec![false; collisions.len() + 1];
        for same in records.chunk_by(|a, b| a.0 == b.0) {
            let (name, record) = same[0];
            walked.copies += same.len() as u64 - 1;
            self.compare_copies(same, report);
            let place = collisions.binary_search_by(|entry| entry.0.cmp(&name));
            let place = place.unwrap_or(collisions.len());
            let leads_to = collisions.get(place).map(|entry| entry.1).or(head);
            let is_there =
                |&(_, record): &(_, u32)| Some(record / packing.records_per_page) == leads_to;
            if same.iter().any(is_there) {
                is_used[place] = true;
            } else if leads_to.is_none_or(is_read) {
                missing.push(Missing { list, record, leads_to });
            }
        }
        let pages = collisions.iter().map(|entry| Some(entry.1)).chain([head]);
        let is_surplus =
            |(page, is_used): (Option<u32>, &bool)| !is_used && page.is_some_and(is_read);
        walked.surplus += pages.zip(&is_used).filter(|&found| is_surplus(found)).count() as u64;
    }

    /// Compares the records of a chapter that have one name.
    fn compare_copies(&self, same: &[(RecordName, u32)], report: &mut SlotReport) {
        let (name, first) = same[0];
        let data = self.record(first).data;
        let other = same[1..].iter().find(|&&(_, record)| self.record(record).data != data);
        if let Some(&(_, record)) = other {
            let page = record / self.packing().records_per_page;
            let page = ChapterPage::Record(RecordPageNumber::new(page));
            self.blame(report, page, Cause::CopiesDiffer { name });
        }
    }

    /// Reports the names that are not found and should be: list by list where they have one in
    /// common, page by page otherwise. Says whether there are any.
    fn blame_missing(&self, names: &Names, report: &mut SlotReport) -> bool {
        let per_page = self.packing().records_per_page;
        let mut missing = names.missing.clone();
        missing.sort_unstable_by_key(|missing| missing.record);
        let Some(&first) = missing.first() else { return false };
        let list = DeltaListNumber::new(first.list);
        let has_list = |header: &Option<_>| {
            header.is_some_and(|header: uds_delta_index::IndexPageHeader| header.contains(list))
        };
        let index_page = self.headers.iter().position(has_list);
        let is_one_list = missing.iter().all(|missing| missing.list == first.list);
        if let Some(page) = index_page.filter(|_| is_one_list && missing.len() > 1) {
            let page = ChapterPage::Index(IndexPageNumber::new(page as u32));
            let cause = Cause::ListDiffers { records: missing.len() as u32, list };
            self.blame_list(report, page, Some(list), cause);
            return true;
        }
        for of_page in missing.chunk_by(|a, b| a.record / per_page == b.record / per_page) {
            let first = of_page[0];
            let page = ChapterPage::Record(RecordPageNumber::new(first.record / per_page));
            let cause = Cause::NotIndexed {
                records: of_page.len() as u32,
                name: self.record(first.record).name,
                leads_to: first.leads_to,
            };
            self.blame_list(report, page, Some(DeltaListNumber::new(first.list)), cause);
        }
        true
    }

    fn blame_list(
        &self,
        report: &mut SlotReport,
        page: ChapterPage,
        list: Option<DeltaListNumber>,
        cause: Cause,
    ) {
        report.findings.push(Finding {
            severity: Severity::Damage,
            region: Region::Chapter { chapter: report.chapter, slot: report.slot, page },
            offset: self.volume.place(report.slot, page).offset,
            list,
            cause,
        });
    }
}

/// Names of a chapter with one list and key, and the entries there.
struct Group<'a> {
    list: u32,
    names: &'a [u64],
    /// The record page of the first entry.
    head: Option<u32>,
    collisions: &'a mut [(RecordName, u32)],
}

/// The names of a list among all names.
pub(super) fn range_of(sorted: &[u64], packing: Packing, list: u32) -> Range<usize> {
    let start = sorted.partition_point(|&packed| packing.list(packed) < list);
    let count = sorted[start..].partition_point(|&packed| packing.list(packed) == list);
    start..start + count
}

fn name_of(record: &[u8]) -> RecordName {
    let mut name = [0; uds_geometry::NAME_BYTES];
    name.copy_from_slice(&record[..uds_geometry::NAME_BYTES]);
    RecordName::new(name)
}
