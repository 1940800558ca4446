//! The queue between callers and the worker, and how a finished batch gets back.
//!
//! # Invariants
//!
//! 1. First in, first out. While anything waits or is being carried out by the worker, nobody
//!    passes it: blocking calls queue up too. Only what a completion does itself comes before
//!    the batches that wait.
//! 2. Every batch that was pushed is completed exactly once, also when the queue is stopped.
//! 3. Nobody waits for ever because others hand over more: callers that wait for room are let
//!    in by turns, and who waits for what was handed over does not wait for what came later.
//! 4. The worker itself never waits for the queue, so that a completion may hand over batches.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::IndexError;
use crate::request::Batch;
use crate::sync::{Arc, Condvar, Mutex, lock, wait};

/// How many requests wait at most for the worker.
const MAX_WAITING_REQUESTS: usize = 1 << 16;

/// A bounded queue of batches with one consumer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Signalled when a batch or the stop arrives; the worker waits for it.
    arrival: Condvar,
    /// Signalled when a batch leaves or is completed; callers wait for it.
    departure: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Batch, Completion)>,
    waiting_requests: usize,
    /// How many batches were let in, and how many of them have been completed.
    pushed: u64,
    completed: u64,
    /// How many callers have asked for room, and how many of them have had their turn.
    turns_taken: u64,
    turns_over: u64,
    is_stopped: bool,
}

impl State {
    /// Whether nothing waits or is being carried out by the worker.
    fn is_idle(&self) -> bool {
        self.pushed == self.completed
    }

    /// Whether a batch fits. One that is larger than the limit goes alone.
    fn has_room_for(&self, requests: usize) -> bool {
        self.waiting.is_empty() || self.waiting_requests + requests <= MAX_WAITING_REQUESTS
    }
}

/// Which thread asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The worker, from within a completion.
    Worker,
    /// Any other thread.
    Other,
}

impl Queue {
    /// Whether a caller may do its work itself, because there is nothing that it would pass.
    pub(crate) fn lets_pass(&self, caller: Caller) -> bool {
        caller == Caller::Worker || lock(&self.state).is_idle()
    }

    /// Adds a batch, once there is room for it.
    ///
    /// # Errors
    ///
    /// [`IndexError::Closed`] where the queue was stopped. The batch is gone then.
    pub(crate) fn push(
        &self,
        batch: Batch,
        completion: Completion,
        caller: Caller,
    ) -> Result<(), IndexError> {
        let mut state = lock(&self.state);
        if caller == Caller::Other {
            let turn = state.turns_taken;
            state.turns_taken += 1;
            while !(state.turns_over == turn && state.has_room_for(batch.len())) {
                state = wait(&self.departure, state);
            }
            state.turns_over += 1;
            self.departure.notify_all();
        }
        if state.is_stopped {
            return Err(IndexError::Closed);
        }
        state.pushed += 1;
        state.waiting_requests += batch.len();
        state.waiting.push_back((batch, completion));
        self.arrival.notify_one();
        Ok(())
    }

    /// The next batch, for the worker; waits for one. `None` when the queue is stopped and empty.
    /// The batch counts as completed when what is returned is dropped.
    pub(crate) fn pop(&self) -> Option<Job<'_>> {
        let mut state = lock(&self.state);
        loop {
            if let Some((batch, completion)) = state.waiting.pop_front() {
                state.waiting_requests -= batch.len();
                self.departure.notify_all();
                return Some(Job { batch, completion, end: End { queue: self } });
            }
            if state.is_stopped {
                return None;
            }
            state = wait(&self.arrival, state);
        }
    }

    /// Waits until every batch that was pushed before has been completed.
    pub(crate) fn wait_for_those_before(&self, caller: Caller) {
        if caller == Caller::Worker {
            return;
        }
        let mut state = lock(&self.state);
        let pushed = state.pushed;
        while state.completed < pushed {
            state = wait(&self.departure, state);
        }
    }

    /// Takes no more batches. Those that wait are still carried out.
    pub(crate) fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.arrival.notify_one();
        self.departure.notify_all();
    }
}

/// A batch in the hands of the worker.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) batch: Batch,
    completion: Completion,
    end: End<'a>,
}

impl Job<'_> {
    /// Gives the batch back.
    pub(crate) fn complete(self) {
        let Self { batch, completion, end } = self;
        completion.complete(batch);
        drop(end);
    }
}

/// Counts a batch as completed when it goes.
#[derive(Debug)]
struct End<'a> {
    queue: &'a Queue,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        lock(&self.queue.state).completed += 1;
        self.queue.departure.notify_all();
    }
}

/// What happens to a batch when it has been carried out.
pub(crate) enum Completion {
    /// A function takes it.
    Call(Box<dyn FnOnce(Batch) + Send>),
    /// Whoever holds the ticket takes it.
    Ticket(Arc<Slot>),
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Ticket(_) => "Ticket",
        })
    }
}

impl Completion {
    fn complete(self, batch: Batch) {
        match self {
            Self::Call(call) => {
                // The worker serves others too, and must survive.
                if catch_unwind(AssertUnwindSafe(|| call(batch))).is_err() {
                    tracing::error!("a completion panicked");
                }
            }
            Self::Ticket(slot) => {
                *lock(&slot.batch) = Some(batch);
                slot.arrival.notify_one();
            }
        }
    }
}

/// Where a finished batch waits for its owner.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    batch: Mutex<Option<Batch>>,
    arrival: Condvar,
}

/// A claim to a batch that was handed over with [`Index::submit`](crate::Index::submit).
///
/// Dropping it does not recall the batch.
#[derive(Debug)]
#[must_use = "the answers are in the batch that `wait` returns"]
pub struct Ticket {
    slot: Arc<Slot>,
}

impl Ticket {
    /// A ticket, and the completion that it waits for.
    pub(crate) fn new() -> (Self, Completion) {
        let slot = Arc::new(Slot::default());
        (Self { slot: Arc::clone(&slot) }, Completion::Ticket(slot))
    }

    /// Waits until all requests of the batch have been carried out, and returns it.
    ///
    /// A completion must not call this: it would wait for itself.
    #[must_use]
    pub fn wait(self) -> Batch {
        let mut batch = lock(&self.slot.batch);
        loop {
            match batch.take() {
                Some(batch) => return batch,
                None => batch = wait(&self.slot.arrival, batch),
            }
        }
    }

    /// Whether [`wait`](Self::wait) would return at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        lock(&self.slot.batch).is_some()
    }
}
