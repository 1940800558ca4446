//! Copying the records of an index into another: of another size, of the other kind.

use std::ops::ControlFlow;
use std::sync::Arc;

use uds_geometry::{
    ChapterPage, Configuration, Geometry, IndexPageNumber, PhysicalChapter, RecordData,
    RecordPageNumber,
};
use uds_index::{
    Batch, CopyError, CopyReport, CreateOptions, Index, IndexError, OpenOptions, copy_records,
};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{Operation, Storage};

use crate::common::{
    Random, assert_holds, bytes_of, create_in, data, found, memory, name, open_in, post, small,
    small_sparse,
};

/// A new index in so many zones.
fn create(configuration: &Configuration, zones: u8) -> Index {
    Index::create(memory(configuration, 0), configuration, &create_in(zones)).unwrap()
}

/// Copies all of an index into a new one.
fn copied(source: &Index, configuration: &Configuration, zones: u8) -> (Index, CopyReport) {
    let target = create(configuration, zones);
    let report = copy_records(source, &target, &mut |_| ControlFlow::Continue(())).unwrap();
    (target, report)
}

/// What an index says of the names of the first counters, asked in order.
fn answers(index: &Index, counters: u64) -> Vec<Option<RecordData>> {
    let mut batch = Batch::new();
    for counter in 0..counters {
        batch.query_no_update(name(counter));
    }
    index.run(&mut batch).unwrap();
    batch.answers().map(|answer| answer.unwrap().as_ref().unwrap().data()).collect()
}

/// Does this and that to the names of some counters.
fn live(index: &Index, counters: u64, steps: u32, random: &mut Random) {
    for version in 0..steps {
        let mut batch = Batch::new();
        let first = random.below(counters);
        for counter in first..(first + 40).min(counters) {
            let new = data(counter, version.into());
            match random.below(8) {
                0..4 => batch.post(name(counter), new),
                4 => batch.update(name(counter), new),
                5 => batch.query(name(counter)),
                _ => batch.delete(name(counter)),
            }
        }
        index.run(&mut batch).unwrap();
    }
}

/// Where a page of an index that begins with the storage lies.
fn byte_of_page(geometry: &Geometry, slot: u32, page: ChapterPage) -> u64 {
    let number = geometry.physical_page(PhysicalChapter::new(slot), page);
    2 * 4096 + u64::from(number.get()) * u64::from(geometry.bytes_per_page())
}

// Guards against records that are lost, come back or are old ones, whatever had happened to the
// source; and against copies that take room from others.
#[test]
fn a_larger_index_answers_the_same() {
    for (seed, zones) in [(1, 1), (2, 1), (3, 2), (4, 3)] {
        let mut random = Random::new(seed);
        let source = create(&small(2, 12), zones);
        live(&source, 3000, 400, &mut random);
        let wanted = answers(&source, 3000);
        let held = wanted.iter().flatten().count() as u64;
        assert!(held > 500, "seed {seed}: {held}");
        for target_zones in [1, 2] {
            let (target, report) = copied(&source, &small(4, 30), target_zones);
            assert!(answers(&target, 3000) == wanted, "seed {seed}, {target_zones} zones");
            assert_eq!((report.records, report.bad_chapters), (held, 0), "seed {seed}");
            assert!(report.outdated > 0, "seed {seed}: nothing was there twice");
            assert_eq!(target.statistics().entries_indexed, held, "seed {seed}");
        }
        assert!(answers(&source, 3000) == wanted, "seed {seed}: the source is as it was");
    }
}

