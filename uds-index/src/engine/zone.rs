//! A zone: its share of the volume index and of the open chapter, and what a request does to them
//! (specification, sections 11.3 to 11.5).
//!
//! Threads: a zone belongs to one thread at a time, the holder of its [`Port`](crate::port::Port).
//! It shares the volume, and its closed chapter while that is being written, with the chapter
//! writer.

use uds_delta_index::Insertion;
use uds_geometry::{Geometry, RecordData, RecordName, RecordPageNumber, VirtualChapter};
use uds_volume::{Lookup, Progress, Searcher, Volume, VolumeError};

use crate::IndexError;
use crate::open_chapter::{OpenChapter, Put};
use crate::request::{Answer, Location, Operation};
use crate::sync::Arc;
use crate::volume_index::{Entry, SubIndexZone};

/// One zone of an index.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) geometry: Arc<Geometry>,
    pub(super) pages: Pages,
    pub(super) newest: VirtualChapter,
    pub(super) oldest: VirtualChapter,
    pub(super) open: OpenChapter,
    /// The chapter before the open one, while its records are still in memory.
    pub(super) closed: Option<Arc<OpenChapter>>,
    /// What the next open chapter will be made of, before there is a closed one to use again.
    pub(super) spare: Option<OpenChapter>,
    pub(super) index: SubIndexZone,
    /// Whether anything has changed that a save would keep.
    pub(super) is_changed: bool,
}

/// How a zone gets at the pages of the volume.
#[derive(Debug)]
pub(super) enum Pages {
    /// Reader threads bring what is not cached, and the zone goes on meanwhile.
    Readers(Searcher),
    /// The zone reads them itself, and waits.
    Direct(Arc<Volume>),
}

/// What is known of a name that waited for a page: a fact about a chapter, whatever
/// has become of the volume index meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) chapter: VirtualChapter,
    pub(super) progress: Progress,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// It is done.
    Answered(Answer),
    /// It waits for a page. Nothing has changed; it is to be executed again with the hint that
    /// comes back.
    Waiting,
}

impl Zone {
    /// Carries out one request. `token` comes back with what it may have to wait for.
    pub(super) fn execute(
        &mut self,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
        hint: Option<Hint>,
        token: u64,
    ) -> Result<Outcome, IndexError> {
        let entry = self.index.get(name)?;
        let Some(answer) = self.resolve(&entry, name, hint, token)? else {
            return Ok(Outcome::Waiting);
        };
        if operation == Operation::Delete {
            self.delete(entry, name, &answer)?;
        } else {
            self.store(entry, operation, name, data, &answer)?;
        }
        Ok(Outcome::Answered(answer))
    }

    /// What a request changes, for all operations but deletion (specification, section 11.4).
    fn store(
        &mut self,
        entry: Entry,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
        answer: &Answer,
    ) -> Result<(), IndexError> {
        // The volume index is sure of the name, but its chapter's index has lost it.
        let is_lost = !answer.is_found() && entry.is_collision;
        match operation {
            Operation::QueryNoUpdate => return Ok(()),
            Operation::Query if !answer.is_found() => return Ok(()),
            _ => {}
        }
        if answer.is_found() || is_lost {
            if entry.chapter != Some(self.newest) {
                self.index.set_chapter(&entry, self.newest)?;
            } else if operation != Operation::Update && answer.is_found() {
                return Ok(());
            }
        } else if self.index.put(entry, name, self.newest)? == Insertion::Overflow {
            // The list is full: the record is not stored, and counted (trap 36).
            return Ok(());
        }
        self.is_changed = true;
        let data = match answer {
            Answer::Found { data: old, .. } if operation != Operation::Update => old,
            _ => data,
        };
        // Whoever holds the zone closes the chapter before it is put into again.
        let put = self.open.put(name, data);
        debug_assert_ne!(put, Put::Full, "a full chapter is closed before the next request");
        Ok(())
    }

    /// Deletes a name (specification, section 11.5). Closed chapters keep the record,
    /// but nothing leads to it until the index is rebuilt.
    ///
    /// Unlike the reference, the name was looked up also where the volume index is sure of it,
    /// so that the answer has its data.
    fn delete(
        &mut self,
        entry: Entry,
        name: &RecordName,
        answer: &Answer,
    ) -> Result<(), IndexError> {
        if answer.is_found() || entry.is_collision {
            self.index.remove(entry)?;
            self.is_changed = true;
            if entry.chapter == Some(self.newest) {
                self.open.remove(name);
            }
        }
        Ok(())
    }

    /// Whether a name really is in the chapter that its entry names (specification, section 11.3).
    /// `None` where that takes a page that is not in memory.
    fn resolve(
        &mut self,
        entry: &Entry,
        name: &RecordName,
        hint: Option<Hint>,
        token: u64,
    ) -> Result<Option<Answer>, IndexError> {
        let Some(chapter) = entry.chapter else { return Ok(Some(Answer::Absent)) };
        // An entry of a damaged volume index can name any chapter, and one of a converted
        // index an expired one (trap 30a).
        if !(self.oldest..=self.newest).contains(&chapter) {
            return Ok(Some(Answer::Absent));
        }
        let found = if chapter == self.newest {
            self.open.search(name)
        } else {
            match &self.closed {
                Some(closed) if chapter.next() == self.newest => closed.search(name),
                _ => {
                    // A hint for another chapter is about a record that has moved on.
                    let hint = hint.filter(|hint| hint.chapter == chapter);
                    match self.pages.look_up(chapter, name, hint, token)? {
                        Lookup::Found(data) => Some(data),
                        Lookup::Absent => None,
                        Lookup::Queued => return Ok(None),
                    }
                }
            }
        };
        Ok(Some(found.map_or(Answer::Absent, |data| Answer::Found {
            data,
            location: self.location(chapter),
        })))
    }

    fn location(&self, chapter: VirtualChapter) -> Location {
        if chapter == self.newest {
            Location::Open
        } else if self.geometry.is_chapter_sparse(self.oldest, self.newest, chapter) {
            Location::Sparse
        } else {
            Location::Dense
        }
    }
}

impl Pages {
    fn look_up(
        &mut self,
        chapter: VirtualChapter,
        name: &RecordName,
        hint: Option<Hint>,
        token: u64,
    ) -> Result<Lookup, VolumeError> {
        let page: Option<RecordPageNumber> = match hint.map(|hint| hint.progress) {
            Some(Progress::Found(data)) => return Ok(Lookup::Found(data)),
            Some(Progress::Absent) => return Ok(Lookup::Absent),
            Some(Progress::RecordPage(page)) => Some(page),
            Some(Progress::Again) | None => None,
        };
        match self {
            Self::Readers(searcher) => searcher.look_up(chapter, name, page, token),
            Self::Direct(volume) => {
                Ok(volume.find_record(chapter, name)?.map_or(Lookup::Absent, Lookup::Found))
            }
        }
    }
}
