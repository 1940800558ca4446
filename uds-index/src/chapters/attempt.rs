//! The writing of one chapter, which ends once, even by a panic.

use std::error::Error;
use std::fmt;

use uds_geometry::VirtualChapter;

use super::Chapters;
use crate::IndexError;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutant, is_model_failing, is_mutated, lock};

/// A chapter in the hands of the writer.
#[must_use = "dropping it is a failure: the chapter is lost"]
pub(crate) struct ToWrite<'a, P, D> {
    chapter: VirtualChapter,
    parts: Vec<P>,
    discard: Option<D>,
    attempt: Attempt<'a, P, D>,
}

impl<'a, P, D> ToWrite<'a, P, D> {
    pub(super) fn new(
        chapters: &'a Chapters<P, D>,
        chapter: VirtualChapter,
        parts: Vec<P>,
        discard: Option<D>,
    ) -> Self {
        Self { chapter, parts, discard, attempt: Attempt { chapters, result: None } }
    }

    /// Has the chapter written by `write`, which gets the parts in the order of the zones and
    /// what must be discarded first, and returns how many records no chapter index names.
    /// Then says to everybody that the chapter is written, or that the index has failed.
    ///
    /// `write` must not keep the parts: they belong to the zones again when it returns
    /// (invariant 2). If it panics, that is a failure, and the panic goes on.
    pub(crate) fn write(
        self,
        write: impl FnOnce(VirtualChapter, Vec<P>, Option<D>) -> Result<u64, IndexError>,
    ) {
        let Self { chapter, parts, discard, mut attempt } = self;
        if is_mutated(Mutant::ChaptersFinishBeforeDrop) {
            attempt.result = Some(Ok(0));
            drop(attempt);
            let _ = write(chapter, parts, discard);
            return;
        }
        let result = write(chapter, parts, discard);
        attempt.result = Some(result);
    }
}

impl<P, D> fmt::Debug for ToWrite<'_, P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToWrite").field("chapter", &self.chapter).finish_non_exhaustive()
    }
}

/// Announces how the writing of a chapter ended, when it is dropped.
struct Attempt<'a, P, D> {
    chapters: &'a Chapters<P, D>,
    result: Option<Result<u64, IndexError>>,
}

impl<P, D> Drop for Attempt<'_, P, D> {
    fn drop(&mut self) {
        if is_model_failing() {
            return;
        }
        let chapters = self.chapters;
        let mut state = lock(&chapters.state);
        state.is_writing = false;
        match self.result.take().unwrap_or(Err(IndexError::Panicked)) {
            Ok(unindexed) => {
                state.unindexed += unindexed;
                state.newest = state.newest.next();
                let order = match is_mutated(Mutant::ChaptersPublishRelaxed) {
                    true => Ordering::Relaxed,
                    false => Ordering::Release,
                };
                chapters.newest.store(state.newest.get(), order);
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "chapter not written");
                // There are none: the writer had them.
                let _ = chapters.keep_failure(&mut state, Arc::new(error));
            }
        }
        drop(state);
        if !is_mutated(Mutant::ChaptersFinishSilently) {
            chapters.written.notify_all();
        }
    }
}