// Guards against the loss of newer records for the sake of older ones.
#[test]
fn a_smaller_index_keeps_the_newest() {
    let source = create(&small(2, 16), 1);
    post(&source, 0..8000);
    let all = found(&source, 0..8000);
    let (target, report) = copied(&source, &small(1, 8), 1);
    // What fills the target is in the newest four chapters of 256, and the open one.
    assert_eq!(report.skipped_chapters + report.chapters, 16);
    assert!((10..=11).contains(&report.skipped_chapters), "{report:?}");
    assert!(report.records < all.len() as u64 && report.records >= 8 * 128, "{report:?}");
    let kept = report.records - target.statistics().records_forgotten;
    assert!(kept > 7 * 128, "{kept} of 8 chapters of 128");
    let found = found(&target, 0..8000);
    assert_eq!(found.len() as u64, kept);
    // Within a chapter of the source the order of arrival is gone: 256 records.
    let oldest_kept = 8000 - kept;
    assert!(found.iter().all(|&counter| counter + 256 >= oldest_kept), "{found:?}");
    assert!(
        found.iter().rev().zip((0..8000).rev()).take(kept as usize - 256).all(|(a, b)| *a == b)
    );
}

// Guards older records, for which there is room where newer ones are damaged.
#[test]
fn what_is_damaged_fills_no_smaller_index() {
    let configuration = small(2, 16);
    let geometry = configuration.geometry();
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..15 * 256 + 100);
    index.close().unwrap();
    for slot in [11, 12, 14] {
        let page = ChapterPage::Index(IndexPageNumber::new(0));
        storage.write_at(byte_of_page(&geometry, slot, page), &[77]).unwrap();
    }
    let source = Index::open(storage, &open_in(1)).unwrap();
    let (target, report) = copied(&source, &small(1, 8), 1);
    assert_eq!(report.bad_chapters, 3);
    assert!(report.records >= 8 * 128 && report.skipped_chapters > 0, "{report:?}");
    let kept = report.records - target.statistics().records_forgotten;
    assert!(kept > 7 * 128, "{report:?}");
    assert_eq!(found(&target, 0..4000).len() as u64, kept);
}

// Guards every record on the way from dense to sparse and back.
#[test]
fn to_sparse_and_back() {
    let dense = create(&small(2, 16), 2);
    live(&dense, 3500, 300, &mut Random::new(9));
    let wanted = answers(&dense, 3500);
    let held = wanted.iter().flatten().count() as u64;
    for zones in [1, 3] {
        let (sparse, report) = copied(&dense, &small_sparse(2, 40, 36, 4), zones);
        assert_eq!(report.records, held);
        assert!(sparse.statistics().newest_chapter.get() > 4, "most chapters are sparse");
        let (back, report) = copied(&sparse, &small(2, 20), 1);
        let got = answers(&back, 3500);
        let differs = (0..3500).find(|&at| got[at] != wanted[at]);
        assert_eq!(report.records, held, "{zones} zones, {report:?}, first at {differs:?}");
        assert_eq!(differs, None, "{zones} zones");
    }
}

// Guards a sparse source: what moved out of a sparse chapter into a dense one, copies of fill
// records that deletions leave, and records that it would not find by itself.
#[test]
fn from_a_sparse_index() {
    let source = create(&small_sparse(2, 30, 24, 4), 1);
    post(&source, 0..3000);
    // These move to the newest chapters, sparse ones' records among them.
    let mut batch = Batch::new();
    for counter in 300..700 {
        batch.query(name(counter));
        batch.update(name(counter), data(counter, 1));
    }
    source.run(&mut batch).unwrap();
    // And these make room that a fill record takes.
    let mut batch = Batch::new();
    for counter in 3000..3100 {
        batch.post(name(counter), data(counter, 0));
        batch.delete(name(counter));
    }
    source.run(&mut batch).unwrap();
    post(&source, 3100..3400);
    let (target, report) = copied(&source, &small(2, 40), 1);
    let expected = |counter: u64| match counter {
        300..700 => Some(data(counter, 1)),
        3000..3100 => None,
        _ => Some(data(counter, 0)),
    };
    let wanted: Vec<_> = (0..3400).map(expected).collect();
    assert!(answers(&target, 3400) == wanted);
    assert_eq!(report.records, 3300, "each name once");
    assert_eq!(target.statistics().entries_indexed, 3300);
}

