//! Watching long work from other threads, and ending it: what the public handles are made of.

use crate::IndexError;
use crate::sync::counter::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};

/// A handle on work that goes through phases `P`, in steps that are counted.
#[derive(Debug)]
pub(crate) struct Control<P> {
    shared: Arc<Shared<P>>,
}

/// All accesses are relaxed: nothing else depends on these.
#[derive(Debug, Default)]
struct Shared<P> {
    /// The phase and its steps. Written by the thread that leads the work, read by those that
    /// watch.
    phase: Mutex<(P, u64)>,
    /// Written by all threads that work.
    done: AtomicU64,
    /// Written by whoever wants an end of it.
    is_abandoned: AtomicBool,
}

// Derived ones would ask the phase to be the same.
impl<P> Clone for Control<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Default> Default for Control<P> {
    fn default() -> Self {
        Self { shared: Arc::default() }
    }
}

impl<P: Copy> Control<P> {
    /// The phase, how many of its steps are done, and how many there are.
    pub(crate) fn progress(&self) -> (P, u64, u64) {
        let (phase, total) = *lock(&self.shared.phase);
        (phase, self.shared.done.load(Ordering::Relaxed), total)
    }

    pub(crate) fn enter_phase(&self, phase: P, total: u64) {
        let mut state = lock(&self.shared.phase);
        self.shared.done.store(0, Ordering::Relaxed);
        *state = (phase, total);
    }
}

impl<P> Control<P> {
    /// Wishes for an end.
    pub(crate) fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Says that so many steps more are done.
    pub(crate) fn step(&self, count: u64) {
        self.shared.done.fetch_add(count, Ordering::Relaxed);
    }

    /// # Errors
    ///
    /// [`IndexError::Abandoned`] where somebody wants an end of it.
    pub(crate) fn check(&self) -> Result<(), IndexError> {
        let is_abandoned = self.shared.is_abandoned.load(Ordering::Relaxed);
        if is_abandoned { Err(IndexError::Abandoned) } else { Ok(()) }
    }
}
