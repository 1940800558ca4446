//! Indexes that were converted for LVM (super block version 7: rows C80 to C82), by a converter
//! that follows section 10.6 of the specification step by step and shares no code with the library.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes, VirtualChapter};
use uds_index::{
    ChapterSurvey, CreateOptions, ErrorKind, Index, IndexInfo, Inspector, OpenOptions, SaveState,
    SurveyControl, VerifyControl, VerifyOptions, copy_records, find_index, verify,
};
use uds_volume::{MemoryStorage, Storage};

use crate::common::{
    BLOCK, bytes_of, clean_only, create_in, found, memory, post, recover_in, small, small_sparse,
    story,
};

/// Where the index began before it was converted.
const FIRST: u64 = 5;

/// An index as it was converted, and where it begins.
struct Converted {
    image: Vec<u8>,
    first: u64,
}

fn number(bytes: &[u8], at: u64) -> u64 {
    u64::from_le_bytes(bytes[at as usize..at as usize + 8].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: u64, value: &[u8]) {
    bytes[at as usize..at as usize + value.len()].copy_from_slice(value);
}

/// The block of the save slot with the later save: slots are numbered as they were.
fn latest_slot(image: &[u8], sizes: &LayoutSizes) -> u64 {
    let slot = |slot| FIRST + 2 + sizes.volume_blocks + slot * sizes.save_blocks();
    let saved_at = |slot: u64| {
        let is_saved = image[(slot * BLOCK + 16) as usize] == 2;
        let regions = u64::from(image[(slot * BLOCK + 20) as usize]);
        if is_saved { number(image, slot * BLOCK + 24 + 24 * regions) } else { 0 }
    };
    if saved_at(slot(1)) > saved_at(slot(0)) { slot(1) } else { slot(0) }
}

/// Converts a clean index of an even number of chapters, by section 10.6. `removed` blocks are
/// taken from the front.
fn convert(mut image: Vec<u8>, configuration: &Configuration, removed: u64) -> Converted {
    let geometry = configuration.geometry();
    let sizes = LayoutSizes::new(&geometry).unwrap();
    let chapters = u64::from(geometry.chapters_per_volume());
    let chapter_bytes =
        u64::from(geometry.pages_per_chapter()) * u64::from(geometry.bytes_per_page());
    let chapter_blocks = chapter_bytes / BLOCK;
    // Require freed space <= one chapter.
    assert!(removed <= chapter_blocks && chapters % 2 == 0);

    let slot = latest_slot(&image, &sizes) * BLOCK;
    let payload = slot + 24 + 24 * u64::from(image[(slot + 20) as usize]);
    let open = number(&image, payload + 32);
    let oldest = number(&image, payload + 40);
    let mut remapped_virtual = open - open % chapters;
    let mut new = (open + 1) % chapters;

    // The page map loses its first row, after row 0 is copied to row `new`; slot 0's pages are
    // copied to slot `new` (not if rv == N; if new == 0 instead rv += M and new = 1).
    let map = slot + BLOCK + 16;
    let row = 2 * u64::from(geometry.index_pages_per_chapter() - 1);
    let slot_start = |slot: u64| {
        (FIRST + 2) * BLOCK + u64::from(geometry.bytes_per_page()) + slot * chapter_bytes
    };
    if new == 0 {
        remapped_virtual += chapters;
        new = 1;
    } else if remapped_virtual != open {
        let first = |at: u64, bytes: u64| at as usize..(at + bytes) as usize;
        image.copy_within(first(map, row), (map + new * row) as usize);
        image.copy_within(first(slot_start(0), chapter_bytes), slot_start(new) as usize);
    }
    let rows = (map + row) as usize..(map + chapters * row) as usize;
    image.copy_within(rows, map as usize);
    // Expire the oldest chapter if the volume was full.
    if open - oldest + 1 >= chapters {
        put(&mut image, payload + 40, &(oldest + 1).to_le_bytes());
    }
    let remapped_physical = new - 1;

    // Config 08.02 with CPV = M - 1, then the super block with version 7, a chapter further on.
    let first_old = FIRST + chapter_blocks;
    let block = |number: u64| (number * BLOCK) as usize..((number + 1) * BLOCK) as usize;
    let mut config = image[block(FIRST + 1)].to_vec();
    put(&mut config, 5, b"08.02");
    put(&mut config, 14, &(chapters as u32 - 1).to_le_bytes());
    put(&mut config, 50, &remapped_virtual.to_le_bytes());
    put(&mut config, 58, &remapped_physical.to_le_bytes());
    let mut super_block = image[block(FIRST)].to_vec();
    let counts = [8, 24 + 24 * 2 + 8, 24 + 24 * 3 + 8];
    for at in counts {
        // All blocks, the sub-index, the volume.
        let count = number(&super_block, at) - chapter_blocks;
        put(&mut super_block, at, &count.to_le_bytes());
    }
    put(&mut super_block, 22, &120_u16.to_le_bytes());
    put(&mut super_block, 264, &7_u32.to_le_bytes());
    put(&mut super_block, 296, &chapter_blocks.to_le_bytes());
    put(&mut super_block, 304, &removed.to_le_bytes());
    image[block(first_old + 1)].copy_from_slice(&config);
    image[block(first_old)].copy_from_slice(&super_block);
    image.drain(..(removed * BLOCK) as usize);
    Converted { image, first: first_old - removed }
}

/// The image of an index with so many records, posted one after the other and closed.
fn image(configuration: &Configuration, records: u64) -> Vec<u8> {
    let storage = Arc::new(MemoryStorage::new(bytes_of(configuration) + FIRST * BLOCK));
    let options = CreateOptions { offset_blocks: FIRST, read_threads: 0, ..create_in(1) };
    let index = Index::create(storage.clone(), configuration, &options).unwrap();
    post(&index, 0..records);
    index.close().unwrap();
    storage.to_vec()
}

fn at(first: u64, options: OpenOptions) -> OpenOptions {
    OpenOptions { offset_blocks: first, read_threads: 0, ..options }
}

/// Checks that nothing is wrong with an index.
fn assert_sound(storage: &Arc<MemoryStorage>, first: u64, when: &str) {
    let options = VerifyOptions { offset_blocks: first, deep: true, threads: 1 };
    let found = verify(storage.clone(), &options, &VerifyControl::new()).unwrap();
    let findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{when}: {findings:#?}");
}

/// The records of the window, where each was posted once, in order, in one zone.
fn window(index: &Index, all: u64) -> Range<u64> {
    let statistics = index.statistics();
    let records = u64::from(index.geometry().records_per_chapter());
    statistics.oldest_chapter.get() * records..all
}

// C80 and C81. Guards converted indexes at every position of the open chapter, through two rounds
// and more: they open as they were closed, have what they had, and take more, through a whole
// round with a close after each chapter.
#[test]
fn converted_indexes_open_and_go_on() {
    for configuration in [small(4, 8), small(1, 6)] {
        let records = u64::from(configuration.geometry().records_per_chapter());
        let chapters = u64::from(configuration.geometry().chapters_per_volume());
        for filled in 0..=2 * chapters + 2 {
            let mut all = filled * records + 30;
            let removed = filled % 3;
            let Converted { image, first } =
                convert(image(&configuration, all), &configuration, removed);
            let storage = Arc::new(MemoryStorage::from_bytes(&image));
            let when = format!("{filled} of {chapters} chapters");
            assert_sound(&storage, first, &when);
            for round in 0..chapters + 3 {
                let index = Index::open(storage.clone(), &at(first, clean_only()))
                    .unwrap_or_else(|error| panic!("{when}, {round}: {}", story(&error)));
                assert!(index.geometry().is_reduced());
                let window = window(&index, all);
                let kept = (window.end - window.start) / records;
                let least = (chapters - 3).min(all / records);
                assert!(kept >= least, "{when}, {round}: {window:?}");
                // What is still in memory of a chapter that was forgotten early does not count.
                let census = index.census(&SurveyControl::new()).unwrap();
                let live: u64 = census.by_chapter().sum();
                assert_eq!(live, window.end - window.start, "{when}, {round}");
                let held = found(&index, 0..all);
                assert!(held.iter().copied().eq(window.clone()), "{when}, {round}: {window:?}");
                let closed = census.oldest_chapter..census.newest_chapter;
                let inspector = Inspector::open(storage.clone(), first).unwrap();
                let survey = inspector.survey(closed, 1, &SurveyControl::new()).unwrap();
                assert!(survey.chapters.iter().all(ChapterSurvey::is_whole), "{when}, {round}");
                post(&index, all..all + records);
                all += records;
                index.close().unwrap();
                assert_sound(&storage, first, &format!("{when}, {round}"));
            }
        }
    }
}

// C82. Guards the rebuild of a converted index, before, while and after the remapped chapter is in
// the window: all is there but the open chapter.
#[test]
fn converted_indexes_are_rebuilt() {
    let configuration = small(2, 8);
    let records = u64::from(configuration.geometry().records_per_chapter());
    for filled in [0, 3, 7, 8, 11, 15, 16, 20] {
        let all = filled * records + 30;
        let Converted { image, first } = convert(image(&configuration, all), &configuration, 1);
        for more in 1..=16 {
            let storage = Arc::new(MemoryStorage::from_bytes(&image));
            let index = Index::open(storage.clone(), &at(first, clean_only())).unwrap();
            let end = all + more * records;
            post(&index, all..end);
            index.flush().unwrap();
            let before = index.statistics();
            let last = before.newest_chapter;
            drop(index);
            assert_sound(&storage, first, &format!("{filled}, {more}"));
            let error = Index::open(storage.clone(), &at(first, clean_only())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
            let index = Index::open(storage.clone(), &at(first, recover_in(1))).unwrap();
            let report = index.recovery().unwrap();
            assert_eq!((report.newest_chapter, report.bad_chapters), (last, 0));
            let window = report.oldest_chapter.get() * records..last.get() * records;
            assert_eq!(report.oldest_chapter, before.oldest_chapter, "{filled}, {more}");
            // One of seven slots is the open chapter's, and one can be of no use for a while.
            assert!(report.chapters >= 5.min(filled + more), "{filled}, {more}: {report:?}");
            let held = found(&index, 0..end);
            assert!(held.iter().copied().eq(window.clone()), "{filled}, {more}: {window:?}");
            index.close().unwrap();
            let index = Index::open(storage, &at(first, clean_only())).unwrap();
            assert!(found(&index, 0..end) == held);
        }
    }
}

// Guards the way back: a converted index is found by a search of its device, and all of its records
// come along into an ordinary one, wherever the remapped chapter is.
#[test]
fn converted_indexes_are_copied() {
    let configuration = small(2, 8);
    for filled in [0, 3, 7, 8, 11, 15, 16, 20] {
        let all = filled * 256 + 30;
        let Converted { image, first } = convert(image(&configuration, all), &configuration, 1);
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_bytes(&image));
        let found_at = find_index(&storage, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(found_at, first, "{filled}");
        let source = Index::open(storage, &at(first, clean_only())).unwrap();
        let ordinary = small(2, 10);
        let target = Index::create(memory(&ordinary, 0), &ordinary, &create_in(1)).unwrap();
        let report = copy_records(&source, &target, &mut |_| ControlFlow::Continue(())).unwrap();
        let held = found(&source, 0..all);
        assert_eq!((report.records, report.bad_chapters), (held.len() as u64, 0), "{filled}");
        assert!(found(&target, 0..all) == held, "{filled}");
    }
}

// Guards sparse indexes that were converted, and what is said of a converted index.
#[test]
fn a_converted_sparse_index_opens() {
    let configuration = small_sparse(2, 10, 5, 2);
    let records = u64::from(configuration.geometry().records_per_chapter());
    for filled in [4, 9, 10, 13] {
        let all = filled * records + 30;
        let Converted { image, first } = convert(image(&configuration, all), &configuration, 2);
        let storage = Arc::new(MemoryStorage::from_bytes(&image));
        let info = IndexInfo::read(storage.clone(), first).unwrap();
        assert_eq!(info.super_version, 7);
        assert_eq!(info.configuration, configuration.clone().reduced());
        assert!(matches!(info.save, SaveState::Clean(_)));
        assert_sound(&storage, first, &format!("sparse, {filled}"));
        let index = Index::open(storage.clone(), &at(first, clean_only())).unwrap();
        let window = window(&index, all);
        let dense = (filled + 1).saturating_sub(4) * records..all;
        let held = found(&index, 0..all);
        assert!(held.iter().all(|counter| window.contains(counter)), "{filled}");
        assert!(dense.clone().all(|counter| held.binary_search(&counter).is_ok()), "{filled}");
        assert_eq!(index.statistics().newest_chapter, VirtualChapter::new(filled));
        index.close().unwrap();
        assert!(storage.len() > 0);
    }
}

// Guards against tables that lie about where a converted index was (row F8, trap 13).
#[test]
fn impossible_conversions_are_refused() {
    let configuration = small(2, 8);
    let Converted { image, first } = convert(image(&configuration, 700), &configuration, 1);
    let super_block = first * BLOCK;
    for (at_byte, value, field) in [
        (296, 0_u64, "volume offset"),
        (296, u64::MAX, "volume offset"),
        (304, u64::MAX, "volume offset"),
        (296, 4, "region start"),
        (304, 0, "region start"),
        (22, 104, "payload length"),
    ] {
        let mut image = image.clone();
        let length = if at_byte == 22 { 2 } else { 8 };
        put(&mut image, super_block + at_byte, &value.to_le_bytes()[..length]);
        let storage = Arc::new(MemoryStorage::from_bytes(&image));
        let error = Index::open(storage.clone(), &at(first, recover_in(1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{}", story(&error));
        assert!(story(&error).contains(field), "{at_byte} = {value}: {}", story(&error));
        assert!(storage.to_vec() == image);
    }
}
