//! Recovering records of which there are several copies, and names that share their places: the
//! newest copy that can be found counts, and no name is taken for another (rows C41, C42, F1).

use std::sync::Arc;

use uds_geometry::RecordName;
use uds_index::{CreateOptions, Index};
use uds_volume::Storage;
use uds_volume::sim::SimDisk;

use crate::common::{
    BLOCK, assert_holds, bytes_of, create_in, data, name, post_singly, recover_in, small,
};
use crate::recovery::slot_start;

// Guards records that were found again, and moved: the newest copy counts, and is forgotten last.
#[test]
fn the_newest_copy_of_a_record_counts() {
    let configuration = small(1, 6);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    post_singly(&index, 0..300);
    for counter in (0..128).step_by(2) {
        index.update(name(counter), data(counter, 1)).unwrap();
    }
    for counter in (1..128).step_by(8) {
        index.query(name(counter)).unwrap();
    }
    index.delete(name(5)).unwrap();
    post_singly(&index, 300..500);
    index.flush().unwrap();
    drop(index);
    for zones in [1, 2] {
        let disk = Arc::new(disk.snapshot());
        let index = Index::open(disk, &recover_in(zones)).unwrap();
        for counter in 0..128 {
            let version = if counter % 2 == 0 { 1 } else { 0 };
            let found = index.query_no_update(name(counter)).unwrap().data();
            // C42: a deleted record that is in a closed chapter comes back.
            assert_eq!(found, Some(data(counter, version)), "{counter} in {zones} zones");
        }
        // Two chapters on, chapter 0 has gone, and with it what has no newer copy.
        post_singly(&index, 10_000..10_000 + 3 * 128);
        for counter in 0..128 {
            let is_moved = counter % 2 == 0 || counter % 8 == 1;
            let found = index.query_no_update(name(counter)).unwrap();
            assert_eq!(found.is_found(), is_moved, "{counter}");
        }
    }
}

