//! Rebuilding an index again and again: at every position of its log, under load, and with names
//! that are not uniform (rows C43, C45 and C56).

use std::ops::Range;
use std::sync::Arc;

use uds_geometry::Configuration;
use uds_index::{CreateOptions, ErrorKind, Index, OpenOptions};
use uds_volume::sim::SimDisk;

use crate::common::{
    Random, assert_holds, bytes_of, create_in, found, name, open_in, post, recover_in, scale,
    small, small_sparse,
};

fn created(configuration: &Configuration, zones: u8) -> (Arc<SimDisk>, Index) {
    let disk = Arc::new(SimDisk::new(bytes_of(configuration), 1));
    let options = CreateOptions { read_threads: 0, ..create_in(zones) };
    let index = Index::create(disk.clone(), configuration, &options).unwrap();
    (disk, index)
}

// C43. Guards each position of the open chapter in the log, twice around, with little and with much
// in it: nothing that is on the volume is lost.
#[test]
fn a_full_rebuild_finds_every_name() {
    let configuration = small(2, 8);
    let records = u64::from(configuration.geometry().records_per_chapter());
    for filled in 0..=16 {
        for rest in [0, 1, records / 2, records - 1] {
            let (disk, index) = created(&configuration, 1);
            let all = filled * records + rest;
            post(&index, 0..all);
            index.flush().unwrap();
            drop(index);
            let index = Index::open(disk, &recover_in(1)).unwrap();
            // Seven chapters are left of eight: the slot of the open one is free.
            let oldest = filled.saturating_sub(7) * records;
            assert_holds(&index, oldest..filled * records, all);
        }
    }
}

// C43 and C56, sparse. Guards samples of every chapter, and all of the dense ones, everywhere.
#[test]
fn a_full_rebuild_finds_every_sample() {
    let configuration = small_sparse(2, 8, 4, 2);
    let geometry = configuration.geometry();
    let records = u64::from(geometry.records_per_chapter());
    for filled in 0..=16 {
        let (disk, index) = created(&configuration, 1);
        let all = filled * records + 100;
        post(&index, 0..all);
        index.flush().unwrap();
        drop(index);
        let index = Index::open(disk, &recover_in(1)).unwrap();
        let window = filled.saturating_sub(7) * records..filled * records;
        // One of the four dense chapters is the open one.
        let dense = filled.saturating_sub(3) * records..filled * records;
        let held = found(&index, 0..all);
        assert!(held.iter().all(|counter| window.contains(counter)), "{filled}");
        let must = |counter: &u64| {
            dense.contains(counter)
                || window.contains(counter) && geometry.is_sample(&name(*counter))
        };
        for counter in (0..all).filter(must) {
            assert!(held.binary_search(&counter).is_ok(), "{counter} of {filled} chapters");
        }
    }
}

/// Posts names a few at a time. In one large batch a zone can run ahead of others, and chapters are
/// closed that these have not filled: then less fits the window than this test counts on.
fn post_in_step(index: &Index, counters: Range<u64>) {
    for start in counters.clone().step_by(8) {
        post(index, start..(start + 8).min(counters.end));
    }
}

// C45. Guards an index that is never closed, and rebuilt all the time: each time at most what was
// in two chapters is lost, and only from the end.
#[test]
fn repeated_unclean_ends_lose_two_chapters_at_most() {
    let configuration = small(2, 8);
    let records = u64::from(configuration.geometry().records_per_chapter());
    let mut random = Random::new(45);
    let mut worst = 0;
    let passes = 60 * scale();
    for zones in [1, 3] {
        let (disk, index) = created(&configuration, zones);
        let mut index = Some(index);
        let mut next = 0;
        for _ in 0..passes {
            let count = random.below(12 * records);
            let open = index.take().unwrap();
            for _ in 0..4 {
                post_in_step(&open, next..next + count / 4);
                next += count / 4;
            }
            drop(open);
            if count / 4 > 0 {
                let error = Index::open(disk.clone(), &open_in(zones)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
            }
            // With readers, requests that wait for a page are stored after those that do not.
            let options = OpenOptions { read_threads: 0, ..recover_in(zones) };
            let open = Index::open(disk.clone(), &options).unwrap();
            let start = next.saturating_sub(6 * records);
            let held = found(&open, start..next);
            // In several zones records of different zones end at different places.
            let last = held.last().map_or(start, |&last| last + 1);
            let holes = (start..last).count() - held.len();
            let lost = (start..next).count() as u64 - held.len() as u64;
            assert!(zones > 1 || holes == 0, "holes before {last}");
            assert!(lost <= 2 * records, "{lost} of {next}, from {start}");
            worst = worst.max(lost);
            // They are stored again, so that each pass counts its own losses.
            post_in_step(&open, start..next);
            index = Some(open);
        }
    }
    let passes = 2 * passes;
    println!("unclean ends: {passes} passes, at most {worst} records lost of {records} a chapter");
    assert!(worst > 0, "some must be lost");
}
