//! The target `region`: an index of which one region holds other bytes.
//!
//! | byte | what |
//! |---|---|
//! | 0 | which base |
//! | 1 | which region |
//! | 2 | bit 0: mend the nonces; bits 1 and 2: zones to open it in; bit 3: an offset of no index; |
//! |   | bit 4: ask for the base's configuration and nonce |
//! | 3.. | patches: offset (u16), count (u8), bytes |

use std::sync::Arc;

use uds_geometry::{Nonce, ZoneCount};
use uds_index::{Batch, ErrorKind, Index, IndexError, IndexInfo, OpenMode, OpenOptions, SaveState};
use uds_volume::Storage;

use crate::bases::{Base, base, name};
use crate::damage::Damage;
use crate::flat::FlatStorage;
use crate::input::Input;
use crate::oracle::Oracle;

/// Opens an index with a damaged region in every way, and asks for everything.
pub fn region(data: &[u8]) {
    let mut input = Input::new(data);
    let base = base(input.byte());
    let region = input.byte();
    let flags = input.byte();
    let mut damage = Damage::new(base);
    damage.patch_region(region, &mut input);
    if flags & 1 != 0 {
        damage.mend_nonces();
    }
    let image = damage.image;
    let zones = 1 + (flags >> 1 & 3) % 3;
    let offset_blocks = u64::from(flags >> 3 & 1);
    let told = tell(&image, offset_blocks);
    let loaded = open(&image, OpenMode::Load, zones, offset_blocks);
    let clean = open(&image, OpenMode::NoRebuild, zones, offset_blocks);
    assert_eq!(told.is_some(), loaded.is_some(), "what can be told of can be opened");
    assert!(loaded.is_some() || clean.is_none(), "what needs no recovery opens");
    if flags & 16 != 0 {
        ask_for(base, &image);
    }
    for (index, _) in [loaded, clean].into_iter().flatten() {
        let mut oracle = Oracle::new(base, &image);
        let mut batch = Batch::new();
        for counter in 0..base.records.min(2000) + 10 {
            batch.query_no_update(name(counter));
        }
        oracle.run(&index, &mut batch);
    }
}

/// What the index says of itself; nothing where that fails, as it may.
fn tell(image: &[u8], offset_blocks: u64) -> Option<IndexInfo> {
    let storage = Arc::new(FlatStorage::new(image));
    let told = IndexInfo::read(storage.clone(), offset_blocks);
    assert!(!storage.is_touched(), "telling has written");
    let told = told.map_err(|error| check_refusal(&error, OpenMode::Load)).ok()?;
    if let SaveState::Clean(state) = &told.save {
        let chapters = u64::from(told.configuration.chapters_per_volume());
        assert!(state.closed_chapters() <= chapters, "{state:?}");
    }
    Some(told)
}

/// Opens an index that must be the base: it is, or is refused.
fn ask_for(base: &Base, image: &[u8]) {
    let storage = Arc::new(FlatStorage::new(image));
    let options = OpenOptions {
        configuration: Some(base.configuration.clone()),
        nonce: Some(Nonce::default()),
        read_threads: 0,
        ..OpenOptions::default()
    };
    match Index::open(storage.clone(), &options) {
        Ok(index) => {
            assert_eq!(*index.configuration(), base.configuration);
            assert_eq!(index.nonce(), Nonce::default());
        }
        Err(error) if error.kind() == ErrorKind::Mismatch => {}
        Err(error) => check_refusal(&error, OpenMode::Load),
    }
    assert!(!storage.is_touched(), "opening has written");
}

/// Opens an image without read threads; nothing where it is refused, as it may be.
pub(crate) fn open(
    image: &[u8],
    mode: OpenMode,
    zones: u8,
    offset_blocks: u64,
) -> Option<(Index, Arc<FlatStorage>)> {
    let storage = Arc::new(FlatStorage::new(image));
    let shared: Arc<dyn Storage> = storage.clone();
    let index = reopen(shared, mode, zones, offset_blocks);
    assert!(!storage.is_touched(), "opening has written");
    Some((index?, storage))
}

/// Opens an index on a storage; nothing where it is refused, as it may be.
pub(crate) fn reopen(
    storage: Arc<dyn Storage>,
    mode: OpenMode,
    zones: u8,
    offset_blocks: u64,
) -> Option<Index> {
    let zones = ZoneCount::new(zones).expect("from 1 to 16");
    let options =
        OpenOptions { mode, zones, offset_blocks, read_threads: 0, ..OpenOptions::default() };
    Index::open(storage, &options).map_err(|error| check_refusal(&error, mode)).ok()
}

/// Checks that an error is one of those that damage may lead to, and that it can be told.
fn check_refusal(error: &IndexError, mode: OpenMode) {
    let kind = error.kind();
    let is_expected = match kind {
        ErrorKind::NotAnIndex | ErrorKind::UnsupportedVersion | ErrorKind::Damaged => true,
        ErrorKind::NotSavedCleanly => mode == OpenMode::NoRebuild,
        _ => false,
    };
    assert!(is_expected, "{kind:?}: {error:?}");
    assert!(!error.to_string().is_empty());
}
