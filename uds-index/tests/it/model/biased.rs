//! Names that are not uniform (rows C47, C48, C49, F12, F13): lists overflow and records are
//! dropped, but no answer is wrong, and everything that is missing was counted.

use std::sync::Arc;

use uds_geometry::{RecordName, VolumeIndexParameters};
use uds_index::{Batch, Index, Statistics};
use uds_volume::MemoryStorage;

use crate::common::{
    create_in, data, memory, name, open_in, recover_in, scale, small, small_sparse,
};

/// A way to make the name of a counter.
type Pattern = (&'static str, fn(u64) -> RecordName);

/// The usual name of a counter with some bytes replaced.
fn with(counter: u64, place: std::ops::Range<usize>, bytes: u8) -> RecordName {
    let mut name = *name(counter).as_bytes();
    name[place].fill(bytes);
    RecordName::new(name)
}

/// A name with these numbers for the volume index and for the rest, both big-endian.
fn of_numbers(volume: u64, rest: u64) -> RecordName {
    RecordName::new((u128::from(volume) << 64 | u128::from(rest)).to_be_bytes())
}

const PATTERNS: [Pattern; 14] = [
    ("sample bytes 0", |counter| with(counter, 14..16, 0)),
    ("sample bytes FF", |counter| with(counter, 14..16, 0xff)),
    ("chapter bytes 0", |counter| with(counter, 8..14, 0)),
    ("chapter bytes FF", |counter| with(counter, 8..14, 0xff)),
    ("chapter list 0", |counter| with(counter, 8..11, 0)),
    ("volume bytes 0", |counter| with(counter, 0..8, 0)),
    ("volume list 0", |counter| with(counter, 0..5, 0)),
    ("volume key 0", |counter| of_numbers(counter << 20, u64::MAX - counter)),
    ("a word four times", |counter| {
        let word = name(counter).as_bytes()[..4].repeat(4);
        RecordName::new(word.try_into().unwrap())
    }),
    ("counting at the end", |counter| of_numbers(0, counter)),
    ("counting at the front", |counter| of_numbers(counter, 0)),
    ("counting down from FF", |counter| of_numbers(u64::MAX, u64::MAX - counter)),
    ("a few bits apart", |counter| {
        let flips =
            (0..21).fold(0, |flips, bit| flips | u128::from(counter >> bit & 1) << (6 * bit));
        RecordName::new((u128::from_be_bytes(*name(0).as_bytes()) ^ flips).to_be_bytes())
    }),
    // With 4 zones of 64 lists each.
    ("one zone", |counter| {
        let bits = name(counter).volume_index_bits();
        of_numbers(bits & !(0xc0 << 20), counter.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }),
];

/// Which of the first `all` counters are there. What is found must have its data.
fn found(index: &Index, pattern: &Pattern, all: u64, version: u64) -> Vec<u64> {
    let mut batch = Batch::new();
    for counter in 0..all {
        batch.query_no_update(pattern.1(counter));
    }
    index.run(&mut batch).unwrap();
    let answers = (0..all).zip(batch.answers());
    answers
        .filter_map(|(counter, answer)| {
            let stored = answer.unwrap().as_ref().unwrap().data()?;
            assert_eq!(stored, data(counter, version), "{}, counter {counter}", pattern.0);
            Some(counter)
        })
        .collect()
}

/// How many records the chapters of the window have, the fill records of several zones included.
fn window(index: &Index, statistics: &Statistics) -> u64 {
    let closed = statistics.newest_chapter.get() - statistics.oldest_chapter.get();
    closed * u64::from(index.geometry().records_per_chapter()) + statistics.open_chapter_records
}

/// Posts names of a pattern, once each, and updates some; then checks what is there.
fn run(pattern: &Pattern, zones: u8, count: u64) -> Statistics {
    let configuration = small(3, 9);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
    let mut batch = Batch::new();
    for counter in 0..count {
        batch.post(pattern.1(counter), data(counter, 0));
    }
    index.run(&mut batch).unwrap();
    index.flush().unwrap();
    let statistics = index.statistics();
    assert_eq!(statistics.posts_not_found, count, "{}: the names differ", pattern.0);
    let held = found(&index, pattern, count, 0);
    let window = window(&index, &statistics);
    let at_hand = held.len() as u64;
    assert!(at_hand <= window, "{}: {at_hand} of {window}", pattern.0);
    if zones == 1 {
        // No fill records: what a chapter has and does not find was counted. Chapters that
        // expired early are missing wholly.
        let lost = statistics.chapter_index_overflows;
        let early = statistics.early_flushes * 384;
        assert!(at_hand + lost + early >= window, "{}: {at_hand} of {window}", pattern.0);
        if statistics.overflows == 0 {
            assert_eq!(held.last(), Some(&(count - 1)), "{}", pattern.0);
        }
    }

    // Updates of names that are there, that are forgotten, and that were dropped.
    let mut batch = Batch::new();
    for counter in 0..count {
        batch.update(pattern.1(counter), data(counter, 1));
    }
    index.run(&mut batch).unwrap();
    for (counter, answer) in (0..count).zip(batch.answers()) {
        if let Some(stored) = answer.unwrap().as_ref().unwrap().data() {
            assert_eq!(stored, data(counter, 0), "{}, counter {counter}", pattern.0);
        }
    }
    let held = found_or_stale(&index, pattern, count);
    let statistics = index.statistics();
    index.close().unwrap();

    let storage = Arc::new(MemoryStorage::from_bytes(&storage.to_vec()));
    let index = Index::open(storage, &open_in(zones)).unwrap();
    let again = found_or_stale(&index, pattern, count);
    // Only the chapter closed last was wholly in memory, and now lacks what its index has lost.
    assert!(again.iter().all(|found| held.binary_search(found).is_ok()), "{}", pattern.0);
    let lost = (held.len() - again.len()) as u64;
    assert!(lost <= statistics.chapter_index_overflows.min(384), "{}: {lost}", pattern.0);
    statistics
}

// C48, sparse: all but two chapters, among them patterns in which all names are samples, or none.
#[test]
fn biased_names_in_a_sparse_index() {
    for pattern in &PATTERNS {
        for zones in [1, 3] {
            let configuration = small_sparse(3, 9, 7, 32);
            let storage = memory(&configuration, 0);
            let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
            let count = 5000;
            for version in 0..2 {
                let mut batch = Batch::new();
                for counter in 0..count {
                    match version {
                        0 => batch.post(pattern.1(counter), data(counter, 0)),
                        _ => batch.update(pattern.1(counter), data(counter, 1)),
                    }
                }
                index.run(&mut batch).unwrap();
                for (counter, answer) in (0..count).zip(batch.answers()) {
                    if let Some(stored) = answer.unwrap().as_ref().unwrap().data() {
                        let versions = [data(counter, 0), data(counter, 1)];
                        assert!(versions.contains(&stored), "{}, counter {counter}", pattern.0);
                    }
                }
            }
            found_or_stale(&index, pattern, count);
            index.close().unwrap();
            let index = Index::open(storage, &open_in(zones)).unwrap();
            found_or_stale(&index, pattern, count);
        }
    }
}

/// As [`found`], where an update may have overflowed, so that the first version is still there.
fn found_or_stale(index: &Index, pattern: &Pattern, all: u64) -> Vec<(u64, u64)> {
    found_in_versions(index, pattern, all, 2)
}

/// Which of the first `all` counters are there, each with one of so many versions.
fn found_in_versions(index: &Index, pattern: &Pattern, all: u64, versions: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for counter in 0..all {
        if let Some(stored) = index.query_no_update(pattern.1(counter)).unwrap().data() {
            let version = (0..versions).find(|&version| stored == data(counter, version));
            let version = version.unwrap_or_else(|| panic!("{}, {counter}: {stored}", pattern.0));
            found.push((counter, version));
        }
    }
    found
}

fn count() -> u64 {
    5000 * u64::from(scale())
}

// Guards against wrong answers, panics and endless loops, in one zone.
#[test]
fn biased_names_get_right_answers_in_one_zone() {
    for pattern in &PATTERNS {
        let statistics = run(pattern, 1, count());
        let (overflows, chapter_overflows) =
            (statistics.overflows, statistics.chapter_index_overflows);
        match pattern.0 {
            "volume bytes 0" | "counting at the end" | "counting down from FF" => {
                assert!(overflows > 0, "{}", pattern.0);
            }
            "chapter bytes 0" | "chapter bytes FF" | "counting at the front" => {
                assert!(chapter_overflows > 0, "{}", pattern.0);
            }
            "sample bytes 0" | "sample bytes FF" => {
                assert_eq!((overflows, chapter_overflows), (0, 0), "{}", pattern.0);
            }
            _ => {}
        }
    }
}

// Guards the same in four zones, where one zone can fill a chapter alone.
#[test]
fn biased_names_get_right_answers_in_four_zones() {
    let geometry = small(3, 9).geometry();
    assert_eq!(VolumeIndexParameters::new(&geometry).unwrap().non_hook.list_count, 256);
    for pattern in &PATTERNS {
        let statistics = run(pattern, 4, count());
        if pattern.0 == "one zone" {
            // A zone has room for 96 records.
            assert!(statistics.newest_chapter.get() >= count() / 96);
        }
    }
}

// C47. Guards a rebuild with such names, which have to be told apart by reading their records: it
// ends, and whatever is found was stored for that name.
#[test]
fn biased_names_are_rebuilt() {
    let configuration = small(3, 9);
    for pattern in &PATTERNS {
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
        let mut index = Some(index);
        for version in 0..3 {
            let open = index.take().unwrap();
            let mut batch = Batch::new();
            for counter in 0..count() / 2 {
                batch.update(pattern.1(counter), data(counter, version));
            }
            open.run(&mut batch).unwrap();
            open.flush().unwrap();
            let before = found_in_versions(&open, pattern, count() / 2, 3);
            drop(open);
            let open = Index::open(storage.clone(), &recover_in(1)).unwrap();
            assert_eq!(open.recovery().unwrap().bad_chapters, 0, "{}", pattern.0);
            let after = found_in_versions(&open, pattern, count() / 2, 3);
            // The open chapter is lost, and the newest one is looked up on its pages now.
            let least = before.len().saturating_sub(2 * 384);
            assert!(after.len() >= least, "{}: {} of {}", pattern.0, after.len(), before.len());
            index = Some(open);
        }
    }
}
