//! Power cuts before and after every write and sync (row F1): what opens afterwards is exactly a
//! state that was saved, or is known to be unusable.

use std::collections::BTreeMap;
use std::sync::Arc;

use uds_geometry::{Configuration, RecordData, RecordName};
use uds_index::{Batch, CreateOptions, ErrorKind, Index, IndexError, UncleanReason};
use uds_volume::Storage;
use uds_volume::sim::SimDisk;

use crate::common::{
    bytes_of, clean_only, create_in, data, name, open_in, recover_in, scale, small, story,
};
use crate::disks::{Cut, Cutter};

/// What an index holds: the data of each name that is there.
type State = BTreeMap<RecordName, RecordData>;

/// Counters of names that the scripts use.
const NAMES: u64 = 2000;

fn state_of(index: &Index) -> State {
    let mut batch = Batch::new();
    for counter in 0..NAMES {
        batch.query_no_update(name(counter));
    }
    index.run(&mut batch).unwrap();
    let requests = batch.requests().iter();
    requests
        .filter_map(|request| {
            let stored = request.answer().unwrap().as_ref().unwrap().data()?;
            Some((*request.name(), stored))
        })
        .collect()
}

/// Updates the names of some counters to data of this version, in one batch.
fn update(index: &Index, counters: std::ops::Range<u64>, version: u64) {
    let mut batch = Batch::new();
    for counter in counters {
        batch.update(name(counter), data(counter, version));
    }
    index.run(&mut batch).unwrap();
}

/// Opens what each cut left. It must be one of `states` or known to be unusable; and what
/// opened must take records and close. Returns how often each state was there.
fn check(cuts: &[Cut], zones: u8, states: &[State]) -> Vec<usize> {
    let mut seen = vec![0; states.len()];
    for cut in cuts {
        let when = format!("cut after {} operations, {}", cut.operations, cut.fate);
        let before = cut.disk.to_vec();
        let disk = Arc::new(cut.disk.snapshot());
        match Index::open(disk.clone(), &open_in(zones)) {
            Ok(index) => {
                let found = state_of(&index);
                let Some(number) = states.iter().position(|state| *state == found) else {
                    let sizes: Vec<_> = states.iter().map(BTreeMap::len).collect();
                    panic!("{when}: {} records, not a state of {sizes:?}", found.len());
                };
                seen[number] += 1;
                update(&index, NAMES..NAMES + 5, 9);
                index.close().unwrap();
            }
            Err(error) => {
                let kinds = [ErrorKind::NotSavedCleanly, ErrorKind::NotAnIndex];
                assert!(kinds.contains(&error.kind()), "{when}: {}", story(&error));
                assert!(disk.to_vec() == before, "{when}: a failed open has written");
                if error.kind() == ErrorKind::NotSavedCleanly {
                    check_recovery(&disk, zones, &when);
                }
            }
        }
    }
    seen
}

/// Recovers what a cut left: that always succeeds, has for each name what was stored under it, and
/// makes an index that takes records, and is clean when it was closed.
fn check_recovery(disk: &Arc<SimDisk>, zones: u8, when: &str) {
    let index = Index::open(disk.clone(), &recover_in(zones))
        .unwrap_or_else(|error| panic!("{when}: {}", story(&error)));
    let report = index.recovery().unwrap().clone();
    assert_eq!(report.unreadable_pages, 0, "{when}");
    // Only the chapter that was being written can be in bad order, and it is the newest.
    assert_eq!(report.bad_chapters, 0, "{when}");
    let records = u64::from(index.geometry().records_per_chapter());
    assert!(report.stale_pages * 128 <= records, "{when}: {report:?}");
    for (stored_name, stored) in state_of(&index) {
        let counter = u64::from_le_bytes(stored.as_bytes()[..8].try_into().unwrap());
        assert_eq!(stored_name, name(counter), "{when}: another name's data");
    }
    update(&index, NAMES..NAMES + 300, 9);
    let state = state_of(&index);
    index.close().unwrap();
    let index = Index::open(disk.clone(), &open_in(zones)).unwrap();
    assert!(state_of(&index) == state, "{when}: something was lost in a close");
}

fn chances() -> u64 {
    8 * u64::from(scale())
}

// Guards everything that a save relies on: a cut at any point of a life with saves to both slots,
// chapters in between and a full window.
#[test]
fn a_cut_leaves_a_saved_state_or_none() {
    for (zones, configuration) in [(1, small(1, 4)), (3, small(2, 3))] {
        let disk = SimDisk::new(bytes_of(&configuration), 1);
        let cutter = Cutter::new(disk, chances());
        let index = Index::create(cutter.clone(), &configuration, &create_in(zones)).unwrap();
        cutter.take();
        let mut states = Vec::new();
        let mut next = 0;
        // How many records between saves: less than a chapter, exactly what fills one, several.
        for (round, count) in [0, 50, 40, 38, 1, 300, 0, 127, 500, 20].into_iter().enumerate() {
            update(&index, next..next + count, round as u64);
            next += count;
            index.save().unwrap();
            states.push(state_of(&index));
            let cuts = cutter.take();
            let known = &states[states.len().saturating_sub(2)..];
            let seen = check(&cuts, zones, known);
            if count == 0 && round > 0 {
                assert_eq!(cuts.len(), 0, "there was nothing to save");
                continue;
            }
            assert!(*seen.last().unwrap() > 0, "round {round}: the save itself is never there");
        }
        index.close().unwrap();
    }
}

