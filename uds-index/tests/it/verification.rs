//! Verifying a whole index: what is sound, or normal, is no damage; each kind of damage is found
//! where it is; and nothing is written.

use std::sync::Arc;

use uds_geometry::{
    ChapterPage, Configuration, LayoutSizes, PhysicalChapter, RecordName, VirtualChapter,
};
use uds_index::{
    Batch, Cause, CreateOptions, ErrorKind, Finding, Index, OpenOptions, Region, Severity,
    Verification, VerifiedState, VerifyControl, VerifyOptions, VerifyPhase, verify,
};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage};

use crate::common::{
    BLOCK, Random, bytes_of, create_in, data, memory, name, post, post_singly, recover_in, scale,
    small, small_sparse, zones,
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

fn verified_bytes(image: &[u8]) -> Verification {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_bytes(image));
    let options = VerifyOptions { deep: true, ..VerifyOptions::default() };
    verify(storage, &options, &VerifyControl::new()).unwrap()
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
    vec![
        small(1, 4),
        small(2, 5),
        small(3, 8),
        small_sparse(1, 10, 5, 2),
        small_sparse(2, 9, 6, 4),
    ]
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
