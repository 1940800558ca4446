//! Inspection: what is in an index, byte by byte, for those who have to know.
//!
//! An inspector reads the storage as it is. It needs none of what a query needs, neither the volume
//! index nor a page cache, and it shows what is there also where that makes no sense.
//!
//! # Invariants
//!
//! 1. Only reads.
//! 2. Memory is bounded by a chapter for each thread, and by what the caller keeps.

mod chapter;
mod copies;
mod index_page;
mod open_chapter;
mod page_map;
mod saves;
mod slots;
mod survey;
mod window;

use uds_geometry::{Geometry, PhysicalChapter};
use uds_volume::{Storage, Volume, VolumeError, Wanted};

pub use self::chapter::{ChapterContents, ChapterRecord, Naming};
pub use self::copies::{Copies, NameCopy, Standing};
pub use self::index_page::{IndexPage, IndexPageList, PageEntries, PageEntry};
pub use self::open_chapter::OpenChapterRecords;
pub use self::page_map::{MappedPage, MappedPages, SavedPageMap};
pub use self::saves::{
    OpenChapterHeader, RegionKind, SaveRegion, SaveSlot, SaveSlotState, SavedHeader, StreamHead,
    StreamHeads, SubIndex,
};
pub use self::slots::{SlotPage, SlotState, SlotSummary, Slots, Staleness};
pub use self::survey::{ChapterSurvey, PageSurvey, Survey};
pub use self::window::{Window, WindowSource};
use crate::engine::open_volume;
use crate::layout::{Expected, Layout};
use crate::sync::Arc;
use crate::{IndexError, IndexInfo};

/// A look into an index that nobody has open.
///
/// ```
/// # use std::sync::Arc;
/// # use uds_geometry::{Configuration, LayoutSizes};
/// use uds_index::{CreateOptions, Index, Inspector};
/// # use uds_volume::MemoryStorage;
/// # let configuration = Configuration::tiny(false);
/// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
/// # let storage = Arc::new(MemoryStorage::new(bytes));
/// Index::create(storage.clone(), &configuration, &CreateOptions::default())?.close()?;
/// let inspector = Inspector::open(storage, 0)?;
/// assert_eq!(inspector.geometry(), &configuration.geometry());
/// # Ok::<(), uds_index::IndexError>(())
/// ```
#[derive(Debug)]
pub struct Inspector {
    layout: Layout,
    volume: Arc<Volume>,
}

impl Inspector {
    /// Reads the headers of the index that begins at block `offset_blocks`.
    ///
    /// # Errors
    ///
    /// What keeps the index from being one: see [`IndexError::kind`].
    pub fn open(storage: Arc<dyn Storage>, offset_blocks: u64) -> Result<Self, IndexError> {
        let layout = Layout::load(storage, offset_blocks, &Expected::default())?;
        let volume = open_volume(&layout, layout.geometry())?;
        Ok(Self { layout, volume })
    }

    /// What the index says of itself.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub fn info(&self) -> Result<IndexInfo, IndexError> {
        IndexInfo::of(&self.layout)
    }

    /// The shape of the index.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        self.volume.geometry()
    }

    fn check_slot(&self, slot: PhysicalChapter) -> Result<(), IndexError> {
        let (found, slots) = (slot.get(), self.geometry().chapters_per_volume());
        if found < slots {
            return Ok(());
        }
        let wanted = Wanted::Below(slots.into());
        let what = "the slot of a chapter";
        Err(VolumeError::Argument { what, found: found.into(), wanted }.into())
    }
}