// Guards what was durable (row F1): of an index of one zone, everything before the chapter that
// was being written is recovered, without a hole, wherever the power was cut.
#[test]
fn no_synced_chapter_is_lost() {
    let configuration = small(1, 4);
    let mut states = 0;
    let mut worst = 0;
    for seed in 0..3 {
        let cutter = Cutter::new(SimDisk::new(bytes_of(&configuration), seed), chances());
        let options = CreateOptions { read_threads: 0, ..create_in(1) };
        let index = Index::create(cutter.clone(), &configuration, &options).unwrap();
        cutter.take();
        let mut next = 0;
        for count in [100, 28, 127, 1, 400, 128, 256, 300] {
            // Chapters before this round are durable.
            let durable = next / 128 * 128;
            update(&index, next..next + count, 0);
            next += count;
            index.flush().unwrap();
            for cut in cutter.take() {
                let when = format!("cut after {} operations, {}", cut.operations, cut.fate);
                let disk = Arc::new(cut.disk.snapshot());
                let index = Index::open(disk, &recover_in(1)).unwrap();
                let found = crate::common::found(&index, 0..next);
                states += 1;
                let Some((&first, &last)) = found.first().zip(found.last()) else {
                    assert_eq!(durable, 0, "{when}");
                    continue;
                };
                // Of a chapter that was being written, some pages may be there.
                let synced = found.iter().filter(|&&counter| counter < durable).count() as u64;
                assert_eq!(synced, durable - first.min(durable), "{when}: a hole in {found:?}");
                // Two chapters at least: of the three that there is room for, one may just have
                // been forgotten for a newer one that was not written in time.
                let end = (last / 128 + 1) * 128;
                assert!(first <= end.saturating_sub(2 * 128), "{when}: {first} to {last}");
                worst = worst.max(next - 1 - last);
            }
        }
    }
    println!("power cuts: {states} states recovered, at most {worst} newest records lost");
    // The rest of the open chapter, and all that one round wrote.
    assert!(worst <= 400 + 127, "{worst}");
}

// Guards the first chapter after a save: from the moment when it is discarded until
// the next save is complete, nothing opens; before, the save does.
#[test]
fn a_cut_around_a_discard_leaves_the_save_or_none() {
    for closing in [false, true] {
        let configuration = small(1, 4);
        let cutter = Cutter::new(SimDisk::new(bytes_of(&configuration), 1), 10 * chances());
        let options = CreateOptions::default();
        let index = Index::create(cutter.clone(), &configuration, &options).unwrap();
        update(&index, 0..300, 0);
        index.close().unwrap();
        let index = Index::open(cutter.clone(), &clean_only()).unwrap();
        let saved = state_of(&index);
        cutter.take();
        update(&index, 300..400, 1);
        index.flush().unwrap();
        let mut states = vec![saved];
        if closing {
            states.push(state_of(&index));
            index.close().unwrap();
        } else {
            drop(index);
        }
        let seen = check(&cutter.take(), 1, &states);
        assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
    }
}

fn image_of(configuration: &Configuration, version: u64) -> Vec<u8> {
    let disk = Arc::new(SimDisk::new(bytes_of(configuration), 1));
    let index = Index::create(disk.clone(), configuration, &CreateOptions::default()).unwrap();
    update(&index, 0..500, version);
    index.close().unwrap();
    disk.to_vec()
}

// Guards the creation of an index over another (row B12): after a cut the old one is there, or
// none, or the new one, and no mixture of both.
#[test]
fn a_cut_while_an_index_replaces_another_leaves_no_mixture() {
    let configuration = small(1, 4);
    // The old one has the same shape, or another.
    for old in [configuration.clone(), small(2, 5)] {
        let mut image = image_of(&old, 1);
        image.resize(image.len().max(bytes_of(&configuration) as usize), 0);
        let old_index =
            Index::open(Arc::new(SimDisk::from_bytes(&image, 1)), &clean_only()).unwrap();
        let states = [state_of(&old_index), State::new()];
        drop(old_index);
        let cutter = Cutter::new(SimDisk::from_bytes(&image, 1), 10 * chances());
        let index =
            Index::create(cutter.clone(), &configuration, &CreateOptions::default()).unwrap();
        let creation = cutter.take();
        let seen = check(&creation, 1, &states);
        assert!(seen[0] > 0 && seen[1] == 0, "{seen:?}");
        for cut in &creation {
            let disk = Arc::new(cut.disk.snapshot());
            // Known not to be an index, or the old one, or the new one before its first save.
            let Err(error) = Index::open(disk.clone(), &clean_only()) else { continue };
            if error.kind() == ErrorKind::NotSavedCleanly {
                let reason = UncleanReason::NoSave;
                assert_eq!(story(&error), story(&IndexError::NotSavedCleanly { reason }));
                let info = uds_index::IndexInfo::read(disk.clone(), 0).unwrap();
                assert_eq!(info.configuration, configuration);
                assert_ne!(disk.to_vec()[..BLOCK], image[..BLOCK], "the old super block");
            }
        }
        // And through its first chapters and its first save.
        update(&index, 0..300, 2);
        let new = state_of(&index);
        assert!(new.values().all(|data| data.as_bytes()[8] == 2));
        index.close().unwrap();
        let seen = check(&cutter.take(), 1, &[new]);
        assert!(seen[0] > 0);
        assert!(!cutter.is_empty());
    }
}

const BLOCK: usize = crate::common::BLOCK as usize;