// Guards records that no chapter on the volume has yet, in zones that are not at the same chapter.
#[test]
fn what_is_in_memory_comes_along() {
    for count in [0, 1, 200, 255, 256, 257, 600, 767] {
        let source = create(&small(2, 12), 3);
        post(&source, 0..count);
        let (target, report) = copied(&source, &small(2, 14), 1);
        assert_eq!(report.records, count);
        assert_holds(&target, 0..count, 1000);
    }
}

// Guards the records of sound chapters against what is wrong with others, and the counts.
#[test]
fn damage_is_counted_and_takes_nothing_with_it() {
    let configuration = small(2, 12);
    let geometry = configuration.geometry();
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 5));
    let index = Index::create(disk.clone(), &configuration, &CreateOptions::default()).unwrap();
    post(&index, 0..10 * 256 + 100);
    index.close().unwrap();
    // Another chapter's number on the first page of slot 3; a record page of slot 5 that cannot be
    // read.
    let header = byte_of_page(&geometry, 3, ChapterPage::Index(IndexPageNumber::new(0)));
    disk.write_at(header + 8, &[77]).unwrap();
    let bad = byte_of_page(&geometry, 5, ChapterPage::Record(RecordPageNumber::new(1)));
    disk.inject(Fault::of(Operation::Read).within(bad..bad + 4096).forever());
    let source = Index::open(disk, &open_in(1)).unwrap();
    let (target, report) = copied(&source, &small(2, 20), 1);
    assert_eq!((report.bad_chapters, report.unreadable_pages), (1, 1));
    assert_eq!(report.chapters, 10, "nine on the volume, and the open one");
    assert_eq!(report.records, 9 * 256 + 100 - 128);
    let found = found(&target, 0..3000);
    assert_eq!(found.len() as u64, report.records);
    assert!(!found.iter().any(|counter| (3 * 256..4 * 256).contains(counter)));
}

// Guards an index that has to be recovered first, as after a crash of its host.
#[test]
fn a_source_that_was_not_closed() {
    let configuration = small(2, 8);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..1500);
    index.flush().unwrap();
    drop(index);
    let source = Index::open(storage, &OpenOptions::default()).unwrap();
    assert!(source.recovery().is_some());
    let wanted = answers(&source, 1500);
    let (target, _) = copied(&source, &small(2, 10), 1);
    assert!(answers(&target, 1500) == wanted);
}

// Guards against a copy that cannot be stopped, that hangs when it is, or that writes to its
// source.
#[test]
fn a_copy_can_be_broken_off() {
    let configuration = small(2, 12);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(2)).unwrap();
    post(&index, 0..2500);
    index.close().unwrap();
    let before = storage.to_vec();
    let source = Index::open(storage.clone(), &open_in(2)).unwrap();
    for stop_after in [1, 2, 5] {
        let target = create(&small(2, 20), 1);
        let mut seen = Vec::new();
        let error = copy_records(&source, &target, &mut |progress| {
            seen.push(progress.done);
            assert!(progress.total >= 10);
            if progress.done == stop_after {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(error, Err(CopyError::Abandoned)), "{error:?}");
        assert_eq!(seen, (1..=stop_after).collect::<Vec<_>>());
    }
    drop(source);
    assert!(storage.to_vec() == before, "a copy has written to its source");
}

// Guards against the wrong index being blamed, and against a hang where the target fails.
#[test]
fn the_failing_index_is_named() {
    let source = create(&small(2, 12), 1);
    post(&source, 0..2500);
    let configuration = small(2, 20);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 5));
    let target = Index::create(disk.clone(), &configuration, &CreateOptions::default()).unwrap();
    disk.inject(Fault::of(Operation::Write).nth(3).forever());
    let error = copy_records(&source, &target, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(CopyError::Target(_))), "{error:?}");

    source.shut_down().unwrap();
    let target = create(&small(2, 20), 1);
    target.shut_down().unwrap();
    let error = copy_records(&source, &target, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(CopyError::Target(IndexError::Closed))), "{error:?}");
}
