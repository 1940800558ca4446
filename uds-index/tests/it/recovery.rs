//! Opening an index that was not closed cleanly: what is recovered, what is lost, and how it is
//! watched (rows C41, C42, C44, B5, F4b).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uds_geometry::{Configuration, RecordData};
use uds_index::{
    Answer, CreateOptions, ErrorKind, Index, Location, OpenOptions, RecoveryControl, RecoveryPhase,
};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage, StorageError};

use crate::common::{
    BLOCK, assert_holds, bytes_of, create_in, data, memory, name, open_in, post, post_singly,
    recover_in, small, small_sparse,
};

/// An index of so many records in one zone that was dropped: all chapters are on the volume, and
/// what was in the open one is not.
fn dropped(configuration: &Configuration, records: u64) -> Arc<SimDisk> {
    let disk = Arc::new(SimDisk::new(bytes_of(configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(1) };
    let index = Index::create(disk.clone(), configuration, &options).unwrap();
    post(&index, 0..records);
    index.flush().unwrap();
    disk
}

// C41. Guards the records of every chapter: whatever the age of the volume, all are found but those
// of the open chapter, in whatever number of zones, and the index goes on from there.
#[test]
fn everything_but_the_open_chapter_is_recovered() {
    let configuration = small(1, 4);
    for records in [0, 1, 127, 128, 129, 384, 400, 511, 512, 513, 900, 1024, 2000] {
        for zones in [1, 2, 3] {
            let disk = dropped(&configuration, records);
            let before = disk.to_vec();
            let error = Index::open(disk.clone(), &open_in(zones)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
            let index = Index::open(disk.clone(), &recover_in(zones)).unwrap();
            assert!(disk.to_vec() == before, "a recovery only reads");
            // The request that fills a chapter leaves it open until the next one, or a flush.
            let closed = records / 128 * 128;
            let oldest = closed.saturating_sub(3 * 128);
            assert_holds(&index, oldest..closed, records + 10);
            let report = index.recovery().unwrap();
            assert_eq!(report.chapters, closed / 128 - oldest / 128);
            assert_eq!(
                (report.bad_chapters, report.stale_pages, report.unreadable_pages),
                (0, 0, 0)
            );
            assert_eq!(report.newest_chapter.get(), closed / 128);
            assert_eq!(index.statistics().newest_chapter, report.newest_chapter);
            post_singly(&index, records..records + 40);
            index.close().unwrap();
            let index = Index::open(disk, &open_in(zones)).unwrap();
            assert_eq!(index.recovery(), None);
            let found = crate::common::found(&index, records..records + 40);
            assert_eq!(found.len(), 40);
        }
    }
}

// C41, sparse. Guards samples of all chapters and other names of the dense ones.
#[test]
fn a_sparse_index_is_recovered() {
    let configuration = small_sparse(1, 10, 5, 2);
    let geometry = configuration.geometry();
    for records in [300, 640, 1280, 1500, 3000] {
        let disk = dropped(&configuration, records);
        for zones in [1, 3] {
            let index = Index::open(disk.clone(), &recover_in(zones)).unwrap();
            let newest = records / 128;
            let window = newest.saturating_sub(9);
            for counter in (0..records).rev() {
                let chapter = counter / 128;
                let is_known = geometry.is_sample(&name(counter)) || chapter + 5 > newest;
                let expected = chapter < newest && chapter >= window && is_known;
                // Samples bring their chapters into the cache, so the others are asked first.
                if geometry.is_sample(&name(counter)) {
                    continue;
                }
                let answer = index.query_no_update(name(counter)).unwrap();
                assert_eq!(answer.is_found(), expected, "{counter} of {records}");
            }
            for counter in (0..records).filter(|&counter| geometry.is_sample(&name(counter))) {
                let answer = index.query_no_update(name(counter)).unwrap();
                let is_there = (window..newest).contains(&(counter / 128));
                assert_eq!(answer.is_found(), is_there, "sample {counter} of {records}");
                if let Answer::Found { data: stored, location } = answer {
                    assert_eq!(stored, data(counter, 0));
                    let is_sparse = counter / 128 + 5 <= newest && newest - window >= 5;
                    assert_eq!(location == Location::Sparse, is_sparse, "{counter} of {records}");
                }
            }
        }
    }
}

/// Where the pages of a slot begin, in an index whose chapters have two pages.
pub(crate) fn slot_start(slot: u64) -> u64 {
    (2 + 1 + 2 * slot) * BLOCK
}

// B5, F4b. Guards all other chapters against bad ones, wherever and however many they are.
#[test]
fn bad_chapters_cost_only_themselves() {
    let configuration = small(1, 8);
    for bad in [vec![0], vec![3], vec![6], vec![1, 4], vec![0, 2, 4, 6], vec![1, 2, 3, 4, 5, 6]] {
        let disk = dropped(&configuration, 7 * 128 + 5);
        for &slot in &bad {
            disk.write_at(slot_start(slot) + 100, &[0xFF; 50]).unwrap();
        }
        for zones in [1, 2] {
            let disk = Arc::new(disk.snapshot());
            let index = Index::open(disk.clone(), &recover_in(zones)).unwrap();
            let found = crate::common::found(&index, 0..7 * 128 + 5);
            let expected: Vec<u64> =
                (0..7 * 128).filter(|counter| !bad.contains(&(counter / 128))).collect();
            assert_eq!(found, expected, "{bad:?}");
            // Those at the ends of the range are not known to have been there.
            let report = index.recovery().unwrap();
            assert!(report.bad_chapters <= bad.len() as u64);
            assert_eq!(report.chapters, 7 - bad.len() as u64);
            post(&index, 50_000..50_000 + 600);
            index.close().unwrap();
            let index = Index::open(disk, &open_in(zones)).unwrap();
            assert_holds_from(&index, 50_000 + 600 - 128);
        }
    }
}

fn assert_holds_from(index: &Index, start: u64) {
    assert_eq!(crate::common::found(index, start..start + 128).len(), 128);
}

// F4b. Guards a volume against one number that is damaged so that it still looks sound.
#[test]
fn a_damaged_chapter_number_costs_only_its_chapter() {
    let configuration = small(1, 8);
    for slot in 0..7 {
        for bit in 0..64 {
            let disk = dropped(&configuration, 7 * 128 + 5);
            let place = slot_start(slot) + 8 + bit / 8;
            let mut byte = [0];
            disk.read_at(place, &mut byte).unwrap();
            disk.write_at(place, &[byte[0] ^ 1 << (bit % 8)]).unwrap();
            let index = Index::open(disk.clone(), &recover_in(1)).unwrap();
            let found = crate::common::found(&index, 0..7 * 128);
            // A number one lap later or earlier can cost its neighbours no more than the chapter
            // whose slot is needed next.
            assert!(found.len() >= 5 * 128, "slot {slot}, bit {bit}: {} found", found.len());
        }
    }
}

// Guards record pages that cannot be read, and those of a chapter that never reached the storage.
#[test]
fn bad_record_pages_cost_only_their_records() {
    let configuration = small(2, 6);
    let disk = dropped(&configuration, 5 * 256 + 5);
    // Slot 1, record page 1: the third page of three.
    let page = (2 + 1 + 3 + 2) * BLOCK;
    disk.inject(Fault::of(Operation::Read).within(page..page + BLOCK).forever());
    let index = Index::open(disk.clone(), &recover_in(1)).unwrap();
    assert_eq!(index.recovery().unwrap().unreadable_pages, 1);
    disk.clear_faults();
    let lost: Vec<u64> = (256 + 128..512).collect();
    let expected: Vec<u64> = (0..5 * 256).filter(|counter| !lost.contains(counter)).collect();
    assert_eq!(crate::common::found(&index, 0..5 * 256), expected);
    drop(index);
    // The page as an older chapter left it.
    let mut older = vec![0; BLOCK as usize];
    disk.read_at((2 + 1 + 2) * BLOCK, &mut older).unwrap();
    disk.write_at(page, &older).unwrap();
    let index = Index::open(disk, &recover_in(2)).unwrap();
    assert_eq!(index.recovery().unwrap().stale_pages, 1);
    assert_eq!(crate::common::found(&index, 0..5 * 256), expected);
}

// C44. Guards a first chapter that was saved in part and then written: the save is older than the
// volume, and the chapter's records are recovered.
#[test]
fn a_chapter_that_was_saved_in_part_is_recovered_whole() {
    let configuration = small(2, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..100);
    index.close().unwrap();
    let index = Index::open(disk.clone(), &open_in(1)).unwrap();
    post(&index, 100..300);
    index.flush().unwrap();
    drop(index);
    let error = Index::open(disk.clone(), &open_in(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
    let index = Index::open(disk, &recover_in(1)).unwrap();
    assert_holds(&index, 0..256, 300);
}

/// A storage whose reads take a moment once that is wanted.
#[derive(Debug)]
struct Slow {
    inner: Arc<SimDisk>,
    is_slow: AtomicBool,
    reads: std::sync::atomic::AtomicU64,
}

impl Storage for Slow {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.is_slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

// Guards who watches a recovery: it says how far it is, stops where it is told to and reads nothing
// meanwhile, goes on, or ends with the storage as it was.
#[test]
fn a_recovery_can_be_watched_suspended_and_abandoned() {
    let configuration = small(1, 60);
    for abandon in [false, true] {
        let inner = dropped(&configuration, 50 * 128);
        let before = inner.to_vec();
        let is_slow = AtomicBool::new(true);
        let slow = Arc::new(Slow { inner, is_slow, reads: 0.into() });
        let control = RecoveryControl::new();
        std::thread::scope(|scope| {
            let storage = slow.clone();
            let opening =
                scope.spawn(|| Index::open_controlled(storage, &OpenOptions::default(), &control));
            let seen = || control.progress();
            while seen().phase == RecoveryPhase::Idle || seen().done < 5 {
                std::thread::yield_now();
            }
            control.suspend();
            let (progress, reads) = (seen(), slow.reads.load(Ordering::SeqCst));
            assert!(progress.done < progress.total, "{progress:?}");
            std::thread::sleep(Duration::from_millis(10));
            assert_eq!(seen(), progress);
            assert_eq!(slow.reads.load(Ordering::SeqCst), reads);
            slow.is_slow.store(false, Ordering::SeqCst);
            if abandon {
                control.abandon();
                let error = opening.join().unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Abandoned);
            } else {
                control.resume();
                let index = opening.join().unwrap().unwrap();
                assert_holds(&index, 0..50 * 128, 50 * 128 + 5);
                assert_eq!(seen().phase, RecoveryPhase::Over);
            }
        });
        assert!(slow.inner.to_vec() == before);
    }
}

// Guards large groups against their seams: more chapters than fit one, in many zones, with every
// answer as before the crash.
#[test]
fn many_chapters_are_recovered_exactly() {
    let configuration = small(8, 400);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    let records = 390 * 1024;
    for start in (0..records).step_by(4096) {
        post(&index, start..start + 4096);
        // Some are met again, and move.
        if start > 50_000 {
            post(&index, start - 50_000..start - 49_000);
        }
    }
    index.flush().unwrap();
    let oldest = index.statistics().oldest_chapter;
    let open = index.statistics().open_chapter_records;
    let mut all = crate::common::found(&index, 0..records);
    drop(index);
    let storage = Arc::new(MemoryStorage::from_bytes(&storage.to_vec()));
    for zones in [1, 4, 16] {
        let index = Index::open(storage.clone(), &recover_in(zones)).unwrap();
        assert_eq!(index.statistics().oldest_chapter, oldest);
        let found = crate::common::found(&index, 0..records);
        // What moved has one entry, not one for each copy.
        let beyond = crate::common::found(&index, records..records + 4096);
        let names = (found.len() + beyond.len()) as u64;
        assert_eq!(index.statistics().entries_indexed, names);
        let lost = all.len() - found.len();
        assert!(lost as u64 <= open, "{lost} of {open}, {zones} zones");
        let mut missing = all.clone();
        missing.retain(|counter| found.binary_search(counter).is_err());
        assert!(missing.len() == lost, "nothing is found that was not there");
        if zones == 16 {
            all = found;
        }
    }
    assert!(all.len() as u64 > records / 2);
}

// Guards an index of arbitrary bytes in its volume: whatever is there, the recovery ends, and finds
// what is left.
#[test]
fn a_volume_of_noise_is_recovered_as_empty() {
    let configuration = small(2, 6);
    let disk = dropped(&configuration, 3 * 256);
    let mut random = crate::common::Random::new(3);
    for block in 2..2 + 1 + 3 * 6 {
        let noise: Vec<u8> = (0..BLOCK).map(|_| random.next() as u8).collect();
        disk.write_at(block * BLOCK, &noise).unwrap();
    }
    let index = Index::open(disk, &recover_in(1)).unwrap();
    assert_eq!(index.recovery().unwrap().chapters, 0);
    assert!(!index.post(name(1), RecordData::default()).unwrap().is_found());
    post(&index, 0..1000);
    index.close().unwrap();
}
