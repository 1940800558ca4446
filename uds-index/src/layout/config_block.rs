//! The config block, which holds the configuration (specification, section 10.4).

use uds_geometry::{
    BLOCK_BYTES, Configuration, CustomConfiguration, Nonce, Remapping, VOLUME_INDEX_MEAN_DELTA,
};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::region_table::Block;
use super::save_slot::MAX_CHAPTER;
use crate::IndexError;
use crate::error::{Reading, leading_bytes};

const MAGIC: [u8; 5] = *b"ALBIC";
/// The version in an ordinary index.
const VERSION: [u8; 5] = *b"06.02";
/// The version in one that was converted for LVM.
const CONVERTED_VERSION: [u8; 5] = *b"08.02";

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawConfig {
    magic: [u8; 5],
    version: [u8; 5],
    record_pages_per_chapter: U32,
    chapters_per_volume: U32,
    sparse_chapters_per_volume: U32,
    cache_chapters: U32,
    zero: U32,
    volume_index_mean_delta: U32,
    bytes_per_page: U32,
    sample_rate: U32,
    nonce: U64,
}

const _: () = assert!(size_of::<RawConfig>() == 50);

/// What follows in a converted index.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawRemapping {
    virtual_chapter: U64,
    physical_chapter: U64,
}

/// What a config block says: the shape of the index, and the nonce that its client chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigBlock {
    pub(crate) configuration: Configuration,
    pub(crate) nonce: Nonce,
    /// Where the remapped chapter is, in a converted index.
    pub(crate) remapping: Option<Remapping>,
}

impl ConfigBlock {
    /// The block that holds this configuration.
    pub(super) fn encode(&self) -> Block {
        let configuration = &self.configuration;
        let raw = RawConfig {
            magic: MAGIC,
            version: if self.remapping.is_some() { CONVERTED_VERSION } else { VERSION },
            record_pages_per_chapter: configuration.record_pages_per_chapter().into(),
            chapters_per_volume: configuration.chapters_per_volume().into(),
            sparse_chapters_per_volume: configuration.sparse_chapters_per_volume().into(),
            cache_chapters: configuration.cache_chapters().into(),
            zero: 0.into(),
            volume_index_mean_delta: configuration.volume_index_mean_delta().into(),
            bytes_per_page: configuration.bytes_per_page().into(),
            sample_rate: configuration.sample_rate().into(),
            nonce: self.nonce.get().into(),
        };
        let mut block = [0; BLOCK_BYTES as usize];
        let (start, rest) = block.split_at_mut(size_of::<RawConfig>());
        start.copy_from_slice(raw.as_bytes());
        if let Some(Remapping { virtual_chapter, physical_chapter }) = self.remapping {
            let raw = RawRemapping {
                virtual_chapter: virtual_chapter.into(),
                physical_chapter: physical_chapter.into(),
            };
            rest[..size_of::<RawRemapping>()].copy_from_slice(raw.as_bytes());
        }
        block
    }

    /// Reads the config block `block`, which lies at block number `place`.
    ///
    /// # Errors
    ///
    /// [`IndexError::Corrupt`] where the magic or the version is wrong (a super block of version 3
    /// goes with `06.02`, one of version 7 with `08.02`) or the numbers describe no possible index.
    pub(super) fn decode(
        block: &Block,
        place: u64,
        is_converted: bool,
    ) -> Result<Self, IndexError> {
        let reading = Reading { structure: "config block", block: place };
        let (raw, rest) = RawConfig::read_from_prefix(block)
            .map_err(|_| reading.corrupt("length", 0, size_of::<RawConfig>() as u64))?;
        reading.check("magic", leading_bytes(&raw.magic), leading_bytes(&MAGIC))?;
        let version = if is_converted { CONVERTED_VERSION } else { VERSION };
        reading.check("version", leading_bytes(&raw.version), leading_bytes(&version))?;
        let mean_delta = raw.volume_index_mean_delta.get();
        reading.check("volume index mean delta", mean_delta, VOLUME_INDEX_MEAN_DELTA)?;
        let configuration = Configuration::custom(&CustomConfiguration {
            bytes_per_page: raw.bytes_per_page.get(),
            record_pages_per_chapter: raw.record_pages_per_chapter.get(),
            chapters_per_volume: raw.chapters_per_volume.get(),
            sparse_chapters_per_volume: raw.sparse_chapters_per_volume.get(),
            cache_chapters: raw.cache_chapters.get(),
            sample_rate: raw.sample_rate.get(),
        })
        .map_err(|source| IndexError::ImpossibleConfiguration { block: place, source })?;
        let remapping = match is_converted {
            true => Some(read_remapping(rest, &configuration, reading)?),
            false => None,
        };
        Ok(Self { configuration, nonce: Nonce::new(raw.nonce.get()), remapping })
    }

