//! An index that goes over to another storage while it is suspended (row C64).

use std::sync::Arc;

use uds_index::{ErrorKind, Index, SuspendMode};
use uds_volume::sim::SimDisk;
use uds_volume::{FileStorage, MemoryStorage};

use crate::common::{
    BLOCK, assert_holds, bytes_of, create_in, found, memory, open_in, post, post_singly,
    recover_in, small_sparse, story,
};
use crate::sessions::{configuration, created};

// C64. Guards an index that goes over to a copy: it goes on there, and leaves the original alone.
#[test]
fn a_suspended_index_goes_over_to_a_copy() {
    for zones in [1, 3] {
        for mode in [SuspendMode::Save, SuspendMode::NoSave] {
            let (first, index) = created(zones);
            post_singly(&index, 0..320);
            let before = index.statistics().entries_indexed;
            index.suspend(mode).unwrap();
            let image = first.to_vec();
            let second = Arc::new(MemoryStorage::from_bytes(&image));
            index.resume_on(second.clone()).unwrap();
            assert_eq!(index.statistics().entries_indexed, before);
            assert_holds(&index, 0..320, 400);
            post_singly(&index, 320..600);
            assert_holds(&index, 0..600, 700);
            index.close().unwrap();
            assert!(first.to_vec() == image, "the old storage was written to");
            let index = Index::open(second, &open_in(zones)).unwrap();
            assert_holds(&index, 0..600, 700);
            drop(index);
            let index = Index::open(first, &recover_in(zones)).unwrap();
            assert_eq!(index.recovery().is_some(), mode == SuspendMode::NoSave);
            if mode == SuspendMode::Save {
                assert_eq!(index.statistics().entries_indexed, before);
                assert_holds(&index, 0..320, 400);
            } else {
                // The chapters that were written, and no hole.
                let held = found(&index, 0..400);
                assert!(held.len() >= 128 && held.iter().copied().eq(0..held.len() as u64));
            }
        }
    }
}

// Guards a sparse index that goes over: what it has cached is of the other storage.
#[test]
fn a_sparse_index_goes_over_to_a_copy() {
    for zones in [1, 2] {
        let configuration = small_sparse(1, 10, 5, 4);
        let first = memory(&configuration, 0);
        let index = Index::create(first.clone(), &configuration, &create_in(zones)).unwrap();
        post_singly(&index, 0..9 * 128);
        // Recalls the sparse chapters.
        let held = found(&index, 0..9 * 128);
        assert!(index.statistics().sparse_chapters_cached > 0);
        index.suspend(SuspendMode::Save).unwrap();
        let second = Arc::new(SimDisk::from_bytes(&first.to_vec(), 1));
        index.resume_on(second.clone()).unwrap();
        assert_eq!(found(&index, 0..9 * 128), held);
        // All of it is asked for anew there.
        index.suspend(SuspendMode::NoSave).unwrap();
        index.resume_on(Arc::new(SimDisk::from_bytes(&second.to_vec(), 1))).unwrap();
        drop(second);
        assert_eq!(found(&index, 0..9 * 128), held);
        index.close().unwrap();
    }
}

// Guards against going over to a storage that is not a whole copy: it is refused, the index stays
// suspended where it was, and nothing is written there.
#[test]
fn a_storage_without_the_whole_index_is_refused() {
    let (first, index) = created(1);
    assert_eq!(index.resume_on(first.clone()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    post(&index, 0..100);
    index.suspend(SuspendMode::Save).unwrap();
    let old = first.to_vec();
    index.resume().unwrap();
    post(&index, 100..500);
    index.suspend(SuspendMode::Save).unwrap();
    let image = first.to_vec();
    let with = |change: fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        image
    };
    let swap = |image: &mut Vec<u8>| {
        let chapter = 2 * BLOCK as usize;
        let (left, right) = image[3 * BLOCK as usize..].split_at_mut(chapter);
        left[..chapter].swap_with_slice(&mut right[..chapter]);
    };
    let (other, other_index) = created(1);
    post(&other_index, 0..500);
    other_index.close().unwrap();
    let cases = [
        ("zeroes", vec![0; image.len()], ErrorKind::NotAnIndex),
        ("too short", image[..image.len() / 2].to_vec(), ErrorKind::Damaged),
        ("another index", other.to_vec(), ErrorKind::Mismatch),
        ("too old a copy", old, ErrorKind::Mismatch),
        ("swapped chapters", with(swap), ErrorKind::Mismatch),
    ];
    for (what, image, kind) in cases {
        let storage = Arc::new(MemoryStorage::from_bytes(&image));
        let error = index.resume_on(storage.clone()).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {}", story(&error));
        assert!(index.is_suspended(), "{what}");
        assert!(storage.to_vec() == image, "{what}: it was written to");
    }
    index.resume_on(first.clone()).unwrap();
    assert_holds(&index, 0..500, 600);
    index.close().unwrap();
}

// Guards the lock of the old file: it is free once the index has gone over, so that it can be
// taken away.
#[test]
fn the_old_file_is_let_go_of() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
    let storage = FileStorage::create(&first, bytes_of(&configuration())).unwrap();
    let index = Index::create(Arc::new(storage), &configuration(), &create_in(1)).unwrap();
    post(&index, 0..300);
    index.suspend(SuspendMode::Save).unwrap();
    std::fs::copy(&first, &second).unwrap();
    index.resume_on(Arc::new(FileStorage::open(&second).unwrap())).unwrap();
    drop(FileStorage::open(&first).unwrap());
    std::fs::remove_file(&first).unwrap();
    post(&index, 300..500);
    index.close().unwrap();
    let index = Index::open(Arc::new(FileStorage::open(&second).unwrap()), &open_in(1)).unwrap();
    assert_holds(&index, 0..500, 600);
}
