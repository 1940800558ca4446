//! Storages that fail: one operation after the other, in every place of an index's life
//! (rows F6 and F7).

use std::sync::Arc;

use uds_geometry::Configuration;
use uds_index::{Batch, ErrorKind, Index, IndexError, OpenOptions};
use uds_volume::sim::{Fault, PowerCut, SimDisk};
use uds_volume::{Operation, Storage};

use crate::common::{assert_holds, bytes_of, create_in, data, found, name, open_in, small, story};

const RECORDS: u64 = 700;
/// When the scripts save, and where they stop before their close.
const SAVES: [u64; 2] = [400, 450];

fn configuration() -> Configuration {
    // No record of the scripts expires.
    small(1, 8)
}

/// What a run of the script came to.
struct Outcome {
    /// How many records the last completed save has, if there was one.
    saved: Option<u64>,
    /// How many records a save had that failed.
    unsure: Option<u64>,
    failure: Option<IndexError>,
}

/// Creates an index, fills three chapters, saves, goes on, saves, fills more and closes. After
/// the first failure it checks that the index takes no changes and answers all the same.
fn run_script(disk: &Arc<SimDisk>, zones: u8) -> Outcome {
    let mut outcome = Outcome { saved: None, unsure: None, failure: None };
    let index = match Index::create(disk.clone(), &configuration(), &create_in(zones)) {
        Ok(index) => index,
        Err(error) => return Outcome { failure: Some(error), ..outcome },
    };
    for counter in (0..RECORDS).step_by(10) {
        let mut batch = Batch::new();
        for counter in counter..counter + 10 {
            batch.post(name(counter), data(counter, 0));
        }
        if let Err(error) = index.run(&mut batch) {
            let has_answer = |&(_, answer): &(u64, Option<&Result<_, _>>)| answer.unwrap().is_ok();
            let stored = (counter..).zip(batch.answers()).filter(has_answer);
            assert_poisoned(&index, zones, (0..counter).chain(stored.map(|(counter, _)| counter)));
            assert_eq!(error.kind(), ErrorKind::Poisoned, "{}", story(&error));
            outcome.failure = Some(error);
            break;
        }
        if SAVES.contains(&(counter + 10)) {
            match index.save() {
                Ok(()) => outcome.saved = Some(counter + 10),
                Err(error) => {
                    assert_poisoned(&index, zones, 0..counter + 10);
                    outcome.unsure = Some(counter + 10);
                    outcome.failure = Some(error);
                    break;
                }
            }
        }
    }
    let flushed = index.flush();
    assert!(outcome.failure.is_none() || flushed.is_err(), "a poisoned index cannot flush");
    let closed = index.close();
    assert!(outcome.failure.is_none() || closed.is_err(), "a poisoned index cannot be saved");
    match closed {
        Ok(()) => outcome.saved = Some(RECORDS),
        Err(error) => {
            if outcome.failure.is_none() {
                outcome.unsure = Some(RECORDS);
                outcome.failure = Some(error);
            }
        }
    }
    outcome
}

/// Checks an index that has met a failed write: it refuses changes, answers queries, also of
/// records whose chapter could not be written, and does not save.
fn assert_poisoned(index: &Index, zones: u8, stored: impl IntoIterator<Item = u64>) {
    let poisoned = |error: IndexError| {
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{}", story(&error));
        assert!(story(&error).contains("a fault of the simulated disk"), "{}", story(&error));
    };
    poisoned(index.post(name(10_000), data(0, 0)).unwrap_err());
    poisoned(index.update(name(1), data(1, 1)).unwrap_err());
    poisoned(index.delete(name(1)).unwrap_err());
    poisoned(index.flush().unwrap_err());
    poisoned(index.save().unwrap_err());
    // Zones fail one by one, so those that were stored need not be the first. The request that met
    // the failure may have been stored, or not.
    let held = found(index, 0..RECORDS);
    let stored: Vec<u64> = stored.into_iter().collect();
    assert!(stored.iter().all(|counter| held.contains(counter)), "{held:?} of {stored:?}");
    assert!(held.len() - stored.len() <= usize::from(zones), "{held:?} of {stored:?}");
    for counter in [0, stored.len() / 2, stored.len().saturating_sub(1)] {
        if let Some(&counter) = stored.get(counter) {
            let answer = index.query(name(counter)).unwrap();
            assert_eq!(answer.data(), Some(data(counter, 0)), "{counter}");
        }
    }
    assert!(!index.query_no_update(name(10_000)).unwrap().is_found());
}

