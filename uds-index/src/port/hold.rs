//! The right to be alone with a zone.

use std::fmt;

use super::{Next, Port, Stall};
use crate::sync::atomic::Ordering;
use crate::sync::{Mutant, MutexGuard, is_model_failing, is_mutated, lock};

/// A zone in the hands of one thread, and what waits for it.
///
/// Dropping it lets the zone go, also while a panic unwinds; the zone is then as the panic left
/// it. If something is left to do, the worker is woken.
#[must_use = "dropping it lets the zone go"]
pub(crate) struct Hold<'a, Z, T, R> {
    // Fields are dropped in order: the zone's mutex is free when the next holder comes.
    zone: MutexGuard<'a, Z>,
    lease: Lease<'a, Z, T, R>,
}

impl<'a, Z, T, R> Hold<'a, Z, T, R> {
    /// The hold of a thread that was made the holder in the port's state.
    pub(super) fn new(port: &'a Port<Z, T, R>) -> Self {
        let lease = Lease { port };
        Self { zone: lock(&port.zone), lease }
    }

    /// The zone.
    pub(crate) fn zone(&mut self) -> &mut Z {
        &mut self.zone
    }

    /// Takes what comes next: the oldest retry, or else the oldest task. `None` where nothing
    /// waits; the holder then lets go, for nobody tells it when something comes.
    pub(crate) fn next(&mut self) -> Option<Next<T, R>> {
        let port = self.lease.port;
        let mut state = lock(&port.state);
        if let Some(retry) = state.retries.pop_front() {
            if state.retries.is_empty() {
                port.has_retries.store(false, Ordering::Relaxed);
            }
            return Some(Next::Retry(retry));
        }
        state.tasks.pop_front().map(Next::Task)
    }

    /// Puts a task, or the rest of one, back: it comes before all others again.
    pub(crate) fn put_back(&mut self, task: T) {
        lock(&self.lease.port.state).tasks.push_front(task);
    }

    /// Whether somebody waits to hold the zone exclusively: let go soon. Costs a load; may be
    /// late, never for good.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lease.port.is_wanted.load(Ordering::Relaxed)
    }

    /// Whether retries wait, which come before the task at hand. Costs a load; may be late,
    /// never for good.
    pub(crate) fn has_retries(&self) -> bool {
        self.lease.port.has_retries.load(Ordering::Relaxed)
    }

    /// Lets go, until the number given to [`Port::resume`] has reached `until`, or somebody
    /// [nudges](Port::nudge) the zone. If it has already, this is no more than letting go: a
    /// `resume` that came between the holder's look at the number and this call is not lost.
    pub(crate) fn stall(self, stall: Stall, until: u64) {
        lock(&self.lease.port.state).stalled_until[stall as usize] = until;
    }
}

impl<Z, T, R> fmt::Debug for Hold<'_, Z, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}

/// The mark of the holder in the port's state.
struct Lease<'a, Z, T, R> {
    port: &'a Port<Z, T, R>,
}

impl<Z, T, R> Drop for Lease<'_, Z, T, R> {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        let mut state = lock(&self.port.state);
        state.is_held = false;
        if state.exclusive_waiters > 0 {
            drop(state);
            if !is_mutated(Mutant::PortReleaseForgetsWaiter) {
                self.port.release.notify_one();
            }
        } else if !is_mutated(Mutant::PortReleaseIsSilent) {
            self.port.call_worker(state);
        }
    }
}
