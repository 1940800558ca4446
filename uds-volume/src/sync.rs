//! The only module that names `std::sync`: a loom build replaces what it re-exports.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, RwLock, atomic};

/// Locks `mutex`.
///
/// # Panics
///
/// Where an earlier holder panicked: what the lock protects may then be half changed.
#[track_caller]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no earlier holder of this lock may have panicked")
}