// Guards records of synced chapters against old copies: a power cut leaves the index page of a new
// chapter, and beside it the record page of the chapter that was there before, with names that both
// have and names that moved to other chapters in between.
#[test]
fn an_old_record_page_under_a_new_index_hides_no_newer_copy() {
    let configuration = small(1, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    post_singly(&index, 0..128);
    post_singly(&index, 1000..1128);
    for counter in 0..64 {
        index.update(name(counter), data(counter, 1)).unwrap();
    }
    post_singly(&index, 1128..1128 + 64 + 128);
    // Chapter 4, in the place of chapter 0.
    post_singly(&index, 64..128);
    post_singly(&index, 2000..2063);
    index.flush().unwrap();
    let before = disk.snapshot();
    post_singly(&index, 2063..2064);
    index.flush().unwrap();
    drop(index);
    let record_page = slot_start(0) + BLOCK;
    let mut old = [0; BLOCK as usize];
    before.read_at(record_page, &mut old).unwrap();
    for kept in [0, 512, 1024, 2048, 3584] {
        let disk = Arc::new(disk.snapshot());
        disk.write_at(record_page + kept, &old[kept as usize..]).unwrap();
        let index = Index::open(disk, &recover_in(1)).unwrap();
        assert_eq!(index.recovery().unwrap().newest_chapter.get(), 5);
        for counter in 0..64 {
            let answer = index.query_no_update(name(counter)).unwrap();
            assert_eq!(answer.data(), Some(data(counter, 1)), "{counter} with {kept} bytes kept");
        }
    }
}

// Guards records of synced chapters against copies that a torn page has, but not where
// a search would come by.
#[test]
fn a_copy_that_no_search_comes_to_hides_no_older_one() {
    let configuration = small(1, 8);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    post_singly(&index, 0..256);
    // All of chapter 0 moves to chapter 2.
    for counter in 0..128 {
        index.query(name(counter)).unwrap();
    }
    index.flush().unwrap();
    drop(index);
    let record_page = slot_start(2) + BLOCK;
    for lost in (0..BLOCK).step_by(512) {
        let disk = Arc::new(disk.snapshot());
        disk.write_at(record_page + lost, &[0; 512]).unwrap();
        let index = Index::open(disk, &recover_in(1)).unwrap();
        assert_eq!(index.recovery().unwrap().newest_chapter.get(), 3);
        assert_holds(&index, 0..256, 300);
    }
}

// Guards deletions after a recovery: the record whose copies filled the places of deleted ones has
// one entry, not one for each copy.
#[test]
fn a_fill_record_is_recovered_once() {
    let configuration = small(1, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    post_singly(&index, 0..100);
    for counter in 40..60 {
        index.delete(name(counter)).unwrap();
    }
    post_singly(&index, 100..128);
    index.flush().unwrap();
    drop(index);
    for zones in [1, 3] {
        let disk = Arc::new(disk.snapshot());
        let index = Index::open(disk, &recover_in(zones)).unwrap();
        assert_eq!(index.statistics().collisions, 0);
        assert!(index.delete(name(127)).unwrap().is_found());
        assert!(!index.delete(name(127)).unwrap().is_found(), "in {zones} zones");
    }
}

/// Names with the same place in the volume index.
fn same_place(number: u8) -> RecordName {
    let mut bytes = *name(7).as_bytes();
    bytes[9] = number;
    bytes[14] = number.wrapping_mul(37);
    RecordName::new(bytes)
}

// Guards names that the volume index can hardly tell apart, in one chapter and in several: none is
// taken for another, and none is lost.
#[test]
fn names_with_the_same_place_are_kept_apart() {
    let configuration = small(1, 8);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    let value = |number: u8, version: u64| data(1_000_000 + u64::from(number), version);
    for number in 0..40 {
        index.post(same_place(number), value(number, 0)).unwrap();
        let start = 1000 + 20 * u64::from(number);
        post_singly(&index, start..start + if number % 3 == 0 { 0 } else { 20 });
    }
    // Some once more, in later chapters.
    for number in (0..40).step_by(4) {
        index.update(same_place(number), value(number, 1)).unwrap();
    }
    post_singly(&index, 5000..5128);
    index.flush().unwrap();
    assert!(index.statistics().collisions >= 39);
    drop(index);
    for zones in [1, 3] {
        let index = Index::open(disk.clone(), &recover_in(zones)).unwrap();
        for number in 0..40 {
            let version = u64::from(number % 4 == 0);
            let found = index.query_no_update(same_place(number)).unwrap().data();
            assert_eq!(found, Some(value(number, version)), "{number}");
        }
    }
}

// Guards the same where there are so many such names that they are compared a chapter at a time, in
// the order of the chapters: with copies of records that have moved once and twice between them.
#[test]
fn many_names_with_the_same_places_are_kept_apart() {
    let configuration = small(4, 8);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), &configuration, &options).unwrap();
    // Of each counter below 200 two names with the same place, the second far from the first.
    let twin = |counter: u64| {
        let mut bytes = *name(counter).as_bytes();
        bytes[8..14].iter_mut().for_each(|byte| *byte ^= 0x5a);
        RecordName::new(bytes)
    };
    post_singly(&index, 0..600);
    for counter in 0..200 {
        index.post(twin(counter), data(counter, 7)).unwrap();
    }
    post_singly(&index, 1000..1400);
    for version in 1..3 {
        for counter in 100..300 {
            index.update(name(counter), data(counter, version)).unwrap();
        }
        post_singly(&index, 2000 * version..2000 * version + 400);
    }
    post_singly(&index, 9000..9512);
    index.flush().unwrap();
    assert!(index.statistics().collisions >= 200);
    let entries = index.statistics().entries_indexed - index.statistics().open_chapter_records;
    drop(index);
    for zones in [1, 3] {
        let index = Index::open(disk.clone(), &recover_in(zones)).unwrap();
        assert_eq!(index.statistics().entries_indexed, entries, "{zones} zones");
        for counter in 0..300 {
            let version = if counter < 100 { 0 } else { 2 };
            let found = index.query_no_update(name(counter)).unwrap().data();
            assert_eq!(found, Some(data(counter, version)), "{counter}");
            if counter < 200 {
                let found = index.query_no_update(twin(counter)).unwrap().data();
                assert_eq!(found, Some(data(counter, 7)), "the twin of {counter}");
            }
        }
    }
}
