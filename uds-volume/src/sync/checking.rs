//! Runs the concurrency models, and the mutants that they must catch.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Mutant;

/// How many preemptions of each execution are explored where the environment does not say.
const DEFAULT_PREEMPTIONS: usize = 2;

thread_local! {
    // Loom runs all threads of a model on the thread of the test.
    static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Whether a weakening is switched on.
pub(crate) fn is_mutated(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// Goes through the interleavings of `body`, and says how many there were.
///
/// # Panics
///
/// Where one of them panics, deadlocks, or has a data race.
pub(crate) fn model(name: &str, body: impl Fn() + Sync + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    check(&count, body);
    println!("loom: model {name}: {} interleavings", count.load(Ordering::Relaxed));
}

/// Goes through the interleavings of `body` with a weakening switched on.
///
/// # Panics
///
/// Where none of them fails: the model does not see what it is there for.
pub(crate) fn mutant(name: &str, mutant: Mutant, body: impl Fn() + Sync + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    ACTIVE.set(Some(mutant));
    let result = catch_unwind(AssertUnwindSafe(|| check(&count, body)));
    ACTIVE.set(None);
    let count = count.load(Ordering::Relaxed);
    assert!(
        result.is_err(),
        "the model {name} passes with the mutant {mutant:?} in {count} interleavings: it does not \
         see that fault"
    );
    println!("loom: mutant {name} ({mutant:?}): caught after {count} interleavings");
}

fn check(count: &Arc<AtomicUsize>, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(DEFAULT_PREEMPTIONS);
    let count = Arc::clone(count);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        body();
    });
}
