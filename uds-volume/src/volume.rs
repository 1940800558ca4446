//! The volume: a circular log of chapters on a storage (specification, section 7).
//!
//! Page 0 of the volume is a header page that is never read or written. Slot `c` of the log starts
//! at page `1 + c * PPC`: first the index pages of its chapter, then the record pages.
//!
//! # Invariants
//!
//! 1. A look-up finds records of the chapter that was asked for and of no other: index pages name
//!    their chapter, and [`slots`] tells when a slot changes hands during a look-up.
//! 2. Before a slot is written to, no page of its old chapter is in the cache, and none gets there
//!    until it is written.
//! 3. A chapter is found only after all its pages were written and synced.
//! 4. Nothing that the storage returns makes the volume panic.
//!
//! # Threads
//!
//! Any number of threads look up names while one writes a chapter; writers wait for each other. No
//! lock is held during input and output, but for that of the writers. Zones look names up without
//! waiting, each through its [`Searcher`]; what they need they read in `parts` where these are at
//! hand, and [`Readers`] read it where not.

mod look_up;
mod packers;
mod parts;
mod probe;
mod readers;
mod searcher;
mod slots;
mod statistics;
mod trace;
mod write;

use std::fmt;

use uds_delta_index::IndexPageHeader;
use uds_geometry::{
    ChapterPage, Geometry, IndexPageNumber, Nonce, PhysicalChapter, PhysicalPage, RecordPageNumber,
    VirtualChapter,
};

pub use probe::{ProbedChapter, chapter_range};
pub use readers::{FinishedRead, Progress, ReadCompletion, Readers};
pub use searcher::{Lookup, Searcher};
pub use statistics::VolumeStatistics;
pub use trace::{HeapStep, IndexPageTrace, RecordPageTrace, RecordTrace};
pub use write::{ChapterReport, ChapterScratch};

use crate::cache::PageCache;
use crate::error::{PagePlace, VolumeError, Wanted};
use crate::page_map::IndexPageMap;
use crate::storage::Storage;
use crate::sync::{Arc, Mutex};
use readers::Waiter;
use slots::Slots;
use statistics::Counters;

/// The first page of every chapter.
const FIRST_PAGE: ChapterPage = ChapterPage::Index(IndexPageNumber::new(0));

/// The chapters of an index, on a storage. See the [crate] for an example.
pub struct Volume {
    storage: Arc<dyn Storage>,
    geometry: Geometry,
    start: u64,
    nonce: Nonce,
    page_map: IndexPageMap,
    cache: PageCache<Waiter>,
    slots: Slots,
    counters: Counters,
    /// Held while a chapter is written.
    writer: Mutex<()>,
}

impl Volume {
    /// The volume that begins `start` bytes into `storage` and whose index pages bear `nonce`.
    ///
    /// Nothing is read or written. The index page map is empty: see [`IndexPageMap::load`].
    ///
    /// # Errors
    ///
    /// [`VolumeError::TooShort`] where the storage ends before the volume.
    pub fn new(
        storage: Arc<dyn Storage>,
        geometry: Geometry,
        start: u64,
        nonce: Nonce,
    ) -> Result<Self, VolumeError> {
        let wanted = start.saturating_add(geometry.bytes_per_volume());
        let found = storage.len();
        if found < wanted {
            return Err(VolumeError::TooShort { wanted, found });
        }
        Ok(Self {
            page_map: IndexPageMap::new(&geometry),
            cache: PageCache::new(&geometry),
            slots: Slots::new(&geometry),
            counters: Counters::default(),
            writer: Mutex::new(()),
            storage,
            geometry,
            start,
            nonce,
        })
    }

    /// The shape of the volume.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The nonce on its index pages.
    #[must_use]
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Which index page has which lists.
    #[must_use]
    pub const fn page_map(&self) -> &IndexPageMap {
        &self.page_map
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> VolumeStatistics {
        self.counters.read()
    }

    /// Bytes of memory that the volume uses or has set aside: the page cache, the index page map
    /// and the states of the slots.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let slots = u64::from(self.geometry.chapters_per_volume()) * size_of::<u64>() as u64;
        self.cache.memory_bytes() as u64 + self.page_map.saved_bytes() + slots
    }

    /// Where a page lies.
    #[must_use]
    pub const fn place(&self, slot: PhysicalChapter, page: ChapterPage) -> PagePlace {
        let number = self.geometry.physical_page(slot, page).get() as u64;
        let offset = self.start + number * self.geometry.bytes_per_page() as u64;
        PagePlace { slot, page, offset }
    }

    /// Reads all index pages of a slot into `pages`, in one piece and as they are: neither
    /// verified nor cached.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot that does not exist.
    pub fn read_index_pages(
        &self,
        slot: PhysicalChapter,
        pages: &mut Vec<u8>,
    ) -> Result<(), VolumeError> {
        let count = self.geometry.index_pages_per_chapter();
        pages.resize(count as usize * self.geometry.bytes_per_page() as usize, 0);
        self.read_pages(slot, FIRST_PAGE, pages)
    }

