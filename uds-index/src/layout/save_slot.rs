//! The header of a save slot: which regions it has, and the state that it saves
//! (specification, section 10.7).

use uds_geometry::{Geometry, LayoutSizes, MAX_ZONES, Nonce, VirtualChapter, ZoneCount, ZoneId};
use zerocopy::little_endian::{I32, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::region_table::{Region, RegionTable, SOLE_INSTANCE, TableType, kind};
use super::super_block::check_same_regions;
use crate::IndexError;
use crate::error::Reading;
use crate::nonce::save_nonce;

const SAVE_VERSION: u32 = 1;
const STATE_SIGNATURE: i32 = -1;
const STATE_VERSION: i32 = 301;
/// On storage, a `last_save` that says "nothing saved".
const NO_LAST_SAVE: u64 = u64::MAX;
const UNSAVED_PAYLOAD_BYTES: usize = 24;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawSave {
    timestamp: U64,
    nonce: U64,
    version: U32,
    zero: U32,
    state_signature: I32,
    state_version: I32,
    newest_chapter: U64,
    oldest_chapter: U64,
    last_save: U64,
    zero_at_end: U64,
}

const _: () = assert!(size_of::<RawSave>() == 64);

/// A save that a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Save {
    /// When it was made, in milliseconds since 1970; also what orders the saves.
    pub(crate) timestamp: u64,
    /// How many zones' volume indexes it holds.
    pub(crate) zones: ZoneCount,
    /// The chapter that was open.
    pub(crate) newest: VirtualChapter,
    /// The oldest chapter of the window.
    pub(crate) oldest: VirtualChapter,
}

/// What the header of a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotHeader {
    /// Nothing: it is a block of zeroes.
    Empty,
    /// That the slot holds no save.
    Unsaved,
    /// What save it holds.
    Saved { save: Save, nonce: Nonce, last_save: Option<VirtualChapter> },
}

/// The largest chapter number that a save may have: chapters can be added to it for longer than any
/// device lasts, before 64 bits overflow.
pub(super) const MAX_CHAPTER: u64 = u64::MAX - (1 << 40);

impl Save {
    /// Checks that the chapter numbers make a window. `block` is where the save's slot begins.
    pub(crate) fn check_window(&self, geometry: &Geometry, block: u64) -> Result<(), IndexError> {
        let (newest, oldest) = (self.newest.get(), self.oldest.get());
        let reading = Reading { structure: "saved state", block };
        let corrupt = |field, found, expected| Err(reading.corrupt(field, found, expected));
        if newest > MAX_CHAPTER {
            return corrupt("newest chapter", newest, MAX_CHAPTER);
        }
        if oldest > newest {
            return corrupt("oldest chapter", oldest, newest);
        }
        let chapters = u64::from(geometry.chapters_per_volume());
        if newest - oldest > chapters {
            return corrupt("number of chapters", newest - oldest, chapters);
        }
        Ok(())
    }
}

/// A part of a save, as a run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRange {
    pub(crate) start: u64,
    pub(crate) blocks: u64,
}

/// Where the parts of a slot lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotPlace {
    pub(super) start: u64,
    /// The number that the slot's own table and nonce have for its first block: another one than
    /// `start` in a converted index.
    pub(super) number: u64,
    pub(super) sizes: LayoutSizes,
}

impl SlotPlace {
    /// The slot's header block.
    pub(crate) fn first_block(&self) -> u64 {
        self.start
    }

    /// The index page map. Its place does not depend on the number of zones.
    pub(crate) fn page_map(&self) -> BlockRange {
        BlockRange { start: self.start + 1, blocks: self.sizes.page_map_blocks }
    }

    /// The volume index of a zone, in a save of `zones` zones.
    pub(crate) fn volume_index(&self, zone: ZoneId, zones: ZoneCount) -> BlockRange {
        let blocks = self.sizes.volume_index_blocks / u64::from(zones.get());
        let first = self.start + 1 + self.sizes.page_map_blocks;
        BlockRange { start: first + u64::from(zone.get()) * blocks, blocks }
    }

