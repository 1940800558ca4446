//! Ports: what waits to be done to a zone, and who does it.
//!
//! A zone has a worker thread, but whoever is there does the work: a caller that hands over a
//! task may hold the zone itself, and then does all that waits there. A port is a zone, the
//! tasks for it, the finished reads for it, and the right to hold it, which one thread has at a
//! time.
//!
//! # Terms
//!
//! - *Holding* a zone is being alone with it, by a [`Hold`].
//! - A *stall* keeps a zone from being held until a number, which only grows, has reached a
//!   value. There are two kinds, each with a number of its own: see [`Stall`].
//! - A *nudge* has the zone held once, stalled or not: something has changed that it must see to
//!   before anything else, wherever it waits. Another zone has closed a chapter.
//! - Holding *exclusively* is holding the zone whether or not there is something to do, stalled
//!   or not, and before everybody else: a save does.
//!
//! # States
//!
//! | held | waited for exclusively | nudged | stalled | something to do | who may hold it next |
//! |---|---|---|---|---|---|
//! | yes | any | any | any | any | nobody, until it is let go of |
//! | no | yes | any | any | any | who waits exclusively |
//! | no | no | no | yes | any | who comes to hold it exclusively |
//! | no | no | no | no | no | who comes to hold it exclusively |
//! | no | no | yes | any | any | anybody; the worker is awake, or will be woken |
//! | no | no | no | no | yes | anybody; the worker is awake, or will be woken |
//!
//! Everything that leads into the last two lines wakes the worker, if it sleeps: a push, a nudge,
//! the end of a stall, and letting go. So does everything that leads to the worker's end.
//!
//! # Invariants
//!
//! 1. A zone has at most one holder. The zone's own mutex is therefore never waited for: it is
//!    there so that the compiler knows.
//! 2. Each task and each retry is given out once, tasks in the order in which they were pushed.
//!    (One that was put back comes first again.)
//! 3. The worker sleeps only while it is marked as asleep, and whoever clears the mark notifies
//!    it. So nobody calls the operating system to wake a worker that is awake.
//! 4. While nobody waits exclusively, what can be done will be done: see the table's last lines.
//! 5. Nobody sleeps while holding a zone, but to hold one with a larger number exclusively. (The
//!    callers' part.)
//!
//! # Locks and threads
//!
//! The port's state is locked for moments, never while the zone's mutex is being locked or let
//! go of. Any thread may push, help and hold exclusively; one thread is the worker. If the
//! worker ends early, everything still works for callers that help.

mod hold;
#[cfg(test)]
#[cfg(uds_loom)]
mod models;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;

use std::collections::VecDeque;
use std::fmt;

pub(crate) use self::hold::Hold;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutant, Mutex, MutexGuard, is_mutated, lock, wait};

/// A zone `Z`, the tasks `T` and the finished reads `R` that wait for it, and who holds it.
pub(crate) struct Port<Z, T, R> {
    state: Mutex<State<T, R>>,
    /// Locked by the holder only (invariant 1).
    zone: Mutex<Z>,
    /// The worker sleeps on it. Notified by whoever clears `State::is_worker_asleep`.
    work: Condvar,
    /// Who waits exclusively sleeps on it. Notified by whoever lets go.
    release: Condvar,
    /// Whether retries wait. A hint: it is written by whoever holds the state's lock (push,
    /// next), and read by the zone's holder. All relaxed; the lock orders what it is about.
    has_retries: AtomicBool,
    /// Whether somebody waits exclusively. A hint, as `has_retries` is; written by who waits.
    is_wanted: AtomicBool,
}

struct State<T, R> {
    tasks: VecDeque<T>,
    retries: VecDeque<R>,
    is_held: bool,
    /// How many threads wait to hold the zone exclusively.
    exclusive_waiters: usize,
    /// The zone is stalled while any of `reached` is below its place here.
    stalled_until: [u64; 2],
    reached: [u64; 2],
    is_nudged: bool,
    /// Whether the worker sleeps and nobody has yet called it (invariant 3).
    is_worker_asleep: bool,
    is_stopped: bool,
}

impl<T, R> State<T, R> {
    fn has_work(&self) -> bool {
        !self.tasks.is_empty() || !self.retries.is_empty() || self.is_nudged
    }

    fn is_stalled(&self) -> bool {
        let mut stalls = self.reached.iter().zip(&self.stalled_until);
        stalls.any(|(reached, until)| reached < until)
    }

    /// Whether anybody may hold the zone now, and has a reason to.
    fn is_workable(&self) -> bool {
        let may_go_on =
            !self.is_stalled() || self.is_nudged && !is_mutated(Mutant::PortNudgeIsStalled);
        !self.is_held && self.exclusive_waiters == 0 && may_go_on && self.has_work()
    }

    /// Whether nothing will be left to do. A holder may still put back what it has.
    fn is_over(&self) -> bool {
        let is_held = self.is_held && !is_mutated(Mutant::PortEndsWhileHeld);
        self.is_stopped && !is_held && self.exclusive_waiters == 0 && !self.has_work()
    }

    /// Whether the worker sleeps and must not. It counts as awake from then on: the caller
    /// notifies it, after it has let go of the lock.
    fn call_worker(&mut self) -> bool {
        let is_called = self.is_worker_asleep && (self.is_workable() || self.is_over());
        self.is_worker_asleep &= !is_called;
        is_called
    }
}

/// What a stalled zone waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// The number of chapters written: the zone's open chapter is full, and the one before is not
    /// yet written.
    Chapter,
    /// The steps of the meetings at which zones change the sparse cache.
    Meeting,
}

