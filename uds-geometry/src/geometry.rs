//! The geometry: every number that follows from a configuration (specification, section 2).

use crate::delta::estimated_bits;
use crate::{
    ChapterPage, Configuration, DeltaCoding, DeltaKey, DeltaListNumber, IndexPageNumber,
    PhysicalChapter, PhysicalPage, RECORD_BYTES, RecordName, RecordPageNumber, VirtualChapter,
    bits_per,
};

/// Bytes of the header of an index page (specification, section 3.10).
pub const INDEX_PAGE_HEADER_BYTES: u32 = 20;
/// Bits of an offset in an index page's table.
pub const INDEX_PAGE_OFFSET_BITS: u32 = 19;
/// Pages of the volume before the first chapter.
pub const HEADER_PAGES: u32 = 1;

/// Where the one remapped chapter of a converted index lives (specification, sections 2.4
/// and 10.6). Both numbers are zero for every other index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remapping {
    /// The virtual chapter that was moved.
    pub virtual_chapter: u64,
    /// The slot that it was moved to.
    pub physical_chapter: u64,
}

impl Remapping {
    /// No chapter is remapped.
    pub const NONE: Self = Self { virtual_chapter: 0, physical_chapter: 0 };
}

/// The shape of an index: how records, pages and chapters add up to a volume.
///
/// Counts and sizes derive from a [`Configuration`]; nothing here is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    bytes_per_page: u32,
    record_pages_per_chapter: u32,
    chapters_per_volume: u32,
    sparse_chapters_per_volume: u32,
    sample_rate: u32,
    cache_chapters: u32,
    remapping: Remapping,
    // Derived, and kept because look-ups use them.
    index_pages_per_chapter: u32,
    delta_list_bits: u32,
    address_bits: u32,
    payload_bits: u32,
}

impl Geometry {
    /// The geometry of `configuration`, with a chapter remapped as `remapping` says.
    #[must_use]
    pub fn new(configuration: &Configuration, remapping: Remapping) -> Self {
        let bytes_per_page = configuration.bytes_per_page();
        let record_pages_per_chapter = configuration.record_pages_per_chapter();
        let records_per_chapter = bytes_per_page / RECORD_BYTES as u32 * record_pages_per_chapter;
        let last_record = u64::from(records_per_chapter - 1);
        let delta_list_bits = bits_per(last_record | 63) - 6;
        let coding = DeltaCoding::chapter_index();
        let payload_bits = bits_per(u64::from(record_pages_per_chapter - 1));
        Self {
            bytes_per_page,
            record_pages_per_chapter,
            chapters_per_volume: configuration.chapters_per_volume(),
            sparse_chapters_per_volume: configuration.sparse_chapters_per_volume(),
            sample_rate: configuration.sample_rate(),
            cache_chapters: configuration.cache_chapters(),
            remapping,
            index_pages_per_chapter: index_pages(
                records_per_chapter,
                1 << delta_list_bits,
                estimated_bits(records_per_chapter, coding.min_bits(), payload_bits),
                bytes_per_page,
            ),
            delta_list_bits,
            address_bits: 16 - delta_list_bits + bits_per(last_record),
            payload_bits,
        }
    }

    /// Bytes of a page.
    #[must_use]
    pub const fn bytes_per_page(&self) -> u32 {
        self.bytes_per_page
    }

    /// `RPP`: records of a record page.
    #[must_use]
    pub const fn records_per_page(&self) -> u32 {
        self.bytes_per_page / RECORD_BYTES as u32
    }

    /// `RPGS`: record pages of a chapter.
    #[must_use]
    pub const fn record_pages_per_chapter(&self) -> u32 {
        self.record_pages_per_chapter
    }

    /// `IPGS`: index pages of a chapter.
    #[must_use]
    pub const fn index_pages_per_chapter(&self) -> u32 {
        self.index_pages_per_chapter
    }

    /// `PPC`: all pages of a chapter.
    #[must_use]
    pub const fn pages_per_chapter(&self) -> u32 {
        self.index_pages_per_chapter + self.record_pages_per_chapter
    }

