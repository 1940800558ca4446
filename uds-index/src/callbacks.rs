//! The thread that calls what callers gave to be called.
//!
//! Completions are callers' code: they may take long, wait for things, use the index and panic. So
//! they have a thread of their own, and neither zones nor other callers ever run them.
//!
//! # Invariants
//!
//! 1. Completions are called one after the other, in the order in which their batches were done.
//! 2. Every batch that arrives here is given to its completion, also while the index is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{JoinHandle, ThreadId};

use crate::IndexError;
use crate::flight::Landed;
use crate::sync::mpsc::{Receiver, Sender, channel};

/// How batches get to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Callbacks {
    landed: Sender<Landed>,
}

/// The thread. It ends when the last [`Callbacks`] is gone and everything was called.
#[derive(Debug)]
pub(crate) struct CallbackThread {
    thread: JoinHandle<()>,
}

impl Callbacks {
    /// Starts the thread.
    pub(crate) fn start() -> Result<(Self, CallbackThread), IndexError> {
        let (landed, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("uds-callback".into())
            .spawn(move || call_all(&receiver))
            .map_err(|source| IndexError::Thread { thread: "completions", source })?;
        Ok((Self { landed }, CallbackThread { thread }))
    }

    /// Has a completion called.
    pub(crate) fn call(&self, landed: Landed) {
        // The thread receives until the last sender, which is at least this one, is gone.
        let _ = self.landed.send(landed);
    }
}

impl CallbackThread {
    pub(crate) fn id(&self) -> ThreadId {
        self.thread.thread().id()
    }

    /// Waits until everything was called. Every [`Callbacks`] must be gone, or about to go.
    pub(crate) fn join(self) {
        // The thread catches all panics of completions.
        let _ = self.thread.join();
    }
}

fn call_all(landed: &Receiver<Landed>) {
    for Landed { call, batch, pass } in landed {
        if catch_unwind(AssertUnwindSafe(|| call(batch))).is_err() {
            tracing::error!("a completion panicked");
        }
        drop(pass);
    }
}