    /// Checks that the index is the one that its client means.
    ///
    /// # Errors
    ///
    /// [`IndexError::ConfigurationMismatch`] or [`IndexError::NonceMismatch`].
    pub(super) fn check_expected(
        &self,
        configuration: Option<&Configuration>,
        nonce: Option<Nonce>,
    ) -> Result<(), IndexError> {
        if let Some(wanted) = configuration {
            for ((field, found), (_, wanted)) in
                numbers(&self.configuration).into_iter().zip(numbers(wanted))
            {
                if found != wanted {
                    return Err(IndexError::ConfigurationMismatch { field, found, wanted });
                }
            }
        }
        match nonce {
            Some(wanted) if wanted != self.nonce => {
                Err(IndexError::NonceMismatch { found: self.nonce, wanted })
            }
            _ => Ok(()),
        }
    }
}

/// Reads where the remapped chapter of a converted index is.
fn read_remapping(
    bytes: &[u8],
    configuration: &Configuration,
    reading: Reading,
) -> Result<Remapping, IndexError> {
    let (raw, _) = RawRemapping::read_from_prefix(bytes)
        .map_err(|_| reading.corrupt("length", 0, size_of::<RawRemapping>() as u64))?;
    let remapping = Remapping {
        virtual_chapter: raw.virtual_chapter.get(),
        physical_chapter: raw.physical_chapter.get(),
    };
    let slots = u64::from(configuration.chapters_per_volume());
    // Only an index that has lost a chapter, and so has an odd number of them, has a remapped one.
    let last_slot = if slots % 2 == 0 { 0 } else { slots - 1 };
    let last_chapter = if slots % 2 == 0 { 0 } else { MAX_CHAPTER };
    for (field, found, greatest) in [
        ("remapped physical chapter", remapping.physical_chapter, last_slot),
        ("remapped virtual chapter", remapping.virtual_chapter, last_chapter),
    ] {
        if found > greatest {
            return Err(reading.corrupt(field, found, greatest));
        }
    }
    Ok(remapping)
}

