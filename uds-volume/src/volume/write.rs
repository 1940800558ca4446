//! Writing a chapter (specification, section 7.2).
//!
//! | step | if it fails |
//! |---|---|
//! | make the chapter's index in memory | the volume is as before |
//! | vacate the slot, drop its cached pages | |
//! | pack index pages: page map, cache, write | the slot stays vacant |
//! | sort and encode record pages, in parallel; write | the slot stays vacant |
//! | sync | the slot stays vacant |
//! | let look-ups find the chapter | |
//!
//! Pages are written in pieces of up to [`PIECE_BYTES`]. After a crash before the sync any part of
//! them may be on the storage.

use std::fmt;

use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::ChapterIndexBuilder;
use uds_geometry::{
    ChapterPage, DeltaListNumber, Geometry, IndexPageNumber, PhysicalChapter, Record, RecordName,
    RecordPageNumber, VirtualChapter,
};

use super::packers::Packers;
use super::{FIRST_PAGE, Volume};
use crate::error::{PagePlace, VolumeError, Wanted};
use crate::sync::lock;

/// The most bytes that are written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The buffers for writing chapters. Made once for a geometry and used for many chapters.
pub struct ChapterScratch {
    geometry: Geometry,
    index: ChapterIndexBuilder,
    packers: Packers,
    /// As many whole pages as are written at a time.
    piece: Box<[u8]>,
}

impl ChapterScratch {
    /// Buffers for the chapters of a geometry.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Scratch`] where chapters of that geometry cannot be indexed.
    pub fn new(geometry: &Geometry) -> Result<Self, VolumeError> {
        let page = geometry.bytes_per_page() as usize;
        let chapter = page * geometry.pages_per_chapter() as usize;
        let piece = PIECE_BYTES.min(chapter) / page * page;
        Ok(Self {
            geometry: geometry.clone(),
            index: ChapterIndexBuilder::new(geometry)
                .map_err(|source| VolumeError::Scratch { source })?,
            packers: Packers::new(geometry.records_per_page())?,
            piece: vec![0; piece].into_boxed_slice(),
        })
    }
}

impl fmt::Debug for ChapterScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChapterScratch").finish_non_exhaustive()
    }
}

/// Which records of a written chapter cannot be found, although they are on its record pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChapterReport {
    /// Records that the chapter's index had no room for.
    pub overflowed: u64,
    /// Records whose index entries were given up so that the index fits its pages.
    pub evicted: u64,
}

impl Volume {
    /// Writes a chapter to its slot and makes it durable.
    ///
    /// `records` are all records of the chapter in the order of its collation: those of
    /// page 0 first. Those at the positions in `unindexed`, which increase, get no entry
    /// in the chapter's index. Look-ups in other chapters go on meanwhile; look-ups in the chapter
    /// that the slot held find nothing.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] and [`VolumeError::ChapterIndex`] for records that make no
    /// chapter; nothing has changed then. After [`VolumeError::Storage`] and
    /// [`VolumeError::Sync`] the slot holds no chapter that look-ups find, and an unspecified
    /// part of one on the storage.
    pub fn write_chapter(
        &self,
        chapter: VirtualChapter,
        records: &[Record],
        unindexed: &[u32],
        scratch: &mut ChapterScratch,
    ) -> Result<ChapterReport, VolumeError> {
        self.check_records(records, unindexed, scratch)?;
        let _writer = lock(&self.writer);
        let indexed = indexed(records, unindexed, self.geometry.records_per_page());
        let overflowed = scratch
            .index
            .build(indexed)
            .map_err(|source| VolumeError::ChapterIndex { chapter, source })?;

        let slot = self.geometry.physical_chapter(chapter);
        self.slots.vacate(slot);
        self.cache.forget(self.pages_of(slot));
        let written = self.write_pages(chapter, slot, records, scratch);
        match written {
            Ok(evicted) => {
                self.slots.hold(slot, chapter);
                self.counters.add_chapter();
                Ok(ChapterReport { overflowed: overflowed as u64, evicted })
            }
            Err(error) => {
                self.cache.forget(self.pages_of(slot));
                Err(error)
            }
        }
    }

    /// Writes and syncs all pages of a chapter. Returns how many index entries were given up.
    fn write_pages(
        &self,
        chapter: VirtualChapter,
        slot: PhysicalChapter,
        records: &[Record],
        scratch: &mut ChapterScratch,
    ) -> Result<u64, VolumeError> {
        let ChapterScratch { index, packers, piece, .. } = scratch;
        let first = self.place(slot, FIRST_PAGE);
        let mut pages = PageWriter { volume: self, piece, used: 0, first };
        let evicted = self.write_index_pages(chapter, slot, index, &mut pages)?;
        let per_page = self.geometry.records_per_page() as usize;
        let mut next = 0;
        for records in records.chunks(per_page * pages.pages_per_piece()) {
            let place = self.place(slot, ChapterPage::Record(RecordPageNumber::new(next)));
            let count = records.len() / per_page;
            packers.pack(records, per_page, pages.next_pages(place, count)?)?;
            next += count as u32;
        }
        pages.flush()?;
        self.storage.sync().map_err(|source| VolumeError::Sync { chapter, source })?;
        Ok(evicted)
    }