    /// The chapter that a slot's first page names; `None` where that is no index page of this
    /// volume. Nothing else of the slot is looked at, and nothing is cached.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot that does not exist.
    pub fn chapter_in_slot(
        &self,
        slot: PhysicalChapter,
    ) -> Result<Option<VirtualChapter>, VolumeError> {
        let mut page = vec![0; self.geometry.bytes_per_page() as usize];
        self.read_pages(slot, FIRST_PAGE, &mut page)?;
        let header = IndexPageHeader::parse(&page, self.nonce);
        Ok(header.ok().map(|header| header.chapter()))
    }

    /// Forgets all that was read or is known of the slots, as when the storage has become another.
    /// Nobody may be looking anything up, or writing a chapter, meanwhile.
    pub fn forget_pages(&self) {
        self.slots.forget_all();
        let end = PhysicalPage::new(self.geometry.pages_per_volume() as u32 + 1);
        self.cache.forget(PhysicalPage::new(0)..end);
    }

    /// Reads an index page of a slot into `page`, as it is: neither verified nor cached.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot or page that does not
    /// exist or a buffer that is not a page long.
    pub fn read_index_page(
        &self,
        slot: PhysicalChapter,
        number: IndexPageNumber,
        page: &mut [u8],
    ) -> Result<(), VolumeError> {
        let count = self.geometry.index_pages_per_chapter();
        check_below("the number of an index page", number.get(), count)?;
        self.check_page_buffer(page)?;
        self.read_pages(slot, ChapterPage::Index(number), page)
    }

    /// Reads a record page of a slot into `page`, as it is and without caching it.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Storage`], and [`VolumeError::Argument`] for a slot or page that does not
    /// exist or a buffer that is not a page long.
    pub fn read_record_page(
        &self,
        slot: PhysicalChapter,
        number: RecordPageNumber,
        page: &mut [u8],
    ) -> Result<(), VolumeError> {
        self.check_record_page(number)?;
        self.check_page_buffer(page)?;
        self.read_pages(slot, ChapterPage::Record(number), page)
    }

    fn check_page_buffer(&self, page: &[u8]) -> Result<(), VolumeError> {
        let bytes = u64::from(self.geometry.bytes_per_page());
        if page.len() as u64 == bytes {
            return Ok(());
        }
        let (what, found) = ("the size of a buffer for a page", page.len() as u64);
        Err(VolumeError::Argument { what, found, wanted: Wanted::Exactly(bytes) })
    }

    /// Says that a slot's index pages will be read soon, and its record pages too where
    /// `with_records` says so.
    pub fn read_ahead(&self, slot: PhysicalChapter, with_records: bool) {
        if slot.get() >= self.geometry.chapters_per_volume() {
            return;
        }
        let pages = if with_records {
            self.geometry.pages_per_chapter()
        } else {
            self.geometry.index_pages_per_chapter()
        };
        let start = self.place(slot, FIRST_PAGE).offset;
        let bytes = u64::from(pages) * u64::from(self.geometry.bytes_per_page());
        self.storage.read_ahead(start, bytes);
    }

    /// Reads whole pages of a slot, from `first` on, past the cache.
    fn read_pages(
        &self,
        slot: PhysicalChapter,
        first: ChapterPage,
        bytes: &mut [u8],
    ) -> Result<(), VolumeError> {
        let pages = bytes.len() / self.geometry.bytes_per_page() as usize;
        self.counters.add_pages_read(pages as u64);
        self.read_uncounted(slot, first, bytes)
    }

    /// Reads whole pages as [`read_pages`](Self::read_pages) does, for those who leave no trace.
    fn read_uncounted(
        &self,
        slot: PhysicalChapter,
        first: ChapterPage,
        bytes: &mut [u8],
    ) -> Result<(), VolumeError> {
        self.check_slot(slot)?;
        let place = self.place(slot, first);
        self.storage
            .read_at(place.offset, bytes)
            .map_err(|source| VolumeError::Storage { place, source })
    }

    fn check_slot(&self, slot: PhysicalChapter) -> Result<(), VolumeError> {
        check_below("the slot of a chapter", slot.get(), self.geometry.chapters_per_volume())
    }

    fn check_record_page(&self, page: RecordPageNumber) -> Result<(), VolumeError> {
        let count = self.geometry.record_pages_per_chapter();
        check_below("the number of a record page", page.get(), count)
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volume")
            .field("storage", &self.storage)
            .field("start", &self.start)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

fn check_below(what: &'static str, found: u32, bound: u32) -> Result<(), VolumeError> {
    if found < bound {
        return Ok(());
    }
    let wanted = Wanted::Below(u64::from(bound));
    Err(VolumeError::Argument { what, found: u64::from(found), wanted })
}