/// Opens what a failed run left: the last completed save exactly, or the one that failed in the
/// end, or what is known to be unusable.
fn assert_clean_or_refused(disk: SimDisk, zones: u8, outcome: &Outcome, when: &str) {
    match Index::open(Arc::new(disk), &open_in(zones)) {
        Ok(index) => {
            let held = found(&index, 0..RECORDS);
            let count = Some(held.len() as u64);
            assert!(held.iter().copied().eq(0..held.len() as u64), "{when}");
            assert!(count == outcome.saved || count == outcome.unsure, "{when}: {count:?}");
        }
        Err(error) => {
            let kinds = [ErrorKind::NotSavedCleanly, ErrorKind::NotAnIndex];
            assert!(kinds.contains(&error.kind()), "{when}: {}", story(&error));
            assert!(outcome.failure.is_some(), "{when}: {}", story(&error));
        }
    }
}

/// What poisoned the index, where that is the error.
fn first_cause(error: &IndexError) -> &IndexError {
    match error {
        IndexError::Poisoned { cause } => first_cause(cause),
        IndexError::RequestsFailed { source, .. } => first_cause(source),
        error => error,
    }
}

fn disk() -> Arc<SimDisk> {
    Arc::new(SimDisk::new(bytes_of(&configuration()), 1))
}

/// Runs the script once for each operation of this sort, which fails, alone or with all that
/// follow.
fn fail_each(operation: Operation, zones: u8) {
    let untroubled = disk();
    assert!(run_script(&untroubled, zones).failure.is_none());
    let count_of = |disk: &SimDisk| {
        let counts = disk.counts();
        if operation == Operation::Write { counts.writes } else { counts.syncs }
    };
    let count = count_of(&untroubled);
    assert!(count > 10);
    for forever in [false, true] {
        for n in 1..=count + 1 {
            let disk = disk();
            let fault = Fault::of(operation).nth(n);
            disk.inject(if forever { fault.forever() } else { fault });
            let outcome = run_script(&disk, zones);
            let when = format!("{operation} {n} of {count}, forever: {forever}");
            // Several zones may close a chapter more or less than last time.
            assert_eq!(outcome.failure.is_some(), n <= count_of(&disk), "{when}");
            assert!(zones > 1 || outcome.failure.is_some() == (n <= count), "{when}");
            if let Some(error) = &outcome.failure {
                let story = story(error);
                assert!(story.contains("a fault of the simulated disk"), "{when}: {story}");
                assert_eq!(first_cause(error).kind(), ErrorKind::Io, "{when}: {story}");
            }
            disk.clear_faults();
            let cuts = [
                PowerCut::LoseUnsynced,
                PowerCut::KeepUnsynced,
                PowerCut::Random(n),
                PowerCut::Random(n + count),
            ];
            for cut in cuts {
                let when = format!("{when}, {cut:?}");
                assert_clean_or_refused(disk.power_cut(&cut), zones, &outcome, &when);
            }
            assert_clean_or_refused(disk.snapshot(), zones, &outcome, &when);
        }
    }
}

// Guards against a failed write that is not told, or after which anything is taken for saved.
#[test]
fn every_write_can_fail() {
    fail_each(Operation::Write, 1);
    fail_each(Operation::Write, 3);
}

