//! The only module that names `std::sync` or `loom`: one switch, `cfg(uds_loom)`, puts loom's
//! types in the place of the standard library's.

use std::sync::PoisonError;
// The cache relies on no more of it than that it counts.
pub(crate) use std::sync::Arc;
// Flags and counts that order nothing.
pub(crate) use std::sync::atomic as counter;

#[cfg(uds_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(uds_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(all(test, uds_loom))]
pub(crate) use loom::thread;
#[cfg(all(test, uds_loom))]
pub(crate) use uds_models::{is_mutated, model, mutant};

/// Locks `mutex`, also when an earlier holder panicked: nothing here is changed in steps.
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
    /// The last to arrive at a barrier wakes nobody.
    BarrierWakesNobody,
    /// A barrier lets through one party too early.
    BarrierOpensEarly,
    /// Who waits at a barrier waits for it to be empty, not for its own round.
    BarrierForgetsRound,
    /// A zone that arrives keeps its right to read the entries.
    ArriveKeepsEntries,
    /// The captain changes entries before all zones have arrived.
    ChangeEarly,
    /// A zone leaves before the captain is done.
    LeaveEarly,
    /// A zone leaves with what it had, not with what the captain has.
    LeaveUnchanged,
    /// The captain's list is published after the others were let go.
    PublishLate,
}

/// Whether a weakening is switched on: never, outside of models.
#[cfg(not(all(test, uds_loom)))]
pub(crate) const fn is_mutated(_: Mutant) -> bool {
    false
}
