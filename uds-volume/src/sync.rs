//! The only module that names `std::sync`, so that a loom build can put its own types here.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock, atomic};

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
