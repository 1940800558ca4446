//! The index page map: which index page of a chapter has a delta list (specification, section 8).
//!
//! For each slot of the volume and each of its index pages but the last, the map holds the last
//! delta list of the page. The last page ends at the last list of all.
//!
//! # Saved form
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | magic `ALBIPM02` |
//! | 8..16 | `last_update` (u64): the chapter of the latest update |
//! | 16.. | last lists (u16), in the order of (slot, page), no entry for a slot's last page |
//!
//! Numbers are little-endian.
//!
//! # Threads
//!
//! One chapter writer at a time updates rows while zones read others. All accesses are relaxed:
//! zones read the row of a chapter only after they have learnt through a lock that it is written,
//! and that lock orders the row's entries too. A reader that comes too early finds a mixture of old
//! and new numbers; the header of the index page it then reads does not agree, and says so.

use std::io::{Read, Write};
use std::ops::Range;

use uds_geometry::{DeltaListNumber, Geometry, IndexPageNumber, PhysicalChapter, VirtualChapter};

use crate::error::{VolumeError, Wanted};
use crate::sync::atomic::{AtomicU16, AtomicU64, Ordering};

/// The first bytes of a saved map.
const MAGIC: [u8; 8] = *b"ALBIPM02";
const HEADER_BYTES: usize = 16;

/// Which index page of a chapter has a delta list.
///
/// ```
/// use uds_geometry::{
///     Configuration, DeltaListNumber, IndexPageNumber, MemorySize, PhysicalChapter,
///     VirtualChapter,
/// };
/// use uds_volume::IndexPageMap;
///
/// let geometry = Configuration::dense(MemorySize::MB_256).geometry();
/// let map = IndexPageMap::new(&geometry);
/// let slot = PhysicalChapter::new(7);
/// for (page, last_list) in (0..).zip([199, 399, 599, 799, 999, 1023]) {
///     let (page, last_list) = (IndexPageNumber::new(page), DeltaListNumber::new(last_list));
///     map.update(VirtualChapter::new(7), slot, page, last_list)?;
/// }
/// let page = map.page_for(slot, DeltaListNumber::new(400))?;
/// assert_eq!(page, IndexPageNumber::new(2));
/// assert_eq!(map.lists_of(slot, page)?.end, DeltaListNumber::new(600));
/// # Ok::<(), uds_volume::VolumeError>(())
/// ```
#[derive(Debug)]
pub struct IndexPageMap {
    // Constant after construction.
    slots: u32,
    /// Entries of a slot: one less than its index pages.
    row: usize,
    lists: u32,
    // Written by the chapter writer and by `load`, read by zones; see "Threads" above.
    entries: Box<[AtomicU16]>,
    last_update: AtomicU64,
}

impl IndexPageMap {
    /// The map of a volume that nothing is known of: every slot's lists all on its last page.
    #[must_use]
    pub fn new(geometry: &Geometry) -> Self {
        let slots = geometry.chapters_per_volume();
        let row = geometry.index_pages_per_chapter() as usize - 1;
        let count = slots as usize * row;
        Self {
            slots,
            row,
            lists: geometry.delta_lists_per_chapter(),
            entries: (0..count).map(|_| AtomicU16::new(0)).collect(),
            last_update: AtomicU64::new(0),
        }
    }

