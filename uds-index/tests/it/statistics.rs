//! What an index counts, exactly (rows C51, C52 and C60).

use std::sync::Arc;

use uds_geometry::{RecordData, VirtualChapter};
use uds_index::{Batch, CreateOptions, Index, Location, Statistics};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation};

use crate::common::{bytes_of, clean_only, create_in, data, memory, name, post, scale, small};

fn index() -> (Arc<MemoryStorage>, Index) {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    (storage, index)
}

/// The counts of requests alone.
fn of_requests(index: &Index) -> Statistics {
    let mut counted = Statistics::default();
    let all = index.statistics();
    counted.requests = all.requests;
    counted.posts_found = all.posts_found;
    counted.posts_not_found = all.posts_not_found;
    counted.posts_found_open = all.posts_found_open;
    counted.posts_found_dense = all.posts_found_dense;
    counted.posts_found_sparse = all.posts_found_sparse;
    counted.updates_found = all.updates_found;
    counted.updates_not_found = all.updates_not_found;
    counted.deletions_found = all.deletions_found;
    counted.deletions_not_found = all.deletions_not_found;
    counted.queries_found = all.queries_found;
    counted.queries_not_found = all.queries_not_found;
    counted
}

// Guards each counter against the others: one name through all operations (row C60).
#[test]
fn one_name_through_all_operations() {
    let (_storage, index) = index();
    let name = name(1);
    let none = RecordData::default();
    assert_eq!(of_requests(&index), Statistics::default());
    assert_eq!(index.query_no_update(name).unwrap().data(), None);
    assert_eq!(index.query(name).unwrap().data(), None);
    assert_eq!(index.post(name, data(1, 1)).unwrap().data(), None);
    assert_eq!(index.post(name, data(1, 2)).unwrap().data(), Some(data(1, 1)));
    assert_eq!(index.update(name, data(1, 3)).unwrap().data(), Some(data(1, 1)));
    assert_eq!(index.query(name).unwrap().data(), Some(data(1, 3)));
    assert_eq!(index.delete(name).unwrap().data(), Some(data(1, 3)));
    assert_eq!(index.delete(name).unwrap().data(), None);
    assert_eq!(index.update(name, none).unwrap().data(), None);
    let mut expected = Statistics::default();
    expected.requests = 9;
    expected.posts_found = 1;
    expected.posts_found_open = 1;
    expected.posts_not_found = 1;
    expected.updates_found = 1;
    expected.updates_not_found = 1;
    expected.deletions_found = 1;
    expected.deletions_not_found = 1;
    expected.queries_found = 1;
    expected.queries_not_found = 2;
    assert_eq!(of_requests(&index), expected);
    let statistics = index.statistics();
    assert_eq!(statistics.entries_indexed, 1);
    assert_eq!(statistics.entries_discarded, 1);
    assert_eq!(statistics.open_chapter_records, 1);
}

// Guards posts and repeats (row C51), and the counts after a close: requests start again, entries
// do not.
#[test]
fn new_and_repeated_posts() {
    let (storage, index) = index();
    post(&index, 0..101);
    post(&index, 24..77);
    let statistics = index.statistics();
    assert_eq!(statistics.requests, 154);
    assert_eq!((statistics.posts_not_found, statistics.posts_found), (101, 53));
    assert_eq!((statistics.posts_found_open, statistics.posts_found_dense), (53, 0));
    assert_eq!(statistics.entries_indexed, 101);
    assert_eq!(statistics.open_chapter_records, 101);
    assert!(statistics.memory_used > 65536);
    index.close().unwrap();

    let index = Index::open(storage, &clean_only()).unwrap();
    assert_eq!(of_requests(&index), Statistics::default());
    assert_eq!(index.statistics().entries_indexed, 101);
    assert_eq!(index.statistics().entries_discarded, 0);
    post(&index, 100..140);
    let statistics = index.statistics();
    assert_eq!((statistics.posts_not_found, statistics.posts_found), (39, 1));
    assert_eq!(statistics.newest_chapter, VirtualChapter::new(1));
    assert_eq!(statistics.open_chapter_records, 140 - 128);
    // Of these, 128 minus the one in the open chapter are dense.
    post(&index, 0..140);
    let statistics = index.statistics();
    assert_eq!(statistics.posts_found, 141);
    assert_eq!(statistics.posts_found_open + statistics.posts_found_dense, 141);
}

