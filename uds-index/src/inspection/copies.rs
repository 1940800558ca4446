//! Every copy of a name on the volume: also those that the volume index does not lead to.
//!
//! # Invariants
//!
//! 1. Chapters are found by what their pages say of themselves. What one page cannot tell does not
//!    keep the others from telling theirs.
//! 2. What is found does not depend on the number of threads, nor on their timing.

use std::ops::ControlFlow;

use uds_delta_index::{IndexPageHeader, chapter_index};
use uds_geometry::{
    ChapterPage, IndexPageNumber, PhysicalChapter, RecordData, RecordName, RecordPageNumber,
    VirtualChapter,
};
use uds_volume::{PagePlace, Volume, search_record_page_with};

use super::Inspector;
use crate::IndexError;
use crate::control::Control;
use crate::explanation::{Explanation, Outcome};
use crate::parallel::{threads, work_on_all};
use crate::sync::counter::{AtomicU64, Ordering};
use crate::verification::has_nonce;

/// What was found of some names on a volume.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Copies {
    /// The copies, by the position of their names among those asked for, then by chapter.
    pub found: Vec<NameCopy>,
    /// Chapters that were searched, by their index or page by page.
    pub chapters: u64,
    /// Slots of which pages could not be read, or make no sense: copies there may be missing.
    pub damaged: Vec<PhysicalChapter>,
}

/// A copy of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameCopy {
    /// The position of the name among those asked for.
    pub position: usize,
    /// The chapter; `None` where its pages do not tell.
    pub chapter: Option<VirtualChapter>,
    /// The record page.
    pub page: RecordPageNumber,
    /// Where that lies.
    pub place: PagePlace,
    /// The node of the page's tree.
    pub node: u32,
    /// The data.
    pub data: RecordData,
    /// Whether the chapter's index leads to it. Otherwise its record pages were searched one by
    /// one, because that index is damaged.
    pub is_indexed: bool,
}

/// What a copy of a name is to the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A query finds this one.
    Current,
    /// A query finds a newer one.
    Superseded,
    /// Its chapter is not in the index any more.
    Forgotten,
    /// It is found only in the company of a sample of its chapter, which is sparse.
    NeedsCompany,
    /// Its chapter is in the index, but nothing leads to it: it was deleted, or its entry is lost.
    Unreachable,
    /// Nobody knows: pages of its chapter do not tell which that is, or the look-up failed.
    Unknown,
}

impl NameCopy {
    /// What the copy is to the index, if `explanation` is that of its name.
    #[must_use]
    pub fn standing(&self, explanation: &Explanation) -> Standing {
        // What is beyond the window was never in the index: its pages do not tell the truth.
        let Some(chapter) = self.chapter.filter(|&chapter| chapter <= explanation.newest) else {
            return Standing::Unknown;
        };
        if chapter < explanation.oldest {
            return Standing::Forgotten;
        }
        let is_sparse = explanation.newest_sparse.is_some_and(|newest| chapter <= newest);
        match &explanation.outcome {
            Outcome::Found { chapter: found, .. } if chapter == *found => Standing::Current,
            Outcome::Found { chapter: found, .. } if chapter < *found => Standing::Superseded,
            Outcome::Absent(_) if explanation.needs_company() && is_sparse => {
                Standing::NeedsCompany
            }
            Outcome::Failed(_) => Standing::Unknown,
            _ => Standing::Unreachable,
        }
    }
}

impl Inspector {
    /// Looks for all copies of some names, in every slot of the volume.
    ///
    /// The index pages of all chapters are read, about a tenth of the volume, by several threads.
    /// A record that its chapter's index does not know is not found. Where an index page is
    /// damaged, the record pages of its chapter are searched.
    ///
    /// After each slot `progress` is told how many are done, by any of the threads; it can end the
    /// search.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`] where `progress` wants an end of it. What cannot be read is told
    /// in [`Copies::damaged`].
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use std::sync::Arc;
    /// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
    /// use uds_index::{CreateOptions, Index, Inspector};
    /// # use uds_volume::MemoryStorage;
    /// # let configuration = Configuration::tiny(false);
    /// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    /// # let storage = Arc::new(MemoryStorage::new(bytes));
    /// let index = Index::create(storage.clone(), &configuration, &CreateOptions::default())?;
    /// let name = RecordName::of_block(b"the block's bytes");
    /// index.post(name, RecordData::new([7; 16]))?;
    /// index.close()?;
    /// let inspector = Inspector::open(storage, 0)?;
    /// let copies = inspector.copies(&[name], &|_| ControlFlow::Continue(()))?;
    /// assert!(copies.found.is_empty(), "it is still in the open chapter");
    /// # Ok::<(), uds_index::IndexError>(())
    /// ```
    pub fn copies(
        &self,
        names: &[RecordName],
        progress: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
    ) -> Result<Copies, IndexError> {
        let slots = self.geometry().chapters_per_volume() as usize;
        let control = Control::<()>::default();
        let done = AtomicU64::new(0);
        let (_, searchers) = work_on_all(
            slots,
            threads(0),
            &control,
            || Ok(Searcher::new(&self.volume, names)),
            |searcher, slot| {
                searcher.search_slot(PhysicalChapter::new(slot as u32));
                if progress(done.fetch_add(1, Ordering::Relaxed) + 1).is_break() {
                    control.abandon();
                }
            },
        )?;
        let mut copies = Copies::default();
        for Searcher { copies: more, .. } in searchers {
            copies.found.extend(more.found);
            copies.chapters += more.chapters;
            copies.damaged.extend(more.damaged);
        }
        copies.found.sort_by_key(|copy| (copy.position, copy.chapter, copy.place.offset));
        copies.damaged.sort_unstable();
        Ok(copies)
    }
}