    /// The open chapter, in a save of `zones` zones.
    pub(crate) fn open_chapter(&self, zones: ZoneCount) -> BlockRange {
        let zone_blocks = self.sizes.volume_index_blocks / u64::from(zones.get());
        let first = self.start + 1 + self.sizes.page_map_blocks;
        BlockRange {
            start: first + u64::from(zones.get()) * zone_blocks,
            blocks: self.sizes.open_chapter_blocks,
        }
    }

    /// The slot as its table has it.
    fn numbered(&self) -> Self {
        Self { start: self.number, ..*self }
    }

    /// The table of a slot that holds no save.
    pub(super) fn unsaved_table(&self) -> RegionTable {
        let mut regions = self.numbered().first_regions();
        let used = 1 + self.sizes.page_map_blocks;
        regions.push(Region {
            start: self.number + used,
            blocks: self.sizes.save_blocks() - used,
            kind: kind::FREE_SPACE,
            instance: SOLE_INSTANCE,
        });
        RegionTable {
            table_type: TableType::Unsaved,
            covered_blocks: self.sizes.save_blocks(),
            regions,
            payload: vec![0; UNSAVED_PAYLOAD_BYTES],
        }
    }

    /// The table of a slot that holds `save`.
    pub(super) fn saved_table(&self, save: &Save, volume_nonce: Nonce) -> RegionTable {
        let nonce = save_nonce(volume_nonce, save.timestamp, SAVE_VERSION, self.number);
        let payload = RawSave {
            timestamp: save.timestamp.into(),
            nonce: nonce.get().into(),
            version: SAVE_VERSION.into(),
            zero: 0.into(),
            state_signature: STATE_SIGNATURE.into(),
            state_version: STATE_VERSION.into(),
            newest_chapter: save.newest.get().into(),
            oldest_chapter: save.oldest.get().into(),
            last_save: save.newest.previous().map_or(NO_LAST_SAVE, VirtualChapter::get).into(),
            zero_at_end: 0.into(),
        };
        RegionTable {
            table_type: TableType::Save,
            covered_blocks: self.sizes.save_blocks(),
            regions: self.numbered().saved_regions(save.zones),
            payload: payload.as_bytes().to_vec(),
        }
    }

    fn first_regions(&self) -> Vec<Region> {
        let page_map = self.page_map();
        vec![
            Region { start: self.start, blocks: 1, kind: kind::HEADER, instance: SOLE_INSTANCE },
            region(page_map, kind::PAGE_MAP, SOLE_INSTANCE),
        ]
    }

    fn saved_regions(&self, zones: ZoneCount) -> Vec<Region> {
        let mut regions = self.first_regions();
        for zone in zones.zones() {
            let place = self.volume_index(zone, zones);
            regions.push(region(place, kind::VOLUME_INDEX, u16::from(zone.get())));
        }
        let open_chapter = self.open_chapter(zones);
        regions.push(region(open_chapter, kind::OPEN_CHAPTER, SOLE_INSTANCE));
        let free = BlockRange {
            start: open_chapter.start + open_chapter.blocks,
            blocks: self.sizes.volume_index_blocks % u64::from(zones.get()),
        };
        if free.blocks > 0 {
            regions.push(region(free, kind::FREE_SPACE, SOLE_INSTANCE));
        }
        regions
    }

    /// Reads the table of this slot, with what nobody needs who opens the index.
    ///
    /// # Errors
    ///
    /// As for [`read_table`](Self::read_table).
    pub(super) fn read_header(
        &self,
        table: &RegionTable,
        volume_nonce: Nonce,
    ) -> Result<SlotHeader, IndexError> {
        let save = self.read_table(table, volume_nonce)?;
        let payload = RawSave::read_from_bytes(&table.payload);
        let (Some(save), Ok(payload)) = (save, payload) else { return Ok(SlotHeader::Unsaved) };
        let last_save = payload.last_save.get();
        Ok(SlotHeader::Saved {
            save,
            nonce: Nonce::new(payload.nonce.get()),
            last_save: (last_save != NO_LAST_SAVE).then_some(VirtualChapter::new(last_save)),
        })
    }

