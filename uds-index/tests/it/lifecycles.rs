//! Lifecycles in random orders, from two threads that share the index (row F16).

use std::sync::{Arc, RwLock};
use std::thread;

use uds_index::{ErrorKind, Index, IndexError, SuspendMode};
use uds_volume::MemoryStorage;

use crate::common::{Random, create_in, data, memory, name, recover_in, scale, small, story};

/// A call on the index, or on the place where it is kept.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Post,
    Flush,
    Save,
    Suspend,
    SuspendUnsaved,
    Resume,
    ResumeOnCopy,
    ShutDown,
    Drop,
}

const STEPS: [Step; 10] = [
    Step::Open,
    Step::Post,
    Step::Flush,
    Step::Save,
    Step::Suspend,
    Step::SuspendUnsaved,
    Step::Resume,
    Step::ResumeOnCopy,
    Step::ShutDown,
    Step::Drop,
];

/// What two threads share: an index, or none, and what it is on.
struct Shared {
    zones: u8,
    place: RwLock<(Option<Index>, Arc<MemoryStorage>)>,
}

impl Shared {
    /// Takes a step. Whatever it meets, it ends, and fails only as the states say.
    fn take(&self, step: Step, posts: std::ops::Range<u64>) {
        match step {
            Step::Drop => drop(self.place.write().unwrap().0.take()),
            Step::Open => {
                let mut place = self.place.write().unwrap();
                // Two indexes on one storage are what the locks of files keep out.
                if place.0.is_none() {
                    let index = Index::open(place.1.clone(), &recover_in(self.zones));
                    place.0 = Some(index.unwrap_or_else(|error| panic!("{}", story(&error))));
                }
            }
            Step::ResumeOnCopy => {
                let mut place = self.place.write().unwrap();
                let copy = Arc::new(MemoryStorage::from_bytes(&place.1.to_vec()));
                let Some(index) = &place.0 else { return };
                match index.resume_on(copy.clone()) {
                    Ok(()) => place.1 = copy,
                    Err(IndexError::NotSuspended | IndexError::Closed) => {}
                    Err(error) => panic!("{}", story(&error)),
                }
            }
            _ => {
                let place = self.place.read().unwrap();
                if let Some(index) = &place.0 {
                    self.call(index, step, posts);
                }
            }
        }
    }

    fn call(&self, index: &Index, step: Step, posts: std::ops::Range<u64>) {
        let result = match step {
            Step::Post => posts
                .map(|counter| index.post(name(counter), data(counter, 0)))
                .try_for_each(|result| result.map(drop)),
            Step::Flush => index.flush(),
            Step::Save => index.save(),
            Step::Suspend => index.suspend(SuspendMode::Save),
            Step::SuspendUnsaved => index.suspend(SuspendMode::NoSave),
            Step::Resume => index.resume(),
            _ => index.shut_down(),
        };
        if let Err(error) = result {
            let kinds = [ErrorKind::Suspended, ErrorKind::Closed];
            assert!(kinds.contains(&error.kind()), "{step:?}: {}", story(&error));
            assert!(!matches!(step, Step::Flush), "{step:?}: {}", story(&error));
        }
    }
}

/// Takes the steps of two threads, and checks what is left: it opens, and has nothing that was
/// not stored.
fn run(zones: u8, steps: &[Vec<Step>; 2]) {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
    let shared = Shared { zones, place: RwLock::new((Some(index), storage)) };
    thread::scope(|scope| {
        for (thread, steps) in (0..).zip(steps) {
            let shared = &shared;
            scope.spawn(move || {
                for (number, &step) in (0..).zip(steps) {
                    let start = (thread * 100 + number) * 100;
                    shared.take(step, start..start + 70);
                }
            });
        }
    });
    let (index, storage) = shared.place.into_inner().unwrap();
    let was_shut_down = index.as_ref().is_some_and(|index| {
        index.query(name(0)).is_err_and(|error| error.kind() == ErrorKind::Closed)
    });
    let entries = index.as_ref().map_or(0, |index| index.statistics().entries_indexed);
    drop(index);
    let index = Index::open(storage, &recover_in(zones)).unwrap();
    crate::common::found(&index, 0..20_000);
    if was_shut_down {
        assert!(index.recovery().is_none(), "it was shut down");
        assert_eq!(index.statistics().entries_indexed, entries);
    }
}

// Guards every order of calls: each ends, with what the states say, and what is left is sound.
#[test]
fn lifecycles_in_any_order() {
    let mut random = Random::new(16);
    let cases = 5000 * scale();
    for case in 0..cases {
        let zones = 1 + (case % 2) as u8;
        let mut steps = || {
            let length = 1 + random.below(5);
            (0..length).map(|_| STEPS[random.below(STEPS.len() as u64) as usize]).collect()
        };
        let steps = [steps(), steps()];
        let outcome = std::panic::catch_unwind(|| run(zones, &steps));
        assert!(outcome.is_ok(), "case {case}, {zones} zones: {steps:?}");
    }
    println!("lifecycles: {cases} pairs of sequences of up to 5 calls");
}
