//! Sparse indexes: what samples bring back (rows C56, C57 and C59), what waits for pages on the
//! way (traps 33, 34 and 49), and what the whole is worth.

use std::ops::Range;
use std::sync::Arc;

use uds_geometry::{Configuration, Geometry, MemorySize, RecordName};
use uds_index::{Answer, Batch, CreateOptions, Index, Location, OpenOptions};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{Operation, Storage};

use crate::common::{bytes_of, create_in, data, memory, name, open_in, post, small, small_sparse};

/// Each way in which an index can be manned: a zone that reads for itself, one with readers, and
/// several.
const MANNINGS: [(u8, usize); 4] = [(1, 0), (1, 2), (3, 0), (3, 2)];

fn creating(zones: u8, read_threads: usize) -> CreateOptions {
    CreateOptions { read_threads, ..create_in(zones) }
}

/// Where a name is, asked without changing anything. What is found must have its data.
fn location(index: &Index, counter: u64) -> Option<Location> {
    match index.query_no_update(name(counter)).unwrap() {
        Answer::Found { data: found, location } => {
            assert_eq!(found, data(counter, 0), "{counter}");
            Some(location)
        }
        Answer::Absent => None,
    }
}

/// Posts names singly until so many chapters are closed. Returns the counters of each chapter, and
/// those of the open one. With several zones, chapters have fewer records.
fn fill(index: &Index, from: u64, chapters: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut start = from;
    let first = index.statistics().newest_chapter.get();
    for counter in from.. {
        let newest = index.statistics().newest_chapter.get();
        if newest - first > ranges.len() as u64 {
            ranges.push(start..counter);
            start = counter;
        }
        if newest - first == chapters {
            index.flush().unwrap();
            return ranges;
        }
        index.post(name(counter), data(counter, 0)).unwrap();
        // The chapter is closed by whoever comes next.
        index.flush().unwrap();
    }
    unreachable!("counters do not end")
}

fn samples(geometry: &Geometry, counters: Range<u64>) -> (Vec<u64>, Vec<u64>) {
    counters.partition(|&counter| geometry.is_sample(&name(counter)))
}

// C56. Guards the heart of a sparse index: names of sparse chapters are found by their samples
// alone, until a sample brings their chapter into the cache; then all of them are.
#[test]
fn a_sample_brings_its_chapter_back() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let storage = memory(&configuration, 0);
        let options = creating(zones, read_threads);
        let index = Index::create(storage, &configuration, &options).unwrap();
        let chapters = fill(&index, 0, 9);
        let end = chapters[8].end;
        post(&index, end..end + 5);
        // Chapter 9 is open: 5 to 9 are dense, 0 to 4 sparse.
        for counter in end..end + 5 {
            assert_eq!(location(&index, counter), Some(Location::Open));
        }
        for chapter in &chapters[5..] {
            for counter in chapter.clone() {
                assert_eq!(location(&index, counter), Some(Location::Dense), "{counter}");
            }
        }
        for chapter in &chapters[..5] {
            for counter in samples(&geometry, chapter.clone()).1 {
                assert_eq!(location(&index, counter), None, "no sample was seen: {counter}");
            }
        }
        for (number, chapter) in chapters[..5].iter().enumerate() {
            let (samples, others) = samples(&geometry, chapter.clone());
            assert_eq!(location(&index, samples[0]), Some(Location::Sparse));
            assert_eq!(index.statistics().sparse_chapters_cached, number as u64 + 1);
            for counter in samples.into_iter().chain(others) {
                assert_eq!(location(&index, counter), Some(Location::Sparse), "{counter}");
            }
        }
        let statistics = index.statistics();
        assert_eq!(
            (statistics.sparse_chapters_cached, statistics.sparse_chapters_unreadable),
            (5, 0)
        );
    }
}

