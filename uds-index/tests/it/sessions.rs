//! An index through its states: suspended, resumed, shut down (row C63).
//!
//! The overlaps of row C63, as they are here: the first is at work in one thread when the second
//! is called in another. `drop` and `close` need the index alone, so nothing can overlap them; an
//! index that is shared is shut down.
//!
//! | first | second | answer of the second |
//! |---|---|---|
//! | suspend | suspend, resume, save, a request | *suspended* |
//! | suspend | shut down | waits, then *suspended* |
//! | suspend | flush | waits, then done |
//! | save | suspend | waits for the save, then done |
//! | save | shut down | waits for the save, then done |
//! | save | save | waits for the save, then done |
//! | shut down | suspend, resume, shut down | waits, then *closed* |
//! | shut down | save, a request | *closed* |
//! | recovery | suspend, resume, abandon | by its control: `recovery.rs` |

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use uds_geometry::Configuration;
use uds_index::{Batch, CreateOptions, ErrorKind, Index, IndexError, SuspendMode};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage, StorageError};

use crate::common::{
    assert_holds, bytes_of, create_in, data, memory, name, open_in, post, recover_in, small,
    small_sparse, story,
};

fn assert_suspended<T: std::fmt::Debug>(result: Result<T, IndexError>) {
    let error = result.expect_err("it is suspended");
    assert_eq!(error.kind(), ErrorKind::Suspended, "{}", story(&error));
}

fn assert_closed<T: std::fmt::Debug>(result: Result<T, IndexError>) {
    let error = result.expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::Closed, "{}", story(&error));
}

/// What these tests work with.
pub(crate) fn configuration() -> Configuration {
    small(1, 10)
}

/// A new index, and what it is on.
pub(crate) fn created(zones: u8) -> (Arc<MemoryStorage>, Index) {
    let storage = memory(&configuration(), 0);
    let index = Index::create(storage.clone(), &configuration(), &create_in(zones)).unwrap();
    (storage, index)
}

// Guards the states one after the other: what is refused in each, and what is not.
#[test]
fn what_a_suspended_index_does() {
    for zones in [1, 3] {
        let (storage, index) = created(zones);
        post(&index, 0..200);
        assert!(!index.is_suspended());
        index.resume().unwrap();
        index.suspend(SuspendMode::NoSave).unwrap();
        assert!(index.is_suspended());
        let before = storage.to_vec();
        let mut batch = Batch::new();
        batch.post(name(1), data(1, 0));
        batch.query(name(2));
        assert_suspended(index.run(&mut batch));
        assert_eq!(batch.len(), 2, "it can be run later");
        assert_suspended(index.submit(Batch::new()));
        assert_suspended(index.submit_with(Batch::new(), |_| ()));
        assert_suspended(index.query(name(1)));
        assert_suspended(index.post(name(1000), data(1000, 0)));
        assert_suspended(index.save());
        assert_suspended(index.shut_down());
        index.flush().unwrap();
        // Also with the other mode: it is suspended, and stays as it is.
        index.suspend(SuspendMode::Save).unwrap();
        assert_eq!(index.statistics().posts_not_found, 200);
        assert!(storage.to_vec() == before, "a suspended index has written");
        index.resume().unwrap();
        index.run(&mut batch).unwrap();
        assert_holds(&index, 0..200, 1010);
        index.close().unwrap();
        let index = Index::open(storage, &open_in(zones)).unwrap();
        assert_holds(&index, 0..200, 1010);
    }
}

// C63. Guards what is on the storage while an index is suspended: with a save everything, without
// one what was there before.
#[test]
fn a_copy_of_a_suspended_index_is_what_the_mode_says() {
    for (zones, configuration) in [(1, configuration()), (2, small_sparse(1, 10, 5, 4))] {
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
        let copy = || Arc::new(MemoryStorage::from_bytes(&storage.to_vec()));
        let count = |storage| {
            let index = Index::open(storage, &open_in(zones)).unwrap();
            index.statistics().entries_indexed
        };
        post(&index, 0..2);
        index.suspend(SuspendMode::NoSave).unwrap();
        let error = Index::open(copy(), &open_in(zones)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSavedCleanly);
        let recovered = Index::open(copy(), &recover_in(zones)).unwrap();
        assert_eq!(recovered.statistics().entries_indexed, 0);
        index.resume().unwrap();
        index.suspend(SuspendMode::Save).unwrap();
        assert_eq!(count(copy()), 2);
        index.resume().unwrap();
        post(&index, 2..4);
        index.suspend(SuspendMode::NoSave).unwrap();
        // The save stands: no chapter was filled since.
        assert_eq!(count(copy()), 2);
        // Dropped while it is suspended.
        drop(index);
        assert_eq!(count(storage.clone()), 2);
    }
}

// C63. Guards a close of a suspended index: it is refused, and what was not saved is not there.
#[test]
fn a_suspended_index_is_not_closed() {
    for mode in [SuspendMode::Save, SuspendMode::NoSave] {
        let (storage, index) = created(1);
        index.save().unwrap();
        post(&index, 0..2);
        index.suspend(mode).unwrap();
        assert_suspended(index.close());
        let index = Index::open(storage, &open_in(1)).unwrap();
        let kept = if mode == SuspendMode::Save { 0..2 } else { 0..0 };
        assert_holds(&index, kept, 10);
    }
}

