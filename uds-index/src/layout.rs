//! The layout of an index on its storage: which blocks are what (specification, section 10).
//!
//! ```text
//! first block                                                                  last block
//! | header | config | volume ............ | save slot 0 | save slot 1 | seal |
//! ```
//!
//! # Invariants
//!
//! 1. The super block (in *header*) is the last thing written when an index is created and the
//!    first thing destroyed when another takes its place, so a power cut leaves an index or none.
//! 2. A save slot's header says *saved* only while all its parts are durable. It is overwritten
//!    as *unsaved* before the first part changes.
//! 3. Saves are ordered by timestamps that always grow: max(now, latest + 1).
//! 4. Every read and write lies within the index's own blocks.

mod config_block;
mod region_io;
mod region_table;
mod save_slot;
mod super_block;

use crate::sync::Arc;

use uds_geometry::{
    BLOCK_BYTES, Configuration, Geometry, LayoutSizes, Nonce, Remapping, VirtualChapter, ZoneCount,
};
use uds_volume::Storage;

use self::config_block::ConfigBlock;
use self::region_table::{Block, RegionTable};
use self::super_block::SuperBlock;

pub(crate) use self::region_io::{RegionReader, RegionWriter};
pub(crate) use self::save_slot::{BlockRange, Save, SlotHeader, SlotPlace};
pub(crate) use self::super_block::resembles_super_block;

use crate::error::Reading;
use crate::nonce::{fresh_nonce_info, volume_nonce};
use crate::{CreateOptions, IndexError};

const BLOCK: usize = BLOCK_BYTES as usize;
/// What a storage writes wholly or not at all.
const SECTOR: usize = 512;

/// The latest time that a clock is believed to show, in milliseconds: in the year 292 million.
const LATEST_CLOCK: u64 = u64::MAX >> 1;

/// The layout of one index: where its regions are, and what its save slots hold.
#[derive(Debug)]
pub(crate) struct Layout {
    storage: Arc<dyn Storage>,
    first_block: u64,
    sizes: LayoutSizes,
    super_block: SuperBlock,
    config: ConfigBlock,
    volume_nonce: Nonce,
    saves: [Option<Save>; 2],
    /// Which slots have a header that makes no sense.
    damaged_slots: [bool; 2],
}

/// A saved open chapter that must be discarded before a chapter is written.
#[derive(Clone, Debug)]
pub(crate) struct DiscardPlace {
    storage: Arc<dyn Storage>,
    start: u64,
}

impl DiscardPlace {
    /// Destroys the saved open chapter, durably, so that its save can no longer be taken for the
    /// state of the volume.
    ///
    /// Its first sector, which tells that it is one, goes alone: a power cut within the write of
    /// the whole block could spare it and take the records behind it, and nobody would notice.
    pub(crate) fn discard(&self) -> Result<(), IndexError> {
        let start = self.start * u64::from(BLOCK_BYTES);
        self.storage.write_at(start, &[0; SECTOR])?;
        self.storage.sync()?;
        // The format has a block of zeroes here. It need not be durable.
        Ok(self.storage.write_at(start, &[0; BLOCK])?)
    }
}

/// A header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    SuperBlock,
    Configuration,
    Slot(usize),
}

/// A byte that nothing reads, and that somebody has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Oddity {
    /// Where it is on the storage.
    pub(crate) offset: u64,
    pub(crate) found: u8,
    pub(crate) wanted: u8,
}

/// What a caller expects of an index that it opens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) configuration: Option<Configuration>,
    pub(crate) nonce: Option<Nonce>,
}

impl Layout {
    /// The layout of a new index. Nothing is written before [`format`](Self::format).
    ///
    /// # Errors
    ///
    /// [`IndexError::TooSmall`], and [`IndexError::Geometry`] for an impossible configuration.
    pub(crate) fn plan(
        storage: Arc<dyn Storage>,
        configuration: &Configuration,
        options: &CreateOptions,
    ) -> Result<Self, IndexError> {
        let first_block = options.offset_blocks;
        let sizes = LayoutSizes::new(&configuration.geometry())?;
        let needed = end_byte(first_block, &sizes);
        // A device's last part of a block is of no use.
        let available = storage.len() / u64::from(BLOCK_BYTES) * u64::from(BLOCK_BYTES);
        if needed.is_none_or(|needed| needed > available) {
            let needed = needed.unwrap_or(u64::MAX);
            return Err(IndexError::TooSmall { needed, available });
        }
        let fresh = || fresh_nonce_info(storage.now().as_nanos() as u64);
        let super_block = SuperBlock::new(options.nonce_info.unwrap_or_else(fresh));
        let config = ConfigBlock {
            configuration: configuration.clone(),
            nonce: options.nonce,
            remapping: None,
        };
        Ok(Self::new(storage, first_block, sizes, super_block, config))
    }

