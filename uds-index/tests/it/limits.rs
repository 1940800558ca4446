//! Chapter numbers that no device lives to see (row F20), and the extremes of what can be asked.

use std::sync::Arc;

use uds_geometry::{LayoutSizes, VirtualChapter};
use uds_index::{Batch, ErrorKind, Index};
use uds_volume::MemoryStorage;

use crate::common::{
    BLOCK, assert_holds, clean_only, create_in, found, memory, open_in, post, post_singly, small,
    story,
};

const CHAPTERS: u64 = 4;

/// How many records the index of [`image_later_by`] was given. Three chapters of 128 and the open
/// one are in its window.
const RECORDS: u64 = 7 * 128 + 50;

/// The image of an index with a full window, as if it were older by so many windows: every chapter
/// number in it is larger.
fn image_later_by(windows: u64) -> Vec<u8> {
    let configuration = small(1, CHAPTERS as u32);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..RECORDS);
    index.close().unwrap();
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let slot = (2 + sizes.volume_blocks) * BLOCK;
    let volume_index = slot + (1 + sizes.page_map_blocks) * BLOCK;
    let state = slot + 24 + 4 * 24 + 32;
    let mut places = vec![state, state + 8, volume_index + 16, volume_index + 24];
    places.extend((0..256).map(|list| volume_index + 40 + 8 * list));
    // The index pages of slots 0 to 2; slot 3 has a chapter that is gone.
    places.extend((0..3).map(|slot| (2 + 1 + 2 * slot) * BLOCK + 8));
    let mut image = storage.to_vec();
    for place in places {
        let bytes = &mut image[place as usize..place as usize + 8];
        let number = u64::from_le_bytes(bytes.try_into().unwrap());
        let later = number.saturating_add(windows.saturating_mul(CHAPTERS));
        bytes.copy_from_slice(&later.to_le_bytes());
    }
    image
}

/// The largest chapter number that a save may have.
const LAST_CHAPTER: u64 = u64::MAX - (1 << 40);

// Guards chapter numbers against 32 bits, and against the arithmetic at their end.
#[test]
fn chapter_numbers_may_be_large() {
    for windows in [0, (1 << 30) - 3, 1 << 30, 1 << 46, LAST_CHAPTER / CHAPTERS - 10] {
        let storage = Arc::new(MemoryStorage::from_bytes(&image_later_by(windows)));
        let mut posted = RECORDS;
        for _ in 0..4 {
            let index = Index::open(storage.clone(), &open_in(1)).unwrap();
            let held = |posted: u64| posted - posted % 128 - 3 * 128..posted;
            assert_holds(&index, held(posted), posted + 10);
            post(&index, posted..posted + 777);
            posted += 777;
            assert_holds(&index, held(posted), posted + 10);
            let newest = VirtualChapter::new(windows * CHAPTERS + posted / 128);
            assert_eq!(index.statistics().newest_chapter, newest);
            index.close().unwrap();
        }
    }
}

// Guards against chapter numbers from a damaged save that would overflow sooner or later.
#[test]
fn chapter_numbers_near_the_end_are_refused() {
    for windows in [LAST_CHAPTER / CHAPTERS, u64::MAX / CHAPTERS - 1, u64::MAX] {
        let storage = Arc::new(MemoryStorage::from_bytes(&image_later_by(windows)));
        let error = Index::open(storage, &clean_only()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
        assert!(story(&error).contains("newest chapter"), "{}", story(&error));
    }
}

// Guards batches of no requests, and of more than a window.
#[test]
fn batches_of_any_size() {
    let configuration = small(1, CHAPTERS as u32);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage, &configuration, &create_in(1)).unwrap();
    let mut batch = Batch::new();
    index.run(&mut batch).unwrap();
    assert!(index.submit(batch).unwrap().wait().is_empty());
    post(&index, 0..20_000);
    assert_eq!(found(&index, 0..20_000).len() as u64, 3 * 128 + 20_000 % 128);
}

// Guards the smallest index that there can be.
#[test]
fn the_smallest_index_works_in_all_zones() {
    let configuration = small(1, 2);
    for zones in 1..=16 {
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
        post_singly(&index, 0..1000);
        let held = found(&index, 0..1000);
        assert_eq!(held.last(), Some(&999));
        index.close().unwrap();
        let index = Index::open(storage, &open_in(zones)).unwrap();
        assert_eq!(found(&index, 0..1000), held);
    }
}
