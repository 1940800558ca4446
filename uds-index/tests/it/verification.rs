//! Verifying a whole index: what is sound, or normal, is no damage; each kind of damage is found
//! where it is; and nothing is written.

mod damage;
mod every_byte;

use std::sync::Arc;

use uds_geometry::{Configuration, RecordName};
use uds_index::{
    Batch, Cause, CreateOptions, ErrorKind, Index, IndexError, OpenOptions, Severity, Verification,
    VerifiedState, VerifyControl, VerifyOptions, VerifyPhase, verify,
};
use uds_volume::sim::{Fault, PowerCut, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage};

use crate::common::{
    Random, bytes_of, create_in, data, memory, name, post, post_singly, recover_in, scale, small,
    small_sparse,
};

/// Verifies a storage, in both ways, with one thread and several: all must agree, and none may
/// write. Returns what the deep one found.
#[track_caller]
fn verified(storage: &Arc<dyn Storage>, offset_blocks: u64) -> Verification {
    let bytes = |storage: &Arc<dyn Storage>| {
        let mut bytes = vec![0; storage.len() as usize];
        storage.read_at(0, &mut bytes).map(|()| bytes).ok()
    };
    let before = bytes(storage);
    let mut last: Option<Verification> = None;
    for (deep, threads) in [(false, 1), (false, 3), (true, 1), (true, 3)] {
        let options = VerifyOptions { offset_blocks, deep, threads };
        let control = VerifyControl::new();
        let found = verify(Arc::clone(storage), &options, &control).unwrap();
        assert_eq!(control.progress().phase, VerifyPhase::Over);
        if let Some(last) = last.filter(|last| last.checked.deep.is_some() == deep) {
            assert_eq!(lines(&last), lines(&found));
            assert_eq!(last.checked, found.checked);
        }
        last = Some(found);
    }
    assert!(bytes(storage) == before, "a verification has written");
    last.unwrap()
}

/// What a deep verification of these bytes finds.
fn verified_bytes(image: &[u8]) -> Result<Verification, IndexError> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_bytes(image));
    let options = VerifyOptions { deep: true, threads: 1, ..VerifyOptions::default() };
    verify(storage, &options, &VerifyControl::new())
}

/// What one of these bytes finds that is not deep.
fn verified_plainly(image: &[u8]) -> Result<Verification, IndexError> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_bytes(image));
    let options = VerifyOptions { threads: 1, ..VerifyOptions::default() };
    verify(storage, &options, &VerifyControl::new())
}

fn lines(verification: &Verification) -> Vec<String> {
    verification.findings.iter().map(ToString::to_string).collect()
}

/// Checks that nothing at all was found.
#[track_caller]
fn assert_spotless(verification: &Verification, what: &str) {
    assert_eq!(lines(verification), Vec::<String>::new(), "{what}");
    assert!(verification.is_sound() && verification.note_count == 0, "{what}");
}

/// Fills an index with new records, records that are asked for again, updates and deletions.
fn live(index: &Index, records: u64, seed: u64) {
    let mut random = Random::new(seed);
    let mut counter = 0;
    while counter < records {
        let mut batch = Batch::new();
        for _ in 0..50 {
            let old = random.below(counter + 1);
            match random.below(10) {
                0 => batch.query(name(old)),
                1 => batch.update(name(old), data(old, 1)),
                2 => batch.delete(name(old)),
                _ => {
                    batch.post(name(counter), data(counter, 0));
                    counter += 1;
                }
            }
        }
        index.run(&mut batch).unwrap();
    }
}

fn configurations() -> Vec<Configuration> {
    vec![small(1, 4), small(2, 5), small(3, 8), small_sparse(1, 10, 5, 2), small_sparse(2, 9, 6, 4)]
}

