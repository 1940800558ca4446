//! The gate: what is in flight, and who may add to it.
//!
//! A batch is *in flight* from when it is let in until its completion has returned. Two moments
//! end it: its requests are *executed* when each has its answer; it is *completed* when whoever
//! gets it back has it.
//!
//! # States of a batch
//!
//! | state | counts for room | who waits for it | next |
//! |---|---|---|---|
//! | in line | no | nobody | in flight, by turns ([`Gate::enter`]) |
//! | in flight | yes | everybody who came after it | executed ([`Pass::executed`]) |
//! | executed | yes | all but completions | completed, when its [`Pass`] is dropped |
//!
//! # Invariants
//!
//! 1. Requests in flight are bounded: to a limit, or to one larger batch that is alone. Batches
//!    of completions come on top, for who completes must not wait: others may wait for it.
//! 2. Callers are let in by turns. Who is at the head of the line goes in at the latest when all
//!    that came in by turns before it has left: smaller batches cannot keep a larger one out, nor
//!    completions that never cease to hand over more.
//! 3. Who waits for what was handed over does not wait for what comes later. For this, batches
//!    are counted by *epochs*: each such wait ends one. Batches end in any order, epochs are
//!    over in order.
//! 4. While the gate is shut nobody gets in, completions neither, and nobody stands in line; so a
//!    wait then is for all there will be before it is opened, or ever ([`Gate::stop`]).
//!
//! # Locks and threads
//!
//! One mutex, held for moments; no other lock is taken under it. Nobody may enter or wait while
//! holding a zone.

#[cfg(test)]
#[cfg(uds_loom)]
mod models;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;

use std::collections::VecDeque;

use crate::IndexError;
use crate::sync::{
    Arc, Condvar, Mutant, Mutex, MutexGuard, is_model_failing, is_mutated, lock, wait,
};

/// How many requests are in flight at most, batches of completions and single larger batches
/// aside.
pub(crate) const MAX_REQUESTS_IN_FLIGHT: usize = 1 << 16;

/// Counts what is in flight.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    /// Who stands in line sleeps on it. Notified when the head of the line may go in.
    room: Condvar,
    /// Who waits for batches to end sleeps on it.
    ends: Condvar,
    max_requests: usize,
}

#[derive(Debug)]
struct State {
    /// Requests in flight.
    requests: usize,
    /// Batches in flight that came in by turns.
    by_turns: usize,
    /// The sizes of the batches that stand in line.
    line: VecDeque<usize>,
    /// How many have left the line: the turn of its head.
    turn: u64,
    /// The number of the first epoch in `epochs`.
    first_epoch: u64,
    /// The epochs that are not over, and the present one: never empty.
    epochs: VecDeque<Epoch>,
    /// How many wait for batches to end.
    waiters: usize,
    door: Door,
}

/// Whether batches are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Open,
    /// Until it is opened again.
    Suspended,
    /// For ever.
    Stopped,
}

/// Batches that were let in between two waits.
#[derive(Debug, Default)]
struct Epoch {
    /// How many of them are not executed.
    unexecuted: usize,
    /// How many of them are not completed.
    uncompleted: usize,
}

/// Which thread asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// One that is in a completion.
    Completion,
    /// Any other.
    Other,
}

impl State {
    /// Whether a batch may go in when it is its turn (invariants 1 and 2).
    fn has_room_for(&self, requests: usize, max: usize) -> bool {
        self.by_turns == 0 || self.requests.saturating_add(requests) <= max
    }

    /// Whether batches are let in.
    fn check_door(&self) -> Result<(), IndexError> {
        match self.door {
            Door::Open => Ok(()),
            Door::Suspended => Err(IndexError::Suspended),
            Door::Stopped => Err(IndexError::Closed),
        }
    }

    /// Counts a batch, and returns its epoch.
    fn let_in(&mut self, requests: usize, caller: Caller) -> u64 {
        self.requests += requests;
        self.by_turns += usize::from(caller == Caller::Other);
        let present = self.epochs.len() - 1;
        self.epochs[present].unexecuted += 1;
        self.epochs[present].uncompleted += 1;
        self.first_epoch + present as u64
    }

    fn epoch_mut(&mut self, epoch: u64) -> &mut Epoch {
        // An epoch stays while it has a batch, and there are few of them.
        &mut self.epochs[(epoch - self.first_epoch) as usize]
    }

    /// Begins a new epoch, unless nothing was let in during the present one, and returns it.
    fn begin_epoch(&mut self) -> u64 {
        if self.epochs.back().is_some_and(|present| present.uncompleted > 0) {
            self.epochs.push_back(Epoch::default());
        }
        self.first_epoch + self.epochs.len() as u64 - 1
    }

    /// Whether all batches of the epochs before `epoch` have ended as far as `caller` waits.
    fn is_over_before(&self, epoch: u64, caller: Caller) -> bool {
        let before = epoch.saturating_sub(self.first_epoch) as usize;
        match caller {
            Caller::Other if !is_mutated(Mutant::GateForgetsCompletions) => before == 0,
            _ => self.epochs.iter().take(before).all(|epoch| epoch.unexecuted == 0),
        }
    }

    /// Forgets the epochs that are over.
    fn forget_epochs(&mut self) {
        while self.epochs.len() > 1 && self.epochs[0].uncompleted == 0 {
            self.epochs.pop_front();
            self.first_epoch += 1;
        }
    }
}

