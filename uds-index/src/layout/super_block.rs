//! The super block, which makes a run of blocks an index (specification, section 10.3).
//!
//! A region table of type *super* with seven regions; its payload is below.
//!
//! An index that was converted for LVM (section 10.6) has lost the first blocks of its device, and
//! its first chapter to make room for a super block behind them. Its tables and nonces still have
//! the old numbers of blocks: [`Conversion`] says how they differ.

use uds_geometry::{BLOCK_BYTES, LayoutSizes, Nonce};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::region_table::{self, Region, RegionTable, SOLE_INSTANCE, TableType, kind};
use crate::IndexError;
use crate::error::Reading;
use crate::nonce::{NONCE_INFO_BYTES, super_block_nonce};

const LABEL: [u8; 32] = *b"*ALBIREO*SINGLE*FILE*LAYOUT*001*";
/// The version of an ordinary index.
const ORDINARY_VERSION: u32 = 3;
/// The version of one that was converted for LVM.
const CONVERTED_VERSION: u32 = 7;
const MAX_SAVES: u16 = 2;
const REGION_COUNT: usize = 7;
/// Where in the block the table's type is, and the payload behind the regions.
const TYPE_AT: usize = 16;
const PAYLOAD_AT: usize = 192;
/// The largest number of a block: their bytes can be counted in 64 bits.
const MAX_BLOCK: u64 = u64::MAX / BLOCK_BYTES as u64;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawPayload {
    label: [u8; 32],
    nonce_info: [u8; NONCE_INFO_BYTES],
    nonce: U64,
    version: U32,
    block_bytes: U32,
    index_count: U16,
    max_saves: U16,
    zero: U32,
    open_chapter_blocks: U64,
    page_map_blocks: U64,
}

const _: () = assert!(size_of::<RawPayload>() == 104);

/// What the payload of a converted index has in addition.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawConversion {
    volume_offset: U64,
    start_offset: U64,
}

/// Whether a block is a super block, or was one before it was damaged: of the three marks that it
/// has (magic, type, label), two are enough.
pub(crate) fn resembles_super_block(block: &[u8]) -> bool {
    let has = |at: usize, mark: &[u8]| block.get(at..at + mark.len()) == Some(mark);
    let marks = [
        has(0, &region_table::MAGIC.to_le_bytes()),
        has(TYPE_AT, &(TableType::Super as u16).to_le_bytes()),
        has(PAYLOAD_AT, &LABEL),
    ];
    marks.into_iter().filter(|&is_there| is_there).count() >= 2
}

/// By how much the numbers of blocks in an index's tables differ from where they are: 0 in
/// ordinary indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversion {
    /// Blocks of the chapter that was given up.
    pub(super) volume_offset: u64,
    /// Blocks that were taken from the front of the device.
    pub(super) start_offset: u64,
}

impl Conversion {
    /// The number that the tables have for the index's first block, which lies at block `first`.
    pub(super) fn number_of_first(self, first: u64) -> u64 {
        // `from_table` has checked that this is no less than zero.
        (first + self.start_offset).saturating_sub(self.volume_offset)
    }

    /// The number that the tables have for a block of a save slot.
    pub(super) fn number_in_slot(self, block: u64) -> u64 {
        block + self.start_offset
    }
}

/// What a super block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SuperBlock {
    pub(crate) nonce_info: [u8; NONCE_INFO_BYTES],
    pub(crate) nonce: Nonce,
    /// How the index was converted, if it was.
    pub(super) conversion: Option<Conversion>,
}

impl SuperBlock {
    /// A super block with new nonce info.
    pub(crate) fn new(nonce_info: [u8; NONCE_INFO_BYTES]) -> Self {
        Self { nonce_info, nonce: super_block_nonce(&nonce_info), conversion: None }
    }

    /// The version that it has on storage.
    pub(crate) fn version(&self) -> u32 {
        if self.conversion.is_some() { CONVERTED_VERSION } else { ORDINARY_VERSION }
    }

    /// By how much its numbers of blocks differ from where they are.
    pub(super) fn conversion(&self) -> Conversion {
        self.conversion.unwrap_or_default()
    }

    /// The region table of an index of these sizes whose first block is `first`.
    pub(super) fn table(&self, first: u64, sizes: &LayoutSizes) -> RegionTable {
        let payload = RawPayload {
            label: LABEL,
            nonce_info: self.nonce_info,
            nonce: self.nonce.get().into(),
            version: self.version().into(),
            block_bytes: BLOCK_BYTES.into(),
            index_count: 1.into(),
            max_saves: MAX_SAVES.into(),
            zero: 0.into(),
            open_chapter_blocks: sizes.open_chapter_blocks.into(),
            page_map_blocks: sizes.page_map_blocks.into(),
        };
        let mut bytes = payload.as_bytes().to_vec();
        if let Some(Conversion { volume_offset, start_offset }) = self.conversion {
            let (volume_offset, start_offset) = (volume_offset.into(), start_offset.into());
            bytes.extend(RawConversion { volume_offset, start_offset }.as_bytes());
        }
        RegionTable {
            table_type: TableType::Super,
            covered_blocks: sizes.total_blocks(),
            regions: regions(first, sizes, self.conversion()).to_vec(),
            payload: bytes,
        }
    }