// Guards against damage that is none: in indexes of all kinds and ages, in one zone and several,
// after deletions and updates, saved and opened again with another number of zones.
#[test]
fn what_was_closed_cleanly_is_sound() {
    for (number, configuration) in (0..).zip(configurations()) {
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        for (first, second) in [(1, 1), (1, 3), (3, 3), (3, 1)] {
            for records in [0, 5, per_chapter, per_chapter * 7 / 2, per_chapter * 14] {
                let what = format!("{configuration:?}: {records} in {first}, then {second}");
                let storage = memory(&configuration, 3);
                let options = CreateOptions { offset_blocks: 3, ..create_in(first) };
                let index = Index::create(storage.clone(), &configuration, &options).unwrap();
                live(&index, records, number);
                index.close().unwrap();
                let storage: Arc<dyn Storage> = storage;
                let found = verified(&storage, 3);
                assert_spotless(&found, &what);
                assert!(matches!(found.state, VerifiedState::Clean), "{what}: {:?}", found.state);
                let options = OpenOptions { offset_blocks: 3, ..recover_in(second) };
                let index = Index::open(storage.clone(), &options).unwrap();
                live(&index, per_chapter * 3 / 2, 77 + number);
                index.close().unwrap();
                let found = verified(&storage, 3);
                assert_eq!(found.damage_count, 0, "{what}: {:#?}", lines(&found));
            }
        }
    }
}

/// An index of which every part is in use: chapters that have been forgotten, closed and open ones,
/// and two saves, of which that in slot 1 is the latest.
fn image(configuration: &Configuration, zone_count: u8) -> Vec<u8> {
    let per_chapter = u64::from(configuration.geometry().records_per_chapter());
    let storage = memory(configuration, 0);
    let index = Index::create(storage.clone(), configuration, &create_in(zone_count)).unwrap();
    post_singly(&index, 0..per_chapter);
    index.close().unwrap();
    let index = Index::open(storage.clone(), &recover_in(zone_count)).unwrap();
    post_singly(&index, per_chapter..per_chapter * 6 + 50);
    index.close().unwrap();
    storage.to_vec()
}

// Guards against damage that is a recovery's business: indexes that were never saved, or written to
// since, of every age; and against one that is taken for clean.
#[test]
fn what_was_not_closed_is_sound() {
    for configuration in configurations() {
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        for chapters in [0, 1, 3, 4, 5, 11, 23] {
            let what = format!("{configuration:?}: {chapters} chapters");
            let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
            let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
            let saved = if chapters == 5 { per_chapter * 2 } else { 0 };
            if saved > 0 {
                post(&index, 0..saved);
                index.save().unwrap();
            }
            post_singly(&index, saved..per_chapter * chapters + 5);
            index.flush().unwrap();
            drop(index);
            let storage: Arc<dyn Storage> = disk;
            let found = verified(&storage, 0);
            assert_spotless(&found, &what);
            let state = &found.state;
            assert!(matches!(state, VerifiedState::NeedsRecovery(_)), "{what}: {state:?}");
            assert_eq!(found.checked.deep, None);
            let volume = u64::from(configuration.geometry().chapters_per_volume());
            let there = chapters.min(volume - 1);
            assert_eq!(found.checked.chapters, there, "{what}");
            assert_eq!(found.checked.records, there * per_chapter, "{what}");
            // A recovery makes a clean one of it.
            Index::open(storage.clone(), &recover_in(2)).unwrap().close().unwrap();
            let found = verified(&storage, 0);
            assert_spotless(&found, &what);
            assert!(matches!(found.state, VerifiedState::Clean), "{what}");
            let deep = found.checked.deep.clone().unwrap();
            assert_eq!(deep.entries_matched, found.checked.volume_index_entries);
        }
    }
}

// Guards against calling damage what a power cut leaves of the chapter that was being written; and
// against saying nothing of it.
#[test]
fn a_chapter_that_was_being_written_is_a_note() {
    let (mut noted, mut torn) = (0, 0);
    for (configuration, chapters) in [(small(2, 5), 2), (small(2, 5), 7), (small(3, 8), 8)] {
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
        let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
        post(&index, 0..per_chapter * chapters);
        index.flush().unwrap();
        disk.inject(Fault::of(Operation::Sync));
        let mut batch = Batch::new();
        (per_chapter * chapters..per_chapter * (chapters + 1) + 9)
            .for_each(|counter| batch.post(name(counter), data(counter, 0)));
        let _ = index.run(&mut batch);
        assert!(index.flush().is_err(), "the chapter is not synced");
        for seed in 0..60 * u64::from(scale()) {
            let cut: Arc<dyn Storage> = Arc::new(disk.power_cut(&PowerCut::Random(seed)));
            let found = verified(&cut, 0);
            let lines = lines(&found);
            assert!(found.is_sound(), "{chapters} chapters, seed {seed}: {lines:#?}");
            noted += u32::from(found.note_count > 0);
            // Every chapter that was synced is there, but for the one whose place is taken.
            let kept = u64::from(configuration.geometry().chapters_per_volume()) - 1;
            assert!(found.checked.chapters >= chapters.min(kept), "seed {seed}: {lines:#?}");
            torn += 1;
        }
    }
    assert!(noted > torn / 4, "{noted} of {torn} left something");
}

