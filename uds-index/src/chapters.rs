//! Chapters on their way from the zones to the writer (specification, sections 11.6 and 11.7).
//!
//! Each zone hands over its part `P` of a chapter when its share of the open chapter is full, or
//! when another zone's is. When all parts are there, the writer writes the chapter. What it must
//! discard first, once after each save, is a `D`.
//!
//! # States
//!
//! `newest` is the chapter that will be written next; every chapter before it is durable.
//!
//! | state | parts here | being written | left by | to |
//! |---|---|---|---|---|
//! | gathering | some | no | [`hand_over`](Chapters::hand_over) | gathering, complete |
//! | complete | all | no | [`take`](Chapters::take) | writing |
//! | writing | none | yes | [`ToWrite::write`] | gathering the next, failed |
//! | failed | none | no | nothing | |
//!
//! [`fail`](Chapters::fail) leads from each state to failed; a chapter that is being written
//! then still becomes durable or not.
//!
//! # Invariants
//!
//! 1. Only parts of `newest` are here: a zone closes a chapter when every chapter before it is
//!    written. So no zone is more than one chapter ahead of another, and of the volume.
//! 2. The writer lets the parts go before the chapter counts as written: a zone that closes the
//!    next chapter finds the memory of the one before free.
//! 3. The first failure stays, and nothing is written after it. A panic of the writer is one.
//! 4. What must be discarded goes to the writer with the first chapter after the save, once.
//! 5. `newest` is published after everything that was written for the chapters before it (the
//!    page map's rows: specification, section 12.4).
//!
//! # Locks and threads
//!
//! One mutex, held for moments; no other lock is taken under it. Zones hand over from whichever
//! thread holds them; one thread is the writer.

mod attempt;
#[cfg(test)]
#[cfg(uds_loom)]
mod models;
#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests;

use std::fmt;

use uds_geometry::{VirtualChapter, ZoneCount, ZoneId};

pub(crate) use self::attempt::ToWrite;
use crate::IndexError;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Condvar, Mutant, Mutex, is_mutated, lock, wait};

/// The chapters between the zones and the writer.
pub(crate) struct Chapters<P, D> {
    state: Mutex<State<P, D>>,
    /// The writer sleeps on it. Notified when the last part arrives, and by `stop`.
    arrival: Condvar,
    /// Who waits for chapters to be written sleeps on it. Notified when a chapter is written,
    /// and by failures.
    written: Condvar,
    /// `State::newest`, for zones. Written (Release) under the lock when a chapter is written;
    /// read (Acquire) by `may_close` and `newest`, whose callers then see what the writer did.
    newest: AtomicU64,
    /// `State::first_open`, for zones. Written (Release) under the lock when a zone closes a
    /// chapter as the first; read (Acquire) by `first_open`.
    first_open: AtomicU64,
    /// Whether there is a failure. Written (Release) under the lock, once; read (Acquire) by
    /// everybody.
    has_failed: AtomicBool,
}

struct State<P, D> {
    /// The chapter that is written next.
    newest: VirtualChapter,
    /// The first chapter that no zone has closed.
    first_open: VirtualChapter,
    /// The zones' parts of `newest`.
    parts: Vec<Option<P>>,
    part_count: usize,
    discard: Option<D>,
    failure: Option<Arc<IndexError>>,
    unindexed: u64,
    is_writing: bool,
    is_stopping: bool,
}

impl<P, D> State<P, D> {
    /// Takes the parts out, in the order of the zones.
    fn take_parts(&mut self) -> Vec<P> {
        self.part_count = 0;
        self.parts.iter_mut().filter_map(Option::take).collect()
    }
}

/// What a zone that has handed over a part has to see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Its part is the first: the other zones must be told that the chapter is closed.
    pub(crate) is_first: bool,
    /// Its part is the last: the pages of the chapters that expire must be forgotten.
    pub(crate) is_last: bool,
}

impl<P, D> Chapters<P, D> {
    /// No chapter under way, `newest` open in every zone. `discard` is for a save that stands.
    pub(crate) fn new(zones: ZoneCount, newest: VirtualChapter, discard: Option<D>) -> Self {
        let state = State {
            newest,
            first_open: newest,
            parts: zones.zones().map(|_| None).collect(),
            part_count: 0,
            discard,
            failure: None,
            unindexed: 0,
            is_writing: false,
            is_stopping: false,
        };
        Self {
            state: Mutex::new(state),
            arrival: Condvar::new(),
            written: Condvar::new(),
            newest: AtomicU64::new(newest.get()),
            first_open: AtomicU64::new(newest.get()),
            has_failed: AtomicBool::new(false),
        }
    }

    /// The chapter that is written next; the zones are in it, or in the one after it.
    pub(crate) fn newest(&self) -> VirtualChapter {
        VirtualChapter::new(self.newest.load(Ordering::Acquire))
    }

    /// The first chapter that no zone has closed. A zone that is in the one before closes that
    /// next, however little is in it. Cheap.
    pub(crate) fn first_open(&self) -> VirtualChapter {
        VirtualChapter::new(self.first_open.load(Ordering::Acquire))
    }

    /// Whether a zone may close `chapter`: every chapter before it is written, or the index has
    /// failed, which the zone looks at next. Cheap. What is true once stays true.
    pub(crate) fn may_close(&self, chapter: VirtualChapter) -> bool {
        self.progress() >= chapter.get() || is_mutated(Mutant::ChaptersCloseEarly)
    }