    /// Reads the table of this slot: the save that it holds, or `None` where it holds none.
    ///
    /// # Errors
    ///
    /// [`IndexError::Corrupt`] or [`IndexError::UnsupportedVersion`] where the header is not one
    /// that a completed save leaves. A caller treats such a slot as empty.
    pub(super) fn read_table(
        &self,
        table: &RegionTable,
        volume_nonce: Nonce,
    ) -> Result<Option<Save>, IndexError> {
        let reading = Reading { structure: "save slot", block: self.start };
        reading.check("block count", table.covered_blocks, self.sizes.save_blocks())?;
        match table.table_type {
            TableType::Unsaved => return Ok(None),
            TableType::Save => {}
            TableType::Super => {
                return Err(reading.corrupt(
                    "type",
                    TableType::Super as u64,
                    TableType::Save as u64,
                ));
            }
        }
        let payload_bytes = table.payload.len();
        let payload = RawSave::read_from_bytes(&table.payload)
            .map_err(|_| reading.corrupt("payload length", payload_bytes as u64, 64))?;
        let unsupported = |structure, found, supported| {
            Err(IndexError::UnsupportedVersion { structure, found, supported })
        };
        if payload.version.get() > SAVE_VERSION {
            return unsupported("save slot", u64::from(payload.version.get()), "1");
        }
        let state = (payload.state_signature.get(), payload.state_version.get());
        if state != (STATE_SIGNATURE, STATE_VERSION) {
            return unsupported("saved state", u64::from(state.1 as u32), "301");
        }
        let zones = zone_count(table, reading)?;
        check_same_regions(&table.regions, &self.numbered().saved_regions(zones), reading)?;
        let timestamp = payload.timestamp.get();
        let version = payload.version.get();
        let nonce = save_nonce(volume_nonce, timestamp, version, self.number);
        reading.check("nonce", payload.nonce.get(), nonce.get())?;
        if timestamp == 0 {
            return Err(reading.corrupt("timestamp", 0, 1));
        }
        let newest = VirtualChapter::new(payload.newest_chapter.get());
        let oldest = VirtualChapter::new(payload.oldest_chapter.get());
        Ok(Some(Save { timestamp, zones, newest, oldest }))
    }
}

/// How many zones a saved table has regions for.
fn zone_count(table: &RegionTable, reading: Reading) -> Result<ZoneCount, IndexError> {
    let regions = table.regions.iter();
    let count = regions.filter(|region| region.kind == kind::VOLUME_INDEX).count();
    let zones = u8::try_from(count).ok().and_then(ZoneCount::new);
    zones.ok_or_else(|| reading.corrupt("number of zones", count as u64, MAX_ZONES.into()))
}

fn region(place: BlockRange, kind: u16, instance: u16) -> Region {
    Region { start: place.start, blocks: place.blocks, kind, instance }
}

#[cfg(test)]
mod tests {
    use uds_geometry::{Configuration, MemorySize};

    use super::*;

    const VOLUME_NONCE: Nonce = Nonce::new(0x8c3c_b5bf_ecce_0f00);

    fn place() -> SlotPlace {
        let geometry = Configuration::dense(MemorySize::MB_256).geometry();
        let (start, sizes) = (573_450, LayoutSizes::new(&geometry).unwrap());
        SlotPlace { start, number: start, sizes }
    }

    fn save(zones: u8) -> Save {
        Save {
            timestamp: 1_700_000_000_000,
            zones: ZoneCount::new(zones).unwrap(),
            newest: VirtualChapter::new(7),
            oldest: VirtualChapter::ZERO,
        }
    }

    // Guards where each zone's part of a save begins (table 14.7).
    #[test]
    fn region_tables_by_zone_count() {
        let table: [(u8, u64, u64, u64); 5] = [
            (1, 52321, 625_775, 0),
            (2, 26160, 625_774, 1),
            (3, 17440, 625_774, 1),
            (4, 13080, 625_774, 1),
            (16, 3270, 625_774, 1),
        ];
        for (zones, blocks, open_chapter, free) in table {
            let regions = place().saved_regions(ZoneCount::new(zones).unwrap());
            let (header, page_map) = (regions[0], regions[1]);
            assert_eq!((header.start, header.blocks), (573_450, 1));
            assert_eq!((page_map.start, page_map.blocks), (573_451, 3));
            for zone in 0..zones {
                let region = regions[2 + usize::from(zone)];
                let start = 573_454 + u64::from(zone) * blocks;
                assert_eq!((region.start, region.blocks), (start, blocks));
                assert_eq!((region.kind, region.instance), (302, u16::from(zone)));
            }
            let last = regions[2 + usize::from(zones)];
            assert_eq!((last.start, last.blocks, last.kind), (open_chapter, 513, 303));
            let rest: Vec<_> = regions[3 + usize::from(zones)..].to_vec();
            assert_eq!(rest.iter().map(|region| region.blocks).sum::<u64>(), free);
            assert!(rest.iter().all(|region| region.start == 626_287));
        }
    }

