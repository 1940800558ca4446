//! The queue between callers and the worker, and how a finished batch gets back.
//!
//! # Invariants
//!
//! 1. First in, first out. While anything waits or is being carried out by the worker, nobody
//!    passes it: blocking calls queue up too.
//! 2. Every batch that was pushed is completed exactly once, also when the queue is stopped.
//! 3. The worker itself never waits for the queue, so that a completion may hand over batches.

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
    is_worker_busy: bool,
    is_stopped: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_worker_busy
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
        let fits = |state: &State| {
            // A batch larger than the limit goes alone.
            state.waiting.is_empty() || state.waiting_requests + batch.len() <= MAX_WAITING_REQUESTS
        };
        while caller == Caller::Other && !fits(&state) && !state.is_stopped {
            state = wait(&self.departure, state);
        }
        if state.is_stopped {
            return Err(IndexError::Closed);
        }
        state.waiting_requests += batch.len();
        state.waiting.push_back((batch, completion));
        self.arrival.notify_one();
        Ok(())
    }

    /// The next batch, for the worker; waits for one. `None` when the queue is stopped and empty.
    /// The worker counts as busy until it drops what it got.
    pub(crate) fn pop(&self) -> Option<Job<'_>> {
        let mut state = lock(&self.state);
        loop {
            if let Some((batch, completion)) = state.waiting.pop_front() {
                state.waiting_requests -= batch.len();
                state.is_worker_busy = true;
                self.departure.notify_all();
                return Some(Job { batch, completion, busy: Busy { queue: self } });
            }
            if state.is_stopped {
                return None;
            }
            state = wait(&self.arrival, state);
        }
    }

    /// Waits until nothing waits or is being carried out by the worker.
    pub(crate) fn wait_until_idle(&self, caller: Caller) {
        if caller == Caller::Worker {
            return;
        }
        let mut state = lock(&self.state);
        while !state.is_idle() {
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
    busy: Busy<'a>,
}

impl Job<'_> {
    /// Gives the batch back.
    pub(crate) fn complete(self) {
        let Self { batch, completion, busy } = self;
        completion.complete(batch);
        drop(busy);
    }
}

/// Says that the worker is busy, as long as it lives.
#[derive(Debug)]
struct Busy<'a> {
    queue: &'a Queue,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.queue.state).is_worker_busy = false;
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
