//! Watching a verification from another thread, and ending it.

use crate::control::Control;

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
    pub(super) control: Control<VerifyPhase>,
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
        let (phase, done, total) = self.control.progress();
        VerifyProgress { phase, done, total }
    }

    /// Ends the verification at the next chapter: it fails with [`IndexError::Abandoned`].
    ///
    /// [`IndexError::Abandoned`]: crate::IndexError::Abandoned
    pub fn abandon(&self) {
        self.control.abandon();
    }
}
