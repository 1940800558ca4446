//! What an index says of itself, read without opening it.

use uds_geometry::{Configuration, LayoutSizes, Nonce, Remapping, VirtualChapter, ZoneCount};
use uds_volume::Storage;

use crate::IndexError;
use crate::error::UncleanReason;
use crate::layout::{Expected, Layout, RegionReader};
use crate::open_chapter::read_header;
use crate::sync::Arc;

/// What the first blocks and the save slots of an index say.
#[derive(Debug)]
#[non_exhaustive]
pub struct IndexInfo {
    /// The shape of the index.
    pub configuration: Configuration,
    /// The blocks of its regions.
    pub sizes: LayoutSizes,
    /// The block where it begins.
    pub offset_blocks: u64,
    /// The version of its super block: 3, or 7 if it was converted for LVM.
    pub super_version: u32,
    /// Where the remapped chapter of a converted index is.
    pub remapping: Remapping,
    /// The nonce that its client chose.
    pub client_nonce: Nonce,
    /// The unique bytes that the other nonces come from.
    pub nonce_info: [u8; 32],
    /// The nonce that is on its index pages.
    pub volume_nonce: Nonce,
    /// What its save slots hold.
    pub save: SaveState,
    /// The save slots, 0 and 1, whose headers are damaged. The index is opened as if they were
    /// empty: if the latest save was in one of them, what it had is lost.
    pub damaged_slots: Vec<u8>,
}

/// Whether an index was saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveState {
    /// It was closed cleanly.
    Clean(SavedState),
    /// It was not closed cleanly: it was never saved, or written to after its last save.
    Unclean {
        /// The last save, if any slot holds one.
        last: Option<SavedState>,
        /// How that shows.
        reason: UncleanReason,
    },
}

/// What the latest save says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedState {
    /// When it was made, in milliseconds since 1970.
    pub saved_at_ms: u64,
    /// The zones that it was made with.
    pub zones: ZoneCount,
    /// The save slot, 0 or 1.
    pub slot: u8,
    /// The chapter that was open.
    pub newest_chapter: VirtualChapter,
    /// The oldest chapter of the window.
    pub oldest_chapter: VirtualChapter,
    /// Records in the open chapter; 0 where they were discarded since.
    pub open_chapter_records: u64,
}

impl SavedState {
    /// How many chapters are on the volume.
    #[must_use]
    pub const fn closed_chapters(&self) -> u64 {
        self.newest_chapter.get().saturating_sub(self.oldest_chapter.get())
    }
}

impl IndexInfo {
    /// Reads what the index that begins at `offset_blocks` says of itself. Writes nothing.
    ///
    /// Only the headers are read: an index that looks clean here can still be damaged inside.
    ///
    /// # Errors
    ///
    /// What keeps the index from being one: see [`IndexError::kind`].
    pub fn read(storage: Arc<dyn Storage>, offset_blocks: u64) -> Result<Self, IndexError> {
        Self::of(&Layout::load(storage, offset_blocks, &Expected::default())?)
    }

    /// What this layout says.
    pub(crate) fn of(layout: &Layout) -> Result<Self, IndexError> {
        Ok(Self {
            configuration: layout.configuration().clone(),
            sizes: *layout.sizes(),
            offset_blocks: layout.first_block(),
            super_version: layout.super_version(),
            remapping: layout.geometry().remapping(),
            client_nonce: layout.client_nonce(),
            nonce_info: layout.nonce_info(),
            volume_nonce: layout.volume_nonce(),
            save: read_save(layout)?,
            damaged_slots: layout.damaged_slots().collect(),
        })
    }
}

fn read_save(layout: &Layout) -> Result<SaveState, IndexError> {
    let Some((slot, save)) = layout.latest_save() else {
        return Ok(SaveState::Unclean { last: None, reason: UncleanReason::NoSave });
    };
    let geometry = layout.geometry();
    if let Err(error) = save.check_window(&geometry, layout.slot(slot).first_block()) {
        let reason = UncleanReason::Unusable(Box::new(error));
        return Ok(SaveState::Unclean { last: None, reason });
    }
    let mut state = SavedState {
        saved_at_ms: save.timestamp,
        zones: save.zones,
        slot: slot as u8,
        newest_chapter: save.newest,
        oldest_chapter: save.oldest,
        open_chapter_records: 0,
    };
    let region = layout.slot(slot).open_chapter(save.zones);
    match read_header(&mut RegionReader::new(&**layout.storage(), region), region.start) {
        Ok(count) => {
            state.open_chapter_records = u64::from(count);
            Ok(SaveState::Clean(state))
        }
        Err(IndexError::NotSavedCleanly { reason }) => {
            Ok(SaveState::Unclean { last: Some(state), reason })
        }
        Err(IndexError::Storage(error)) => Err(IndexError::Storage(error)),
        Err(error) => Ok(SaveState::Unclean {
            last: Some(state),
            reason: UncleanReason::Unusable(Box::new(error)),
        }),
    }
}