    /// Reads the super block in `table`, which lies at block `first`. The regions are checked
    /// later, by [`check_regions`], because they depend on the configuration.
    pub(super) fn from_table(table: &RegionTable, first: u64) -> Result<Self, IndexError> {
        let reading = Reading { structure: "super block", block: first };
        reading.check("table type", table.table_type as u16, TableType::Super as u16)?;
        let payload_bytes = table.payload.len();
        let (payload, rest) = RawPayload::read_from_prefix(&table.payload)
            .map_err(|_| reading.corrupt("payload length", payload_bytes as u64, 104))?;
        if payload.label != LABEL {
            return Err(reading.corrupt("label", u64::from(payload.label[0]), u64::from(LABEL[0])));
        }
        let conversion = match payload.version.get() {
            ORDINARY_VERSION => None,
            CONVERTED_VERSION => Some(read_conversion(rest, first, reading)?),
            version => {
                return Err(IndexError::UnsupportedVersion {
                    structure: "super block",
                    found: u64::from(version),
                    supported: "3 or 7",
                });
            }
        };
        let wanted_bytes = size_of::<RawPayload>()
            + conversion.map_or(0, |_: Conversion| size_of::<RawConversion>());
        let nonce = super_block_nonce(&payload.nonce_info);
        let checks: [(&str, u64, u64); 6] = [
            ("payload length", payload_bytes as u64, wanted_bytes as u64),
            ("index count", u64::from(payload.index_count.get()), 1),
            ("nonce", payload.nonce.get(), nonce.get()),
            ("block size", u64::from(payload.block_bytes.get()), u64::from(BLOCK_BYTES)),
            ("number of save slots", u64::from(payload.max_saves.get()), u64::from(MAX_SAVES)),
            ("region count", table.regions.len() as u64, REGION_COUNT as u64),
        ];
        for (field, found, expected) in checks {
            reading.check(field, found, expected)?;
        }
        Ok(Self { nonce_info: payload.nonce_info, nonce, conversion })
    }
}

/// Reads how an index was converted, whose super block lies at block `first`.
fn read_conversion(bytes: &[u8], first: u64, reading: Reading) -> Result<Conversion, IndexError> {
    let (raw, _) = RawConversion::read_from_prefix(bytes)
        .map_err(|_| reading.corrupt("payload length", 104 + bytes.len() as u64, 120))?;
    let (volume_offset, start_offset) = (raw.volume_offset.get(), raw.start_offset.get());
    if volume_offset < start_offset {
        return Err(reading.corrupt("volume offset", volume_offset, start_offset));
    }
    // Its first block had a number before it was converted.
    let greatest = first.saturating_add(start_offset);
    if volume_offset > greatest || greatest > MAX_BLOCK {
        return Err(reading.corrupt("volume offset", volume_offset, greatest.min(MAX_BLOCK)));
    }
    Ok(Conversion { volume_offset, start_offset })
}

/// Checks that the super block's regions tile an index of `sizes` exactly.
pub(super) fn check_regions(
    table: &RegionTable,
    first: u64,
    sizes: &LayoutSizes,
    conversion: Conversion,
) -> Result<(), IndexError> {
    let reading = Reading { structure: "super block", block: first };
    reading.check("block count", table.covered_blocks, sizes.total_blocks())?;
    let (payload, _) = RawPayload::read_from_prefix(&table.payload)
        .map_err(|_| reading.corrupt("payload length", table.payload.len() as u64, 104))?;
    let open_chapter = payload.open_chapter_blocks.get();
    reading.check("open chapter blocks", open_chapter, sizes.open_chapter_blocks)?;
    reading.check("page map blocks", payload.page_map_blocks.get(), sizes.page_map_blocks)?;
    check_same_regions(&table.regions, &regions(first, sizes, conversion), reading)
}

/// Compares a table's regions with those that the layout gives, one field at a time.
pub(super) fn check_same_regions(
    found: &[Region],
    expected: &[Region],
    reading: Reading,
) -> Result<(), IndexError> {
    reading.check("region count", found.len() as u64, expected.len() as u64)?;
    for (found, expected) in found.iter().zip(expected) {
        reading.check("region kind", found.kind, expected.kind)?;
        reading.check("region instance", found.instance, expected.instance)?;
        reading.check("region start", found.start, expected.start)?;
        reading.check("region length", found.blocks, expected.blocks)?;
    }
    Ok(())
}

