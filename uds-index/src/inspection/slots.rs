//! The slots of the volume: which chapter is in each, and in which state its index is.
//!
//! # Invariants
//!
//! 1. Whatever lies in a slot has a state; nothing ends the walk over the slots.
//! 2. A slot is damaged only where something of this index is there, or should be.

use std::ops::Range;

use uds_delta_index::chapter_index::{self, ChapterLists};
use uds_delta_index::{DeltaError, IndexPageHeader};
use uds_geometry::{
    ChapterPage, DeltaListNumber, IndexPageNumber, Nonce, PhysicalChapter, VirtualChapter,
};
use uds_volume::{Volume, VolumeError};

use super::{Inspector, Window};
use crate::IndexError;
use crate::verification::has_nonce;

/// What a slot of the volume holds, as far as its index pages say.
#[derive(Debug)]
#[non_exhaustive]
pub struct SlotSummary {
    /// The slot.
    pub slot: PhysicalChapter,
    /// Its first byte on the storage.
    pub offset: u64,
    /// The chapter that its index pages name; `None` where none of them is of this index.
    pub chapter: Option<VirtualChapter>,
    /// The chapter of the window that belongs there, if any does.
    pub expected: Option<VirtualChapter>,
    /// In which state it is.
    pub state: SlotState,
    /// Its index pages, in order.
    pub pages: Vec<SlotPage>,
}

/// An index page in a slot.
#[derive(Debug)]
#[non_exhaustive]
pub struct SlotPage {
    /// Its number in the chapter.
    pub number: IndexPageNumber,
    /// Its first byte on the storage.
    pub offset: u64,
    /// The chapter that it names, where it is an index page of this index.
    pub chapter: Option<VirtualChapter>,
    /// The lists that it has, from the first to the one after the last. It may have none.
    pub lists: Option<Range<DeltaListNumber>>,
    /// The entries of its lists, where all of them can be read.
    pub entries: Option<u64>,
    /// What is wrong with it.
    pub problem: Option<VolumeError>,
}

/// The state of a slot, as far as its index pages say: record pages have nothing to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotState {
    /// It holds the chapter of the window that belongs there, with a sound index.
    Sound,
    /// Nothing of this index, nor of another, was ever written there; nor should it have been.
    NeverWritten,
    /// It holds a whole chapter that the index does not have any more.
    Stale(Staleness),
    /// It holds pages that are damaged or do not go together, or another chapter than the one that
    /// belongs there. Some page has a problem.
    Damaged,
}

/// Why a chapter on the volume is none of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Staleness {
    /// It is older than the window.
    Forgotten,
    /// Its number is beyond the window.
    Beyond,
    /// It is of another index, whose volume has this nonce.
    OtherIndex(Nonce),
}

impl SlotSummary {
    /// The entries of all of its index pages, where those can be read.
    #[must_use]
    pub fn entries(&self) -> Option<u64> {
        self.pages.iter().map(|page| page.entries).sum()
    }

    /// The first page with a problem, and what it is.
    #[must_use]
    pub fn problem(&self) -> Option<(&SlotPage, &VolumeError)> {
        self.pages.iter().find_map(|page| Some((page, page.problem.as_ref()?)))
    }

    /// Whether a chapter that should be there is damaged or gone.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.expected.is_some() && self.state != SlotState::Sound
    }
}

/// The slots of a volume, in order. Each is read when it is asked for.
#[derive(Debug)]
pub struct Slots<'a> {
    reader: SlotReader<'a>,
    expected: Vec<Option<VirtualChapter>>,
    window: Range<VirtualChapter>,
    next: usize,
}

impl Inspector {
    /// What is in each slot of the volume. Their index pages are read and walked to the last entry.
    ///
    /// # Errors
    ///
    /// None that an index that could be opened has. What cannot be read is told of by its slot.
    pub fn slots(&self, window: &Window) -> Result<Slots<'_>, IndexError> {
        Ok(Slots {
            reader: SlotReader::new(&self.volume)?,
            expected: window.expected(self.geometry()),
            window: window.chapters.clone(),
            next: 0,
        })
    }
}