impl Gate {
    /// A gate that lets in `max_requests` requests: [`MAX_REQUESTS_IN_FLIGHT`] outside of tests.
    pub(crate) fn new(max_requests: usize) -> Self {
        let state = State {
            requests: 0,
            by_turns: 0,
            line: VecDeque::new(),
            turn: 0,
            first_epoch: 0,
            epochs: VecDeque::from([Epoch::default()]),
            waiters: 0,
            door: Door::Open,
        };
        Self { state: Mutex::new(state), room: Condvar::new(), ends: Condvar::new(), max_requests }
    }

    /// Lets in a batch of `requests` requests, once there is room and it is its turn. A
    /// completion's goes in at once.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] while the gate is [suspended](Self::suspend), and
    /// [`IndexError::Closed`] once it is [stopped](Self::stop); those in line are sent away.
    pub(crate) fn enter(
        self: &Arc<Self>,
        requests: usize,
        caller: Caller,
    ) -> Result<Pass, IndexError> {
        let mut state = lock(&self.state);
        let is_free = state.line.is_empty() && state.has_room_for(requests, self.max_requests);
        if caller == Caller::Other && !is_free {
            state = self.stand_in_line(state, requests)?;
        }
        state.check_door()?;
        let epoch = state.let_in(requests, caller);
        if caller == Caller::Other && !is_mutated(Mutant::GateTurnIsSilent) {
            // The next in line may fit too.
            self.call_head(&state);
        }
        drop(state);
        Ok(Pass { gate: Arc::clone(self), requests, caller, epoch, is_executed: false })
    }

    /// Waits for a turn and for room, or until the gate is shut.
    fn stand_in_line<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        requests: usize,
    ) -> Result<MutexGuard<'a, State>, IndexError> {
        state.check_door()?;
        let turn = state.turn + state.line.len() as u64;
        state.line.push_back(requests);
        loop {
            if state.turn > turn {
                // Sent away. The gate may be open again by now.
                state.check_door()?;
                return Err(IndexError::Suspended);
            }
            if state.turn == turn && state.has_room_for(requests, self.max_requests) {
                state.line.pop_front();
                state.turn += 1;
                return Ok(state);
            }
            state = wait(&self.room, state);
        }
    }

    /// Wakes the line if its head may go in.
    fn call_head(&self, state: &State) {
        let has_room = |&requests: &usize| state.has_room_for(requests, self.max_requests);
        if state.line.front().is_some_and(has_room) {
            self.room.notify_all();
        }
    }

    /// Waits until every batch that was let in before has been completed; from within a
    /// completion, until their requests have been executed: its own batch is not completed
    /// before it returns, nor are those of other completions that wait.
    pub(crate) fn wait_for_those_before(&self, caller: Caller) {
        let mut state = lock(&self.state);
        let epoch = state.begin_epoch();
        state.waiters += 1;
        while !state.is_over_before(epoch, caller) {
            state = wait(&self.ends, state);
        }
        state.waiters -= 1;
    }

    /// Lets nobody in any more, also of those in line. What is in flight goes on;
    /// [`wait_for_those_before`](Self::wait_for_those_before) then waits for all of it.
    pub(crate) fn stop(&self) {
        self.shut(Door::Stopped);
    }

    /// Lets nobody in until the gate is [opened](Self::open); otherwise as [`stop`](Self::stop).
    pub(crate) fn suspend(&self) {
        self.shut(Door::Suspended);
    }

    /// Lets in again who comes, unless the gate was stopped.
    pub(crate) fn open(&self) {
        let mut state = lock(&self.state);
        if state.door == Door::Suspended {
            state.door = Door::Open;
        }
    }

    fn shut(&self, door: Door) {
        let mut state = lock(&self.state);
        if state.door != Door::Stopped {
            state.door = door;
        }
        state.turn += state.line.len() as u64;
        state.line.clear();
        if !is_mutated(Mutant::GateShutsSilently) {
            self.room.notify_all();
        }
    }
}

/// A batch that is in flight. Dropping it is its completion, also while a panic unwinds.
#[derive(Debug)]
#[must_use = "dropping it says that the batch is completed"]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    requests: usize,
    caller: Caller,
    epoch: u64,
    is_executed: bool,
}

impl Pass {
    /// Says that all requests of the batch have their answers. Needed before a completion is
    /// called, which may wait for them; else the drop says it too.
    pub(crate) fn executed(&mut self) {
        if !std::mem::replace(&mut self.is_executed, true) {
            self.count_executed(&mut lock(&self.gate.state));
        }
    }

    fn count_executed(&self, state: &mut State) {
        let epoch = state.epoch_mut(self.epoch);
        epoch.unexecuted -= 1;
        let is_over = epoch.unexecuted == 0;
        if is_over && state.waiters > 0 && !is_mutated(Mutant::GateExecutesSilently) {
            self.gate.ends.notify_all();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        let gate = &*self.gate;
        let mut state = lock(&gate.state);
        if !self.is_executed {
            self.count_executed(&mut state);
        }
        state.requests -= self.requests;
        state.by_turns -= usize::from(self.caller == Caller::Other);
        let epoch = state.epoch_mut(self.epoch);
        epoch.uncompleted -= 1;
        let is_over = epoch.uncompleted == 0;
        state.forget_epochs();
        if is_mutated(Mutant::GateLeavesSilently) {
            return;
        }
        if is_over && state.waiters > 0 {
            gate.ends.notify_all();
        }
        gate.call_head(&state);
    }
}
