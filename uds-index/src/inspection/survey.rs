//! A survey of the chapter indexes: how full their pages are, and which records they do not name.

use std::ops::Range;

use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::ChapterLists;
use uds_geometry::{DeltaListNumber, Geometry, PhysicalChapter, RecordName, VirtualChapter};
use uds_volume::{Volume, records_of_page};

use super::Inspector;
use crate::IndexError;
use crate::census::SurveyControl;
use crate::distribution::Distribution;
use crate::parallel::{threads, work_on_all};

/// Bits of an index page that are neither its lists nor their table of offsets: the header and
/// the end of the table, and the guard (specification, section 3.10).
const FRAME_BITS: u64 = 160 + 19 + 56;

/// How full the index pages of some chapters are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The chapters, in order.
    pub chapters: Vec<ChapterSurvey>,
    /// Bits of a page that lists can take, the offsets of the lists included.
    pub page_bits: u64,
    /// Entries of each list of all chapters.
    pub list_entries: Distribution,
    /// Bits of each list of all chapters.
    pub list_bits: Distribution,
}

/// How full the index pages of a chapter are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChapterSurvey {
    /// The chapter.
    pub chapter: VirtualChapter,
    /// The slot of the volume where it is.
    pub slot: PhysicalChapter,
    /// Its index pages. `None` for one that cannot be read, is of another chapter, or is
    /// damaged: what is on it is not counted anywhere.
    pub pages: Vec<Option<PageSurvey>>,
    /// Places of the chapter's record pages that copies of a record fill, because records were
    /// deleted before the chapter was full, or its places cannot be divided evenly among zones.
    /// `None` where that cannot be known, because pages cannot be read.
    pub copies: Option<u64>,
    /// Records that are on record pages but not in the index, which had no room for them: they
    /// cannot be found. `None` where that cannot be known.
    pub unnamed: Option<u64>,
}

/// How full an index page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageSurvey {
    /// Its first list; where it has none, the one that would be.
    pub first_list: DeltaListNumber,
    /// How many lists it has. It may have none.
    pub lists: u32,
    /// Their entries: one for each record that the page leads to.
    pub entries: u64,
    /// Entries, of these, that carry their whole names because others have their keys.
    pub collisions: u64,
    /// Bits that the lists take, and their offsets: of [`Survey::page_bits`].
    pub used_bits: u64,
}

impl ChapterSurvey {
    /// Whether all index pages could be read, and are those of the chapter.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.pages.iter().all(Option::is_some)
    }

    /// Entries of all pages that could be read.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.pages.iter().flatten().map(|page| page.entries).sum()
    }
}

impl Inspector {
    /// Reads the index pages of some chapters, and the record pages of those whose indexes have
    /// fewer entries than the chapter has places.
    ///
    /// `worker_threads` read and count; 0 stands for one a core, 8 at most. Which chapters an index
    /// has is in [`info`](Self::info), or, where it has to be recovered, in
    /// [`Index::census`](crate::Index::census).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName, VirtualChapter};
    /// use uds_index::{Batch, CreateOptions, Index, Inspector, SurveyControl};
    /// # use uds_volume::MemoryStorage;
    /// # let configuration = Configuration::tiny(false);
    /// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    /// # let storage = Arc::new(MemoryStorage::new(bytes));
    /// let index = Index::create(storage.clone(), &configuration, &CreateOptions::default())?;
    /// let places = index.geometry().records_per_chapter();
    /// let mut batch = Batch::new();
    /// for number in 0..places {
    ///     batch.post(RecordName::of_block(&number.to_le_bytes()), RecordData::default());
    /// }
    /// index.run(&mut batch)?;
    /// index.close()?;
    ///
    /// let (first, end) = (VirtualChapter::new(0), VirtualChapter::new(1));
    /// let survey = Inspector::open(storage, 0)?.survey(first..end, 0, &SurveyControl::new())?;
    /// assert_eq!(survey.chapters[0].entries(), places.into());
    /// # Ok::<(), uds_index::IndexError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`IndexError::OutsideWindow`] for more chapters than the index can have;
    /// [`IndexError::Abandoned`], and want of threads. What is damaged is left out.
    pub fn survey(
        &self,
        chapters: Range<VirtualChapter>,
        worker_threads: usize,
        control: &SurveyControl,
    ) -> Result<Survey, IndexError> {
        let geometry = self.geometry();
        let (first, end) = (chapters.start.get(), chapters.end.get());
        let oldest = end.saturating_sub(geometry.chapters_per_volume().into());
        if first < oldest {
            return Err(IndexError::OutsideWindow {
                chapter: chapters.start,
                oldest: VirtualChapter::new(oldest),
                newest: chapters.end,
            });
        }
        let count = end.saturating_sub(first) as usize;
        let control = &control.control;
        control.enter_phase((), count as u64);
        let begin = || Surveyor::new(&self.volume);
        let threads = threads(worker_threads);
        let (chapters, workers) =
            work_on_all(count, threads, control, begin, |worker: &mut Surveyor<'_>, number| {
                worker.survey(VirtualChapter::new(first + number as u64))
            })?;
        let (mut list_entries, mut list_bits) = (Distribution::default(), Distribution::default());
        for worker in &workers {
            list_entries.absorb(&worker.list_entries);
            list_bits.absorb(&worker.list_bits);
        }
        let page_bits = (8 * u64::from(geometry.bytes_per_page())).saturating_sub(FRAME_BITS);
        Ok(Survey { chapters, page_bits, list_entries, list_bits })
    }
}

