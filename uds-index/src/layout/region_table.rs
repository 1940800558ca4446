//! The region table: the block that lists the regions of an index or of a save slot
//! (specification, section 10.2).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | magic |
//! | 8..16 | blocks covered |
//! | 16..18 | table type |
//! | 18..20 | version, 1 |
//! | 20..22 | region count |
//! | 22..24 | payload length |
//! | 24 + 24i | region i: start u64, blocks u64, zero u32, kind u16, instance u16 |
//!
//! The payload follows the last region; zeroes fill the block.

use uds_geometry::BLOCK_BYTES;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::IndexError;
use crate::error::Reading;

/// On disk the bytes read `10ngRblA`.
pub(super) const MAGIC: u64 = 0x416c_6252_676e_3031;
const VERSION: u16 = 1;
const BLOCK: usize = BLOCK_BYTES as usize;

/// One block of the layout.
pub(super) type Block = [u8; BLOCK];

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: U64,
    covered_blocks: U64,
    table_type: U16,
    version: U16,
    region_count: U16,
    payload_bytes: U16,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawRegion {
    start: U64,
    blocks: U64,
    zero: U32,
    kind: U16,
    instance: U16,
}

const _: () = assert!(size_of::<RawHeader>() == 24);
const _: () = assert!(size_of::<RawRegion>() == 24);

/// What a region table describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum TableType {
    /// A whole index.
    Super = 1,
    /// A save slot that holds a save.
    Save = 2,
    /// A save slot that holds none.
    Unsaved = 4,
}

impl TableType {
    fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Super),
            2 => Some(Self::Save),
            4 => Some(Self::Unsaved),
            _ => None,
        }
    }
}

/// The kinds of regions, by their numbers on disk.
pub(super) mod kind {
    pub(in crate::layout) const FREE_SPACE: u16 = 0;
    pub(in crate::layout) const HEADER: u16 = 1;
    pub(in crate::layout) const CONFIG: u16 = 100;
    pub(in crate::layout) const INDEX: u16 = 101;
    pub(in crate::layout) const SEAL: u16 = 102;
    pub(in crate::layout) const VOLUME: u16 = 201;
    pub(in crate::layout) const SAVE: u16 = 202;
    pub(in crate::layout) const PAGE_MAP: u16 = 301;
    pub(in crate::layout) const VOLUME_INDEX: u16 = 302;
    pub(in crate::layout) const OPEN_CHAPTER: u16 = 303;
}

/// The instance number of a region that there is only one of.
pub(super) const SOLE_INSTANCE: u16 = 65535;

/// A run of blocks with one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) blocks: u64,
    pub(super) kind: u16,
    pub(super) instance: u16,
}

/// A region table, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegionTable {
    pub(super) table_type: TableType,
    pub(super) covered_blocks: u64,
    pub(super) regions: Vec<Region>,
    pub(super) payload: Vec<u8>,
}

impl RegionTable {
    /// The block that holds this table.
    ///
    /// # Panics
    ///
    /// When the table exceeds a block. No index has that many zones.
    pub(super) fn encode(&self) -> Block {
        let mut block = [0; BLOCK];
        let header = RawHeader {
            magic: MAGIC.into(),
            covered_blocks: self.covered_blocks.into(),
            table_type: (self.table_type as u16).into(),
            version: VERSION.into(),
            region_count: (self.regions.len() as u16).into(),
            payload_bytes: (self.payload.len() as u16).into(),
        };
        let mut rest = put(&mut block, header.as_bytes());
        for region in &self.regions {
            let raw = RawRegion {
                start: region.start.into(),
                blocks: region.blocks.into(),
                zero: 0.into(),
                kind: region.kind.into(),
                instance: region.instance.into(),
            };
            rest = put(rest, raw.as_bytes());
        }
        put(rest, &self.payload);
        block
    }

