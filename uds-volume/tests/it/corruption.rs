//! Bytes on the storage that are not what they should be.

use std::error::Error;
use std::sync::Arc;

use uds_geometry::{
    ChapterPage, DeltaListNumber, Geometry, IndexPageNumber, Nonce, PhysicalChapter,
};
use uds_volume::{MemoryStorage, Storage, StorageError, Volume, VolumeError};

use crate::support::{
    NONCE, START, assert_all_found, chapter, open, record, reopen, scratch, small_geometry,
    storage_bytes, write,
};

/// A volume of three chapters, and its storage.
fn written(geometry: &Geometry) -> (Arc<MemoryStorage>, Volume) {
    let storage = Arc::new(MemoryStorage::new(storage_bytes(geometry)));
    let volume = open(storage.clone(), geometry);
    let mut scratch = scratch(geometry);
    (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
    (storage, volume)
}

fn index_page(volume: &Volume, slot: u32, page: u32) -> u64 {
    let page = ChapterPage::Index(IndexPageNumber::new(page));
    volume.place(PhysicalChapter::new(slot), page).offset
}

/// Looks up all records of a chapter and returns the first error.
fn first_error(volume: &Volume, number: u64) -> VolumeError {
    let count = volume.geometry().records_per_chapter();
    let look_up = |position| {
        let record = record(chapter(number), position);
        volume.find_record(chapter(number), &record.name).err()
    };
    (0..count).find_map(look_up).expect("damage is noticed")
}

// Guards against a flipped bit in an index page that goes unnoticed, and against one that spreads.
#[test]
fn a_damaged_index_page_fails_its_own_look_ups_only() {
    let geometry = small_geometry(8, 3);
    let (storage, volume) = written(&geometry);
    let offset = index_page(&volume, 1, 0);
    storage.write_at(offset + 4090, &[0]).unwrap();
    let volume = reopen(storage.clone(), &volume);
    let error = first_error(&volume, 1);
    assert!(error.is_corruption());
    let VolumeError::IndexPage { place, .. } = &error else { panic!("{error}") };
    assert_eq!((place.slot, place.offset), (PhysicalChapter::new(1), offset));
    assert_eq!(
        error.to_string(),
        format!(
            "index page 0 of slot 1 (byte {offset} of the storage) is damaged: names in its lists \
             cannot be found"
        )
    );
    assert!(error.source().is_some());
    assert_all_found(&volume, chapter(0));
    assert_all_found(&volume, chapter(2));
    // The damaged page was not cached: once repaired it is read again.
    storage.write_at(offset + 4090, &[0xff]).unwrap();
    assert_all_found(&volume, chapter(1));
}

// Guards against pages of another index, or of none, that were in the place before.
#[test]
fn pages_with_another_nonce_are_refused() {
    let geometry = small_geometry(8, 3);
    let (storage, volume) = written(&geometry);
    let mut saved = Vec::new();
    volume.page_map().save(&mut saved).unwrap();
    let other = Nonce::new(NONCE.get() + 1);
    let stranger = Volume::new(storage, geometry.clone(), START, other).unwrap();
    stranger.page_map().load(&mut saved.as_slice()).unwrap();
    assert!(matches!(first_error(&stranger, 0), VolumeError::IndexPage { .. }));
    let blank = Arc::new(MemoryStorage::new(storage_bytes(&geometry)));
    assert!(matches!(first_error(&open(blank, &geometry), 0), VolumeError::IndexPage { .. }));
}

// Guards against a lost write: the slot still has its old chapter, whose pages are sound and
// map to the slot (trap 28).
#[test]
fn an_older_chapter_in_the_slot_is_not_taken_for_the_newer() {
    let geometry = small_geometry(8, 3);
    let (storage, volume) = written(&geometry);
    let old = storage.to_vec();
    write(&volume, chapter(4), &mut scratch(&geometry));
    let stale = Arc::new(MemoryStorage::from_bytes(&old));
    let volume = reopen(stale, &volume);
    let error = first_error(&volume, 4);
    let VolumeError::WrongChapter { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((*expected, *found), (chapter(4), chapter(1)));
    // Nor when the old page was cached by a look-up of its own chapter. Its lists are those of
    // the newer chapter in the map, if at all, so the page may also be refused for them.
    let _ = volume.find_record(chapter(1), &record(chapter(1), 0).name);
    assert!(first_error(&volume, 4).is_corruption());
}

// Guards against an index page map that does not belong to the volume.
#[test]
fn lists_that_differ_from_the_page_map_are_noticed() {
    let geometry = small_geometry(32, 3);
    assert!(geometry.index_pages_per_chapter() > 1);
    let (storage, volume) = written(&geometry);
    let volume = reopen(storage, &volume);
    let (slot, page) = (PhysicalChapter::new(0), IndexPageNumber::new(0));
    let lists = volume.page_map().lists_of(slot, page).unwrap();
    let shorter = DeltaListNumber::new(lists.end.get() - 2);
    volume.page_map().update(chapter(0), slot, page, shorter).unwrap();
    let error = first_error(&volume, 0);
    let VolumeError::WrongLists { expected, found, .. } = &error else { panic!("{error}") };
    assert!(found != expected);
    let mut pages = Vec::new();
    assert!(volume.read_chapter_index(chapter(0), &mut pages).is_err());
    assert!(volume.read_chapter_index(chapter(1), &mut pages).unwrap().is_some());
}

// Guards against a record page number that would lead into the next chapter (section 7.5).
#[test]
fn record_page_numbers_are_checked() {
    // Three record pages: two value bits could also say 3.
    let geometry = small_geometry(3, 3);
    let (storage, volume) = written(&geometry);
    let offset = index_page(&volume, 0, 0);
    let mut page = vec![0; 4096];
    storage.read_at(offset, &mut page).unwrap();
    let bit = |page: &[u8], at: usize| usize::from(page[at / 8] >> (at % 8) & 1);
    let start_of = |page: &[u8], list: usize| {
        (0..19).map(|place| bit(page, 160 + 19 * list + place) << place).sum::<usize>()
    };
    let lists = usize::from(u16::from_le_bytes([page[18], page[19]]));
    for list in 0..lists {
        let start = start_of(&page, list);
        if start < start_of(&page, list + 1) {
            for at in [start, start + 1] {
                page[at / 8] |= 1 << (at % 8);
            }
        }
    }
    storage.write_at(offset, &page).unwrap();
    let volume = reopen(storage, &volume);
    let error = first_error(&volume, 0);
    let VolumeError::RecordPageNumber { found, count, .. } = error else { panic!("{error}") };
    assert_eq!((found, count), (3, 3));
}

// Guards against panics and false finds on record pages and indexes full of noise.
#[test]
fn noise_is_never_found() {
    let geometry = small_geometry(8, 3);
    let (storage, volume) = written(&geometry);
    let noise: Vec<u8> = (0..geometry.bytes_per_volume() / 16)
        .flat_map(|number| *record(chapter(1 << 40), number as u32).name.as_bytes())
        .collect();
    let index_pages = u64::from(geometry.index_pages_per_chapter()) * 4096;
    let place = index_page(&volume, 1, 0) + index_pages;
    storage.write_at(place, &noise[..8 * 4096]).unwrap();
    let volume = reopen(storage.clone(), &volume);
    for position in 0..geometry.records_per_chapter() {
        let name = record(chapter(1), position).name;
        assert_eq!(volume.find_record(chapter(1), &name).unwrap(), None);
    }
    storage.write_at(START, &noise).unwrap();
    let volume = reopen(storage, &volume);
    assert!((0..3).all(|number| first_error(&volume, number).is_corruption()));
}

// Guards against a storage that ends early: the volume says so, and so does a read (F2).
#[test]
fn a_truncated_storage_is_refused() {
    let geometry = small_geometry(8, 3);
    let bytes = storage_bytes(&geometry);
    let storage = Arc::new(MemoryStorage::new(bytes - 1));
    let error = Volume::new(storage, geometry.clone(), START, NONCE).unwrap_err();
    assert!(matches!(error, VolumeError::TooShort { wanted, found } if wanted == found + 1));
    let start = u64::MAX - 10;
    let storage = Arc::new(MemoryStorage::new(bytes));
    assert!(Volume::new(storage, geometry.clone(), start, NONCE).is_err());

    // A file that is cut after the volume was opened.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("volume");
    let file = Arc::new(uds_volume::FileStorage::create(&path, bytes).unwrap());
    let volume = open(file.clone(), &geometry);
    let mut scratch = scratch(&geometry);
    (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
    let cut = index_page(&volume, 2, 0);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut + 100).unwrap();
    let volume = reopen(file, &volume);
    assert_all_found(&volume, chapter(1));
    let error = first_error(&volume, 2);
    let VolumeError::Storage { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(source, StorageError::Truncated { wanted: 4096, .. }));
    assert!(!error.is_corruption());
}
