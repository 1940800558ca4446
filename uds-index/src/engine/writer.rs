//! The chapter writer: a thread that packs and writes closed chapters while the zones go on
//! (specification, section 11.7).
//!
//! # Invariants
//!
//! 1. One chapter at a time is with the writer. Who closes the next one waits until it is done.
//! 2. The saved open chapter is discarded, durably, before the first page of a chapter is written;
//!    if that fails, no page is.
//! 3. The first failure stays: the writer refuses every chapter after it. A panic counts as one.

use std::thread::JoinHandle;

use uds_geometry::VirtualChapter;
use uds_volume::{ChapterScratch, Volume};

use crate::IndexError;
use crate::layout::DiscardPlace;
use crate::open_chapter::{Buffers, OpenChapter, collate};
use crate::sync::{Arc, Condvar, Mutex, lock, wait};

/// A chapter on its way to the volume.
#[derive(Debug)]
pub(super) struct ClosedChapter {
    pub(super) chapter: VirtualChapter,
    /// Every zone's part, in the order of the zones.
    pub(super) zones: Vec<Arc<OpenChapter>>,
    /// The saved open chapter that must go first, if there is one.
    pub(super) discard: Option<DiscardPlace>,
}

/// The writer's thread, and how to talk to it.
#[derive(Debug)]
pub(super) struct ChapterWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a chapter or the stop arrives.
    work: Condvar,
    /// Signalled when a chapter is done.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<ClosedChapter>,
    is_writing: bool,
    failure: Option<Arc<IndexError>>,
    unindexed_records: u64,
    is_stopping: bool,
}

impl ChapterWriter {
    /// Starts the writer's thread.
    pub(super) fn start(volume: Arc<Volume>) -> Result<Self, IndexError> {
        let scratch = ChapterScratch::new(volume.geometry())?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let thread = std::thread::Builder::new()
            .name("uds-writer".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.work_until_stopped(&volume, scratch)
            })
            .map_err(|source| IndexError::Thread { thread: "chapter writer", source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until no chapter is with the writer.
    pub(super) fn wait_until_idle(&self) {
        let mut state = lock(&self.shared.state);
        while state.waiting.is_some() || state.is_writing {
            state = wait(&self.shared.done, state);
        }
    }

    /// Hands over a chapter. The writer must be idle.
    pub(super) fn write(&self, chapter: ClosedChapter) {
        let mut state = lock(&self.shared.state);
        debug_assert!(state.waiting.is_none() && !state.is_writing, "invariant 1");
        state.waiting = Some(chapter);
        self.shared.work.notify_one();
    }

    /// The writer's first failure, if it has failed.
    pub(super) fn failure(&self) -> Option<Arc<IndexError>> {
        lock(&self.shared.state).failure.clone()
    }

    /// Records that were written but that no chapter index names.
    pub(super) fn unindexed_records(&self) -> u64 {
        lock(&self.shared.state).unindexed_records
    }
}

impl Drop for ChapterWriter {
    fn drop(&mut self) {
        lock(&self.shared.state).is_stopping = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was kept as the writer's failure.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work_until_stopped(&self, volume: &Volume, mut scratch: ChapterScratch) {
        let mut buffers = Buffers::default();
        while let Some(closed) = self.take() {
            let attempt = Attempt { shared: self, result: None };
            let result = write(volume, closed, &mut buffers, &mut scratch);
            attempt.end(result);
        }
    }

    /// The next chapter to write, or `None` when there will be none.
    fn take(&self) -> Option<ClosedChapter> {
        let mut state = lock(&self.state);
        loop {
            if let Some(closed) = state.waiting.take() {
                state.is_writing = true;
                return Some(closed);
            }
            if state.is_stopping {
                return None;
            }
            state = wait(&self.work, state);
        }
    }
}

/// The writing of one chapter, which ends exactly once, even by a panic.
struct Attempt<'a> {
    shared: &'a Shared,
    result: Option<Result<u64, IndexError>>,
}

impl Attempt<'_> {
    fn end(mut self, result: Result<u64, IndexError>) {
        self.result = Some(result);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.is_writing = false;
        match self.result.take().unwrap_or(Err(IndexError::Panicked)) {
            Ok(unindexed) => state.unindexed_records += unindexed,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "chapter not written");
                state.failure.get_or_insert_with(|| Arc::new(error));
            }
        }
        self.shared.done.notify_all();
    }
}

/// Writes a chapter, and returns how many of its records no chapter index names.
fn write(
    volume: &Volume,
    closed: ClosedChapter,
    buffers: &mut Buffers,
    scratch: &mut ChapterScratch,
) -> Result<u64, IndexError> {
    if let Some(place) = closed.discard {
        place.discard()?;
    }
    let zones: Vec<&OpenChapter> = closed.zones.iter().map(AsRef::as_ref).collect();
    let records = volume.geometry().records_per_chapter() as usize;
    let collation = collate(&zones, records, buffers).ok_or(IndexError::NothingToClose)?;
    let report =
        volume.write_chapter(closed.chapter, collation.records, collation.unindexed, scratch)?;
    Ok(report.overflowed + report.evicted)
}
