//! Explanations: the whole way of a look-up, step by step, for those who have to know why a name is
//! found, or is not.
//!
//! # Invariants
//!
//! 1. An explanation ends as a query would that changes nothing: it comes by the same lists, the
//!    same pages and the same caches, and goes by what the same functions find there.
//! 2. It leaves the index as it is: no list is flushed, no page cached, nothing counted.

mod name;
mod steps;

use uds_geometry::{RecordData, RecordName, VirtualChapter};

pub use self::name::NameParts;
pub use self::steps::{
    CacheSearch, CachedChapter, ChapterSearch, ChapterState, EntryMatch, EntrySearch, ListEntry,
    MemorySearch, Probe,
};
use crate::{Answer, IndexError, Location};

/// How a name was looked up, and what came of it: see [`Index::explain`](crate::Index::explain).
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The name.
    pub name: RecordName,
    /// What its bits say.
    pub parts: NameParts,
    /// The oldest chapter of the index, as the name's zone knows it.
    pub oldest: VirtualChapter,
    /// The chapter that is open, as the name's zone knows it.
    pub newest: VirtualChapter,
    /// The newest sparse chapter, if the index has sparse ones now.
    pub newest_sparse: Option<VirtualChapter>,
    /// The sparse chapter that a query for this sample would bring into the sparse cache, and
    /// whether that could be done.
    pub brought_in: Option<(VirtualChapter, bool)>,
    /// What the volume index said.
    pub entry: EntrySearch,
    /// What the chapter said that the volume index named.
    pub chapter: Option<ChapterSearch>,
    /// What the sparse cache said, where it was asked for a name that the volume index does not
    /// know.
    pub cache: Option<CacheSearch>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a look-up.
#[derive(Debug)]
pub enum Outcome {
    /// The name is in the index.
    Found {
        /// Its data.
        data: RecordData,
        /// Where in the index it is.
        location: Location,
        /// Its chapter.
        chapter: VirtualChapter,
    },
    /// The name is not in the index, or not found there.
    Absent(Absence),
    /// The look-up failed: a page cannot be read, or what lies there makes no sense.
    Failed(IndexError),
}

/// Where the trail of a name ends that is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The volume index has no entry with the name's address.
    NoEntry,
    /// It had, but only for a chapter that has left the name's part of the volume index since: it
    /// was forgotten, or has become sparse, and the name is no sample.
    Expired(VirtualChapter),
    /// An entry with the address names a chapter that is not in the index any more.
    Forgotten(VirtualChapter),
    /// An entry with the address names a chapter that does not have the name: it is the entry of
    /// another name.
    OtherName(VirtualChapter),
    /// The volume index has the whole name, but its chapter does not: the chapter's index had
    /// no room for it, or the record was lost.
    Lost(VirtualChapter),
}

impl Explanation {
    /// What a query would have answered; the error where it would have failed.
    ///
    /// # Errors
    ///
    /// That of [`Outcome::Failed`].
    pub fn answer(&self) -> Result<Answer, &IndexError> {
        match &self.outcome {
            Outcome::Found { data, location, .. } => {
                Ok(Answer::Found { data: *data, location: *location })
            }
            Outcome::Absent(_) => Ok(Answer::Absent),
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Whether the name could be in a sparse chapter all the same: it is no sample and was not
    /// found, so it is found there only after a sample of its chapter.
    #[must_use]
    pub fn needs_company(&self) -> bool {
        self.newest_sparse.is_some()
            && !self.parts.is_sample
            && matches!(self.outcome, Outcome::Absent(_))
    }
}