// Guards against a failed sync that is not told or is tried again (trap 18).
#[test]
fn every_sync_can_fail() {
    fail_each(Operation::Sync, 1);
    fail_each(Operation::Sync, 2);
}

// Guards against a disk that fills up, in creation and later: it is told, and what was there
// before stands.
#[test]
fn a_full_disk_is_told() {
    let mut complete = 0;
    for blocks in 0..30 {
        let disk = disk();
        disk.limit_space(Some(blocks * 4096));
        let outcome = run_script_on_full_disk(&disk);
        if let Some(error) = &outcome.failure {
            assert!(story(error).contains("the simulated disk is full"), "{}", story(error));
            assert_eq!(first_cause(error).kind(), ErrorKind::NoSpace);
        } else {
            complete += 1;
        }
        assert_clean_or_refused(disk.snapshot(), 1, &outcome, &format!("{blocks} blocks"));
    }
    assert!(complete > 0 && complete < 30, "{complete}");
}

fn run_script_on_full_disk(disk: &Arc<SimDisk>) -> Outcome {
    let index = match Index::create(disk.clone(), &configuration(), &create_in(1)) {
        Ok(index) => index,
        Err(error) => return Outcome { saved: None, unsure: None, failure: Some(error) },
    };
    let mut batch = Batch::new();
    for counter in 0..RECORDS {
        batch.post(name(counter), data(counter, 0));
    }
    let posted = index.run(&mut batch);
    let closed = index.close();
    assert!(posted.is_ok() || closed.is_err());
    match closed {
        Ok(()) => Outcome { saved: Some(RECORDS), unsure: None, failure: None },
        Err(error) => Outcome { saved: None, unsure: Some(RECORDS), failure: Some(error) },
    }
}

/// A disk with an index of all records, closed.
fn closed_disk(zones: u8) -> Arc<SimDisk> {
    let disk = disk();
    let outcome = run_script(&disk, zones);
    assert_eq!(outcome.saved, Some(RECORDS));
    disk
}

// Guards against a failed read while an index is opened: told as what it is, not as damage
// that a rebuild would mend, and nothing is written.
#[test]
fn every_read_of_an_opening_can_fail() {
    for zones in [1, 3] {
        let disk = closed_disk(zones);
        let image = disk.to_vec();
        let before = disk.counts();
        drop(Index::open(disk.clone(), &open_in(zones)).unwrap());
        // The last two look at pages of the volume, and do without them.
        let count = disk.counts().reads - before.reads - 2;
        assert!(count > 5);
        for n in 1..=count {
            disk.inject(Fault::of(Operation::Read).nth(n));
            let error = Index::open(disk.clone(), &open_in(zones)).expect_err("a read fails");
            assert_eq!(error.kind(), ErrorKind::Io, "read {n} of {count}: {}", story(&error));
            assert!(story(&error).contains("a fault of the simulated disk"), "{}", story(&error));
            let index = Index::open(disk.clone(), &open_in(zones)).unwrap();
            assert_holds(&index, 0..RECORDS, RECORDS + 10);
        }
        for n in count + 1..=count + 2 {
            disk.inject(Fault::of(Operation::Read).nth(n));
            let index = Index::open(disk.clone(), &open_in(zones)).unwrap();
            assert_holds(&index, 0..RECORDS, RECORDS + 10);
        }
        assert_eq!(disk.counts().writes, before.writes);
        assert!(disk.to_vec() == image);
    }
}

// Guards against one unreadable page that takes the index down (trap of row B15): just the
// requests that wait for it fail, say which page, and change nothing. Without read threads that is
// the one request that reads it; the next reads it again.
#[test]
fn a_failed_read_fails_the_requests_that_wait_for_it() {
    for read_threads in [0, 2] {
        fail_each_read(&OpenOptions { read_threads, ..open_in(1) });
    }
}