    /// A layout whose save slots are empty.
    fn new(
        storage: Arc<dyn Storage>,
        first_block: u64,
        sizes: LayoutSizes,
        super_block: SuperBlock,
        config: ConfigBlock,
    ) -> Self {
        let first_number = super_block.conversion().number_of_first(first_block);
        let volume_nonce = volume_nonce(super_block.nonce, first_number + 2);
        let (saves, damaged_slots) = ([None; 2], [false; 2]);
        Self {
            storage,
            first_block,
            sizes,
            super_block,
            config,
            volume_nonce,
            saves,
            damaged_slots,
        }
    }

    /// Writes a planned index over whatever the storage holds, and makes it durable
    /// (invariant 1).
    pub(crate) fn format(&self) -> Result<(), IndexError> {
        self.write_block(self.first_block, &[0; BLOCK])?;
        self.storage.sync()?;
        for slot in 0..self.saves.len() {
            let place = self.slot(slot);
            self.write_block(place.start, &place.unsaved_table().encode())?;
        }
        self.write_block(self.first_block + 1, &self.config.encode())?;
        self.storage.sync()?;
        let table = self.super_block.table(self.first_block, &self.sizes);
        self.write_block(self.first_block, &table.encode())?;
        Ok(self.storage.sync()?)
    }