    /// A number that has reached `chapter.get()` when a zone [may close](Self::may_close) a
    /// chapter: what stalled ports are [resumed](crate::port::Port::resume) with.
    pub(crate) fn progress(&self) -> u64 {
        let is_over = self.has_failed() && !is_mutated(Mutant::ChaptersFailureStalls);
        if is_over { u64::MAX } else { self.newest().get() }
    }

    /// Takes a zone's part of a chapter, which the zone [may close](Self::may_close). Wakes the
    /// writer when it is the last. After a failure, drops it: the zone has nothing to see to.
    ///
    /// # Panics
    ///
    /// Where the chapter is not `newest`, or the zone has handed over its part (invariant 1).
    pub(crate) fn hand_over(&self, zone: ZoneId, chapter: VirtualChapter, part: P) -> Arrival {
        let mut state = lock(&self.state);
        if state.failure.is_some() {
            // The part is dropped after the lock: parameters outlive local variables.
            return Arrival { is_first: false, is_last: false };
        }
        assert!(
            chapter == state.newest && !state.is_writing,
            "invariant 1: zone {zone} closed chapter {chapter} while chapter {} is to be written",
            state.newest
        );
        let place = &mut state.parts[usize::from(zone.get())];
        assert!(place.is_none(), "invariant 1: zone {zone} closed chapter {chapter} twice");
        *place = Some(part);
        state.part_count += 1;
        state.first_open = chapter.next();
        self.first_open.store(state.first_open.get(), Ordering::Release);
        let is_last = state.part_count == state.parts.len();
        let arrival = Arrival { is_first: state.part_count == 1, is_last };
        drop(state);
        if is_last && !is_mutated(Mutant::ChaptersArriveSilently) {
            self.arrival.notify_one();
        }
        arrival
    }

    /// The next chapter to write, for the writer; sleeps until there is one. `None` when there
    /// will be none: a chapter whose parts are all there is written before that, unless the
    /// index has failed.
    pub(crate) fn take(&self) -> Option<ToWrite<'_, P, D>> {
        let mut state = lock(&self.state);
        loop {
            if state.part_count == state.parts.len() {
                state.is_writing = true;
                let parts = state.take_parts();
                let discard = state.discard.take();
                return Some(ToWrite::new(self, state.newest, parts, discard));
            }
            if state.is_stopping {
                return None;
            }
            state = wait(&self.arrival, state);
        }
    }

    /// Waits until every chapter that any zone has closed by now is written.
    ///
    /// The caller must not hold a zone that has not yet handed over its part.
    ///
    /// # Errors
    ///
    /// The first failure, at once.
    pub(crate) fn wait_until_written(&self) -> Result<(), Arc<IndexError>> {
        let mut state = lock(&self.state);
        let first_open = state.first_open;
        loop {
            if let Some(failure) = &state.failure {
                return Err(Arc::clone(failure));
            }
            if state.newest >= first_open {
                return Ok(());
            }
            state = wait(&self.written, state);
        }
    }

    /// Whether every chapter that any zone has closed is written. Who holds all zones can then
    /// save them: they are in the same chapter, and stay there.
    pub(crate) fn is_all_written(&self) -> bool {
        let state = lock(&self.state);
        state.newest >= state.first_open
    }

    /// Keeps the first failure, from outside of the writer: nothing is written after it. Wakes
    /// who waits here; the caller resumes stalled ports.
    pub(crate) fn fail(&self, error: Arc<IndexError>) {
        let mut state = lock(&self.state);
        // Dropped without the lock.
        let _parts = self.keep_failure(&mut state, error);
        drop(state);
        if !is_mutated(Mutant::ChaptersFailSilently) {
            self.written.notify_all();
        }
    }

    /// Keeps a failure if it is the first, and returns the parts that will not be written.
    fn keep_failure(&self, state: &mut State<P, D>, error: Arc<IndexError>) -> Vec<P> {
        state.failure.get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
        state.take_parts()
    }

    /// The first failure, if there is one. The index takes no changes then.
    pub(crate) fn failure(&self) -> Option<Arc<IndexError>> {
        if self.has_failed() { lock(&self.state).failure.clone() } else { None }
    }

    /// Whether there is a failure. Cheap.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Says that a save stands, and what the writer must discard before it writes the next
    /// chapter. The caller holds all zones, and [no chapter is under way](Self::is_all_written).
    pub(crate) fn arm_discard(&self, discard: D) {
        lock(&self.state).discard = Some(discard);
    }

    /// Puts what must be discarded on another storage in the place of what had to be. As
    /// [`arm_discard`](Self::arm_discard).
    pub(crate) fn replace_discard(&self, discard: Option<D>) {
        lock(&self.state).discard = discard;
    }

    /// Whether the latest save still stands: no chapter was written after it.
    pub(crate) fn save_stands(&self) -> bool {
        lock(&self.state).discard.is_some()
    }

    /// How many records were written that no chapter index names.
    pub(crate) fn unindexed(&self) -> u64 {
        lock(&self.state).unindexed
    }

    /// Lets the writer end, after the chapter at hand.
    pub(crate) fn stop(&self) {
        lock(&self.state).is_stopping = true;
        if !is_mutated(Mutant::ChaptersStopSilently) {
            self.arrival.notify_one();
        }
    }
}

impl<P, D> fmt::Debug for Chapters<P, D> {
    /// How far they are. Takes no lock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chapters")
            .field("newest", &self.newest())
            .field("has_failed", &self.has_failed())
            .finish_non_exhaustive()
    }
}