    fn write_index_pages(
        &self,
        chapter: VirtualChapter,
        slot: PhysicalChapter,
        index: &mut ChapterIndexBuilder,
        pages: &mut PageWriter<'_>,
    ) -> Result<u64, VolumeError> {
        let count = self.geometry.index_pages_per_chapter();
        let mut next_list = 0;
        let mut evicted = 0;
        for number in 0..count {
            let page = ChapterPage::Index(IndexPageNumber::new(number));
            let place = self.place(slot, page);
            let damaged = |source| VolumeError::IndexPage { place, source };
            let mut donated = self.cache.replace(self.geometry.physical_page(slot, page));
            let bytes = donated.bytes_mut();
            let packed = index
                .pack_page(self.nonce, chapter, next_list, number + 1 == count, bytes)
                .map_err(|source| VolumeError::ChapterIndex { chapter, source })?;
            evicted += u64::from(packed.evicted);
            next_list += packed.lists;
            // The first page has a list in any case, so there is one before `next_list`.
            let last_list = DeltaListNumber::new(next_list.saturating_sub(1));
            self.page_map.update(chapter, slot, IndexPageNumber::new(number), last_list)?;
            pages.next_page(place)?.copy_from_slice(bytes);
            let header = IndexPageHeader::parse(bytes, self.nonce).map_err(damaged)?;
            donated.set_header(Some(header));
            donated.publish_if(|| true);
        }
        Ok(evicted)
    }

    fn check_records(
        &self,
        records: &[Record],
        unindexed: &[u32],
        scratch: &ChapterScratch,
    ) -> Result<(), VolumeError> {
        let argument = |what, found, wanted| Err(VolumeError::Argument { what, found, wanted });
        let wanted = u64::from(self.geometry.records_per_chapter());
        if records.len() as u64 != wanted {
            let what = "the number of records of a chapter";
            return argument(what, records.len() as u64, Wanted::Exactly(wanted));
        }
        if scratch.geometry != self.geometry {
            let what = "the number of records of the chapters that these buffers are for";
            let found = u64::from(scratch.geometry.records_per_chapter());
            return argument(what, found, Wanted::Exactly(wanted));
        }
        let mut least = 0;
        for &position in unindexed {
            let (what, found) = ("the position of a record without index entry", position.into());
            if found >= wanted {
                return argument(what, found, Wanted::Below(wanted));
            }
            if found < least {
                return argument(what, found, Wanted::AtLeast(least));
            }
            least = found + 1;
        }
        Ok(())
    }
}

/// The names that get an index entry, with their record pages, in order.
fn indexed(
    records: &[Record],
    unindexed: &[u32],
    records_per_page: u32,
) -> impl Iterator<Item = (RecordName, RecordPageNumber)> {
    let mut left_out = unindexed.iter().copied().peekable();
    (0..).zip(records).filter_map(move |(position, record): (u32, _)| {
        if left_out.next_if_eq(&position).is_some() {
            return None;
        }
        Some((record.name, RecordPageNumber::new(position / records_per_page)))
    })
}

/// Gathers consecutive pages of a chapter and writes them in large pieces.
struct PageWriter<'a> {
    volume: &'a Volume,
    piece: &'a mut [u8],
    /// Bytes of `piece` that wait to be written.
    used: usize,
    /// Where the first of them belongs.
    first: PagePlace,
}

impl PageWriter<'_> {
    /// The buffer for the next page, which lies at `place`.
    fn next_page(&mut self, place: PagePlace) -> Result<&mut [u8], VolumeError> {
        self.next_pages(place, 1)
    }

    /// The buffer for the next pages, the first of which lies at `place`: no more than fit
    /// in a piece.
    fn next_pages(&mut self, place: PagePlace, count: usize) -> Result<&mut [u8], VolumeError> {
        let bytes = count * self.volume.geometry.bytes_per_page() as usize;
        if self.used + bytes > self.piece.len() {
            self.flush()?;
        }
        if self.used == 0 {
            self.first = place;
        }
        let start = self.used;
        self.used += bytes;
        Ok(&mut self.piece[start..self.used])
    }

    /// How many pages are written at a time.
    fn pages_per_piece(&self) -> usize {
        self.piece.len() / self.volume.geometry.bytes_per_page() as usize
    }

    fn flush(&mut self) -> Result<(), VolumeError> {
        let place = self.first;
        self.volume
            .storage
            .write_at(place.offset, &self.piece[..self.used])
            .map_err(|source| VolumeError::Storage { place, source })?;
        self.used = 0;
        Ok(())
    }
}
