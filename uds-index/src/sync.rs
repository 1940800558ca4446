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
pub(crate) use std::sync::{OnceLock, RwLock, Weak, atomic as counter, mpsc};
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

#[cfg(uds_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(uds_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, uds_loom))]
pub(crate) use loom::thread;
#[cfg(all(test, uds_loom))]
pub(crate) use uds_models::{is_mutated, model, mutant};

/// Locks `mutex`, also when an earlier holder panicked: whoever keeps state behind it that a
/// panic can leave half changed must say so in that state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `mutex` has guarded, under the same rule as [`lock`].
pub(crate) fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Waits on `condvar`, under the same rule as [`lock`].
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Locks `rwlock` to read, under the same rule as [`lock`].
pub(crate) fn read<T>(rwlock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    rwlock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks `rwlock` to write, under the same rule as [`lock`].
pub(crate) fn write<T>(rwlock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    rwlock.write().unwrap_or_else(PoisonError::into_inner)
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
    /// A nudge does not wake the worker.
    PortNudgeIsSilent,
    /// A zone that is stalled is not held for a nudge.
    PortNudgeIsStalled,
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
    /// A step of a meeting is reached, and who waits for it is not told.
    MeetingStepIsSilent,
    /// Room is given back, and nobody is told.
    GateLeavesSilently,
    /// Who was let in does not tell the next in line.
    GateTurnIsSilent,
    /// That requests are executed wakes nobody.
    GateExecutesSilently,
    /// Who waits for batches does not wait for their completions to return.
    GateForgetsCompletions,
    /// Who waits in line is not told that the gate is shut.
    GateShutsSilently,
    /// The end of a save wakes nobody.
    SessionSavesSilently,
    /// An index is suspended while a save is at work.
    SessionForgetsSaves,
    /// The end of a change wakes nobody.
    SessionChangesSilently,
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