/// Who is woken for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The worker, if nobody holds the zone.
    Worker,
    /// Nobody: the caller will [try to hold](Port::try_hold) the zone at once. If it cannot,
    /// whoever keeps it from that sees to the task.
    Nobody,
}

/// What is to be done next to a zone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T, R> {
    /// A finished read.
    Retry(R),
    /// A task.
    Task(T),
}

impl<Z, T, R> Port<Z, T, R> {
    /// A port with nothing to do.
    pub(crate) fn new(zone: Z) -> Self {
        let state = State {
            tasks: VecDeque::new(),
            retries: VecDeque::new(),
            is_held: false,
            exclusive_waiters: 0,
            stalled_until: [0; 2],
            reached: [0; 2],
            is_nudged: false,
            is_worker_asleep: false,
            is_stopped: false,
        };
        Self {
            state: Mutex::new(state),
            zone: Mutex::new(zone),
            work: Condvar::new(),
            release: Condvar::new(),
            has_retries: AtomicBool::new(false),
            is_wanted: AtomicBool::new(false),
        }
    }

    /// Adds a task after those that wait. Also after [`stop`](Self::stop).
    pub(crate) fn push(&self, task: T, wake: Wake) {
        let mut state = lock(&self.state);
        state.tasks.push_back(task);
        if wake == Wake::Worker && !is_mutated(Mutant::PortPushIsSilent) {
            self.call_worker(state);
        }
    }

    /// Adds finished reads, which come before all tasks, and wakes the worker if nobody holds
    /// the zone. Also after [`stop`](Self::stop).
    pub(crate) fn push_retries(&self, retries: impl IntoIterator<Item = R>) {
        let mut state = lock(&self.state);
        state.retries.extend(retries);
        self.has_retries.store(!state.retries.is_empty(), Ordering::Relaxed);
        if !is_mutated(Mutant::PortRetryIsSilent) {
            self.call_worker(state);
        }
    }

    /// Holds the zone, unless that cannot be now, or there is nothing to do. Does not wait.
    pub(crate) fn try_hold(&self) -> Option<Hold<'_, Z, T, R>> {
        let mut state = lock(&self.state);
        if !state.is_workable() {
            return None;
        }
        state.is_nudged = false;
        Some(self.hold(state))
    }

    /// Holds the zone once there is something to do, for the worker; sleeps until then. `None`
    /// when the port is stopped, nothing is left to do and nobody holds the zone.
    pub(crate) fn wait_for_work(&self) -> Option<Hold<'_, Z, T, R>> {
        let mut state = lock(&self.state);
        loop {
            if state.is_workable() {
                state.is_nudged = false;
                return Some(self.hold(state));
            }
            if state.is_over() {
                return None;
            }
            if is_mutated(Mutant::PortSleepsUnchecked) {
                drop(state);
                state = lock(&self.state);
            }
            state.is_worker_asleep = !is_mutated(Mutant::PortSleepsUnannounced);
            state = wait(&self.work, state);
            // Who woke it has cleared the mark, but a wait may also end for no reason.
            state.is_worker_asleep = false;
        }
    }

    /// Holds the zone exclusively: waits only for who holds it now, and comes before everybody
    /// else. Who holds several zones takes them in the order of their numbers.
    pub(crate) fn hold_exclusively(&self) -> Hold<'_, Z, T, R> {
        let mut state = lock(&self.state);
        if state.is_held {
            state.exclusive_waiters += 1;
            self.is_wanted.store(true, Ordering::Relaxed);
            while state.is_held {
                state = wait(&self.release, state);
            }
            state.exclusive_waiters -= 1;
            self.is_wanted.store(state.exclusive_waiters > 0, Ordering::Relaxed);
        }
        self.hold(state)
    }

    /// Says that the number that a kind of stall waits for has reached `reached`: ends a stall
    /// whose time has come, and any later one until a number up to it. A lower number than before
    /// changes nothing; [`u64::MAX`] ends stalls for good.
    pub(crate) fn resume(&self, stall: Stall, reached: u64) {
        let mut state = lock(&self.state);
        let kind = stall as usize;
        if is_mutated(Mutant::PortResumeForgets) && state.stalled_until[kind] <= reached {
            state.stalled_until[kind] = 0;
        } else {
            state.reached[kind] = state.reached[kind].max(reached);
        }
        if !is_mutated(Mutant::PortResumeIsSilent) {
            self.call_worker(state);
        }
    }

    /// Has the zone held at least once more, even if it is stalled.
    pub(crate) fn nudge(&self) {
        let mut state = lock(&self.state);
        state.is_nudged = true;
        if !is_mutated(Mutant::PortNudgeIsSilent) {
            self.call_worker(state);
        }
    }

    /// Lets the worker end once nothing is left to do.
    ///
    /// What is pushed later is carried out only if the worker still lives, or somebody helps: stop
    /// a port when nothing is in flight that leads to a push.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.is_stopped = true;
        if !is_mutated(Mutant::PortStopIsSilent) {
            self.call_worker(state);
        }
    }

    /// Makes the caller the holder. The zone must not be held.
    fn hold<'a>(&'a self, mut state: MutexGuard<'a, State<T, R>>) -> Hold<'a, Z, T, R> {
        state.is_held = true;
        drop(state);
        Hold::new(self)
    }

    /// Wakes the worker if it sleeps and has something to do, or to end for.
    fn call_worker(&self, mut state: MutexGuard<'_, State<T, R>>) {
        let is_called = state.call_worker();
        drop(state);
        if is_called {
            self.work.notify_one();
        }
    }
}

impl<Z, T, R> fmt::Debug for Port<Z, T, R> {
    /// Only that it is one: locking it here could wait for the thread that prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}