// Guards an index that is shared: after it was shut down nothing is taken, and nothing lost.
#[test]
fn what_an_index_that_was_shut_down_does() {
    let (storage, index) = created(2);
    let index = Arc::new(index);
    post(&index, 0..300);
    index.shut_down().unwrap();
    assert_closed(index.query(name(1)));
    assert_closed(index.save());
    assert_closed(index.shut_down());
    assert_closed(index.suspend(SuspendMode::Save));
    assert_closed(index.resume());
    assert_closed(index.resume_on(storage.clone()));
    index.flush().unwrap();
    assert_eq!(index.statistics().posts_not_found, 300);
    assert!(!index.is_suspended());
    assert_closed(Arc::into_inner(index).unwrap().close());
    let index = Index::open(storage, &open_in(2)).unwrap();
    assert_holds(&index, 0..300, 400);
}

// Guards a failed save against an index that goes on as if nothing had happened: it is suspended,
// or closed, all the same, and the caller is told.
#[test]
fn a_save_that_fails_is_told() {
    for is_shut_down in [false, true] {
        let disk = Arc::new(SimDisk::new(bytes_of(&configuration()), 1));
        let index = Index::create(disk.clone(), &configuration(), &create_in(1)).unwrap();
        post(&index, 0..100);
        disk.inject(Fault::of(Operation::Write));
        let poisoned = |result: Result<(), IndexError>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Poisoned);
        };
        if is_shut_down {
            poisoned(index.shut_down());
            assert_closed(index.query(name(1)));
            continue;
        }
        poisoned(index.suspend(SuspendMode::Save));
        assert!(index.is_suspended());
        assert_suspended(index.query(name(1)));
        index.resume().unwrap();
        assert!(index.query(name(1)).unwrap().is_found());
        poisoned(index.post(name(1000), data(0, 0)).map(drop));
        poisoned(index.close());
    }
}

/// A storage whose writes wait for a word once the gate is shut, and say when one does.
#[derive(Debug)]
struct Gated {
    inner: MemoryStorage,
    arrivals: std::sync::Mutex<Option<Sender<Sender<()>>>>,
}

impl Gated {
    fn new(configuration: &Configuration) -> Arc<Self> {
        let inner = MemoryStorage::new(bytes_of(configuration));
        Arc::new(Self { inner, arrivals: std::sync::Mutex::new(None) })
    }

    /// Holds up the next write. Its way on comes out of the channel when it waits.
    fn hold_up(&self) -> Receiver<Sender<()>> {
        let (sender, receiver) = channel();
        *self.arrivals.lock().unwrap() = Some(sender);
        receiver
    }
}

impl Storage for Gated {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let arrivals = self.arrivals.lock().unwrap().take();
        if let Some(arrivals) = arrivals {
            let (go_on, word) = channel();
            arrivals.send(go_on).unwrap();
            word.recv().unwrap();
        }
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

/// What a thread does with an index.
type Deed = fn(&Index) -> Result<(), IndexError>;

const SUSPEND: Deed = |index| index.suspend(SuspendMode::Save);
const SUSPEND_UNSAVED: Deed = |index| index.suspend(SuspendMode::NoSave);
const RESUME: Deed = Index::resume;
const SAVE: Deed = Index::save;
const FLUSH: Deed = Index::flush;
const SHUT_DOWN: Deed = Index::shut_down;
const POST: Deed = |index| index.post(name(5000), data(5000, 0)).map(drop);
const SUBMIT: Deed = |index| index.submit(Batch::new()).map(drop);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Suspended,
    Closed,
}

fn end_of(result: Result<(), IndexError>) -> End {
    match result.map_err(|error| error.kind()) {
        Ok(()) => End::Done,
        Err(ErrorKind::Suspended) => End::Suspended,
        Err(ErrorKind::Closed) => End::Closed,
        Err(kind) => panic!("{kind:?}"),
    }
}

/// Calls `second` while `first` writes its save. Says what became of it, whether it waited for
/// `first`, and what became of a request afterwards. Whatever happens, nothing may be lost.
fn overlap(first: Deed, second: Deed, waits: bool) -> (End, End) {
    let storage = Gated::new(&configuration());
    let options = CreateOptions { read_threads: 1, ..create_in(2) };
    let index = Index::create(storage.clone(), &configuration(), &options).unwrap();
    post(&index, 0..200);
    index.flush().unwrap();
    let held_up = storage.hold_up();
    let (end, after) = thread::scope(|scope| {
        let first = scope.spawn(|| first(&index));
        let go_on = held_up.recv().unwrap();
        let second = scope.spawn(|| end_of(second(&index)));
        let end = if waits {
            // Time to get there. Were it too short, the test would prove less, not fail.
            thread::sleep(Duration::from_millis(20));
            assert!(!second.is_finished(), "it should wait");
            go_on.send(()).unwrap();
            second.join().unwrap()
        } else {
            let end = second.join().unwrap();
            go_on.send(()).unwrap();
            end
        };
        first.join().unwrap().unwrap();
        (end, end_of(POST(&index)))
    });
    let copy = Arc::new(MemoryStorage::from_bytes(&storage.inner.to_vec()));
    drop(index);
    let index = Index::open(copy, &open_in(1)).unwrap();
    assert_holds(&index, 0..200, 400);
    (end, after)
}

