//! A zone: its share of the volume index and of the open chapter, and what a request does to them
//! (specification, sections 11.3 to 11.5).
//!
//! Threads: a zone belongs to one thread at a time. It shares the volume, and its closed chapter
//! while that is being written, with the chapter writer.

use uds_delta_index::Insertion;
use uds_geometry::{Geometry, RecordData, RecordName, VirtualChapter};
use uds_volume::Volume;

use crate::IndexError;
use crate::open_chapter::{OpenChapter, Put};
use crate::request::{Answer, Location, Operation};
use crate::sync::Arc;
use crate::volume_index::{Entry, SubIndexZone};

/// One zone of an index.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(super) geometry: Arc<Geometry>,
    pub(super) volume: Arc<Volume>,
    pub(super) newest: VirtualChapter,
    pub(super) oldest: VirtualChapter,
    pub(super) open: OpenChapter,
    /// The chapter before the open one, while its records are still in memory.
    pub(super) closed: Option<Arc<OpenChapter>>,
    pub(super) index: SubIndexZone,
    /// Whether anything has changed that a save would keep.
    pub(super) is_changed: bool,
}

/// What a request led to.
pub(super) struct Done {
    pub(super) answer: Answer,
    /// Whether the open chapter has no room for another record, so that it must be closed.
    pub(super) is_full: bool,
}

impl Zone {
    /// Carries out one request.
    pub(super) fn execute(
        &mut self,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
    ) -> Result<Done, IndexError> {
        if operation == Operation::Delete {
            return Ok(Done { answer: self.delete(name)?, is_full: false });
        }
        self.search(operation, name, data)
    }

    /// All operations but deletion (specification, section 11.4).
    fn search(
        &mut self,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
    ) -> Result<Done, IndexError> {
        let entry = self.index.get(name)?;
        let answer = self.resolve(&entry, name)?;
        let unchanged = Ok(Done { answer, is_full: false });
        // The volume index is sure of the name, but its chapter's index has lost it.
        let is_lost = !answer.is_found() && entry.is_collision;
        match operation {
            Operation::QueryNoUpdate => return unchanged,
            Operation::Query if !answer.is_found() => return unchanged,
            _ => {}
        }
        if answer.is_found() || is_lost {
            if entry.chapter != Some(self.newest) {
                self.index.set_chapter(&entry, self.newest)?;
            } else if operation != Operation::Update && answer.is_found() {
                return unchanged;
            }
        } else if self.index.put(entry, name, self.newest)? == Insertion::Overflow {
            // The list is full: the record is not stored, and counted (trap 36).
            return unchanged;
        }
        self.is_changed = true;
        let data = match answer {
            Answer::Found { data: old, .. } if operation != Operation::Update => old,
            _ => *data,
        };
        let is_full = match self.open.put(name, &data) {
            Put::Stored { space } => space == 0,
            Put::Full => true,
        };
        Ok(Done { answer, is_full })
    }

    /// Deletes a name (specification, section 11.5). Closed chapters keep the record,
    /// but nothing leads to it until the index is rebuilt.
    ///
    /// Unlike the reference this also looks up names that the volume index is sure of, so that the
    /// answer has their data.
    fn delete(&mut self, name: &RecordName) -> Result<Answer, IndexError> {
        let entry = self.index.get(name)?;
        let answer = self.resolve(&entry, name)?;
        if answer.is_found() || entry.is_collision {
            self.index.remove(entry)?;
            self.is_changed = true;
            if entry.chapter == Some(self.newest) {
                self.open.remove(name);
            }
        }
        Ok(answer)
    }

    /// Whether a name really is in the chapter that its entry names (specification, section 11.3).
    fn resolve(&self, entry: &Entry, name: &RecordName) -> Result<Answer, IndexError> {
        let Some(chapter) = entry.chapter else { return Ok(Answer::Absent) };
        // An entry of a damaged volume index can name any chapter, and one of a converted
        // index an expired one (trap 30a).
        if !(self.oldest..=self.newest).contains(&chapter) {
            return Ok(Answer::Absent);
        }
        let found = if chapter == self.newest {
            self.open.search(name)
        } else {
            match &self.closed {
                Some(closed) if chapter.next() == self.newest => closed.search(name),
                _ => self.volume.find_record(chapter, name)?,
            }
        };
        Ok(found.map_or(Answer::Absent, |data| Answer::Found {
            data,
            location: self.location(chapter),
        }))
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
