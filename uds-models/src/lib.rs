//! Runs the concurrency models of the uds crates, and the mutants that they must catch.
//!
//! A *model* is a small program of a few threads that use a protocol; loom runs it once for each
//! interleaving worth trying. A *mutant* is a way in which the protocol is weakened on purpose: the
//! model must fail with it, or it proves nothing. Each crate names its mutants in an `enum Mutant`
//! of its `sync.rs`, and asks `is_mutated` where one would take effect.
//!
//! Everything here is compiled only with `cfg(uds_loom)`, by `cargo xtask loom`.
#![forbid(unsafe_code)]
#![cfg(uds_loom)]

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::model::Builder;

/// How many preemptions of each execution are explored where the environment does not say.
const DEFAULT_PREEMPTIONS: usize = 2;

thread_local! {
    // Loom runs all threads of a model on the thread of the test.
    static ACTIVE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Whether a weakening is switched on.
pub fn is_mutated(mutant: impl Debug) -> bool {
    ACTIVE.with_borrow(|active| active.as_ref().is_some_and(|name| *name == format!("{mutant:?}")))
}

/// Goes through the interleavings of `body`, and says how many there were.
///
/// # Panics
///
/// Where one of them panics, deadlocks, or has a data race.
pub fn model(name: &str, body: impl Fn() + Sync + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    check(&count, body);
    println!("loom: model {name}: {} interleavings", count.load(Ordering::Relaxed));
}

/// Goes through the interleavings of `body` with a weakening switched on.
///
/// # Panics
///
/// Where none of them fails: the model does not see what it is there for.
pub fn mutant(name: &str, mutant: impl Debug, body: impl Fn() + Sync + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    ACTIVE.set(Some(format!("{mutant:?}")));
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
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(DEFAULT_PREEMPTIONS);
    let count = Arc::clone(count);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        body();
    });
}
