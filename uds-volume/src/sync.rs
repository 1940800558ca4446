//! The only module that names `std::sync` or `loom`: one switch, `cfg(uds_loom)`, puts loom's
//! types in the place of the standard library's.
//!
//! Under it, the tests in `models` modules let loom go through the interleavings of the threads
//! of a protocol. Each protocol also names its [`Mutant`]s: weakenings of itself that a model
//! must catch, so that a model that proves nothing shows.

// What no model is about.
pub(crate) use std::sync::{Arc, RwLock};

#[cfg(uds_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(uds_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(uds_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, uds_loom))]
pub(crate) use loom::thread;
#[cfg(all(test, uds_loom))]
pub(crate) use uds_models::{is_mutated, model, mutant};

/// Locks `mutex`.
///
/// # Panics
///
/// Where an earlier holder panicked: what the lock protects may then be half changed.
#[track_caller]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no earlier holder of this lock may have panicked")
}

/// Waits on `condition`, as [`lock`] locks.
///
/// # Panics
///
/// As [`lock`].
#[track_caller]
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).expect("no earlier holder of this lock may have panicked")
}

/// Passes the time until another thread has done something that takes a moment.
pub(crate) fn spin() {
    #[cfg(uds_loom)]
    loom::thread::yield_now();
    // The other thread may need this core.
    #[cfg(not(uds_loom))]
    std::thread::yield_now();
}

/// Whether a model has failed and its threads are being unwound: ends of values must leave loom's
/// types alone then. Never, outside of models.
#[inline(always)]
pub(crate) fn is_model_failing() -> bool {
    cfg!(uds_loom) && std::thread::panicking()
}

/// The standard library's cell, with the methods of loom's.
#[cfg(not(uds_loom))]
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(uds_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Weakenings of the protocols, each of which a model must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A zone looks at the index before its pin is seen.
    NoFenceInPin,
    /// Who evicts looks at the pins before its index entry is seen.
    NoFenceInRetire,
    /// A pin is dropped before the reads under it have ended.
    UnpinRelaxed,
    /// A page can be found before it is in its slot.
    PublishRelaxed,
    /// What is found in the index says nothing of the slot.
    IndexLoadRelaxed,
    /// A page that was forgotten while it was read is published all the same.
    PublishForgotten,
    /// A page that is queued is forgotten, and its entry in the queue is not.
    ForgetOnlyIndex,
    /// A request is queued, and no reader woken.
    EnqueueWakesNobody,
    /// The readers are not told that they are to end.
    StopWakesNobody,
}

/// Whether a weakening is switched on: never, outside of models.
#[cfg(not(all(test, uds_loom)))]
#[inline(always)]
pub(crate) const fn is_mutated(_: Mutant) -> bool {
    false
}
