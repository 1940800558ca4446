//! Indexes in files: one user at a time (rows F9 and C61).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use uds_index::{CreateOptions, ErrorKind, Index, IndexError, IndexInfo, SaveState};
use uds_volume::FileStorage;

use crate::common::{assert_holds, bytes_of, clean_only, post, scale, small};

// Guards an index in a file through its life, and that a second opener is told at once.
#[test]
fn an_index_in_a_file_has_one_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let configuration = small(1, 4);
    let storage = Arc::new(FileStorage::create(&path, bytes_of(&configuration)).unwrap());
    let index = Index::create(storage, &configuration, &CreateOptions::default()).unwrap();
    post(&index, 0..300);
    let in_use = |result: Result<FileStorage, uds_volume::StorageError>| {
        let error = IndexError::from(result.expect_err("it is in use"));
        assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
        assert!(error.to_string().contains("is in use"), "{error}");
    };
    in_use(FileStorage::open(&path));
    in_use(FileStorage::open_read_only(&path));
    index.close().unwrap();

    let reader = Arc::new(FileStorage::open_read_only(&path).unwrap());
    let info = IndexInfo::read(reader.clone(), 0).unwrap();
    assert!(matches!(info.save, SaveState::Clean(_)), "{info:?}");
    in_use(FileStorage::open(&path));
    drop(reader);
    for round in 1..4 {
        let storage = Arc::new(FileStorage::open(&path).unwrap());
        let index = Index::open(storage, &clean_only()).unwrap();
        assert_holds(&index, 0..299 + round, 400);
        post(&index, 299 + round..300 + round);
        in_use(FileStorage::open(&path));
        index.close().unwrap();
    }
}

// Guards against two openers that both win (row F9).
#[test]
fn of_many_openers_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let configuration = small(1, 4);
    let storage = Arc::new(FileStorage::create(&path, bytes_of(&configuration)).unwrap());
    let index = Index::create(storage, &configuration, &CreateOptions::default()).unwrap();
    index.close().unwrap();
    for round in 0..50 * u64::from(scale()) {
        let holders = AtomicUsize::new(0);
        let winners = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (path, holders, winners) = (&path, &holders, &winners);
                scope.spawn(move || match FileStorage::open(path) {
                    Ok(storage) => {
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                        winners.fetch_add(1, Ordering::SeqCst);
                        let index = Index::open(Arc::new(storage), &clean_only()).unwrap();
                        post(&index, round * 4 + thread..round * 4 + thread + 1);
                        // It counts as a holder until the lock may go.
                        index.save().unwrap();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        index.close().unwrap();
                    }
                    Err(error) => {
                        assert_eq!(IndexError::from(error).kind(), ErrorKind::InUse);
                    }
                });
            }
        });
        assert!(winners.load(Ordering::SeqCst) >= 1, "round {round}");
    }
}
