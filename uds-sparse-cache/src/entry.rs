//! A cached chapter index.

use uds_delta_index::{DeltaError, IndexPageHeader, chapter_index};
use uds_geometry::{Geometry, RecordName, RecordPageNumber, VirtualChapter};

use crate::sync::counter::{AtomicBool, AtomicU32, Ordering};
use crate::{CacheError, ChapterIndexSource};

/// The whole index of one chapter, or room for it.
///
/// Whoever has it alone can change it; whoever shares it can only read. Only the skip flag and
/// the count of misses change while it is shared: the captain writes them, at any time, and
/// nothing depends on when others see the flag.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The chapter; none while the entry is *dead*.
    chapter: Option<VirtualChapter>,
    /// The index pages, and what their headers say. They make sense only with a chapter.
    pages: Vec<u8>,
    headers: Vec<IndexPageHeader>,
    is_skipped: AtomicBool,
    misses: AtomicU32,
}

impl Entry {
    /// A dead entry, with memory for the chapter indexes of a geometry.
    pub(crate) fn new(geometry: &Geometry) -> Result<Self, CacheError> {
        let bytes = bytes_of(geometry);
        let mut pages = Vec::new();
        pages
            .try_reserve_exact(bytes)
            .map_err(|_| CacheError::OutOfMemory { bytes: bytes as u64 })?;
        Ok(Self {
            chapter: None,
            pages,
            headers: Vec::new(),
            is_skipped: AtomicBool::new(false),
            misses: AtomicU32::new(0),
        })
    }

    pub(crate) fn chapter(&self) -> Option<VirtualChapter> {
        self.chapter
    }

    /// Reads a chapter's index, in the place of the one that was there. If that fails, or the
    /// chapter is gone, the entry is dead. Says whether the chapter is there.
    pub(crate) fn load<S: ChapterIndexSource>(
        &mut self,
        chapter: VirtualChapter,
        source: &S,
    ) -> Result<bool, S::Error> {
        self.kill();
        let Some(headers) = source.read_chapter_index(chapter, &mut self.pages)? else {
            return Ok(false);
        };
        self.headers = headers;
        self.chapter = Some(chapter);
        Ok(true)
    }

    /// Forgets the chapter, and keeps its memory.
    pub(crate) fn kill(&mut self) {
        self.chapter = None;
        self.revive();
    }

    /// Says that the entry was of use: it is searched again.
    pub(crate) fn revive(&self) {
        self.is_skipped.store(false, Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
    }

    /// Counts a search that found nothing. From `threshold` on, the entry is skipped.
    pub(crate) fn missed(&self, threshold: u32) {
        // Only the captain counts.
        let misses = self.misses.load(Ordering::Relaxed).saturating_add(1);
        self.misses.store(misses, Ordering::Relaxed);
        if misses > threshold {
            self.is_skipped.store(true, Ordering::Relaxed);
        }
    }

    /// Whether searches in all chapters pass this one by.
    pub(crate) fn is_skipped(&self) -> bool {
        self.is_skipped.load(Ordering::Relaxed)
    }

    /// The record page that a name may be on, by the chapter's index.
    pub(crate) fn search(
        &self,
        geometry: &Geometry,
        name: &RecordName,
    ) -> Result<Option<RecordPageNumber>, CacheError> {
        let Some(chapter) = self.chapter else { return Ok(None) };
        let list = geometry.chapter_list(name);
        // Pages without lists come last.
        let page = self.headers.partition_point(|header| header.lowest_list() <= list);
        let found = page.checked_sub(1).and_then(|page| {
            let bytes = geometry.bytes_per_page() as usize;
            let content = self.pages.get(page * bytes..(page + 1) * bytes)?;
            Some((self.headers[page], content))
        });
        let no_page = CacheError::NoPage { chapter, list };
        let (header, content) = found.ok_or(no_page)?;
        let damaged = |source: DeltaError| CacheError::Damaged { chapter, source };
        let number = chapter_index::search(&header, content, geometry, name).map_err(damaged)?;
        match number {
            Some(number) if number.get() >= geometry.record_pages_per_chapter() => {
                let (found, count) = (number.get(), geometry.record_pages_per_chapter());
                Err(CacheError::RecordPageNumber { chapter, name: *name, found, count })
            }
            number => Ok(number),
        }
    }
}

/// Bytes of the index pages of a chapter.
pub(crate) fn bytes_of(geometry: &Geometry) -> usize {
    geometry.index_pages_per_chapter() as usize * geometry.bytes_per_page() as usize
}
