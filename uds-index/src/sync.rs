//! The only module that names `std::sync` or `loom`: one switch, `cfg(uds_loom)`, puts loom's
//! types in the place of the standard library's.
//!
//! Under it, the tests in `models` modules let loom go through the interleavings of the threads
//! of a protocol. Each protocol also names its [`Mutant`]s: weakenings of itself that a model
//! must catch, so that a model that proves nothing shows.

// Not loom's: that cannot hold a `dyn Trait`, and aborts when a failing model drops it.
pub(crate) use std::sync::Arc;
use std::sync::PoisonError;
// What no model is about.
pub(crate) use std::sync::{OnceLock, Weak, atomic as counter, mpsc};

#[cfg(uds_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(uds_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, uds_loom))]
pub(crate) use self::checking::{is_mutated, model, mutant};
#[cfg(all(test, uds_loom))]
pub(crate) use loom::thread;

/// Locks `mutex`, also when an earlier holder panicked: whoever keeps state behind it that a
/// panic can leave half changed must say so in that state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits on `condvar`, under the same rule as [`lock`].
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Weakenings of the protocols, each of which a model must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The worker looks for work, lets the port's lock go, and sleeps without looking again.
    PortSleepsUnchecked,
    /// The worker does not say that it sleeps.
    PortSleepsUnannounced,
    /// A task is pushed, and nobody is woken.
    PortPushIsSilent,
    /// A read comes back, and nobody is woken.
    PortRetryIsSilent,
    /// A holder lets go and leaves work behind, and nobody is woken.
    PortReleaseIsSilent,
    /// A holder lets go, and does not wake who waits to hold the zone exclusively.
    PortReleaseForgetsWaiter,
    /// The end of a stall is forgotten where it comes before the stall.
    PortResumeForgets,
    /// The end of a stall does not wake the worker.
    PortResumeIsSilent,
    /// The worker is not told that the port is stopped.
    PortStopIsSilent,
    /// The worker ends while a helper has a task in hand.
    PortEndsWhileHeld,
    /// A zone closes a chapter before the one before it is written.
    ChaptersCloseEarly,
    /// The writer is not woken when the last part of a chapter arrives.
    ChaptersArriveSilently,
    /// Nobody is woken when a chapter is written.
    ChaptersFinishSilently,
    /// A chapter is said to be written before its parts are let go of.
    ChaptersFinishBeforeDrop,
    /// The number of the newest chapter is published without what was written before it.
    ChaptersPublishRelaxed,
    /// The writer is not told to stop.
    ChaptersStopSilently,
    /// A failure wakes nobody.
    ChaptersFailSilently,
    /// Zones wait for chapters that will never be written.
    ChaptersFailureStalls,
    /// Room is given back, and nobody is told.
    GateLeavesSilently,
    /// Who was let in does not tell the next in line.
    GateTurnIsSilent,
    /// That requests are executed wakes nobody.
    GateExecutesSilently,
    /// Who waits for batches does not wait for their completions to return.
    GateForgetsCompletions,
    /// Who waits in line is not told that the gate is closed.
    GateStopsSilently,
}

/// Whether a weakening is switched on: never, outside of models.
#[cfg(not(all(test, uds_loom)))]
pub(crate) const fn is_mutated(_: Mutant) -> bool {
    false
}

/// Whether a model has failed and its threads are being unwound. Drops must leave loom's types
/// alone then. Never, outside of models.
#[cfg(not(uds_loom))]
pub(crate) const fn is_model_failing() -> bool {
    false
}

/// Whether a model has failed and its threads are being unwound.
#[cfg(uds_loom)]
pub(crate) fn is_model_failing() -> bool {
    std::thread::panicking()
}

/// Runs the concurrency models, and the mutants that they must catch.
#[cfg(all(test, uds_loom))]
mod checking {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use loom::model::Builder;

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
            "the model {name} passes with the mutant {mutant:?}, in {count} interleavings: it does \
             not see that fault"
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
}