/// Names with one place in their chapter's index.
fn same_place(number: u64) -> RecordName {
    let mut bytes = *name(number).as_bytes();
    bytes[8..14].copy_from_slice(b"place!");
    RecordName::new(bytes)
}

// Guards against calling damage what the format gives up: records that their chapter's index has no
// room for, because a list is too long, or does not fit its page.
#[test]
fn records_without_room_are_no_damage() {
    for record_pages in [3, 4, 6] {
        let configuration = small(record_pages, 6);
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        for biased in [100, 230, 300, per_chapter] {
            let biased = biased.min(per_chapter);
            let storage = memory(&configuration, 0);
            let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
            for chapter in 0..8 {
                let start = chapter * per_chapter;
                for counter in start..start + biased {
                    index.post(same_place(counter), data(counter, 0)).unwrap();
                }
                post_singly(&index, start + biased..start + per_chapter);
            }
            index.flush().unwrap();
            let lost = index.statistics().chapter_index_overflows;
            index.close().unwrap();
            let storage: Arc<dyn Storage> = storage;
            let found = verified(&storage, 0);
            let what = format!("{record_pages} pages, {biased} of {per_chapter}");
            assert_spotless(&found, &what);
            // The statistics count those of forgotten chapters too.
            let without = found.checked.records_without_room;
            assert_eq!(without > 0, lost > 0, "{what}: {lost} were lost, {without} seen");
            assert!(biased < 300 || without > 0, "{what}");
        }
    }
}

// Guards against calling damage what a change of the number of zones leaves: entries of the volume
// index for records that did not fit their zone. They are told of, for they lead nowhere.
#[test]
fn records_that_a_change_of_zones_has_dropped_are_a_note() {
    let configuration = small(2, 5);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..250);
    index.close().unwrap();
    let mut noted = 0;
    let storage: Arc<dyn Storage> = storage;
    for records in [0, 10, 400] {
        let index = Index::open(storage.clone(), &recover_in(16)).unwrap();
        post_singly(&index, 1000..1000 + records);
        // A change, so that it is saved.
        index.post(name(5000 + records), data(0, 0)).unwrap();
        index.close().unwrap();
        let found = verified(&storage, 0);
        assert!(found.is_sound(), "{:#?}", lines(&found));
        noted += found.note_count;
        let dangling = found.checked.deep.clone().unwrap().entries_dangling;
        assert!(dangling > 0, "some were dropped");
        let is_dangling = |finding: &uds_index::Finding| {
            matches!(finding.cause, Cause::Dangling { .. }) && finding.severity == Severity::Note
        };
        assert!(found.findings.iter().all(is_dangling), "{:#?}", lines(&found));
    }
    assert!(noted > 0);
}

// Guards callers who have had enough, and those who name what is no index.
#[test]
fn what_cannot_be_examined_is_an_error() {
    let configuration = small(1, 4);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_bytes(&image(&configuration, 1)));
    let control = VerifyControl::new();
    control.abandon();
    for deep in [false, true] {
        let options = VerifyOptions { deep, ..VerifyOptions::default() };
        let error = verify(storage.clone(), &options, &control).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Abandoned);
    }
    let elsewhere = VerifyOptions { offset_blocks: 1, ..VerifyOptions::default() };
    let error = verify(storage.clone(), &elsewhere, &VerifyControl::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAnIndex);
    let short: Arc<dyn Storage> = Arc::new(MemoryStorage::new(100));
    let error = verify(short, &VerifyOptions::default(), &VerifyControl::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAnIndex);
}