    /// Reads the table in `block`, which lies at block number `place` of the storage.
    ///
    /// # Errors
    ///
    /// [`IndexError::NotAnIndex`] where the magic is missing, [`IndexError::UnsupportedVersion`]
    /// where the version is not 1, [`IndexError::Corrupt`] where the table exceeds its block or
    /// has an unknown type.
    pub(super) fn decode(block: &Block, place: u64) -> Result<Self, IndexError> {
        let reading = Reading { structure: "region table", block: place };
        let (header, mut rest) = RawHeader::read_from_prefix(block)
            .map_err(|_| reading.corrupt("length", 0, size_of::<RawHeader>() as u64))?;
        if header.magic.get() != MAGIC {
            return Err(IndexError::NotAnIndex { block: place, found: header.magic.get() });
        }
        if header.version.get() != VERSION {
            return Err(IndexError::UnsupportedVersion {
                structure: "region table",
                found: u64::from(header.version.get()),
                supported: "1",
            });
        }
        let mut regions = Vec::new();
        for _ in 0..header.region_count.get() {
            let (raw, after) = RawRegion::read_from_prefix(rest).map_err(|_| {
                reading.corrupt("region count", u64::from(header.region_count.get()), 7)
            })?;
            rest = after;
            regions.push(Region {
                start: raw.start.get(),
                blocks: raw.blocks.get(),
                kind: raw.kind.get(),
                instance: raw.instance.get(),
            });
        }
        let payload_bytes = header.payload_bytes.get();
        let payload = rest.get(..usize::from(payload_bytes)).ok_or_else(|| {
            reading.corrupt("payload length", u64::from(payload_bytes), rest.len() as u64)
        })?;
        let number = header.table_type.get();
        let table_type = TableType::from_number(number)
            .ok_or_else(|| reading.corrupt("type", u64::from(number), TableType::Super as u64))?;
        let covered_blocks = header.covered_blocks.get();
        Ok(Self { table_type, covered_blocks, regions, payload: payload.to_vec() })
    }
}

/// Copies `bytes` to the front of `buffer` and returns what is behind them.
fn put<'a>(buffer: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (front, rest) = buffer.split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RegionTable {
        RegionTable {
            table_type: TableType::Unsaved,
            covered_blocks: 52838,
            regions: vec![
                Region { start: 573_450, blocks: 1, kind: kind::HEADER, instance: SOLE_INSTANCE },
                Region { start: 573_451, blocks: 3, kind: kind::PAGE_MAP, instance: 7 },
            ],
            payload: vec![9; 24],
        }
    }

    // Guards the bytes on disk: the magic reads `10ngRblA` (trap 1).
    #[test]
    fn bytes_on_disk() {
        let block = table().encode();
        assert_eq!(&block[..8], b"10ngRblA");
        assert_eq!(block[16..24], [4, 0, 1, 0, 2, 0, 24, 0]);
        assert_eq!(block[24 + 20..24 + 24], [1, 0, 255, 255]);
        assert_eq!(block[72..96], [9; 24]);
        assert!(block[96..].iter().all(|&byte| byte == 0));
        assert_eq!(RegionTable::decode(&block, 0).unwrap(), table());
    }

    // Guards against tables that another program, or a flipped bit, put there.
    #[test]
    fn wrong_tables_are_refused() {
        let spoilt = |at: usize, value: u8| {
            let mut block = table().encode();
            block[at] = value;
            RegionTable::decode(&block, 5)
        };
        assert!(matches!(spoilt(0, 0), Err(IndexError::NotAnIndex { block: 5, .. })));
        assert!(matches!(spoilt(18, 2), Err(IndexError::UnsupportedVersion { found: 2, .. })));
        for (at, value, field) in
            [(16, 9, "type"), (21, 1, "region count"), (23, 255, "payload length")]
        {
            match spoilt(at, value) {
                Err(IndexError::Corrupt { field: found, block: 5, .. }) => {
                    assert_eq!(found, field);
                }
                other => panic!("{field}: {other:?}"),
            }
        }
    }
}
