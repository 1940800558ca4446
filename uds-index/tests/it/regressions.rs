//! Cases that a review of the engine found.

use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes, MemorySize};
use uds_index::{Batch, CreateOptions, ErrorKind, Index, IndexInfo, SaveState};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{CountingStorage, MemoryStorage, Operation, Storage};

use crate::common::{BLOCK, bytes_of, clean_only, data, memory, name, post, small};

// Guards an index against a create in its place that cannot succeed.
#[test]
fn a_create_that_is_out_of_memory_writes_nothing() {
    let huge = Configuration::dense(MemorySize::gigabytes(1024).unwrap());
    let storage = Arc::new(CountingStorage::new(MemoryStorage::new(bytes_of(&huge))));
    match Index::create(storage.clone(), &huge, &CreateOptions::default()) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Resources, "{error}");
            assert_eq!(storage.counts().writes, 0);
        }
        // Some systems promise any amount of memory.
        Ok(_) => println!("skipped: this system has, or promises, a terabyte of memory"),
    }
}

// Guards the request that fills a chapter: it is stored, and must not be answered as if not.
#[test]
fn the_request_that_fills_a_chapter_keeps_its_answer() {
    let configuration = small(2, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &CreateOptions::default()).unwrap();
    disk.inject(Fault::of(Operation::Write).forever());
    let mut batch = Batch::new();
    for counter in 0..513 {
        batch.post(name(counter), data(counter, 0));
    }
    assert_eq!(index.run(&mut batch).unwrap_err().kind(), ErrorKind::Poisoned);
    let answers: Vec<_> = batch.answers().map(|answer| answer.unwrap().is_ok()).collect();
    // The failure may be known before the second chapter is full, and never after that.
    assert!(answers[..256].iter().all(|&is_ok| is_ok), "a chapter fits in memory");
    assert!(!answers[512], "there is no room for a third chapter");
    for (counter, is_ok) in (0..).zip(answers) {
        assert_eq!(index.query(name(counter)).unwrap().is_found(), is_ok, "{counter}");
    }
    assert_eq!(index.close().unwrap_err().kind(), ErrorKind::Poisoned);
}

// Guards against an empty index over a full volume: the older of two saves of chapter 0, when the
// header of the newer one is damaged (trap 20).
#[test]
fn a_stale_save_of_the_first_chapter_is_refused() {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    index.save().unwrap();
    post(&index, 0..1);
    index.save().unwrap();
    // Round the volume, so that the slot of chapter 0 has a newer one.
    post(&index, 1..128 * 6);
    index.flush().unwrap();
    drop(index);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let second_slot = 2 + sizes.volume_blocks + sizes.save_blocks();
    storage.write_at(second_slot * BLOCK, &[0; 8]).unwrap();
    let error = Index::open(storage, &clean_only()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
}

/// A closed index with two saves, and the byte where its second slot begins.
fn closed_with_two_saves() -> (Arc<MemoryStorage>, u64) {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    index.save().unwrap();
    post(&index, 0..10);
    index.close().unwrap();
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    (storage, (2 + sizes.volume_blocks + sizes.save_blocks()) * BLOCK)
}

// Guards against numbers of chapters that no index can have, told to people as facts.
#[test]
fn impossible_chapter_numbers_are_not_called_clean() {
    let state = 24 + 4 * 24 + 32;
    for newest in [5, u64::MAX] {
        let (storage, slot) = closed_with_two_saves();
        storage.write_at(slot + state, &newest.to_le_bytes()).unwrap();
        let info = IndexInfo::read(storage, 0).unwrap();
        assert!(matches!(info.save, SaveState::Unclean { last: None, .. }), "{info:?}");
    }
}

// Guards against an older save that is used for want of a newer one, and nobody is told.
#[test]
fn a_damaged_slot_is_told() {
    let (storage, slot) = closed_with_two_saves();
    assert!(IndexInfo::read(storage.clone(), 0).unwrap().damaged_slots.is_empty());
    storage.write_at(slot + 100, &[0xff]).unwrap();
    let info = IndexInfo::read(storage, 0).unwrap();
    assert_eq!(info.damaged_slots, [1]);
    assert!(matches!(info.save, SaveState::Clean(save) if save.slot == 0));
}

// Guards a save against one flipped bit in the chapter that it will overwrite next: its number is
// too large, and it seems to have been written after the save. The records of the open chapter
// were lost for it.
#[test]
fn a_damaged_chapter_number_does_not_make_a_save_stale() {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    // Chapter 6 is open. Its slot has chapter 2, in pages 5 and 6 of the volume.
    post(&index, 0..128 * 6 + 50);
    index.close().unwrap();
    let number = (2 + 5) * BLOCK + 8;
    let mut found = [0; 8];
    storage.read_at(number, &mut found).unwrap();
    assert_eq!(u64::from_le_bytes(found), 2);
    for bit in 2..60 {
        storage.write_at(number, &(2 | 1_u64 << bit).to_le_bytes()).unwrap();
        let result = Index::open(storage.clone(), &clean_only());
        if bit == 2 {
            // That is the number of the open chapter: nobody can tell.
            assert_eq!(result.unwrap_err().kind(), ErrorKind::NotSavedCleanly);
            continue;
        }
        let index = result.unwrap();
        assert_eq!(crate::common::found(&index, 128 * 3..128 * 6 + 50).len(), 128 * 3 + 50);
    }
}