/// The numbers of a configuration, with their names, in the order of the block.
fn numbers(configuration: &Configuration) -> [(&'static str, u32); 7] {
    [
        ("record pages per chapter", configuration.record_pages_per_chapter()),
        ("chapters per volume", configuration.chapters_per_volume()),
        ("sparse chapters per volume", configuration.sparse_chapters_per_volume()),
        ("cache chapters", configuration.cache_chapters()),
        ("volume index mean delta", configuration.volume_index_mean_delta()),
        ("page size", configuration.bytes_per_page()),
        ("sample rate", configuration.sample_rate()),
    ]
}

#[cfg(test)]
mod tests {
    use uds_geometry::MemorySize;

    use super::*;

    fn config() -> ConfigBlock {
        let configuration = Configuration::sparse(MemorySize::MB_256);
        let nonce = Nonce::new(0x1122_3344_5566_7788);
        ConfigBlock { configuration, nonce, remapping: None }
    }

    // Guards the place of every number.
    #[test]
    fn bytes_on_disk() {
        let block = config().encode();
        assert_eq!(&block[..10], b"ALBIC06.02");
        let numbers: Vec<_> = block[10..42]
            .chunks(4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(numbers, [64, 10240, 9728, 7, 0, 4096, 32768, 32]);
        assert_eq!(block[42..50], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
        assert!(block[50..].iter().all(|&byte| byte == 0));
        assert_eq!(ConfigBlock::decode(&block, 1, false).unwrap(), config());
    }

    // Guards against a damaged block, and against numbers that would take down the arithmetic.
    #[test]
    fn wrong_blocks_are_refused() {
        for (at, expected) in [(0, "magic"), (5, "version"), (30, "volume index mean delta")] {
            let mut block = config().encode();
            block[at] ^= 1;
            match ConfigBlock::decode(&block, 1, false) {
                Err(IndexError::Corrupt { field, .. }) => assert_eq!(field, expected),
                other => panic!("byte {at}: {other:?}"),
            }
        }
        for field in [10, 14, 18, 22, 34, 38] {
            let mut block = config().encode();
            block[field..field + 4].fill(0xff);
            let error = ConfigBlock::decode(&block, 1, false).unwrap_err();
            assert!(matches!(error, IndexError::ImpossibleConfiguration { .. }), "{error}");
        }
    }

    // Guards against opening somebody else's index (row F8): each number one off is refused by
    // its own name.
    #[test]
    fn another_configuration_is_refused() {
        let found = config();
        found.check_expected(Some(&found.configuration), Some(found.nonce)).unwrap();
        found.check_expected(None, None).unwrap();
        let custom = CustomConfiguration {
            bytes_per_page: 32768,
            record_pages_per_chapter: 64,
            chapters_per_volume: 10240,
            sparse_chapters_per_volume: 9728,
            cache_chapters: 7,
            sample_rate: 32,
        };
        let others = [
            ("page size", CustomConfiguration { bytes_per_page: 16384, ..custom.clone() }),
            (
                "record pages per chapter",
                CustomConfiguration { record_pages_per_chapter: 65, ..custom.clone() },
            ),
            (
                "chapters per volume",
                CustomConfiguration { chapters_per_volume: 10239, ..custom.clone() },
            ),
            (
                "sparse chapters per volume",
                CustomConfiguration { sparse_chapters_per_volume: 9727, ..custom.clone() },
            ),
            ("cache chapters", CustomConfiguration { cache_chapters: 8, ..custom.clone() }),
            ("sample rate", CustomConfiguration { sample_rate: 31, ..custom }),
        ];
        for (name, other) in others {
            let wanted = Configuration::custom(&other).unwrap();
            match found.check_expected(Some(&wanted), None) {
                Err(IndexError::ConfigurationMismatch { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        let error = found.check_expected(None, Some(Nonce::new(1))).unwrap_err();
        assert!(matches!(error, IndexError::NonceMismatch { .. }));
    }

    /// A config block of a converted index of 1023 chapters.
    fn converted(virtual_chapter: u64, physical_chapter: u64, chapters: u32) -> Block {
        let configuration = Configuration::dense(MemorySize::MB_256).reduced();
        let mut block = ConfigBlock { configuration, ..config() }.encode();
        block[5..10].copy_from_slice(b"08.02");
        block[14..18].copy_from_slice(&chapters.to_le_bytes());
        block[50..58].copy_from_slice(&virtual_chapter.to_le_bytes());
        block[58..66].copy_from_slice(&physical_chapter.to_le_bytes());
        block
    }

    // Guards the slots of a converted index: a remapping that leads outside of the volume would be
    // an address outside of it.
    #[test]
    fn remappings_are_read_and_checked() {
        let read = |block: &Block| ConfigBlock::decode(block, 1, true);
        let remapping = Remapping { virtual_chapter: 4096, physical_chapter: 904 };
        let block = converted(4096, 904, 1023);
        let found = read(&block).unwrap();
        assert_eq!(found.remapping, Some(remapping));
        assert_eq!(found.encode(), block);
        assert_eq!(read(&converted(0, 0, 1024)).unwrap().remapping, Some(Remapping::NONE));
        let wrong = [
            (converted(4096, 1023, 1023), "remapped physical chapter"),
            (converted(u64::MAX, 904, 1023), "remapped virtual chapter"),
            (converted(0, 1, 1024), "remapped physical chapter"),
            (config().encode(), "version"),
        ];
        for (block, expected) in wrong {
            match read(&block) {
                Err(IndexError::Corrupt { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        let other = ConfigBlock::decode(&converted(4096, 904, 1023), 1, false);
        assert!(matches!(other, Err(IndexError::Corrupt { field: "version", .. })), "{other:?}");
    }
}