fn fail_each_read(options: &OpenOptions) {
    let disk = closed_disk(1);
    let before = disk.counts();
    let index = Index::open(disk.clone(), options).unwrap();
    let opening = disk.counts().reads - before.reads;
    found(&index, 0..RECORDS);
    let count = disk.counts().reads - before.reads - opening;
    assert!(count >= 10, "five chapters of two pages, not {count}");
    drop(index);
    for n in 1..=count {
        let index = Index::open(disk.clone(), options).unwrap();
        disk.inject(Fault::of(Operation::Read).nth(n));
        let mut failed = 0;
        let mut batch = Batch::new();
        for counter in 0..RECORDS {
            batch.query_no_update(name(counter));
        }
        let error = index.run(&mut batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{}", story(&error));
        for (counter, answer) in (0..RECORDS).zip(batch.answers()) {
            match answer.unwrap() {
                Ok(answer) => assert_eq!(answer.data(), Some(data(counter, 0))),
                Err(error) => {
                    failed += 1;
                    let story = story(&**error);
                    assert!(story.contains("page 0 of slot"), "{story}");
                    assert!(story.contains("byte"), "{story}");
                }
            }
        }
        // A record page has 128 records, and a chapter one such page.
        let most = if options.read_threads == 0 { 1 } else { 128 };
        assert!((1..=most).contains(&failed), "read {n}: {failed} failed");
        assert_holds(&index, 0..RECORDS, RECORDS + 10);
        let answer = index.post(name(n), data(0, 9)).unwrap();
        assert_eq!(answer.data(), Some(data(n, 0)));
    }
    // An index with changes goes on to its next save.
    let index = Index::open(disk.clone(), options).unwrap();
    disk.inject(Fault::of(Operation::Read));
    assert_eq!(index.update(name(0), data(0, 9)).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(index.query(name(0)).unwrap().data(), Some(data(0, 0)));
    disk.inject(Fault::of(Operation::Read).within(0..bytes_of(&configuration())).forever());
    for counter in 300..400 {
        let error = index.delete(name(counter)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    }
    disk.clear_faults();
    assert_holds(&index, 0..RECORDS, RECORDS + 10);
    index.close().unwrap();
    let index = Index::open(disk, options).unwrap();
    assert_holds(&index, 0..RECORDS, RECORDS + 10);
}

// Guards against a damaged page: requests that need it fail, or miss, and never get wrong data;
// the index goes on, and forgets the page with its chapter.
#[test]
fn a_damaged_page_fails_its_own_requests() {
    let page_bytes = 4096;
    for (page, is_index_page) in [(0, true), (1, false)] {
        let disk = closed_disk(1);
        // The chapter in slot 1 has the names 128 to 255.
        let place = 2 * 4096 + page_bytes * (1 + 2 + page);
        disk.write_at(place, &[0x55; 4096]).unwrap();
        let index = Index::open(disk.clone(), &open_in(1)).unwrap();
        for counter in 0..RECORDS {
            let answer = index.query_no_update(name(counter));
            if !(128..256).contains(&counter) {
                assert_eq!(answer.unwrap().data(), Some(data(counter, 0)));
            } else if is_index_page {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Damaged, "{}", story(&error));
                let message = format!("index page 0 of slot 1 (byte {place} of the storage)");
                assert!(story(&error).contains(&message), "{}", story(&error));
                let error = index.post(name(counter), data(counter, 5)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Damaged);
            } else {
                assert_eq!(answer.unwrap().data(), None);
            }
        }
        // Enough to forget the chapter: then its names can come back.
        let mut batch = Batch::new();
        for counter in RECORDS..RECORDS + 640 {
            batch.post(name(counter), data(counter, 0));
        }
        index.run(&mut batch).unwrap();
        assert_eq!(index.statistics().oldest_chapter.get(), 3);
        assert!(!index.post(name(200), data(200, 0)).unwrap().is_found());
        assert!(index.query(name(200)).unwrap().is_found());
        index.close().unwrap();
        let index = Index::open(disk, &open_in(1)).unwrap();
        assert!(index.query(name(200)).unwrap().is_found());
    }
}