// C56. Guards the end of a sparse chapter: when it expires nothing of it is found, although the
// cache still has it; and the moves of records that are found in time.
#[test]
fn sparse_chapters_expire() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let options = creating(zones, read_threads);
        let index = Index::create(memory(&configuration, 0), &configuration, &options).unwrap();
        let chapters = fill(&index, 0, 9);
        let (samples, others) = samples(&geometry, chapters[0].clone());
        assert_eq!(location(&index, samples[0]), Some(Location::Sparse));
        // A query moves a record into the open chapter, wherever it was found.
        for counter in [samples[1], others[1]] {
            let answer = index.query(name(counter)).unwrap();
            let found = Answer::Found { data: data(counter, 0), location: Location::Sparse };
            assert_eq!(answer, found);
            assert_eq!(location(&index, counter), Some(Location::Open));
        }
        // An update of a record that only the cache knows has its old data.
        let answer = index.update(name(others[2]), data(others[2], 0)).unwrap();
        assert_eq!(answer.data(), Some(data(others[2], 0)));
        assert_eq!(location(&index, others[2]), Some(Location::Open));
        // What only the cache knows is not looked for to be deleted.
        assert_eq!(index.delete(name(others[3])).unwrap(), Answer::Absent);
        assert_eq!(location(&index, others[3]), Some(Location::Sparse));
        fill(&index, 1_000_000, 1);
        let moved = [samples[1], others[1], others[2]];
        for counter in chapters[0].clone() {
            let expected = moved.contains(&counter).then_some(Location::Dense);
            assert_eq!(location(&index, counter), expected, "{counter}");
        }
    }
}

// Guards a save and a load: the sparse chapters are there again, in any number of zones, and the
// cache begins anew.
#[test]
fn a_sparse_index_is_kept_over_a_close() {
    for zones in [1, 2, 5] {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &creating(zones, 2)).unwrap();
        let chapters = fill(&index, 0, 9);
        index.close().unwrap();
        for again in [1, 3, 16] {
            let index = Index::open(storage.clone(), &open_in(again)).unwrap();
            for chapter in &chapters[..5] {
                let (samples, others) = samples(&geometry, chapter.clone());
                assert_eq!(location(&index, others[0]), None);
                assert_eq!(location(&index, samples[0]), Some(Location::Sparse));
                assert_eq!(location(&index, others[0]), Some(Location::Sparse));
            }
            for counter in chapters[5..].iter().cloned().flatten() {
                assert_eq!(location(&index, counter), Some(Location::Dense), "{counter}");
            }
            index.close().unwrap();
        }
    }
}

/// Two names with the same place in the volume index, neither of which is a sample.
fn twins(counter: u64) -> [RecordName; 2] {
    let mut first = *name(counter).as_bytes();
    first[15] = 1;
    let mut second = first;
    second[8..14].fill(0xA5);
    [first, second].map(RecordName::new)
}

// Guards the name that the volume index takes for another (trap 34): after it was not found in the
// chapter that the entry names, whether or not that took a page that had to be read, it is found in
// the sparse cache, and moves under an entry of its own.
#[test]
fn a_mistaken_entry_does_not_hide_a_sparse_record() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let storage = memory(&configuration, 0);
        let options = creating(zones, read_threads);
        let index = Index::create(storage.clone(), &configuration, &options).unwrap();
        let [sparse, dense] = twins(77);
        index.post(sparse, data(1, 0)).unwrap();
        let chapters = fill(&index, 0, 7);
        index.post(dense, data(2, 0)).unwrap();
        fill(&index, 1_000_000, 1);
        index.close().unwrap();
        // No page is cached now.
        let open = OpenOptions { read_threads, ..open_in(zones) };
        let index = Index::open(storage, &open).unwrap();
        let sample = samples(&geometry, chapters[0].clone()).0[0];
        assert_eq!(index.query_no_update(sparse).unwrap(), Answer::Absent);
        assert_eq!(location(&index, sample), Some(Location::Sparse));
        let found = |number, location| Answer::Found { data: data(number, 0), location };
        assert_eq!(index.query_no_update(sparse).unwrap(), found(1, Location::Sparse));
        assert_eq!(index.query(sparse).unwrap(), found(1, Location::Sparse));
        assert_eq!(index.query(sparse).unwrap(), found(1, Location::Open));
        assert_eq!(index.query_no_update(dense).unwrap(), found(2, Location::Dense));
        assert_eq!(index.statistics().collisions, 1);
    }
}

