//! The wish to stop early: from Ctrl-C, or from a thread that cannot go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context;

use crate::exit::{Exit, Failure, complain};

/// A flag that every thread of a scan looks at between two chunks or files.
///
/// Written by the signal handler's thread and by failing workers, read by all; it orders nothing,
/// so relaxed accesses do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn request(&self) {
        self.0.store(true, Relaxed);
    }

    pub(crate) fn requested(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Lets the first Ctrl-C (or termination signal) request the stop, and the second one end the
    /// process at once.
    pub(crate) fn on_interrupt(&self) -> Result<(), Failure> {
        let stop = self.clone();
        ctrlc::set_handler(move || {
            if stop.requested() {
                std::process::exit(Exit::Interrupted as i32);
            }
            stop.request();
            complain("stopping; once more ends at once and leaves an index of --index unsaved");
        })
        .context("cannot watch for Ctrl-C")
        .map_err(|error| Failure::new(Exit::InputOutput, error))
    }
}