impl Iterator for Slots<'_> {
    type Item = SlotSummary;

    fn next(&mut self) -> Option<SlotSummary> {
        let expected = *self.expected.get(self.next)?;
        let slot = PhysicalChapter::new(self.next as u32);
        self.next += 1;
        Some(self.reader.summarize(slot, expected, &self.window))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.expected.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Slots<'_> {}

/// Reads the index pages of slots.
#[derive(Debug)]
pub(super) struct SlotReader<'a> {
    volume: &'a Volume,
    lists: ChapterLists,
    pages: Vec<u8>,
}

impl<'a> SlotReader<'a> {
    pub(super) fn new(volume: &'a Volume) -> Result<Self, IndexError> {
        Ok(Self { volume, lists: ChapterLists::new(volume.geometry())?, pages: Vec::new() })
    }

    fn summarize(
        &mut self,
        slot: PhysicalChapter,
        expected: Option<VirtualChapter>,
        window: &Range<VirtualChapter>,
    ) -> SlotSummary {
        let (mut pages, headers) = self.read(slot);
        let names = |chapter| pages.iter().any(|page| page.chapter == chapter);
        let first = pages.iter().find_map(|page| page.chapter);
        let chapter = if expected.is_some() && names(expected) { expected } else { first };
        let is_unread =
            pages.iter().any(|page| matches!(page.problem, Some(VolumeError::Storage { .. })));
        let state = if !is_unread && expected.is_none() && !self.is_ours(&pages) {
            self.judge_foreign()
        } else {
            self.check(slot, expected.or(chapter), &headers, &mut pages);
            judge(chapter, expected, window, &pages)
        };
        if state != SlotState::Damaged {
            pages.iter_mut().for_each(|page| page.problem = None);
        }
        let offset = self.volume.place(slot, ChapterPage::Index(IndexPageNumber::new(0))).offset;
        SlotSummary { slot, offset, chapter, expected, state, pages }
    }

    /// Reads the index pages of a slot, and says of each alone what it is. Lists are not walked.
    pub(super) fn read(
        &mut self,
        slot: PhysicalChapter,
    ) -> (Vec<SlotPage>, Vec<Option<IndexPageHeader>>) {
        let volume = self.volume;
        let is_whole = volume.read_index_pages(slot, &mut self.pages).is_ok();
        let bytes = volume.geometry().bytes_per_page() as usize;
        let numbers = (0..).map(IndexPageNumber::new);
        let (mut pages, mut headers) = (Vec::new(), Vec::new());
        for (number, content) in numbers.zip(self.pages.chunks_exact_mut(bytes)) {
            let place = volume.place(slot, ChapterPage::Index(number));
            let read =
                if is_whole { Ok(()) } else { volume.read_index_page(slot, number, content) };
            if read.is_err() {
                // What a failed read leaves there is nobody's.
                content.fill(0);
            }
            let parsed = read.and_then(|()| {
                IndexPageHeader::parse(content, volume.nonce())
                    .map_err(|source| VolumeError::IndexPage { place, source })
            });
            let header = parsed.as_ref().ok().copied();
            pages.push(SlotPage {
                number,
                offset: place.offset,
                chapter: header.map(|header| header.chapter()),
                lists: header.map(|header| lists_of(&header)),
                entries: None,
                problem: parsed.err(),
            });
            headers.push(header);
        }
        (pages, headers)
    }

    /// Whether any page bears the nonce of this index, whatever else it holds.
    fn is_ours(&self, pages: &[SlotPage]) -> bool {
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        pages.iter().any(|page| page.chapter.is_some())
            || self.pages.chunks_exact(bytes).any(|content| has_nonce(content, self.volume))
    }

