//! Why to stop early: because the user wants it, or because a thread cannot go on.
//!
//! # Invariants
//!
//! 1. Only signals make the user's wish, so the second signal is always a second wish.
//! 2. A new file that is marked as unfinished does not outlive a process that ends at the second
//!    signal.
//! 3. A signal that was ignored when the process started stays ignored, as under `nohup`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::exit::{Exit, Failure, complain};

/// What the first Ctrl-C says where nothing has to be undone.
pub(crate) const STOPPING: &str = "stopping";

/// Flags that every thread looks at between two steps of its work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Reasons>);

/// Both flags order nothing, so relaxed accesses do.
#[derive(Debug, Default)]
struct Reasons {
    /// Written by the signal handler's thread, read by all.
    wished: AtomicBool,
    /// Written by a failing thread, read by all.
    given_up: AtomicBool,
    /// The new file to remove if the process has to end.
    unfinished: Mutex<Option<PathBuf>>,
}

impl Stop {
    /// Notes the wish of the user.
    pub(crate) fn wish(&self) {
        self.0.wished.store(true, Relaxed);
    }

    /// Notes that a thread cannot go on, and the others need not.
    pub(crate) fn give_up(&self) {
        self.0.given_up.store(true, Relaxed);
    }

    /// Whether the user wants to stop.
    pub(crate) fn is_wished(&self) -> bool {
        self.0.wished.load(Relaxed)
    }

    /// Whether to stop, for either reason.
    pub(crate) fn is_due(&self) -> bool {
        self.is_wished() || self.0.given_up.load(Relaxed)
    }

    /// Makes a new file, and marks it as unfinished.
    pub(crate) fn begin_file<T, E>(
        &self,
        path: &Path,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        // Held all the time, so that the process does not end between the file and the mark.
        let mut unfinished = self.unfinished();
        let file = make()?;
        *unfinished = Some(path.to_path_buf());
        Ok(file)
    }

    /// Says that the file is finished, or gone.
    pub(crate) fn end_file(&self) {
        *self.unfinished() = None;
    }

    /// Removes the file that is marked as unfinished, if there is one.
    pub(crate) fn remove_unfinished(&self) {
        if let Some(path) = self.unfinished().take() {
            let _ = fs::remove_file(path);
        }
    }

    fn unfinished(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.0.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the first Ctrl-C (or termination or hang-up) note the wish and print `message`, and the
    /// second one end the process at once.
    pub(crate) fn on_interrupt(&self, message: &'static str) -> Result<(), Failure> {
        let stop = self.clone();
        let ignored = ignored_signals();
        let is_heeded = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(is_heeded))
            .context("cannot watch for Ctrl-C")
            .map_err(|error| Failure::new(Exit::InputOutput, error))?;
        // Not joined: it ends with the process.
        thread::spawn(move || signals.forever().for_each(|_| stop.notice(message)));
        Ok(())
    }

    fn notice(&self, message: &str) {
        if self.is_wished() {
            // Held to the end, so that nobody finishes a file that is being removed.
            let unfinished = self.unfinished();
            if let Some(path) = &*unfinished {
                let _ = fs::remove_file(path);
            }
            std::process::exit(Exit::Interrupted as i32);
        }
        self.wish();
        complain(message);
    }
}

/// Makes a write beyond the limit on the size of files (`ulimit -f`) fail, as one on a full disk
/// does, instead of ending the process.
pub(crate) fn outlive_size_limit() {
    // Nobody looks at the flag. Where it cannot be had, such a write ends the process.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// The signals that whoever started the process wants ignored: bit 0 for signal 1. None where
/// the system does not say.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a failing thread that looks like a Ctrl-C, and the reverse.
    #[test]
    fn a_failure_is_no_wish() {
        let stop = Stop::default();
        assert!(!stop.is_due());
        stop.give_up();
        assert!(stop.is_due() && !stop.is_wished());
        let stop = Stop::default();
        stop.wish();
        assert!(stop.is_due() && stop.is_wished());
    }
}