/// The seven regions of an index whose first block is `first` (specification, section 10.1).
pub(super) fn regions(
    first: u64,
    sizes: &LayoutSizes,
    conversion: Conversion,
) -> [Region; REGION_COUNT] {
    let first = conversion.number_of_first(first);
    let volume = first + 2;
    let save = volume + sizes.volume_blocks + conversion.volume_offset;
    let seal = save + 2 * sizes.save_blocks();
    let region = |start, blocks, kind, instance| Region { start, blocks, kind, instance };
    [
        region(first, 1, kind::HEADER, SOLE_INSTANCE),
        region(first + 1, 1, kind::CONFIG, SOLE_INSTANCE),
        region(volume, sizes.sub_index_blocks(), kind::INDEX, 0),
        region(volume, sizes.volume_blocks, kind::VOLUME, SOLE_INSTANCE),
        region(save, sizes.save_blocks(), kind::SAVE, 0),
        region(save + sizes.save_blocks(), sizes.save_blocks(), kind::SAVE, 1),
        region(seal, 1, kind::SEAL, SOLE_INSTANCE),
    ]
}

#[cfg(test)]
mod tests {
    use uds_geometry::{Configuration, MemorySize};

    use super::*;

    fn sizes() -> LayoutSizes {
        LayoutSizes::new(&Configuration::dense(MemorySize::MB_256).geometry()).unwrap()
    }

    fn super_block() -> SuperBlock {
        SuperBlock::new(std::array::from_fn(|i| (i % 12) as u8))
    }

    // Guards where everything begins (table 14.7), at block 0 and behind other data.
    #[test]
    fn region_table_of_the_smallest_index() {
        for first in [0, 1, 1000] {
            let starts: Vec<_> = regions(first, &sizes(), Conversion::default())
                .iter()
                .map(|region| (region.start - first, region.blocks))
                .collect();
            let expected = [
                (0, 1),
                (1, 1),
                (2, 679_124),
                (2, 573_448),
                (573_450, 52_838),
                (626_288, 52_838),
                (679_126, 1),
            ];
            assert_eq!(starts, expected);
        }
    }

    // Guards the payload's place and bytes.
    #[test]
    fn bytes_on_disk() {
        let block = super_block().table(1, &sizes()).encode();
        assert_eq!(&block[192..224], b"*ALBIREO*SINGLE*FILE*LAYOUT*001*");
        assert_eq!(block[256..264], 0x3b9c_2fcf_a17f_8e4d_u64.to_le_bytes());
        assert_eq!(block[264..268], [3, 0, 0, 0]);
        assert_eq!(block[268..272], [0, 16, 0, 0]);
        assert_eq!(block[272..276], [1, 0, 2, 0]);
        assert_eq!(block[280..288], 513_u64.to_le_bytes());
        assert_eq!(block[288..296], 3_u64.to_le_bytes());
        assert!(block[296..].iter().all(|&byte| byte == 0));
        let table = RegionTable::decode(&block, 1).unwrap();
        assert_eq!(SuperBlock::from_table(&table, 1).unwrap(), super_block());
        check_regions(&table, 1, &sizes(), Conversion::default()).unwrap();
    }

    fn read(block: &[u8; 4096]) -> Result<(), IndexError> {
        let table = RegionTable::decode(block, 1)?;
        let super_block = SuperBlock::from_table(&table, 1)?;
        check_regions(&table, 1, &sizes(), super_block.conversion())
    }

    // Guards each check of section 10.3, and those that trap 11 asks for: every one is fed the
    // wrong thing.
    #[test]
    fn every_check_refuses() {
        let wrong = [
            (16, 2, "table type"),
            (20, 6, "label"), // the payload is looked for one region too early
            (22, 103, "payload length"),
            (22, 105, "payload length"),
            (192, b'-', "label"),
            (224, 255, "nonce"),
            (256, 0, "nonce"),
            (269, 0, "block size"),
            (272, 2, "index count"),
            (274, 3, "number of save slots"),
            (280, 0, "open chapter blocks"),
            (288, 4, "page map blocks"),
            (8, 0, "block count"),
            (24, 9, "region start"),
            (32, 2, "region length"),
            (44, 2, "region kind"),
            (46, 0, "region instance"),
            (24 * 7 + 8, 0, "region length"),
        ];
        for (at, value, expected) in wrong {
            let mut block = super_block().table(1, &sizes()).encode();
            block[at] = value;
            match read(&block) {
                Err(IndexError::Corrupt { field, .. }) => assert_eq!(field, expected, "byte {at}"),
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }

    // Guards against misreading an ordinary index as a converted one, or one from the future.
    #[test]
    fn other_versions_are_refused() {
        for version in 0..=9_u8 {
            let mut block = super_block().table(1, &sizes()).encode();
            block[264] = version;
            match (version, read(&block)) {
                (3, Ok(())) | (7, Err(IndexError::Corrupt { field: "payload length", .. })) => {}
                (3 | 7, other) => panic!("version {version}: {other:?}"),
                (_, Err(IndexError::UnsupportedVersion { found, .. })) => {
                    assert_eq!(found, u64::from(version));
                }
                (_, other) => panic!("version {version}: {other:?}"),
            }
        }
    }
}