// Guards the region that an answer names, and that a hit moves the record to the open chapter
// unless it was asked not to (row C40).
#[test]
fn hits_move_records_and_say_where_they_were() {
    let (storage, index) = index();
    post(&index, 0..130);
    let region = |answer| match answer {
        uds_index::Answer::Found { location, .. } => Some(location),
        uds_index::Answer::Absent => None,
    };
    // The chapter before the open one is still in memory, and dense all the same (trap 38).
    assert_eq!(region(index.query_no_update(name(0)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.query_no_update(name(0)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.query_no_update(name(129)).unwrap()), Some(Location::Open));
    assert_eq!(region(index.query(name(0)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.query(name(0)).unwrap()), Some(Location::Open));
    assert_eq!(region(index.post(name(1), data(9, 9)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.post(name(1), data(9, 9)).unwrap()), Some(Location::Open));
    assert_eq!(region(index.update(name(2), data(2, 9)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.delete(name(3)).unwrap()), Some(Location::Dense));
    assert_eq!(region(index.query(name(3)).unwrap()), None);
    assert_eq!(index.statistics().open_chapter_records, 5);
    // The moved ones outlive the chapter that they came with.
    post(&index, 1000..1000 + 128 * 3 - 5);
    index.close().unwrap();
    let index = Index::open(storage, &clean_only()).unwrap();
    assert_eq!(index.statistics().oldest_chapter, VirtualChapter::new(1));
    for (counter, expected) in
        [(0, Some(data(0, 0))), (1, Some(data(1, 0))), (2, Some(data(2, 9))), (3, None), (4, None)]
    {
        assert_eq!(index.query_no_update(name(counter)).unwrap().data(), expected, "{counter}");
    }
}

// Guards the count of duplicates at 17 levels (row C52): exact in a window that is full.
#[test]
fn every_share_of_duplicates_is_counted_exactly() {
    for zones in [1, 3] {
        let configuration = small(2, 8);
        let storage = memory(&configuration, 0);
        let index = Index::create(storage, &configuration, &create_in(zones)).unwrap();
        let mut next: u64 = 0;
        let mut random = crate::common::Random::new(7);
        for level in (0..=16_u64).cycle().take(34 * scale() as usize) {
            let before = index.statistics();
            let mut batch = Batch::new();
            let mut repeats = 0;
            for _ in 0..128 {
                // Only the newest 400 names, which are in the window for certain.
                if next > 400 && random.below(16) < level {
                    let counter = next - 1 - random.below(400);
                    batch.post(name(counter), data(counter, 1));
                    repeats += 1;
                } else {
                    batch.post(name(next), data(next, 0));
                    next += 1;
                }
            }
            index.run(&mut batch).unwrap();
            let after = index.statistics();
            assert_eq!(after.posts_found - before.posts_found, repeats, "level {level}");
            assert_eq!(after.requests - before.requests, 128);
        }
        assert!(index.statistics().oldest_chapter > VirtualChapter::ZERO);
    }
}

// Guards against counting requests that failed.
#[test]
fn failed_requests_are_counted_nowhere() {
    let configuration = small(1, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &CreateOptions::default()).unwrap();
    post(&index, 0..300);
    index.flush().unwrap();
    let before = of_requests(&index);
    disk.inject(Fault::of(Operation::Read).forever());
    assert!(index.post(name(0), data(0, 0)).is_err());
    assert!(index.query(name(0)).is_err());
    assert!(index.delete(name(0)).is_err());
    let mut batch = Batch::new();
    for counter in 0..10 {
        batch.update(name(counter), data(counter, 1));
    }
    assert!(index.run(&mut batch).is_err());
    assert_eq!(of_requests(&index), before);
    disk.clear_faults();
    assert!(index.post(name(0), data(0, 0)).unwrap().is_found());
    assert_eq!(of_requests(&index).posts_found, 1);
}

// Guards the figures about what was forgotten.
#[test]
fn forgotten_chapters_are_counted() {
    let (_storage, index) = index();
    post(&index, 0..1000);
    let statistics = index.statistics();
    // Seven chapters are closed; three of them and the open one are the window.
    assert_eq!(statistics.newest_chapter, VirtualChapter::new(7));
    assert_eq!(statistics.chapters_forgotten, 4);
    assert_eq!(statistics.records_forgotten, 4 * 128);
    assert_eq!(statistics.overflows, 0);
    assert_eq!(statistics.chapter_index_overflows, 0);
    assert_eq!(statistics.early_flushes, 0);
}