// C63. Guards the table of overlaps: each ends as it says, none hangs, and what was saved is there.
#[test]
fn overlapping_calls_end_as_the_table_says() {
    use End::{Closed, Done, Suspended};
    let table: [(&str, Deed, Deed, bool, End, End); 20] = [
        ("suspend, suspend", SUSPEND, SUSPEND, false, Suspended, Suspended),
        ("suspend, unsaved", SUSPEND, SUSPEND_UNSAVED, false, Suspended, Suspended),
        ("suspend, resume", SUSPEND, RESUME, false, Suspended, Suspended),
        ("suspend, save", SUSPEND, SAVE, false, Suspended, Suspended),
        ("suspend, shut down", SUSPEND, SHUT_DOWN, true, Suspended, Suspended),
        ("suspend, post", SUSPEND, POST, false, Suspended, Suspended),
        ("suspend, submit", SUSPEND, SUBMIT, false, Suspended, Suspended),
        ("suspend, flush", SUSPEND, FLUSH, false, Done, Suspended),
        ("save, suspend", SAVE, SUSPEND, true, Done, Suspended),
        ("save, unsaved", SAVE, SUSPEND_UNSAVED, true, Done, Suspended),
        ("save, resume", SAVE, RESUME, false, Done, Done),
        ("save, save", SAVE, SAVE, true, Done, Done),
        ("save, shut down", SAVE, SHUT_DOWN, true, Done, Closed),
        ("save, post", SAVE, POST, true, Done, Done),
        ("shut down, suspend", SHUT_DOWN, SUSPEND, true, Closed, Closed),
        ("shut down, resume", SHUT_DOWN, RESUME, true, Closed, Closed),
        ("shut down, save", SHUT_DOWN, SAVE, false, Closed, Closed),
        ("shut down, shut down", SHUT_DOWN, SHUT_DOWN, true, Closed, Closed),
        ("shut down, post", SHUT_DOWN, POST, false, Closed, Closed),
        ("shut down, flush", SHUT_DOWN, FLUSH, false, Done, Closed),
    ];
    for (what, first, second, waits, end, after) in table {
        println!("{what}");
        assert_eq!(overlap(first, second, waits), (end, after), "{what}");
    }
}

// Guards completions: what they call is refused where it would have to wait for somebody who waits
// for them.
#[test]
fn completions_do_not_wait_for_those_who_wait_for_them() {
    for deed in [SUSPEND, SUSPEND_UNSAVED, RESUME, SAVE, SHUT_DOWN] {
        for other in [SUSPEND, SAVE, SHUT_DOWN] {
            let (_, index) = created(1);
            let index = Arc::new(index);
            let (inside, is_inside) = channel();
            let (go_on, word) = channel::<()>();
            let in_completion = Arc::clone(&index);
            let completion = move |_| {
                inside.send(()).unwrap();
                word.recv().unwrap();
                let _ = end_of(deed(&in_completion));
            };
            index.submit_with(Batch::new(), completion).unwrap();
            is_inside.recv().unwrap();
            thread::scope(|scope| {
                let other = scope.spawn(|| end_of(other(&index)));
                thread::sleep(Duration::from_millis(5));
                go_on.send(()).unwrap();
                other.join().unwrap();
            });
            // Whoever was first, the index is in one of its states, and ends.
            if index.is_suspended() {
                index.resume().unwrap();
            }
            let _ = end_of(POST(&index));
        }
    }
}

// Guards those who wait for room at a full gate: they are sent away, not kept until it is resumed,
// and turns go on afterwards.
#[test]
fn who_waits_for_room_is_sent_away() {
    let (_, index) = created(1);
    let index = Arc::new(index);
    let (inside, is_inside) = channel();
    let (go_on, word) = channel::<()>();
    let large = || {
        let mut batch = Batch::new();
        (0..1 << 16).for_each(|counter| batch.query_no_update(name(counter)));
        batch
    };
    let completion = move |_| {
        inside.send(()).unwrap();
        word.recv().unwrap();
    };
    index.submit_with(large(), completion).unwrap();
    is_inside.recv().unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..3).map(|_| scope.spawn(|| end_of(index.run(&mut large())))).collect();
        thread::sleep(Duration::from_millis(20));
        let suspending = scope.spawn(|| end_of(SUSPEND(&index)));
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), End::Suspended);
        }
        go_on.send(()).unwrap();
        assert_eq!(suspending.join().unwrap(), End::Done);
    });
    index.resume().unwrap();
    index.run(&mut large()).unwrap();
}
