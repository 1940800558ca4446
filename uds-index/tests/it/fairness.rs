//! Nobody waits for ever because others have more to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use uds_index::{Batch, CreateOptions, Index};

use crate::common::{memory, name, small};

/// Runs `work` while two other threads submit batches without end.
fn beside_endless_submitters(work: impl FnOnce(&Index)) {
    let configuration = small(2, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage, &configuration, &CreateOptions::default()).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Nobody waits for the answers: the queue is as full as it can be.
                    drop(index.submit(queries(1000)).unwrap());
                }
            });
        }
        work(&index);
        is_over.store(true, Ordering::Relaxed);
    });
}

fn queries(count: u64) -> Batch {
    let mut batch = Batch::new();
    for counter in 0..count {
        batch.query_no_update(name(counter));
    }
    batch
}

// Guards against a save that waits until nobody else has anything to do, which may be never.
#[test]
fn a_save_waits_only_for_what_came_before_it() {
    beside_endless_submitters(|index| {
        for _ in 0..20 {
            index.flush().unwrap();
            index.save().unwrap();
        }
    });
}

// Guards against small batches that pass a large one for ever, while it waits for an empty queue.
#[test]
fn a_batch_larger_than_the_queue_gets_in() {
    beside_endless_submitters(|index| {
        let mut batch = queries(70_000);
        index.run(&mut batch).unwrap();
        assert!(batch.answers().all(|answer| answer.is_some_and(Result::is_ok)));
    });
}