    // Guards the payload's bytes and the save nonce (example 14.5).
    #[test]
    fn bytes_on_disk() {
        let block = place().saved_table(&save(1), VOLUME_NONCE).encode();
        let payload = &block[24 + 4 * 24..];
        assert_eq!(payload[..8], 1_700_000_000_000_u64.to_le_bytes());
        assert_eq!(payload[8..16], 0xd843_2b71_ce8d_45cc_u64.to_le_bytes());
        assert_eq!(payload[16..24], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(payload[24..32], [255, 255, 255, 255, 45, 1, 0, 0]);
        assert_eq!(payload[32..40], 7_u64.to_le_bytes());
        assert_eq!(payload[40..48], 0_u64.to_le_bytes());
        assert_eq!(payload[48..56], 6_u64.to_le_bytes());
        assert!(payload[56..].iter().all(|&byte| byte == 0));
        let nothing_closed = Save { newest: VirtualChapter::ZERO, ..save(1) };
        let block = place().saved_table(&nothing_closed, VOLUME_NONCE).encode();
        assert_eq!(block[24 + 4 * 24 + 48..][..8], u64::MAX.to_le_bytes());
    }

    // Guards the way back, for every number of zones.
    #[test]
    fn a_slot_survives_its_bytes() {
        for zones in 1..=16 {
            let block = place().saved_table(&save(zones), VOLUME_NONCE).encode();
            let table = RegionTable::decode(&block, 573_450).unwrap();
            assert_eq!(place().read_table(&table, VOLUME_NONCE).unwrap(), Some(save(zones)));
        }
        let block = place().unsaved_table().encode();
        let table = RegionTable::decode(&block, 573_450).unwrap();
        assert_eq!(table.payload, [0; 24]);
        assert_eq!(table.regions.len(), 3);
        assert_eq!(place().read_table(&table, VOLUME_NONCE).unwrap(), None);
    }

    // Guards each check of a slot's header: every one is fed the wrong thing.
    #[test]
    fn every_check_refuses() {
        let payload = 24 + 4 * 24;
        let wrong = [
            (8, "block count"),
            (22, "payload length"),
            (24, "region start"),
            (24 * 4 + 8, "region length"),
            (24 * 3 + 20, "number of zones"),
            (24 * 3 + 22, "region instance"),
            (24 * 2 + 20, "region kind"),
            (payload, "nonce"),
            (payload + 8, "nonce"),
        ];
        for (at, expected) in wrong {
            let mut block = place().saved_table(&save(1), VOLUME_NONCE).encode();
            block[at] ^= 1;
            let table = RegionTable::decode(&block, 573_450).unwrap();
            match place().read_table(&table, VOLUME_NONCE) {
                Err(IndexError::Corrupt { field, .. }) => assert_eq!(field, expected, "byte {at}"),
                other => panic!("byte {at}: {other:?}"),
            }
        }
        for at in [16, 24, 28] {
            let mut block = place().saved_table(&save(1), VOLUME_NONCE).encode();
            block[payload + at] ^= 2;
            let table = RegionTable::decode(&block, 573_450).unwrap();
            let error = place().read_table(&table, VOLUME_NONCE).unwrap_err();
            assert!(matches!(error, IndexError::UnsupportedVersion { .. }), "byte {at}: {error}");
        }
        let block = place().saved_table(&save(1), VOLUME_NONCE).encode();
        let table = RegionTable::decode(&block, 573_450).unwrap();
        let elsewhere = SlotPlace { number: 626_288, ..place() };
        assert!(elsewhere.read_table(&table, VOLUME_NONCE).is_err(), "a slot moved by a block");
        assert!(place().read_table(&table, Nonce::new(1)).is_err(), "another index's slot");
    }
}
