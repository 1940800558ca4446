//! Watching a recovery from another thread, and keeping it waiting or ending it.
//!
//! | state | threads of the recovery | left by |
//! |---|---|---|
//! | going on | at work | `suspend`, `abandon`, its end |
//! | suspended | waiting, from the next chapter on | `resume`, `abandon` |
//! | abandoned | end at the next chapter | nothing |

use crate::IndexError;
use crate::sync::{Arc, Condvar, Mutex, lock, wait};

/// What a recovery is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryPhase {
    /// It has not begun, or was not needed.
    #[default]
    Idle,
    /// It looks which chapters there are: progress counts slots.
    Surveying,
    /// It reads their records: progress counts chapters.
    Reading,
    /// It is over.
    Over,
}

/// How far a recovery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryProgress {
    /// What it is doing.
    pub phase: RecoveryPhase,
    /// How much of that is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
}

/// A handle on the recovery of an index that is being opened, for other threads than the one
/// that opens it: see [`Index::open_controlled`](crate::Index::open_controlled).
///
/// ```
/// use uds_index::{RecoveryControl, RecoveryPhase};
///
/// let control = RecoveryControl::new();
/// assert_eq!(control.progress().phase, RecoveryPhase::Idle);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecoveryControl {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified of every change but progress.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    progress: RecoveryProgress,
    /// Threads of the recovery that are at work.
    working: usize,
    is_suspended: bool,
    is_abandoned: bool,
}

impl RecoveryControl {
    /// A handle for one recovery.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the recovery is. At any time.
    #[must_use]
    pub fn progress(&self) -> RecoveryProgress {
        lock(&self.shared.state).progress
    }

    /// Has the recovery stop between two chapters, and waits until it has, or is over. One that has
    /// not begun will stop at its beginning.
    ///
    /// While it is suspended it does not touch the storage.
    pub fn suspend(&self) {
        let mut state = lock(&self.shared.state);
        state.is_suspended = true;
        while state.working > 0 {
            state = wait(&self.shared.changed, state);
        }
    }

    /// Has a suspended recovery go on.
    pub fn resume(&self) {
        lock(&self.shared.state).is_suspended = false;
        self.shared.changed.notify_all();
    }

    /// Ends the recovery before it is done, also while it is suspended: opening fails with
    /// [`IndexError::Abandoned`], and the storage is as it was.
    pub fn abandon(&self) {
        lock(&self.shared.state).is_abandoned = true;
        self.shared.changed.notify_all();
    }

    /// Says that the recovery has begun. It is over when the guard is dropped.
    pub(super) fn begin(&self) -> Over<'_> {
        Over(self)
    }

    pub(super) fn enter_phase(&self, phase: RecoveryPhase, total: u64) {
        lock(&self.shared.state).progress = RecoveryProgress { phase, done: 0, total };
    }

    /// Says that one slot or chapter is done.
    pub(super) fn step(&self) {
        lock(&self.shared.state).progress.done += 1;
    }

    /// Lets a thread of the recovery work, once it may.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`].
    pub(super) fn work(&self) -> Result<Working<'_>, IndexError> {
        let mut working = Working { control: self, counts: false };
        working.start()?;
        Ok(working)
    }
}

/// A recovery that is not over.
pub(super) struct Over<'a>(&'a RecoveryControl);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.shared.state);
        state.progress.phase = RecoveryPhase::Over;
        drop(state);
        self.0.shared.changed.notify_all();
    }
}

/// A thread of the recovery that is at work.
pub(super) struct Working<'a> {
    control: &'a RecoveryControl,
    counts: bool,
}

impl Working<'_> {
    /// Waits here while the recovery is suspended.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`].
    pub(super) fn pass(&mut self) -> Result<(), IndexError> {
        let state = lock(&self.control.shared.state);
        if !state.is_suspended && !state.is_abandoned {
            return Ok(());
        }
        drop(state);
        self.stop();
        self.start()
    }

    /// Does something that may wait for other threads of the recovery, and touches no storage.
    pub(super) fn aside<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, IndexError> {
        self.stop();
        let result = work();
        self.start()?;
        Ok(result)
    }

    fn start(&mut self) -> Result<(), IndexError> {
        let mut state = lock(&self.control.shared.state);
        while state.is_suspended && !state.is_abandoned {
            state = wait(&self.control.shared.changed, state);
        }
        if state.is_abandoned {
            return Err(IndexError::Abandoned);
        }
        state.working += 1;
        self.counts = true;
        Ok(())
    }

    fn stop(&mut self) {
        if !std::mem::take(&mut self.counts) {
            return;
        }
        lock(&self.control.shared.state).working -= 1;
        self.control.shared.changed.notify_all();
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    // Guards who suspends against threads that still work, and these against waiting for ever.
    #[test]
    fn suspending_waits_for_those_at_work() {
        let control = RecoveryControl::new();
        let _over = control.begin();
        let mut working = control.work().unwrap();
        let other = control.clone();
        let suspending = thread::spawn(move || other.suspend());
        while !lock(&control.shared.state).is_suspended {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(5));
        assert!(!suspending.is_finished(), "somebody is at work");
        let passing = thread::spawn({
            let control = control.clone();
            move || control.work().map(drop)
        });
        let aside = working.aside(|| {
            suspending.join().unwrap();
            assert!(!passing.is_finished(), "it is suspended");
            control.resume();
        });
        aside.unwrap();
        passing.join().unwrap().unwrap();
    }

    // Guards against a recovery that goes on, or a thread that hangs, after it was given up.
    #[test]
    fn abandoning_ends_what_is_suspended() {
        let control = RecoveryControl::new();
        control.suspend();
        let waiting = thread::spawn({
            let control = control.clone();
            move || control.work().map(drop)
        });
        control.abandon();
        assert!(matches!(waiting.join().unwrap(), Err(IndexError::Abandoned)));
        assert!(control.work().is_err());
    }
}