    /// `RPC`: records of a chapter.
    #[must_use]
    pub const fn records_per_chapter(&self) -> u32 {
        self.records_per_page() * self.record_pages_per_chapter
    }

    /// `CPV`: chapters of the volume.
    #[must_use]
    pub const fn chapters_per_volume(&self) -> u32 {
        self.chapters_per_volume
    }

    /// `SCPV`: sparse chapters of a full volume; 0 when dense.
    #[must_use]
    pub const fn sparse_chapters_per_volume(&self) -> u32 {
        self.sparse_chapters_per_volume
    }

    /// `DCPV`: dense chapters of a full volume.
    #[must_use]
    pub const fn dense_chapters_per_volume(&self) -> u32 {
        self.chapters_per_volume - self.sparse_chapters_per_volume
    }

    /// The window: records of a full volume.
    #[must_use]
    pub const fn records_per_volume(&self) -> u64 {
        self.records_per_chapter() as u64 * self.chapters_per_volume as u64
    }

    /// Pages of the volume, the header page not counted.
    #[must_use]
    pub const fn pages_per_volume(&self) -> u64 {
        self.pages_per_chapter() as u64 * self.chapters_per_volume as u64
    }

    /// Bytes of the volume region, the header page included.
    #[must_use]
    pub const fn bytes_per_volume(&self) -> u64 {
        self.bytes_per_page as u64 * (self.pages_per_volume() + HEADER_PAGES as u64)
    }

    /// Chapters that the caches are made for: the page cache has slots for the record pages of so
    /// many, and the sparse cache entries.
    #[must_use]
    pub const fn cache_chapters(&self) -> u32 {
        self.cache_chapters
    }

    /// Slots of the page cache.
    #[must_use]
    pub const fn cache_slots(&self) -> u32 {
        self.cache_chapters * self.record_pages_per_chapter
    }

    /// Every how many names a sample is taken; 0 when dense.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Whether older chapters are represented by their samples only.
    #[must_use]
    pub const fn is_sparse(&self) -> bool {
        self.sparse_chapters_per_volume > 0
    }

    /// Whether the geometry is *reduced*: it has an odd number of chapters.
    #[must_use]
    pub const fn is_reduced(&self) -> bool {
        self.chapters_per_volume % 2 == 1
    }

    /// Where the remapped chapter lives, if one is.
    #[must_use]
    pub const fn remapping(&self) -> Remapping {
        self.remapping
    }

    /// `NL`: delta lists of a chapter index.
    #[must_use]
    pub const fn delta_lists_per_chapter(&self) -> u32 {
        1 << self.delta_list_bits
    }

    /// Bits of the address of a name in a chapter index.
    #[must_use]
    pub const fn chapter_address_bits(&self) -> u32 {
        self.address_bits
    }

    /// Bits of the value of a chapter index entry: a record page number.
    #[must_use]
    pub const fn chapter_payload_bits(&self) -> u32 {
        self.payload_bits
    }

    /// The delta list of a chapter index that a name belongs to.
    #[must_use]
    pub const fn chapter_list(&self, name: &RecordName) -> DeltaListNumber {
        let list = (name.chapter_index_bits() >> self.address_bits) as u32;
        DeltaListNumber::new(list & ((1 << self.delta_list_bits) - 1))
    }

    /// The key of a name in its delta list of a chapter index.
    #[must_use]
    pub const fn chapter_key(&self, name: &RecordName) -> DeltaKey {
        DeltaKey::new(name.chapter_index_bits() as u32 & ((1 << self.address_bits) - 1))
    }

    /// Whether a sparse index takes this name as a sample. Never true when dense.
    #[must_use]
    pub const fn is_sample(&self, name: &RecordName) -> bool {
        self.sample_rate > 0 && name.sample_bits() as u32 % self.sample_rate == 0
    }

