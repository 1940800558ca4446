//! Failing operations and power cuts, on the simulated disk (reliability F2, F3, F6 and F7).

use std::io::ErrorKind;
use std::sync::Arc;

use uds_geometry::{Configuration, CustomConfiguration, Geometry, Record};
use uds_volume::sim::{Fault, PowerCut, SimDisk};
use uds_volume::{Operation, Storage, Volume, VolumeError};

use crate::support::{
    assert_all_found, assert_none_found, chapter, open, records, reopen, scratch, small_geometry,
    storage_bytes, write,
};

/// Three slots of chapters larger than one piece of writing.
fn large() -> Geometry {
    let custom = CustomConfiguration { chapters_per_volume: 3, ..CustomConfiguration::default() };
    Configuration::custom(&custom).expect("the numbers are in range").geometry()
}

fn small() -> Geometry {
    small_geometry(4, 3)
}

/// A disk with chapters 0 to 2, synced, and its volume.
fn written(geometry: &Geometry, seed: u64) -> (Arc<SimDisk>, Volume) {
    let disk = Arc::new(SimDisk::new(storage_bytes(geometry), seed));
    let volume = open(disk.clone(), geometry);
    let mut scratch = scratch(geometry);
    (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
    (disk, volume)
}

/// Finds `sample` records of a chapter, evenly spread.
fn assert_some_found(volume: &Volume, number: u64, sample: usize) {
    let records = records(volume.geometry(), chapter(number));
    for record in records.iter().step_by(records.len() / sample) {
        let found = volume.find_record(chapter(number), &record.name).expect("all is well");
        assert_eq!(found, Some(record.data));
    }
}

// Guards against a chapter that is half written and found all the same, and against a failure
// that nobody hears of: every write and every sync fails once, in turn.
#[test]
fn a_chapter_whose_write_fails_is_not_found() {
    let geometry = large();
    let (disk, volume) = written(&geometry, 1);
    let all = records(&geometry, chapter(3));
    let mut scratch = scratch(&geometry);
    let mut failures = 0;
    for (operation, nth) in
        (1..).map(|nth| (Operation::Write, nth)).take(5).chain([(Operation::Sync, 1)])
    {
        let kind = ErrorKind::StorageFull;
        disk.inject(Fault::of(operation).nth(nth).kind(kind));
        let result = volume.write_chapter(chapter(3), &all, &[], &mut scratch);
        disk.clear_faults();
        let Err(error) = result else { continue };
        failures += 1;
        match (operation, &error) {
            (Operation::Write, VolumeError::Storage { source, .. })
            | (Operation::Sync, VolumeError::Sync { source, .. }) => {
                assert!(source.is_out_of_space(), "{error}");
            }
            _ => panic!("{operation} {nth}: {error}"),
        }
        for gone in [0, 3] {
            for record in all.iter().step_by(1000) {
                assert_eq!(volume.find_record(chapter(gone), &record.name).unwrap(), None);
            }
        }
        assert_some_found(&volume, 1, 50);
        assert_some_found(&volume, 2, 50);
    }
    assert_eq!(failures, 3, "two writes and one sync");
    volume.write_chapter(chapter(3), &all, &[], &mut scratch).unwrap();
    assert_some_found(&volume, 3, 1000);
}

// Guards against read errors that outlive their cause, or become "not found".
#[test]
fn a_failed_read_fails_its_look_up_only() {
    let geometry = small();
    let (disk, original) = written(&geometry, 2);
    let pages = 1 + 4;
    for nth in 1..=pages {
        let volume = reopen(disk.clone(), &original);
        disk.inject(Fault::of(Operation::Read).nth(nth).kind(ErrorKind::TimedOut));
        let mut errors = 0;
        for record in records(&geometry, chapter(1)) {
            match volume.find_record(chapter(1), &record.name) {
                Ok(found) => assert_eq!(found, Some(record.data)),
                Err(VolumeError::Storage { place, .. }) => {
                    assert_eq!(place.slot.get(), 1);
                    errors += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(errors, 1, "read {nth}");
        assert_all_found(&volume, chapter(1));
    }
}

// Guards against one bad block that takes more than the chapter it is in.
#[test]
fn a_bad_block_hurts_its_own_chapter_only() {
    let geometry = small();
    let (disk, original) = written(&geometry, 3);
    let blocks = disk.len() / 4096;
    for block in 0..blocks {
        let volume = reopen(disk.clone(), &original);
        disk.inject(Fault::of_any().within(4096 * block..4096 * (block + 1)).forever());
        let mut hurt = 0;
        for number in 0..3 {
            let all = records(&geometry, chapter(number));
            let found = |record: &&Record| {
                matches!(volume.find_record(chapter(number), &record.name),
                    Ok(data) if data == Some(record.data))
            };
            hurt += u32::from(all.iter().filter(found).count() < all.len());
        }
        disk.clear_faults();
        // Before the chapters lie the start of the storage and the header page.
        assert_eq!(hurt, u32::from(block >= 3), "block {block}");
    }
}

/// Looks up everything after a power cut during the write of chapter 3 over chapter 0.
fn check_after_cut(disk: SimDisk, before: &Volume, what: &str) {
    let volume = reopen(Arc::new(disk), before);
    assert_all_found(&volume, chapter(1));
    assert_all_found(&volume, chapter(2));
    let geometry = before.geometry();
    for record in records(geometry, chapter(3)) {
        match volume.find_record(chapter(3), &record.name) {
            Ok(None) => {}
            Ok(Some(data)) => assert_eq!(data, record.data, "{what}: foreign data"),
            Err(error) => assert!(error.is_corruption(), "{what}: {error}"),
        }
    }
}

// Guards synced chapters against a power cut in the next one, and the torn chapter against
// foreign data: every sector of every unsynced write may be lost.
#[test]
fn a_power_cut_harms_the_unsynced_chapter_only() {
    let geometry = small();
    let (disk, volume) = written(&geometry, 4);
    disk.inject(Fault::of(Operation::Sync));
    let all = records(&geometry, chapter(3));
    volume.write_chapter(chapter(3), &all, &[], &mut scratch(&geometry)).unwrap_err();
    assert_none_found(&volume, chapter(3));

    let unsynced = disk.unsynced_writes();
    assert_eq!(unsynced.len(), 1, "a small chapter is one piece");
    for seed in 0..100 {
        check_after_cut(disk.power_cut(&PowerCut::Random(seed)), &volume, &format!("seed {seed}"));
    }
    let sectors = unsynced[0].length / 512;
    for cut in 0..=sectors {
        let head = disk.power_cut_with([0], |sector| sector.number < cut);
        check_after_cut(head, &volume, &format!("head of {cut} sectors"));
        let tail = disk.power_cut_with([0], |sector| sector.number >= cut);
        check_after_cut(tail, &volume, &format!("tail from {cut}"));
        let hole = disk.power_cut_with([0], |sector| sector.number != cut);
        check_after_cut(hole, &volume, &format!("hole at {cut}"));
    }
    let kept = reopen(Arc::new(disk.power_cut(&PowerCut::KeepUnsynced)), &volume);
    assert_all_found(&kept, chapter(3));
}

// Guards the promise of a return: a chapter whose write returned survives any power cut.
#[test]
fn a_chapter_that_was_written_survives_a_power_cut() {
    let geometry = small();
    let (disk, volume) = written(&geometry, 5);
    for number in 3..8 {
        write(&volume, chapter(number), &mut scratch(&geometry));
        let after = reopen(Arc::new(disk.power_cut(&PowerCut::LoseUnsynced)), &volume);
        (number - 2..=number).for_each(|present| assert_all_found(&after, chapter(present)));
    }
}
