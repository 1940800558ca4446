//! Leaving the page cache as it was: what a scan has read once is of no use to it any more, and
//! must not push out what other programs use.
//!
//! Before a step of a file is read, reads of one byte that do not wait tell whether it is in the
//! page cache already. If it is not, the system is told after the read that it need not keep it.
//! The system's own reading ahead would bring in what was not probed yet, up to 16 MiB of it: it is
//! switched off, and what is to be read ahead is asked for.
//!
//! # Invariants
//!
//! 1. A step of which any probed byte was in the cache before is left alone.
//! 2. A window is probed before anything in it is read or asked for, and nothing beyond it is asked
//!    for then: what a scan brings in is never taken for somebody's use.
//! 3. Where the file system does not answer reads that do not wait, all is left to the system.

use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::ops::Range;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Bytes that are probed, and given back, together.
const STEP: u64 = 4 << 20;
/// Bytes whose steps are probed before any of them is read.
const WINDOW: u64 = 16 << 20;
/// Bytes that are asked for at once: the system does not take more where its own reading ahead is
/// set to little.
const ASKED_FOR: u64 = 256 << 10;

/// Bytes of a step that are probed.
const PROBES: usize = 2;

/// What a read that does not wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glance {
    /// So many bytes from the start were in the page cache, and are in the buffer.
    Cached(usize),
    /// The first byte was not in the page cache.
    Cold,
    /// The file system cannot tell.
    Blind,
}

/// Reads what is in the page cache.
pub(crate) fn glance(file: &File, buffer: &mut [u8], offset: u64) -> Glance {
    match preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
        Ok(bytes) => Glance::Cached(bytes),
        Err(Errno::AGAIN) => Glance::Cold,
        Err(_) => Glance::Blind,
    }
}

/// Tells the system that a range of a file need not be kept. A hint: where it is not understood
/// nothing is lost.
pub(crate) fn give_back(file: &File, range: &Range<u64>) {
    if let Some(length) = NonZeroU64::new(range.end - range.start) {
        let _ = fadvise(file, range.start, Some(length), Advice::DontNeed);
    }
}

/// What one piece of a file leaves in the page cache.
#[derive(Debug)]
pub(crate) struct Footprint {
    piece: Range<u64>,
    /// Where the first step begins that is neither given back nor left alone.
    step: u64,
    /// Up to where reads came.
    reached: u64,
    /// Where the window ends that was probed last.
    window_end: u64,
    /// A bit for each step of this window that was not in the cache.
    cold: u32,
    is_blind: bool,
}

impl Footprint {
    /// Nothing was read of `piece` yet.
    pub(crate) fn new(piece: Range<u64>) -> Self {
        let start = piece.start;
        Self { piece, step: start, reached: start, window_end: start, cold: 0, is_blind: false }
    }

    /// To be called before bytes from `offset` on are read.
    pub(crate) fn begin_read(&mut self, file: &File, offset: u64) {
        if self.is_blind || offset < self.window_end {
            return;
        }
        self.finish(file);
        self.window_end = (offset - offset % WINDOW).saturating_add(WINDOW);
        self.step = (offset - offset % STEP).max(self.piece.start);
        self.reached = self.step;
        self.cold = 0;
        let (mut start, end) = (self.step, self.window_end.min(self.piece.end));
        let mut missing = 0;
        while start < end && !self.is_blind {
            let step_end = self.step_end(start);
            let cached = self.cached_probes(file, start..step_end);
            self.cold |= if cached == 0 { step_bit(start) } else { 0 };
            missing |= if cached < PROBES { step_bit(start) } else { 0 };
            start = step_end;
        }
        // Hints, both: where they are not understood nothing is lost.
        if self.is_blind {
            self.cold = 0;
            let length = NonZeroU64::new(self.piece.end - self.piece.start);
            let _ = fadvise(file, self.piece.start, length, Advice::Sequential);
        } else if missing != 0 {
            let _ = fadvise(file, 0, None, Advice::Random);
            for place in (self.step..end).step_by(ASKED_FOR as usize) {
                if missing & step_bit(place) != 0 {
                    let length = NonZeroU64::new(ASKED_FOR.min(end - place));
                    let _ = fadvise(file, place, length, Advice::WillNeed);
                }
            }
        }
    }

    /// To be called when the bytes before `offset` were read.
    pub(crate) fn end_read(&mut self, file: &File, offset: u64) {
        self.reached = offset;
        // A read can pass the end of the window; what lies behind it was not probed.
        while self.cold != 0 && self.step < self.window_end.min(self.piece.end) {
            let end = self.step_end(self.step);
            if end > offset {
                break;
            }
            self.give_step_back(file, end);
        }
    }

    /// To be called when nothing more is read: the step that was begun is given back too.
    pub(crate) fn finish(&mut self, file: &File) {
        if self.cold != 0 && self.step < self.reached.min(self.window_end) {
            self.give_step_back(file, self.step_end(self.step));
        }
    }

    fn give_step_back(&mut self, file: &File, end: u64) {
        if self.cold & step_bit(self.step) != 0 {
            give_back(file, &(self.step..end));
        }
        self.step = end;
    }

    fn step_end(&self, start: u64) -> u64 {
        (start - start % STEP).saturating_add(STEP).min(self.piece.end)
    }

    /// How many of the probed bytes of a step are in the page cache.
    fn cached_probes(&mut self, file: &File, step: Range<u64>) -> usize {
        let quarter = (step.end - step.start) / 4;
        let places: [u64; PROBES] = [step.start + quarter, step.end - quarter - 1];
        let is_cached = |place: &u64| {
            let glance = glance(file, &mut [0], *place);
            self.is_blind |= glance == Glance::Blind;
            matches!(glance, Glance::Cached(_))
        };
        places.iter().copied().filter(is_cached).count()
    }
}

/// The bit of a step in its window.
fn step_bit(start: u64) -> u32 {
    1 << (start % WINDOW / STEP)
}
