//! Watching a verification from another thread, and ending it.

use crate::IndexError;
use crate::sync::counter::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};

/// What a verification is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyPhase {
    /// It has not begun.
    #[default]
    Idle,
    /// It reads the save slots.
    Saves,
    /// It examines the chapters: progress counts them, or slots where it is not known which
    /// chapters there are.
    Chapters,
    /// It is over.
    Over,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyProgress {
    /// What it is doing.
    pub phase: VerifyPhase,
    /// How many chapters are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// A handle on a verification, for other threads than the one that makes it.
///
/// ```
/// use uds_index::{VerifyControl, VerifyPhase};
///
/// let control = VerifyControl::new();
/// assert_eq!(control.progress().phase, VerifyPhase::Idle);
/// ```
#[derive(Clone, Debug, Default)]
pub struct VerifyControl {
    shared: Arc<Shared>,
}

/// All accesses are relaxed: nothing else depends on these.
#[derive(Debug, Default)]
struct Shared {
    /// Written by the thread that verifies, read by those that watch.
    phase: Mutex<(VerifyPhase, u64)>,
    /// Written by all threads of the verification.
    done: AtomicU64,
    /// Written by whoever wants an end of it.
    is_abandoned: AtomicBool,
}

impl VerifyControl {
    /// A handle for one verification.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the verification is. At any time.
    #[must_use]
    pub fn progress(&self) -> VerifyProgress {
        let (phase, total) = *lock(&self.shared.phase);
        VerifyProgress { phase, done: self.shared.done.load(Ordering::Relaxed), total }
    }

    /// Ends the verification at the next chapter: it fails with [`IndexError::Abandoned`].
    pub fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn enter_phase(&self, phase: VerifyPhase, total: u64) {
        let mut state = lock(&self.shared.phase);
        self.shared.done.store(0, Ordering::Relaxed);
        *state = (phase, total);
    }

    /// Says that one chapter is done.
    pub(super) fn step(&self) {
        self.shared.done.fetch_add(1, Ordering::Relaxed);
    }

    /// # Errors
    ///
    /// [`IndexError::Abandoned`] where somebody wants an end of it.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let is_abandoned = self.shared.is_abandoned.load(Ordering::Relaxed);
        if is_abandoned { Err(IndexError::Abandoned) } else { Ok(()) }
    }
}
