//! What a request has learnt while it waited for pages.
//!
//! A closed chapter does not change, so what its pages say of a name stays true, whatever has
//! become of the volume index meanwhile. A request asks up to two *questions*, each of one chapter
//! at a time: whether the name is in the chapter that its entry names, and, in a sparse index,
//! whether it is in the one that the sparse cache named. The answers are kept apart, so that
//! neither is taken for the other's (traps 33 and 34).

use uds_geometry::VirtualChapter;
use uds_volume::Progress;

/// What a request waits to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Question {
    /// Whether the name is in the chapter that the volume index names.
    Entry,
    /// Whether it is in the chapter that the sparse cache names.
    Cached,
}

/// What a request knows of its name.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Known {
    entry: Option<Fact>,
    cached: Option<Fact>,
}

/// What a chapter's pages say of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub(super) chapter: VirtualChapter,
    pub(super) progress: Progress,
}

impl Known {
    /// Keeps what a page said.
    pub(in crate::engine) fn learn(
        &mut self,
        question: Question,
        chapter: VirtualChapter,
        progress: Progress,
    ) {
        let fact = Some(Fact { chapter, progress });
        match question {
            Question::Entry => self.entry = fact,
            Question::Cached => self.cached = fact,
        }
    }

    /// Whether the request has not waited yet.
    pub(super) fn is_nothing(&self) -> bool {
        self.entry.is_none() && self.cached.is_none()
    }

    /// How far the look-up in the chapter of the entry is. A fact about another chapter is about a
    /// record that has moved on.
    pub(super) fn of_entry(&self, chapter: VirtualChapter) -> Progress {
        let fact = self.entry.filter(|fact| fact.chapter == chapter);
        fact.map_or(Progress::Again, |fact| fact.progress)
    }

    /// What a cached chapter that has not expired said.
    pub(super) fn of_cached(&self, oldest: VirtualChapter) -> Option<Fact> {
        self.cached.filter(|fact| fact.chapter >= oldest)
    }
}