    /// The state of a slot that holds nothing of this index, and need not.
    fn judge_foreign(&self) -> SlotState {
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        let nonce_of = |page: &[u8]| {
            let first = *page.first_chunk()?;
            let both = [u64::from_le_bytes(first), u64::from_be_bytes(first)].map(Nonce::new);
            both.into_iter().find(|&nonce| IndexPageHeader::parse(page, nonce).is_ok())
        };
        match self.pages.chunks_exact(bytes).find_map(nonce_of) {
            Some(nonce) => SlotState::Stale(Staleness::OtherIndex(nonce)),
            None => SlotState::NeverWritten,
        }
    }

    /// Checks that the pages of a slot make up the index of a chapter, and counts their entries.
    fn check(
        &self,
        slot: PhysicalChapter,
        wanted: Option<VirtualChapter>,
        headers: &[Option<IndexPageHeader>],
        pages: &mut [SlotPage],
    ) {
        let geometry = self.volume.geometry();
        let bytes = geometry.bytes_per_page() as usize;
        let all = DeltaListNumber::new(geometry.delta_lists_per_chapter());
        let mut next = Some(DeltaListNumber::new(0));
        for (number, (page, header)) in pages.iter_mut().zip(headers).enumerate() {
            let (Some(header), Some(lists)) = (header, page.lists.clone()) else {
                next = None;
                continue;
            };
            let place = self.volume.place(slot, ChapterPage::Index(page.number));
            let content = &self.pages[number * bytes..][..bytes];
            let found = header.chapter();
            let is_last = number + 1 == headers.len();
            let goes_on = next.is_none_or(|next| next == lists.start);
            let ends_well = lists.end <= all && (!is_last || lists.end == all);
            page.problem = if let Some(expected) = wanted.filter(|&wanted| wanted != found) {
                Some(VolumeError::WrongChapter { place, expected, found })
            } else if geometry.physical_chapter(found) != slot {
                let wanted = geometry.physical_chapter(found);
                Some(VolumeError::WrongSlot { place, chapter: found, wanted })
            } else if !goes_on || !ends_well {
                let expected = next.unwrap_or(lists.start)..all;
                Some(VolumeError::WrongLists { place, expected, found: lists.clone() })
            } else {
                None
            };
            // Lists of a page that is out of place say nothing of those behind it.
            next = page.problem.is_none().then_some(lists.end);
            match self.count(header, content) {
                Ok(entries) => page.entries = Some(entries),
                Err(source) => {
                    let _ = page.problem.get_or_insert(VolumeError::IndexPage { place, source });
                }
            }
        }
    }

    /// Walks all lists of a page, and counts their entries.
    fn count(&self, header: &IndexPageHeader, page: &[u8]) -> Result<u64, DeltaError> {
        chapter_index::validate(header, page, self.volume.geometry())?;
        let mut entries = 0;
        for list in header.lists() {
            entries += self.lists.entries(header, page, list)?.count() as u64;
        }
        Ok(entries)
    }
}

/// The lists of a page, from the first to the one after the last.
fn lists_of(header: &IndexPageHeader) -> Range<DeltaListNumber> {
    let first = header.lowest_list();
    first..DeltaListNumber::new(first.get() + header.list_count())
}

/// The state of a slot whose pages were checked.
fn judge(
    chapter: Option<VirtualChapter>,
    expected: Option<VirtualChapter>,
    window: &Range<VirtualChapter>,
    pages: &[SlotPage],
) -> SlotState {
    let is_sound = pages.iter().all(|page| page.problem.is_none());
    match chapter.filter(|_| is_sound) {
        None => SlotState::Damaged,
        Some(_) if expected.is_some() => SlotState::Sound,
        Some(chapter) if chapter < window.start => SlotState::Stale(Staleness::Forgotten),
        Some(_) => SlotState::Stale(Staleness::Beyond),
    }
}
