//! The session: whether the index takes requests, is suspended or is closed (specification,
//! section 11.10).
//!
//! # States
//!
//! | state | requests | `save` | `suspend` | `resume` | `shut_down` |
//! |---|---|---|---|---|---|
//! | open | taken | saves | suspending | nothing | closing |
//! | suspending | refused | refused | refused | refused | waits |
//! | suspended | refused | refused | nothing | resuming | refused |
//! | resuming | refused | refused | refused | refused | waits |
//! | closing | closed | closed | waits | waits | waits |
//! | closed | closed | closed | closed | closed | closed |
//!
//! *Refused* is [`IndexError::Suspended`], *closed* is [`IndexError::Closed`]. Suspending always
//! ends in suspended and closing in closed, also where what they do fails; resuming ends in open,
//! or in suspended where it fails. (The reference's LOADING is [`RecoveryControl`]'s: before an
//! index is loaded there is no session here. What it does while it is destroyed, the borrow of
//! whoever else would do something rules out.)
//!
//! Where the table says *waits*, a completion is refused, or told that the index is closed: others
//! may wait for it to return.
//!
//! # Invariants
//!
//! 1. One thread at a time leads the session from a state to the next.
//! 2. While it is suspended nothing touches the storage: batches were drained, the chapters that
//!    they filled are written, and no save is at work.
//!
//! # Locks and threads
//!
//! One mutex, held for moments; no other lock is taken under it. Requests do not come by here:
//! the [gate](crate::gate) refuses them.
//!
//! [`RecoveryControl`]: crate::RecoveryControl

#[cfg(test)]
#[cfg(uds_loom)]
mod models;

use crate::IndexError;
use crate::gate::Caller;
use crate::sync::{Condvar, Mutant, Mutex, MutexGuard, is_model_failing, is_mutated, lock, wait};

/// The state of an open index.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: Mutex<State>,
    /// Notified of every change of the phase, and when no save is at work any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Saves at work.
    saves: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Suspending,
    Suspended,
    Resuming,
    Closing,
    Closed,
}

impl Phase {
    /// What is said to who wants what the index does not do in this phase.
    fn refusal(self) -> IndexError {
        match self {
            Self::Closing | Self::Closed => IndexError::Closed,
            _ => IndexError::Suspended,
        }
    }
}

impl Session {
    /// Whether the index is suspended, or about to be.
    pub(crate) fn is_suspended(&self) -> bool {
        let phase = lock(&self.state).phase;
        matches!(phase, Phase::Suspending | Phase::Suspended | Phase::Resuming)
    }

    /// Says that a save begins, which touches the storage until the guard is dropped. It must not
    /// wait for completions.
    pub(crate) fn begin_save(&self) -> Result<Saving<'_>, IndexError> {
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return Err(state.phase.refusal());
        }
        state.saves += 1;
        Ok(Saving(self))
    }

    /// Begins to suspend. `None` where the index is suspended.
    pub(crate) fn begin_suspend(&self, caller: Caller) -> Result<Option<Change<'_>>, IndexError> {
        let mut state = self.wait_while(caller, |phase| phase == Phase::Closing)?;
        match state.phase {
            Phase::Open => {
                state.phase = Phase::Suspending;
                Ok(Some(Change { session: self, end: Phase::Suspended }))
            }
            Phase::Suspended => Ok(None),
            phase => Err(phase.refusal()),
        }
    }

    /// Begins to resume. `None` where the index is not suspended.
    pub(crate) fn begin_resume(&self, caller: Caller) -> Result<Option<Change<'_>>, IndexError> {
        let mut state = self.wait_while(caller, |phase| phase == Phase::Closing)?;
        match state.phase {
            Phase::Suspended => {
                state.phase = Phase::Resuming;
                Ok(Some(Change { session: self, end: Phase::Suspended }))
            }
            Phase::Open => Ok(None),
            phase => Err(phase.refusal()),
        }
    }

    /// Begins to close.
    pub(crate) fn begin_close(&self, caller: Caller) -> Result<Change<'_>, IndexError> {
        let changes = [Phase::Suspending, Phase::Resuming, Phase::Closing];
        let mut state = self.wait_while(caller, |phase| changes.contains(&phase))?;
        match state.phase {
            Phase::Open => {
                state.phase = Phase::Closing;
                Ok(Change { session: self, end: Phase::Closed })
            }
            phase => Err(phase.refusal()),
        }
    }

    fn wait_while(
        &self,
        caller: Caller,
        is_passing: impl Fn(Phase) -> bool,
    ) -> Result<MutexGuard<'_, State>, IndexError> {
        let mut state = lock(&self.state);
        while is_passing(state.phase) {
            if caller == Caller::Completion {
                return Err(state.phase.refusal());
            }
            state = wait(&self.changed, state);
        }
        Ok(state)
    }
}

/// A save at work.
#[derive(Debug)]
#[must_use = "dropping it says that the save is over"]
pub(crate) struct Saving<'a>(&'a Session);

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        let mut state = lock(&self.0.state);
        state.saves -= 1;
        if state.saves == 0 && !is_mutated(Mutant::SessionSavesSilently) {
            self.0.changed.notify_all();
        }
    }
}

/// A thread that leads the session from one state to the next. Dropping it ends that.
#[derive(Debug)]
#[must_use = "dropping it ends the change"]
pub(crate) struct Change<'a> {
    session: &'a Session,
    /// What the index is then.
    end: Phase,
}

impl Change<'_> {
    /// Waits until no save is at work. None begins during a change.
    pub(crate) fn wait_for_saves(&self) {
        let mut state = lock(&self.session.state);
        while state.saves > 0 && !is_mutated(Mutant::SessionForgetsSaves) {
            state = wait(&self.session.changed, state);
        }
    }

    /// Has resuming end in an open index.
    pub(crate) fn open(mut self) {
        self.end = Phase::Open;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        lock(&self.session.state).phase = self.end;
        if !is_mutated(Mutant::SessionChangesSilently) {
            self.session.changed.notify_all();
        }
    }
}