    /// Notes that `last_list` is the last list on `page` of the slot that `chapter` lives in.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where the geometry has no such slot, page or list.
    pub fn update(
        &self,
        chapter: VirtualChapter,
        slot: PhysicalChapter,
        page: IndexPageNumber,
        last_list: DeltaListNumber,
    ) -> Result<(), VolumeError> {
        let row = self.row_of(slot)?;
        self.check_page(page)?;
        self.check_list(last_list)?;
        self.last_update.store(chapter.get(), Ordering::Relaxed);
        if let Some(entry) = row.get(page.get() as usize) {
            // Lists are below 65536: a chapter has at most 2^16 of them.
            entry.store(last_list.get() as u16, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The index page that has `list` of the chapter in `slot`.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where the geometry has no such slot or list.
    pub fn page_for(
        &self,
        slot: PhysicalChapter,
        list: DeltaListNumber,
    ) -> Result<IndexPageNumber, VolumeError> {
        let row = self.row_of(slot)?;
        self.check_list(list)?;
        let is_beyond = |entry: &AtomicU16| u32::from(entry.load(Ordering::Relaxed)) < list.get();
        let page = row.iter().take_while(|entry| is_beyond(entry)).count();
        Ok(IndexPageNumber::new(page as u32))
    }

    /// The lists on an index page: from the first to the one after the last. A page may have none.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where the geometry has no such slot or page.
    pub fn lists_of(
        &self,
        slot: PhysicalChapter,
        page: IndexPageNumber,
    ) -> Result<Range<DeltaListNumber>, VolumeError> {
        let row = self.row_of(slot)?;
        self.check_page(page)?;
        let end_of = |entry: &AtomicU16| u32::from(entry.load(Ordering::Relaxed)) + 1;
        let page = page.get() as usize;
        let start = page.checked_sub(1).map_or(0, |before| end_of(&row[before]));
        let end = row.get(page).map_or(self.lists, end_of);
        Ok(DeltaListNumber::new(start)..DeltaListNumber::new(end))
    }

    /// The chapter of the latest update. Informational only.
    #[must_use]
    pub fn last_update(&self) -> VirtualChapter {
        VirtualChapter::new(self.last_update.load(Ordering::Relaxed))
    }

    /// Bytes of the saved form.
    #[must_use]
    pub fn saved_bytes(&self) -> u64 {
        (HEADER_BYTES + 2 * self.entries.len()) as u64
    }

    /// Writes the saved form. No chapter may be written meanwhile.
    ///
    /// # Errors
    ///
    /// [`VolumeError::PageMapIo`] where `stream` fails.
    pub fn save(&self, stream: &mut impl Write) -> Result<(), VolumeError> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 2 * self.entries.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.last_update.load(Ordering::Relaxed).to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.load(Ordering::Relaxed).to_le_bytes());
        }
        let action = "write";
        stream.write_all(&bytes).map_err(|source| VolumeError::PageMapIo { action, source })
    }

    /// Replaces the map by a saved one. No other thread may use the map meanwhile.
    ///
    /// # Errors
    ///
    /// [`VolumeError::PageMapIo`] where `stream` fails or ends too early, and
    /// [`VolumeError::PageMapCorrupt`] where the magic is not there, or the lists of a slot
    /// are beyond the chapter's last or fall from page to page. The map is then unchanged.
    pub fn load(&self, stream: &mut impl Read) -> Result<(), VolumeError> {
        let mut bytes = vec![0; HEADER_BYTES + 2 * self.entries.len()];
        let action = "read";
        stream
            .read_exact(&mut bytes)
            .map_err(|source| VolumeError::PageMapIo { action, source })?;
        let (header, entries) = bytes.split_at(HEADER_BYTES);
        let (magic, last_update) = header.split_at(MAGIC.len());
        let (magic, wanted) = (number(magic), number(&MAGIC));
        if magic != wanted {
            let wanted = Wanted::Exactly(wanted);
            return Err(VolumeError::PageMapCorrupt {
                field: "the magic number",
                offset: 0,
                found: magic,
                wanted,
            });
        }
        self.check_entries(entries)?;
        for (entry, bytes) in self.entries.iter().zip(entries.chunks_exact(2)) {
            entry.store(number(bytes) as u16, Ordering::Relaxed);
        }
        self.last_update.store(number(last_update), Ordering::Relaxed);
        Ok(())
    }

    /// Checks that a volume could have made these entries.
    fn check_entries(&self, bytes: &[u8]) -> Result<(), VolumeError> {
        let mut before = 0;
        for (position, bytes) in bytes.chunks_exact(2).enumerate() {
            if position % self.row == 0 {
                before = 0;
            }
            let found = number(bytes);
            let wanted = if found >= u64::from(self.lists) {
                Wanted::Below(u64::from(self.lists))
            } else if found < before {
                Wanted::AtLeast(before)
            } else {
                before = found;
                continue;
            };
            let offset = (HEADER_BYTES + 2 * position) as u64;
            let field = "the last list of an index page";
            return Err(VolumeError::PageMapCorrupt { field, offset, found, wanted });
        }
        Ok(())
    }

    fn row_of(&self, slot: PhysicalChapter) -> Result<&[AtomicU16], VolumeError> {
        check("the slot of a chapter", slot.get(), self.slots)?;
        let start = slot.get() as usize * self.row;
        Ok(&self.entries[start..start + self.row])
    }

    fn check_page(&self, page: IndexPageNumber) -> Result<(), VolumeError> {
        check("the number of an index page", page.get(), self.row as u32 + 1)
    }

    fn check_list(&self, list: DeltaListNumber) -> Result<(), VolumeError> {
        check("the number of a delta list", list.get(), self.lists)
    }
}

fn check(what: &'static str, found: u32, bound: u32) -> Result<(), VolumeError> {
    if found < bound {
        return Ok(());
    }
    let wanted = Wanted::Below(u64::from(bound));
    Err(VolumeError::Argument { what, found: u64::from(found), wanted })
}

/// The little-endian number in up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests;