/// Searches slots, one after the other. Each thread has its own.
struct Searcher<'a> {
    volume: &'a Volume,
    names: &'a [RecordName],
    copies: Copies,
    index: Vec<u8>,
    record: Vec<u8>,
    /// The headers of those index pages that can be used.
    headers: Vec<Option<IndexPageHeader>>,
}

/// An index page that does not tell where a name is.
struct Damaged;

impl<'a> Searcher<'a> {
    fn new(volume: &'a Volume, names: &'a [RecordName]) -> Self {
        let record = vec![0; volume.geometry().bytes_per_page() as usize];
        let (copies, index, headers) = (Copies::default(), Vec::new(), Vec::new());
        Self { volume, names, copies, index, record, headers }
    }

    fn search_slot(&mut self, slot: PhysicalChapter) {
        let was_read = self.read_index(slot);
        let chapter = self.headers.iter().flatten().map(IndexPageHeader::chapter).next();
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        let is_ours = || self.index.chunks_exact(bytes).any(|page| has_nonce(page, self.volume));
        if chapter.is_none() && was_read && !is_ours() {
            // Nothing of this volume was ever written there.
            return;
        }
        self.copies.chapters += 1;
        let mut is_damaged = !was_read;
        let mut unclear = Vec::new();
        for (position, name) in self.names.iter().enumerate() {
            match self.page_by_index(name) {
                Ok(Some((page, chapter))) => {
                    is_damaged |= !self.search_page(slot, page, Some(chapter), &[position], true);
                }
                Ok(None) => {}
                Err(Damaged) => unclear.push(position),
            }
        }
        if !unclear.is_empty() {
            is_damaged = true;
            let pages = self.volume.geometry().record_pages_per_chapter();
            for page in (0..pages).map(RecordPageNumber::new) {
                self.search_page(slot, page, chapter, &unclear, false);
            }
        }
        if is_damaged {
            self.copies.damaged.push(slot);
        }
    }

    /// Reads and parses the index pages of a slot, those that can be. Says whether all could be
    /// read.
    fn read_index(&mut self, slot: PhysicalChapter) -> bool {
        let is_whole = self.volume.read_index_pages(slot, &mut self.index).is_ok();
        let bytes = self.volume.geometry().bytes_per_page() as usize;
        let numbers = (0..).map(IndexPageNumber::new);
        self.headers.clear();
        for (number, page) in numbers.zip(self.index.chunks_exact_mut(bytes)) {
            let is_read = is_whole || self.volume.read_index_page(slot, number, page).is_ok();
            let header = IndexPageHeader::parse(page, self.volume.nonce()).ok();
            self.headers.push(header.filter(|_| is_read));
        }
        is_whole
    }

    /// The record page of a name by the index of the chapter at hand, and the chapter.
    fn page_by_index(
        &self,
        name: &RecordName,
    ) -> Result<Option<(RecordPageNumber, VirtualChapter)>, Damaged> {
        let geometry = self.volume.geometry();
        let list = geometry.chapter_list(name);
        let bytes = geometry.bytes_per_page() as usize;
        let mut pages = self.headers.iter().zip(self.index.chunks_exact(bytes));
        let page = pages.find_map(|(header, page)| {
            let header = header.as_ref().filter(|header| header.contains(list))?;
            Some((header, page))
        });
        let (header, page) = page.ok_or(Damaged)?;
        match chapter_index::search(header, page, geometry, name) {
            Ok(Some(number)) if number.get() < geometry.record_pages_per_chapter() => {
                Ok(Some((number, header.chapter())))
            }
            Ok(None) => Ok(None),
            _ => Err(Damaged),
        }
    }

    /// Looks for names on a record page. Says whether it could be read.
    fn search_page(
        &mut self,
        slot: PhysicalChapter,
        page: RecordPageNumber,
        chapter: Option<VirtualChapter>,
        positions: &[usize],
        is_indexed: bool,
    ) -> bool {
        if self.volume.read_record_page(slot, page, &mut self.record).is_err() {
            return false;
        }
        let place = self.volume.place(slot, ChapterPage::Record(page));
        for &position in positions {
            let mut node = 0;
            let name = &self.names[position];
            let found = search_record_page_with(&self.record, name, |compared| node = compared);
            if let Some(data) = found {
                let node = node as u32;
                let copy = NameCopy { position, chapter, page, place, node, data, is_indexed };
                self.copies.found.push(copy);
            }
        }
        true
    }
}