// Guards a chapter index that cannot be read: with one zone the request that wanted it fails, with
// several it is only not found; everything else goes on, and the chapter is asked for again.
#[test]
fn an_unreadable_sparse_chapter_costs_little() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
        let options = creating(zones, read_threads);
        let index = Index::create(disk.clone(), &configuration, &options).unwrap();
        let chapters = fill(&index, 0, 9);
        let (samples, others) = samples(&geometry, chapters[1].clone());
        let pages = u64::from(geometry.pages_per_chapter());
        let slot = (2 + 1 + pages) * 4096;
        let index_pages = u64::from(geometry.index_pages_per_chapter()) * 4096;
        disk.inject(Fault::of(Operation::Read).within(slot..slot + index_pages).forever());
        for _ in 0..3 {
            let answer = index.query_no_update(name(samples[0]));
            assert!(answer.is_err(), "its own index page cannot be read either");
            assert_eq!(location(&index, others[0]), None);
        }
        let failed = index.statistics().sparse_chapters_unreadable;
        assert_eq!(failed, 3, "{zones} zones, {read_threads} readers");
        for counter in chapters[6].clone() {
            assert_eq!(location(&index, counter), Some(Location::Dense));
        }
        disk.clear_faults();
        assert_eq!(location(&index, samples[0]), Some(Location::Sparse));
        assert_eq!(location(&index, others[0]), Some(Location::Sparse));
        index.close().unwrap();
    }
}

// Guards all names that the volume index does not know against the damaged index of a chapter that
// none of them is in: it is not brought into the cache.
#[test]
fn a_damaged_sparse_chapter_fails_nobody_else() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 10, 5, 2);
        let geometry = configuration.geometry();
        let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
        let options = creating(zones, read_threads);
        let index = Index::create(disk.clone(), &configuration, &options).unwrap();
        let chapters = fill(&index, 0, 9);
        // The lists of the index page of slot 1, behind its header and offsets.
        let page = (2 + 1 + u64::from(geometry.pages_per_chapter())) * 4096;
        disk.write_at(page + 40, &[0; 300]).unwrap();
        let sample = samples(&geometry, chapters[1].clone()).0[0];
        let _ = index.query_no_update(name(sample));
        let statistics = index.statistics();
        assert_eq!(
            (statistics.sparse_chapters_cached, statistics.sparse_chapters_unreadable),
            (0, 1)
        );
        for counter in 2_000_000..2_000_500 {
            assert_eq!(location(&index, counter), None);
        }
        for chapter in [&chapters[0], &chapters[3]] {
            for counter in samples(&geometry, chapter.clone()).0 {
                assert_eq!(location(&index, counter), Some(Location::Sparse));
            }
        }
    }
}

// Guards a chapter that was of no use for long, and is passed by for that, when its data comes
// back: the next samples bring it back too, also where it is still the last that was asked for.
#[test]
fn a_chapter_that_was_passed_by_comes_back() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(8, 10, 5, 32);
        let geometry = configuration.geometry();
        let options = creating(zones, read_threads);
        let index = Index::create(memory(&configuration, 0), &configuration, &options).unwrap();
        // Small batches, so that the zones keep step.
        (0..9 * 1024).step_by(32).for_each(|start| post(&index, start..start + 32));
        let (samples, others) = samples(&geometry, 0..800);
        assert_eq!(location(&index, samples[0]), Some(Location::Sparse));
        assert_eq!(location(&index, others[50]), Some(Location::Sparse));
        // More misses than the cache bears, with no sample among them.
        let mut batch = Batch::new();
        let strangers = (1 << 40..).filter(|&counter| !geometry.is_sample(&name(counter)));
        for counter in strangers.take(70_000) {
            batch.query_no_update(name(counter));
        }
        index.run(&mut batch).unwrap();
        let found = |counters: &[u64]| {
            let mut batch = Batch::new();
            counters.iter().for_each(|&counter| batch.query_no_update(name(counter)));
            index.run(&mut batch).unwrap();
            batch.answers().filter(|answer| answer.unwrap().as_ref().unwrap().is_found()).count()
        };
        assert_eq!(found(&others[100..200]), 0, "passed by");
        assert_eq!(location(&index, samples[3]), Some(Location::Sparse));
        assert_eq!(found(&others[100..200]), 100, "{zones} zones, {read_threads} readers");
    }
}