    /// The slot of a chapter (specification, section 2.4).
    ///
    /// There is no inverse: which chapter a slot holds is written on its index pages.
    #[must_use]
    pub const fn physical_chapter(&self, chapter: VirtualChapter) -> PhysicalChapter {
        let slots = self.chapters_per_volume as u64;
        let chapter = chapter.get();
        let moved = self.remapping.virtual_chapter;
        let slot = if slots % 2 == 0 {
            chapter % slots
        } else if chapter > moved {
            let distance = chapter - moved;
            if distance > self.remapping.physical_chapter { distance % slots } else { distance - 1 }
        } else if chapter == moved {
            self.remapping.physical_chapter
        } else {
            let distance = moved - chapter;
            // A chapter long gone may map to any slot.
            slots.saturating_sub(distance)
        };
        PhysicalChapter::new(slot as u32)
    }

    /// The page of the volume where a page of a chapter's slot lies.
    #[must_use]
    pub const fn physical_page(&self, slot: PhysicalChapter, page: ChapterPage) -> PhysicalPage {
        let within = match page {
            ChapterPage::Index(number) => number.get(),
            ChapterPage::Record(number) => self.index_pages_per_chapter + number.get(),
        };
        PhysicalPage::new(HEADER_PAGES + slot.get() * self.pages_per_chapter() + within)
    }

    /// The slot and the page of a chapter that a page of the volume is, or `None` for the header
    /// page and for pages beyond the volume.
    #[must_use]
    pub const fn locate(&self, page: PhysicalPage) -> Option<(PhysicalChapter, ChapterPage)> {
        let Some(page) = page.get().checked_sub(HEADER_PAGES) else { return None };
        let slot = page / self.pages_per_chapter();
        if slot >= self.chapters_per_volume {
            return None;
        }
        let within = page % self.pages_per_chapter();
        let page = if within < self.index_pages_per_chapter {
            ChapterPage::Index(IndexPageNumber::new(within))
        } else {
            ChapterPage::Record(RecordPageNumber::new(within - self.index_pages_per_chapter))
        };
        Some((PhysicalChapter::new(slot), page))
    }

    /// How many chapters the oldest end of the window loses when `newest` is opened: 0, 1 or 2
    /// (specification, section 2.5).
    #[must_use]
    pub const fn chapters_to_expire(&self, newest: VirtualChapter) -> u64 {
        let Some(beyond) = newest.get().checked_sub(self.chapters_per_volume as u64) else {
            return 0;
        };
        let Remapping { virtual_chapter, physical_chapter } = self.remapping;
        if physical_chapter > 0 && beyond == virtual_chapter {
            2
        } else if physical_chapter > 0 && beyond == virtual_chapter + physical_chapter {
            0
        } else {
            1
        }
    }

    /// Whether an index with this oldest and newest chapter has sparse ones.
    #[must_use]
    pub const fn has_sparse_chapters(
        &self,
        oldest: VirtualChapter,
        newest: VirtualChapter,
    ) -> bool {
        self.is_sparse()
            && newest.get().saturating_sub(oldest.get()).saturating_add(1)
                > self.dense_chapters_per_volume() as u64
    }

    /// Whether `chapter` is sparse in an index with this oldest and newest chapter.
    #[must_use]
    pub const fn is_chapter_sparse(
        &self,
        oldest: VirtualChapter,
        newest: VirtualChapter,
        chapter: VirtualChapter,
    ) -> bool {
        self.has_sparse_chapters(oldest, newest)
            && chapter.get().saturating_add(self.dense_chapters_per_volume() as u64) <= newest.get()
    }
}

/// `IPGS`: pages that the lists of a chapter of average size need (specification, section 2.2).
const fn index_pages(records: u32, lists: u32, chapter_bits: u32, bytes_per_page: u32) -> u32 {
    debug_assert!(records > 0);
    let list_bits = chapter_bits / lists;
    let page_bits = (bytes_per_page - INDEX_PAGE_HEADER_BYTES) * 8;
    let usable_bits = page_bits - (INDEX_PAGE_OFFSET_BITS + list_bits);
    (chapter_bits + INDEX_PAGE_OFFSET_BITS * lists).div_ceil(usable_bits)
}

#[cfg(test)]
mod tests;