/// Surveys chapters, one after the other. Each thread has its own.
struct Surveyor<'a> {
    volume: &'a Volume,
    lists: ChapterLists,
    index: Vec<u8>,
    records: Vec<u8>,
    names: Vec<RecordName>,
    list_entries: Distribution,
    list_bits: Distribution,
}

impl<'a> Surveyor<'a> {
    fn new(volume: &'a Volume) -> Result<Self, IndexError> {
        Ok(Self {
            volume,
            lists: ChapterLists::new(volume.geometry())?,
            index: Vec::new(),
            records: Vec::new(),
            names: Vec::new(),
            list_entries: Distribution::default(),
            list_bits: Distribution::default(),
        })
    }

    fn geometry(&self) -> &'a Geometry {
        self.volume.geometry()
    }

    fn survey(&mut self, chapter: VirtualChapter) -> ChapterSurvey {
        let geometry = self.geometry();
        let slot = geometry.physical_chapter(chapter);
        let mut pages = vec![None; geometry.index_pages_per_chapter() as usize];
        let mut index = std::mem::take(&mut self.index);
        if self.volume.read_index_pages(slot, &mut index).is_ok() {
            let bytes = geometry.bytes_per_page() as usize;
            for (page, content) in pages.iter_mut().zip(index.chunks(bytes)) {
                *page = self.survey_page(chapter, content);
            }
        }
        self.index = index;
        let mut survey = ChapterSurvey { chapter, slot, pages, copies: None, unnamed: None };
        if survey.is_whole() {
            let unused = u64::from(geometry.records_per_chapter()).checked_sub(survey.entries());
            survey.copies = match unused {
                Some(0) => Some(0),
                Some(_) => self.copies(slot),
                None => None,
            };
            survey.unnamed =
                unused.zip(survey.copies).and_then(|(unused, copies)| unused.checked_sub(copies));
        }
        survey
    }

    /// Counts a page; `None` where it makes no sense.
    fn survey_page(&mut self, chapter: VirtualChapter, content: &[u8]) -> Option<PageSurvey> {
        let header = IndexPageHeader::parse(content, self.volume.nonce()).ok()?;
        if header.chapter() != chapter {
            return None;
        }
        let page_bits = (8 * content.len() as u64).saturating_sub(FRAME_BITS);
        let mut page = PageSurvey {
            first_list: header.lowest_list(),
            lists: header.list_count(),
            entries: 0,
            collisions: 0,
            used_bits: page_bits.saturating_sub(self.lists.free_bits(&header, content)),
        };
        let mut of_lists = Vec::with_capacity(header.list_count() as usize);
        for list in header.lists() {
            let mut entries = 0;
            for entry in self.lists.entries(&header, content, list).ok()? {
                let entry = entry.ok()?;
                if entry.value >= self.geometry().record_pages_per_chapter() {
                    return None;
                }
                entries += 1;
                page.collisions += u64::from(entry.name.is_some());
            }
            page.entries += u64::from(entries);
            of_lists.push((entries, self.lists.bits_of(&header, content, list).ok()?));
        }
        for (entries, bits) in of_lists {
            self.list_entries.add(entries);
            self.list_bits.add(bits);
        }
        Some(page)
    }

    /// Places of a chapter whose names are in other places of it, too. `None` where they cannot be
    /// read.
    fn copies(&mut self, slot: PhysicalChapter) -> Option<u64> {
        self.volume.read_record_pages(slot, &mut self.records).ok()?;
        let bytes = self.geometry().bytes_per_page() as usize;
        self.names.clear();
        let pages = self.records.chunks_exact(bytes);
        self.names.extend(pages.flat_map(records_of_page).map(|record| record.name));
        let places = self.names.len();
        self.names.sort_unstable();
        self.names.dedup();
        Some((places - self.names.len()) as u64)
    }
}
