//! The save slots: what their headers say, where the parts of a save lie, and what the streams of
//! the latest volume index say of themselves.

use uds_geometry::{
    BLOCK_BYTES, DeltaListNumber, Nonce, SAVE_SLOTS, VirtualChapter, VolumeIndexParameters,
    ZoneCount, ZoneId,
};

use super::Inspector;
use super::window::usable_save;
use crate::IndexError;
use crate::error::UncleanReason;
use crate::layout::{BlockRange, RegionReader, Save, SlotHeader, SlotPlace};
use crate::open_chapter::read_header;
use crate::volume_index::{Saved, read_all_heads};

/// A save slot.
#[derive(Debug)]
#[non_exhaustive]
pub struct SaveSlot {
    /// Its number, 0 or 1.
    pub slot: u8,
    /// Its first block on the storage.
    pub first_block: u64,
    /// Its blocks.
    pub blocks: u64,
    /// What its header says.
    pub state: SaveSlotState,
    /// What it is divided into, in order; nothing where that is not known.
    pub regions: Vec<SaveRegion>,
    /// Whether it holds the later save of both.
    pub is_latest: bool,
}

/// What the header of a save slot says.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveSlotState {
    /// Nothing: a block of zeroes. It counts as damaged when the index is opened; no index that
    /// was created by section 10.7 of the specification has one.
    Empty,
    /// That there is no save.
    Unsaved,
    /// That there is one.
    Saved(SavedHeader),
    /// Something that it cannot say, or it cannot be read. The slot counts as if it were empty.
    Damaged(IndexError),
}

/// What the header of a save says.
#[derive(Debug)]
#[non_exhaustive]
pub struct SavedHeader {
    /// When it was made, in milliseconds since 1970.
    pub saved_at_ms: u64,
    /// The zones that it was made with.
    pub zones: ZoneCount,
    /// The chapter that was open.
    pub newest_chapter: VirtualChapter,
    /// The oldest chapter of the window.
    pub oldest_chapter: VirtualChapter,
    /// The newest chapter that was closed, as the header has it. Informational only.
    pub last_save: Option<VirtualChapter>,
    /// Its nonce.
    pub nonce: Nonce,
    /// What the header of its open chapter says.
    pub open_chapter: OpenChapterHeader,
}

/// What the header of a saved open chapter says.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenChapterHeader {
    /// How many records there are.
    Records(u32),
    /// Nothing: it was discarded before a chapter was written, so that nobody takes the save for
    /// the state of the volume.
    Discarded,
    /// Something that it cannot say, or it cannot be read.
    Damaged(IndexError),
}

/// A run of blocks in a save slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaveRegion {
    /// What it is for.
    pub kind: RegionKind,
    /// Its first block on the storage.
    pub first_block: u64,
    /// Its blocks.
    pub blocks: u64,
}

/// What a region of a save slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionKind {
    /// The slot's own header.
    Header,
    /// The index page map.
    PageMap,
    /// The volume index of a zone.
    VolumeIndex(ZoneId),
    /// The open chapter.
    OpenChapter,
    /// Nothing.
    Free,
}

/// What the streams of a saved volume index say of themselves.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamHeads {
    /// The save slot, 0 or 1.
    pub slot: u8,
    /// The heads, in the order of zones; of a sparse index two for each.
    pub heads: Vec<StreamHead>,
    /// The first zone whose stream makes no sense, and why. Nothing is known of those behind it.
    pub problem: Option<(ZoneId, IndexError)>,
}

/// What the stream of a zone says of a part of the volume index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamHead {
    /// The zone, as it was saved.
    pub zone: ZoneId,
    /// Which part of the volume index it is about.
    pub part: SubIndex,
    /// The first of its lists.
    pub first_list: DeltaListNumber,
    /// How many lists it has.
    pub list_count: u32,
    /// The oldest chapter that it knows.
    pub low: VirtualChapter,
    /// The newest, which was open.
    pub high: VirtualChapter,
    /// Its entries. Zones count from what they held when they were loaded, so that one may have
    /// less than none: only the sum over all zones means something.
    pub records: i64,
    /// The collision entries among them; counted alike.
    pub collisions: i64,
    /// Bytes of its lists.
    pub bytes: u64,
}

/// A part of a volume index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubIndex {
    /// All of it: the index is dense.
    Whole,
    /// That of the names that are no samples.
    NonHook,
    /// That of the samples.
    Hook,
}

impl Inspector {
    /// What both save slots hold.
    #[must_use]
    pub fn saves(&self) -> Vec<SaveSlot> {
        let latest = self.layout.latest_save().map(|(slot, _)| slot);
        let slot = |slot| self.save_slot(slot, latest == Some(slot));
        (0..SAVE_SLOTS as usize).map(slot).collect()
    }

