//! How many blocks each region of an index takes (specification, sections 9.10 and 10.1).

use crate::{Geometry, GeometryError, RECORD_BYTES, VolumeIndexParameters};

/// Bytes of a block, the unit of the layout.
pub const BLOCK_BYTES: u32 = 4096;
/// Save slots of an index.
pub const SAVE_SLOTS: u32 = 2;

/// The sizes of an index's regions on storage, in blocks of [`BLOCK_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutSizes {
    /// The volume: all chapters' pages and the header page.
    pub volume_blocks: u64,
    /// The volume index of a save slot, all zones together.
    pub volume_index_blocks: u64,
    /// The index page map of a save slot.
    pub page_map_blocks: u64,
    /// The open chapter of a save slot.
    pub open_chapter_blocks: u64,
}

impl LayoutSizes {
    /// The sizes for a geometry.
    ///
    /// # Errors
    ///
    /// [`GeometryError::OutOfRange`] where a volume index of that geometry cannot exist.
    pub fn new(geometry: &Geometry) -> Result<Self, GeometryError> {
        let block = u64::from(BLOCK_BYTES);
        let volume_index = VolumeIndexParameters::new(geometry)?;
        Ok(Self {
            volume_blocks: geometry.bytes_per_volume() / block,
            volume_index_blocks: volume_index.save_blocks(block),
            page_map_blocks: page_map_bytes(geometry).div_ceil(block),
            open_chapter_blocks: open_chapter_bytes(geometry).div_ceil(block),
        })
    }

    /// Blocks of one save slot.
    #[must_use]
    pub const fn save_blocks(&self) -> u64 {
        1 + self.volume_index_blocks + self.page_map_blocks + self.open_chapter_blocks
    }

    /// Blocks of the sub-index: the volume and the save slots.
    #[must_use]
    pub const fn sub_index_blocks(&self) -> u64 {
        self.volume_blocks + SAVE_SLOTS as u64 * self.save_blocks()
    }

    /// All blocks of the index: header, config and seal included.
    #[must_use]
    pub const fn total_blocks(&self) -> u64 {
        3 + self.sub_index_blocks()
    }

    /// Bytes of the index.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.total_blocks() * BLOCK_BYTES as u64
    }
}

/// Bytes of a saved index page map (specification, section 8).
#[must_use]
pub fn page_map_bytes(geometry: &Geometry) -> u64 {
    let entries_per_chapter = u64::from(geometry.index_pages_per_chapter() - 1);
    16 + 2 * u64::from(geometry.chapters_per_volume()) * entries_per_chapter
}

/// The most bytes that a saved open chapter takes (specification, section 5.5).
#[must_use]
pub fn open_chapter_bytes(geometry: &Geometry) -> u64 {
    14 + RECORD_BYTES as u64 * u64::from(geometry.records_per_chapter())
}

#[cfg(test)]
mod tests;
