//! The small indexes that the campaigns break: their shapes, and the names and data to fill
//! them with.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use uds_geometry::{
    BLOCK_BYTES, Configuration, CustomConfiguration, Geometry, LayoutSizes, RecordData, RecordName,
    VolumeIndexParameters, ZoneCount,
};
use uds_index::{CreateOptions, OpenMode, OpenOptions};

/// Bytes of a block of the layout.
pub const BLOCK: u64 = BLOCK_BYTES as u64;

/// How many names a world has.
pub const NAMES: u32 = 9000;

/// The shape of an index, and the names that are posted to it.
#[derive(Debug)]
pub struct World {
    /// What to call it.
    pub label: &'static str,
    /// Its configuration.
    pub configuration: Configuration,
    /// What follows from that.
    pub geometry: Geometry,
    /// The blocks of its regions.
    pub sizes: LayoutSizes,
    /// Its names, by their numbers. No two have the same place in the volume index, so that no
    /// answer depends on collisions.
    pub names: Vec<RecordName>,
}

impl World {
    /// Dense: a record page of 128 records a chapter, 8 chapters, 96 blocks in all.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn dense() -> Result<Self> {
        Self::new("dense", 4096, 1, 8, 0)
    }

    /// Sparse: 10 chapters, of which 5 are sparse. One name in 8 is a sample.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn sparse() -> Result<Self> {
        Self::new("sparse", 4096, 1, 10, 5)
    }

    /// Dense, with several index pages a chapter.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn wide() -> Result<Self> {
        Self::new("wide", 4096, 12, 3, 0)
    }

    /// Dense, with pages of 32 KiB.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn large_pages() -> Result<Self> {
        Self::new("large pages", 32768, 1, 4, 0)
    }

    fn new(
        label: &'static str,
        bytes_per_page: u32,
        record_pages_per_chapter: u32,
        chapters_per_volume: u32,
        sparse_chapters_per_volume: u32,
    ) -> Result<Self> {
        let configuration = Configuration::custom(&CustomConfiguration {
            bytes_per_page,
            record_pages_per_chapter,
            chapters_per_volume,
            sparse_chapters_per_volume,
            sample_rate: if sparse_chapters_per_volume > 0 { 8 } else { 0 },
            ..CustomConfiguration::default()
        })?;
        let geometry = configuration.geometry();
        let parameters = VolumeIndexParameters::new(&geometry)?;
        let mut places = HashSet::new();
        let names = (0_u64..)
            .map(|number| RecordName::of_block(&number.to_le_bytes()))
            .filter(|name| {
                let part = parameters.hook_of(name).unwrap_or(&parameters.non_hook);
                places.insert((parameters.hook_of(name).is_some(), part.locate(name)))
            })
            .take(NAMES as usize)
            .collect();
        let sizes = LayoutSizes::new(&geometry)?;
        Ok(Self { label, configuration, geometry, sizes, names })
    }

    /// Bytes of the index.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.sizes.total_bytes()
    }

    /// Records of a chapter.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.geometry.records_per_chapter()
    }

    /// How many chapters, the open one included, the volume index knows wholly.
    #[must_use]
    pub const fn window(&self) -> u32 {
        self.geometry.dense_chapters_per_volume()
    }

    /// Whether the index is sparse.
    #[must_use]
    pub const fn is_sparse(&self) -> bool {
        self.geometry.is_sparse()
    }

    /// The name of a number below [`NAMES`].
    ///
    /// # Panics
    ///
    /// Where the number is too large.
    #[must_use]
    pub fn name(&self, number: u32) -> RecordName {
        self.names[number as usize]
    }

    /// The first byte of a save slot.
    #[must_use]
    pub const fn slot(&self, slot: u64) -> u64 {
        (2 + self.sizes.volume_blocks + slot * self.sizes.save_blocks()) * BLOCK
    }

    /// The first byte of a slot's open chapter, of a save in a number of zones that divides the
    /// blocks of the volume index.
    #[must_use]
    pub const fn open_chapter(&self, slot: u64) -> u64 {
        let before = 1 + self.sizes.page_map_blocks + self.sizes.volume_index_blocks;
        self.slot(slot) + before * BLOCK
    }

    /// The first byte of a page of a chapter's slot.
    #[must_use]
    pub const fn page(&self, slot: u64, page: u64) -> u64 {
        let pages = 1 + slot * self.geometry.pages_per_chapter() as u64 + page;
        2 * BLOCK + pages * self.geometry.bytes_per_page() as u64
    }
}

/// The data of a name's number in some version.
#[must_use]
pub fn data(number: u32, version: u32) -> RecordData {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..8].copy_from_slice(&(!number).to_le_bytes());
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    bytes[12..].copy_from_slice(&(!version).to_le_bytes());
    RecordData::new(bytes)
}

/// The number and the version that some data are of, if they are of any.
#[must_use]
pub fn parse(stored: &RecordData) -> Option<(u32, u32)> {
    let word = |at: usize| {
        let bytes = stored.as_bytes();
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let (number, version) = (word(0), word(8));
    (word(4) == !number && word(12) == !version).then_some((number, version))
}

/// A number of zones from 1 to 16.
///
/// # Errors
///
/// For other numbers.
pub fn zones(count: u8) -> Result<ZoneCount> {
    ZoneCount::new(count).with_context(|| format!("{count} zones"))
}

/// Options to create an index whose volume depends on its requests alone.
#[must_use]
pub fn create_options(zones: ZoneCount, generation: u8) -> CreateOptions {
    CreateOptions {
        nonce_info: Some([generation + 1; 32]),
        zones,
        read_threads: 0,
        ..CreateOptions::default()
    }
}

/// Options to open an index.
#[must_use]
pub fn open_options(zones: ZoneCount, mode: OpenMode) -> OpenOptions {
    OpenOptions { zones, mode, read_threads: 0, ..OpenOptions::default() }
}
