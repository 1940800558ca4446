//! Inspection: what is in an index, byte by byte, for those who have to know.
//!
//! An inspector reads the storage as it is. It needs none of what a query needs, neither the volume
//! index nor a page cache, and it shows what is there also where that makes no sense.
//!
//! # Invariants
//!
//! 1. Only reads.
//! 2. Memory is bounded by a chapter for each thread, and by what the caller keeps.

mod survey;

use uds_geometry::Geometry;
use uds_volume::{Storage, Volume};

pub use self::survey::{ChapterSurvey, PageSurvey, Survey};
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
}