// Guards the triage of batches: samples bring their chapter in before the requests behind them are
// carried out, in every zone; a run of samples of one chapter costs one load, and so does each of
// more chapters in one batch than the cache has room for.
#[test]
fn a_batch_meets_before_the_requests_behind_a_sample() {
    for (zones, read_threads) in MANNINGS {
        let configuration = small_sparse(1, 40, 35, 2);
        let geometry = configuration.geometry();
        let options = creating(zones, read_threads);
        let index = Index::create(memory(&configuration, 0), &configuration, &options).unwrap();
        let chapters = fill(&index, 0, 35);
        let mut batch = Batch::new();
        let mut asked = Vec::new();
        for chapter in &chapters[..25] {
            let (samples, others) = samples(&geometry, chapter.clone());
            asked.extend(samples.into_iter().chain(others));
        }
        asked.iter().for_each(|&counter| batch.query_no_update(name(counter)));
        index.run(&mut batch).unwrap();
        for (&counter, answer) in asked.iter().zip(batch.answers()) {
            let found = Answer::Found { data: data(counter, 0), location: Location::Sparse };
            assert_eq!(answer.unwrap().as_ref().unwrap(), &found, "{counter}, {zones} zones");
        }
        assert_eq!(index.statistics().sparse_chapters_cached, 25);
    }
}

/// How many of some names are not found when they come in the order in which they were stored.
fn lost_in_order(index: &Index, counters: Range<u64>) -> u64 {
    let mut batch = Batch::new();
    let mut lost = 0;
    for start in counters.clone().step_by(1000) {
        batch.clear();
        let part = start..(start + 1000).min(counters.end);
        part.clone().for_each(|counter| batch.query_no_update(name(counter)));
        index.run(&mut batch).unwrap();
        for (counter, answer) in part.zip(batch.answers()) {
            match answer.unwrap().as_ref().unwrap().data() {
                Some(found) => assert_eq!(found, data(counter, 0)),
                None => lost += 1,
            }
        }
    }
    lost
}

// C57. Guards the loss that sampling costs: of each chapter that comes by in order, the records
// before its first sample are lost, 31 on average where one name in 32 is a sample.
#[test]
fn sampling_loses_what_it_must_and_no_more() {
    for zones in [1_u8, 2, 3] {
        let configuration = small_sparse(u32::from(zones), 10_240, 10_239, 32);
        let index =
            Index::create(memory(&configuration, 0), &configuration, &create_in(zones)).unwrap();
        // 128 chapters of up to 128 records a zone, which are then all sparse. Small batches, so
        // that the zones keep step and a chapter has what came together.
        let mut records = 0;
        while index.statistics().newest_chapter.get() < 128 {
            post(&index, records..records + 8);
            records += 8;
        }
        index.flush().unwrap();
        let lost = lost_in_order(&index, 0..records);
        println!("sparse loss, {zones} zones: {lost} of {records}, expected 3968, 2976 to 4960");
        assert!((2976..4960).contains(&lost), "{lost} lost with {zones} zones");
    }
}

