//! The progress bar: rate, time left and the estimate so far, on a terminal only.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};

use super::observer::Observer;
use super::paths::Paths;
use super::totals::Totals;
use super::walk::{Found, Walk};
use crate::stop::Stop;
use crate::units;

/// Says that the bytes to read are not known yet.
const UNKNOWN: u64 = u64::MAX;

/// A progress bar, or nothing where none was wanted.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Bytes that the survey has found. Written once by the survey's thread, read by the bar's;
    /// nothing else is handed over with it, so relaxed accesses do.
    total: Arc<AtomicU64>,
    shows_total: bool,
}

impl Progress {
    /// A bar on standard error if that is a terminal. A second walk over `paths`, beside the one
    /// that feeds the workers, finds out how much there is to read, unless the paths come out of
    /// a pipe.
    pub(crate) fn new(quiet: bool, paths: &Paths, walk: Walk, stop: &Stop) -> Self {
        let total = Arc::new(AtomicU64::new(UNKNOWN));
        if quiet || !stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), total, shows_total: false };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {binary_bytes} read, {binary_bytes_per_sec}, {msg}"));
        if let Some(paths) = paths.again() {
            let (stop, found_total) = (stop.clone(), Arc::clone(&total));
            // Not joined: it ends with the process, and counting is all that it does.
            thread::spawn(move || survey(&paths, walk, &stop, &found_total));
        }
        Self { bar, total, shows_total: false }
    }

    /// Shows how far the scan has come.
    pub(crate) fn update(&mut self, totals: &Totals, observer: &Observer) {
        if self.bar.is_hidden() {
            return;
        }
        let total = self.total.load(Relaxed);
        if !self.shows_total && total != UNKNOWN {
            self.shows_total = true;
            self.bar.set_length(total);
            self.bar.set_style(style(
                "{wide_bar} {percent}% {binary_bytes_per_sec}, {eta} left, {msg}",
            ));
        }
        if let Some(share) = observer.share_so_far(totals.zero_bytes.get()) {
            self.bar.set_message(format!("{} duplicate", units::percent(share)));
        }
        self.bar.set_position(totals.bytes.get());
        self.bar.tick();
    }

    /// Removes the bar from the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are well formed")
}

/// Adds up what there is to read.
fn survey(paths: &Paths, walk: Walk, stop: &Stop, total: &AtomicU64) {
    let mut sum = 0_u64;
    let walked = walk.run(paths, &mut |found| {
        if let Found::File { bytes, .. } = found {
            sum = sum.saturating_add(bytes);
        }
        if stop.is_due() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if walked.is_continue() {
        total.store(sum.min(UNKNOWN - 1), Relaxed);
    }
}