    /// Reads the layout of the index at `first_block`. Changes nothing.
    pub(crate) fn load(
        storage: Arc<dyn Storage>,
        first_block: u64,
        expected: &Expected,
    ) -> Result<Self, IndexError> {
        let mut layout = Self::load_head(storage, first_block, expected)?;
        for slot in 0..layout.saves.len() {
            match layout.read_save(slot) {
                // Only a storage that cannot be read is an error.
                Err(error @ IndexError::Storage(_)) => return Err(error),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(slot, error, "the header of a save slot is damaged");
                    layout.damaged_slots[slot] = true;
                }
                Ok(()) => {}
            }
        }
        Ok(layout)
    }

    /// Reads the layout without what the save slots hold: as if they were empty.
    pub(crate) fn load_head(
        storage: Arc<dyn Storage>,
        first_block: u64,
        expected: &Expected,
    ) -> Result<Self, IndexError> {
        let available = storage.len();
        let truncated = |wanted: Option<u64>| IndexError::Truncated {
            wanted: wanted.unwrap_or(u64::MAX),
            found: available,
        };
        check_magic(&*storage, first_block)?;
        let check_length = |wanted: Option<u64>| {
            let is_there = wanted.is_some_and(|wanted| wanted <= available);
            if is_there { Ok(()) } else { Err(truncated(wanted)) }
        };
        check_length(first_block.checked_add(1).and_then(byte_of))?;
        let table = RegionTable::decode(&read_block(&*storage, first_block)?, first_block)?;
        let super_block = SuperBlock::from_table(&table, first_block)?;
        check_length(first_block.checked_add(2).and_then(byte_of))?;
        let config_place = first_block + 1;
        let block = read_block(&*storage, config_place)?;
        let is_converted = super_block.conversion.is_some();
        let config = ConfigBlock::decode(&block, config_place, is_converted)?;
        config.check_expected(expected.configuration.as_ref(), expected.nonce)?;
        let sizes = LayoutSizes::new(&config.configuration.geometry())?;
        super_block::check_regions(&table, first_block, &sizes, super_block.conversion())?;
        check_length(end_byte(first_block, &sizes))?;
        Ok(Self::new(storage, first_block, sizes, super_block, config))
    }

    /// Reads the header of a slot: what it says is in the layout then. Where it makes no sense, or
    /// cannot be read, the slot counts as empty.
    pub(crate) fn read_save(&mut self, slot: usize) -> Result<(), IndexError> {
        let place = self.slot(slot);
        let block = read_block(&*self.storage, place.start)?;
        let table = decode_slot_table(&block, place.start)?;
        self.saves[slot] = place.read_table(&table, self.volume_nonce)?;
        Ok(())
    }

    /// What the header of a slot says now, whatever the layout has of it.
    pub(crate) fn read_slot_header(&self, slot: usize) -> Result<SlotHeader, IndexError> {
        let place = self.slot(slot);
        let block = read_block(&*self.storage, place.start)?;
        if block == [0; BLOCK] {
            return Ok(SlotHeader::Empty);
        }
        place.read_header(&decode_slot_table(&block, place.start)?, self.volume_nonce)
    }

    /// Checks that another layout is of the same index.
    pub(crate) fn check_same_index(&self, other: &Self) -> Result<(), IndexError> {
        other.config.check_expected(Some(self.configuration()), Some(self.client_nonce()))?;
        if other.volume_nonce != self.volume_nonce || other.geometry() != self.geometry() {
            let (found, wanted) = (other.volume_nonce, self.volume_nonce);
            return Err(IndexError::OtherIndex { found, wanted });
        }
        Ok(())
    }

    /// Takes over what the save slots hold on another storage.
    pub(crate) fn take_saves_of(&mut self, other: &Self) {
        (self.saves, self.damaged_slots) = (other.saves, other.damaged_slots);
    }

    /// The block where the index begins.
    pub(crate) fn first_block(&self) -> u64 {
        self.first_block
    }

    /// The first byte of a header block that nothing reads, and that is not as this library writes
    /// it.
    pub(crate) fn first_oddity(&self, header: Header) -> Result<Option<Oddity>, IndexError> {
        let (place, wanted) = match header {
            Header::SuperBlock => {
                let table = self.super_block.table(self.first_block, &self.sizes);
                (self.first_block, table.encode())
            }
            Header::Configuration => (self.first_block + 1, self.config.encode()),
            Header::Slot(slot) => {
                let place = self.slot(slot);
                let table = match &self.saves[slot] {
                    Some(save) => place.saved_table(save, self.volume_nonce),
                    None => place.unsaved_table(),
                };
                (place.start, table.encode())
            }
        };
        let found = read_block(&*self.storage, place)?;
        let differs = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
        Ok(differs.map(|at| Oddity {
            offset: place * u64::from(BLOCK_BYTES) + at as u64,
            found: found[at],
            wanted: wanted[at],
        }))
    }

    /// The slots whose headers make no sense, as a save that was cut off can leave them.
    pub(crate) fn damaged_slots(&self) -> impl Iterator<Item = u8> + '_ {
        (0..).zip(self.damaged_slots).filter_map(|(slot, damaged)| damaged.then_some(slot))
    }

    /// The storage that the index is on.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        &self.config.configuration
    }

    /// The geometry of the index, with the remapped chapter of a converted one.
    pub(crate) fn geometry(&self) -> Geometry {
        let remapping = self.config.remapping.unwrap_or(Remapping::NONE);
        Geometry::new(&self.config.configuration, remapping)
    }

    /// The version of its super block.
    pub(crate) fn super_version(&self) -> u32 {
        self.super_block.version()
    }

    pub(crate) fn sizes(&self) -> &LayoutSizes {
        &self.sizes
    }

    pub(crate) fn client_nonce(&self) -> Nonce {
        self.config.nonce
    }

    pub(crate) fn nonce_info(&self) -> [u8; 32] {
        self.super_block.nonce_info
    }

    pub(crate) fn volume_nonce(&self) -> Nonce {
        self.volume_nonce
    }

    /// The byte of the storage where the volume region begins.
    pub(crate) fn volume_start_byte(&self) -> u64 {
        (self.first_block + 2) * u64::from(BLOCK_BYTES)
    }

    /// Where the parts of a slot are.
    pub(crate) fn slot(&self, slot: usize) -> SlotPlace {
        let first = self.first_block + 2 + self.sizes.volume_blocks;
        let start = first + slot as u64 * self.sizes.save_blocks();
        let number = self.super_block.conversion().number_in_slot(start);
        SlotPlace { start, number, sizes: self.sizes }
    }

    /// The latest save, and its slot. Of two with equal timestamps, the first.
    pub(crate) fn latest_save(&self) -> Option<(usize, Save)> {
        match self.saves {
            [Some(first), Some(second)] if second.timestamp > first.timestamp => Some((1, second)),
            [Some(first), _] => Some((0, first)),
            [None, Some(second)] => Some((1, second)),
            [None, None] => None,
        }
    }

    /// Begins a save: takes the slot of the older save and marks it unsaved, durably.
    ///
    /// The slot counts as empty from here until [`commit_save`](Self::commit_save) succeeds.
    pub(crate) fn begin_save(&mut self) -> Result<usize, IndexError> {
        let validity = self.saves.map(|save| save.map_or(0, |save| save.timestamp));
        let slot = usize::from(validity[1] < validity[0]);
        self.saves[slot] = None;
        let place = self.slot(slot);
        self.write_block(place.start, &place.unsaved_table().encode())?;
        self.storage.sync()?;
        Ok(slot)
    }

    /// Ends a save whose parts are all durable: marks the slot saved, durably.
    pub(crate) fn commit_save(
        &mut self,
        slot: usize,
        zones: ZoneCount,
        newest: VirtualChapter,
        oldest: VirtualChapter,
    ) -> Result<(), IndexError> {
        let now = u64::try_from(self.storage.now().as_millis()).unwrap_or(u64::MAX);
        // A clock that stands still or runs backwards must not make the older save win; one that
        // is beyond all reason must leave room for the saves after this one.
        let after_latest =
            self.latest_save().map_or(1, |(_, save)| save.timestamp.saturating_add(1));
        let save =
            Save { timestamp: now.min(LATEST_CLOCK).max(after_latest), zones, newest, oldest };
        let place = self.slot(slot);
        let table = place.saved_table(&save, self.volume_nonce);
        self.write_block(place.start, &table.encode())?;
        self.storage.sync()?;
        self.saves[slot] = Some(save);
        Ok(())
    }

    /// The saved open chapter of the latest save.
    pub(crate) fn discard_place(&self) -> Option<DiscardPlace> {
        let (slot, save) = self.latest_save()?;
        let start = self.slot(slot).open_chapter(save.zones).start;
        Some(DiscardPlace { storage: Arc::clone(&self.storage), start })
    }

    fn write_block(&self, block: u64, bytes: &Block) -> Result<(), IndexError> {
        Ok(self.storage.write_at(block * u64::from(BLOCK_BYTES), bytes)?)
    }
}