// Guards what a sparse index is for: a stream that repeats long stretches from far back finds
// nearly all of what a dense index of the same window finds (F21: at least 97%).
#[test]
fn locality_is_found() {
    let found_in = |configuration: &Configuration, zones: u8| {
        let index =
            Index::create(memory(configuration, 0), configuration, &create_in(zones)).unwrap();
        let mut random = crate::common::Random::new(9);
        let mut found = 0;
        let mut fresh = 0;
        let mut batch = Batch::new();
        for _ in 0..100 {
            // New data, then a stretch of one to eight chapters of old data.
            let length = 6000 + random.below(6000);
            post(&index, fresh..fresh + length);
            fresh += length;
            let repeats = 4096 + random.below(7 * 4096);
            let start = random.below(fresh.saturating_sub(repeats).max(1));
            let end = (start + repeats).min(fresh);
            for from in (start..end).step_by(1000) {
                batch.clear();
                for counter in from..(from + 1000).min(end) {
                    batch.post(name(counter), data(counter, 0));
                }
                index.run(&mut batch).unwrap();
                found += batch
                    .answers()
                    .filter(|answer| answer.unwrap().as_ref().unwrap().is_found())
                    .count();
            }
        }
        index.close().unwrap();
        found
    };
    let dense = found_in(&small(32, 400), 1);
    for zones in [1, 2] {
        let sparse = found_in(&small_sparse(32, 400, 380, 32), zones);
        let share = sparse as f64 / dense as f64;
        println!(
            "locality: sparse in {zones} zones finds {sparse} of {dense}, {:.2}%",
            100.0 * share
        );
        assert!(share >= 0.97, "{sparse} of {dense} in {zones} zones");
        assert!(share <= 1.0, "{sparse} of {dense} in {zones} zones");
    }
}

// C59. Guards the sizes that users are told: index pages a chapter, no chapter index that
// overflows, and memory of at most 102% of the nominal size.
#[test]
fn a_sparse_256m_index_takes_what_it_says() {
    let configuration = Configuration::sparse(MemorySize::MB_256);
    let geometry = configuration.geometry();
    assert_eq!(geometry.index_pages_per_chapter(), 6);
    let folder = tempfile::tempdir().unwrap();
    let storage = uds_volume::FileOptions::new()
        .sparse(true)
        .create(folder.path().join("index"), bytes_of(&configuration))
        .unwrap();
    let index =
        Index::create(Arc::new(storage), &configuration, &CreateOptions::default()).unwrap();
    let records = 16 * u64::from(geometry.records_per_chapter());
    for start in (0..records).step_by(4096) {
        post(&index, start..start + 4096);
    }
    index.flush().unwrap();
    let statistics = index.statistics();
    assert_eq!(statistics.chapter_index_overflows, 0);
    assert_eq!(statistics.overflows, 0);
    assert_eq!(statistics.newest_chapter.get(), 16);
    assert!(statistics.memory_used <= 256 * 1024 * 1024 * 102 / 100, "{}", statistics.memory_used);
}

// Guards the sparse half of a program that closes and opens in turn with many callers; what was
// stored in this run and not forgotten is found by its samples.
#[test]
fn many_callers_meet() {
    let configuration = small_sparse(2, 60, 50, 4);
    let geometry = configuration.geometry();
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(4)).unwrap();
    post(&index, 0..256 * 40);
    std::thread::scope(|scope| {
        for caller in 0..4_u64 {
            let (index, geometry) = (&index, &geometry);
            scope.spawn(move || {
                let mut random = crate::common::Random::new(caller);
                for _ in 0..60 {
                    let start = random.below(256 * 39);
                    let mut batch = Batch::new();
                    for counter in start..start + 200 {
                        batch.query_no_update(name(counter));
                    }
                    index.run(&mut batch).unwrap();
                    for (counter, answer) in (start..).zip(batch.answers()) {
                        let found = answer.unwrap().as_ref().unwrap().data();
                        assert!(found.is_none_or(|found| found == data(counter, 0)));
                        let is_sample = geometry.is_sample(&name(counter));
                        assert!(!is_sample || found.is_some(), "sample {counter}");
                    }
                }
            });
        }
    });
    index.close().unwrap();
}