    /// The slot of the save that the index would be opened with, 0 or 1; or why it would be
    /// recovered from its volume. What the save's volume index holds is not looked at.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub fn usable_save(&self) -> Result<Result<u8, UncleanReason>, IndexError> {
        let usable = usable_save(&self.layout, &self.volume)?;
        Ok(usable.map(|(slot, _)| slot as u8))
    }

    /// What the streams of the volume index in the latest save say of themselves; `None` where
    /// there is no save.
    ///
    /// # Errors
    ///
    /// Want of memory.
    pub fn stream_heads(&self) -> Result<Option<StreamHeads>, IndexError> {
        let Some((slot, save)) = self.layout.latest_save() else { return Ok(None) };
        let parameters = VolumeIndexParameters::new(self.geometry())?;
        let place = self.layout.slot(slot);
        let stream = |zone| {
            RegionReader::new(&**self.layout.storage(), place.volume_index(zone, save.zones))
        };
        let mut saved = Saved {
            streams: save.zones.zones().map(stream).collect(),
            nonce: self.layout.volume_nonce(),
            newest: save.newest,
            first_block: place.volume_index(ZoneId::ZERO, save.zones).start,
        };
        let (heads, result) = read_all_heads(&mut saved, &parameters, save.zones);
        let part_of = |is_hook| match (parameters.hook.is_some(), is_hook) {
            (false, _) => SubIndex::Whole,
            (true, false) => SubIndex::NonHook,
            (true, true) => SubIndex::Hook,
        };
        let heads = heads.iter().map(|head| StreamHead {
            zone: head.zone,
            part: part_of(head.is_hook),
            first_list: head.first_list,
            list_count: head.list_count,
            low: VirtualChapter::new(head.low),
            high: VirtualChapter::new(head.high),
            records: head.records as i64,
            collisions: head.collisions as i64,
            bytes: head.bytes,
        });
        Ok(Some(StreamHeads { slot: slot as u8, heads: heads.collect(), problem: result.err() }))
    }

    fn save_slot(&self, slot: usize, is_latest: bool) -> SaveSlot {
        let place = self.layout.slot(slot);
        let blocks = self.layout.sizes().save_blocks();
        let (state, zones) = match self.layout.read_slot_header(slot) {
            Ok(SlotHeader::Empty) => (SaveSlotState::Empty, None),
            Ok(SlotHeader::Unsaved) => (SaveSlotState::Unsaved, Some(None)),
            Ok(SlotHeader::Saved { save, nonce, last_save }) => {
                let header = SavedHeader {
                    saved_at_ms: save.timestamp,
                    zones: save.zones,
                    newest_chapter: save.newest,
                    oldest_chapter: save.oldest,
                    last_save,
                    nonce,
                    open_chapter: self.open_chapter_header(&place, &save),
                };
                (SaveSlotState::Saved(header), Some(Some(save.zones)))
            }
            Err(error) => (SaveSlotState::Damaged(error), None),
        };
        let regions = zones.map_or(Vec::new(), |zones| regions(&place, blocks, zones));
        let first_block = place.first_block();
        SaveSlot { slot: slot as u8, first_block, blocks, state, regions, is_latest }
    }

    fn open_chapter_header(&self, place: &SlotPlace, save: &Save) -> OpenChapterHeader {
        let place = place.open_chapter(save.zones);
        let mut input = RegionReader::new(&**self.layout.storage(), place);
        match read_header(&mut input, place.start) {
            Ok(records) => OpenChapterHeader::Records(records),
            Err(IndexError::NotSavedCleanly { .. }) => OpenChapterHeader::Discarded,
            Err(error) => OpenChapterHeader::Damaged(error),
        }
    }
}

impl SaveRegion {
    /// Its first byte on the storage.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.first_block * BLOCK_BYTES as u64
    }
}

/// The regions of a slot that holds a save of so many zones, or none.
fn regions(place: &SlotPlace, blocks: u64, zones: Option<ZoneCount>) -> Vec<SaveRegion> {
    let region = |kind, place: BlockRange| SaveRegion {
        kind,
        first_block: place.start,
        blocks: place.blocks,
    };
    let start = place.first_block();
    let header = SaveRegion { kind: RegionKind::Header, first_block: start, blocks: 1 };
    let mut regions = vec![header, region(RegionKind::PageMap, place.page_map())];
    if let Some(zones) = zones {
        for zone in zones.zones() {
            let kind = RegionKind::VolumeIndex(zone);
            regions.push(region(kind, place.volume_index(zone, zones)));
        }
        regions.push(region(RegionKind::OpenChapter, place.open_chapter(zones)));
    }
    let used: u64 = regions.iter().map(|region| region.blocks).sum();
    let free = blocks.saturating_sub(used);
    if free > 0 {
        regions.push(SaveRegion {
            kind: RegionKind::Free,
            first_block: start + used,
            blocks: free,
        });
    }
    regions
}