/// Checks that an index begins at `first_block`, however little of it there is: a short text is not
/// a truncated index.
fn check_magic(storage: &dyn Storage, first_block: u64) -> Result<(), IndexError> {
    let mut magic = [0; size_of::<u64>()];
    let start = byte_of(first_block);
    let end = start.and_then(|start| start.checked_add(magic.len() as u64));
    let (Some(start), true) = (start, end.is_some_and(|end| end <= storage.len())) else {
        return Err(IndexError::NothingThere { block: first_block, bytes: storage.len() });
    };
    storage.read_at(start, &mut magic)?;
    let found = u64::from_le_bytes(magic);
    if found == region_table::MAGIC {
        Ok(())
    } else {
        Err(IndexError::NotAnIndex { block: first_block, found })
    }
}

/// Reads the table of a save slot. Whatever is there instead, nobody looked for an index.
fn decode_slot_table(block: &Block, start: u64) -> Result<RegionTable, IndexError> {
    RegionTable::decode(block, start).map_err(|error| match error {
        IndexError::NotAnIndex { found, .. } => {
            let reading = Reading { structure: "save slot", block: start };
            reading.corrupt("magic", found, region_table::MAGIC)
        }
        error => error,
    })
}

fn read_block(storage: &dyn Storage, block: u64) -> Result<Block, IndexError> {
    let mut bytes = [0; BLOCK];
    storage.read_at(block * u64::from(BLOCK_BYTES), &mut bytes)?;
    Ok(bytes)
}

fn byte_of(block: u64) -> Option<u64> {
    block.checked_mul(u64::from(BLOCK_BYTES))
}

/// The byte behind an index at `first_block`, or `None` where 64 bits cannot hold it.
fn end_byte(first_block: u64, sizes: &LayoutSizes) -> Option<u64> {
    first_block.checked_add(sizes.total_blocks()).and_then(byte_of)
}
