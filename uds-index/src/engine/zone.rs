//! A zone: its share of the volume index and of the open chapter, and what a request does to them
//! (specification, sections 11.3 to 11.5).
//!
//! Threads: a zone belongs to one thread at a time, the holder of its [`Port`](crate::port::Port).
//! It shares the volume, and its closed chapter while that is being written, with the chapter
//! writer.

mod known;

use uds_delta_index::Insertion;
use uds_geometry::{Geometry, RecordData, RecordName, VirtualChapter};
use uds_sparse_cache::{Chapters, ZoneCache};
use uds_volume::{Lookup, Progress, Searcher, Volume, VolumeError};

pub(super) use self::known::{Known, Question};
use super::meetings::VolumeSource;
use crate::IndexError;
use crate::open_chapter::{OpenChapter, Put};
use crate::request::{Answer, Location, Operation};
use crate::sync::Arc;
use crate::volume_index::{Entry, VolumeIndexZone};

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
    pub(super) index: VolumeIndexZone,
    /// The sparse cache, in a sparse index.
    pub(super) sparse: Option<Sparse>,
    /// Whether it is the only one.
    pub(super) is_alone: bool,
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

/// The sparse cache, as a zone has it.
#[derive(Debug)]
pub(super) struct Sparse {
    pub(super) cache: ZoneCache,
    pub(super) counted: SparseCounts,
}

/// What a zone has done to the sparse cache.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SparseCounts {
    /// Chapters that it brought in.
    pub(super) loaded: u64,
    /// Chapters that it could not.
    pub(super) failed: u64,
}

impl Sparse {
    pub(super) fn new(cache: ZoneCache) -> Self {
        Self { cache, counted: SparseCounts::default() }
    }
}

/// Which turn of a request it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// What comes back with a page that it may have to wait for.
    pub(super) token: u64,
    /// Which one it was among the requests that were begun together, if it was any.
    pub(super) ahead: Option<usize>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// It is done.
    Answered(Answer),
    /// It waits for a page that will answer a question. Nothing has changed; it is to be executed
    /// again when it has learnt what the page says.
    Waiting(Question),
}

/// Where the records of a chapter are.
#[derive(Debug)]
pub(super) enum Whereabouts<'a> {
    /// In no chapter of the index.
    Nowhere,
    /// In memory: the chapter is open, or was closed and is not let go of yet.
    InMemory(&'a OpenChapter),
    /// On the volume's pages.
    OnVolume,
}

impl Zone {
    /// Carries out one request.
    pub(super) fn execute(
        &mut self,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
        known: &Known,
        turn: Turn,
    ) -> Result<Outcome, IndexError> {
        let Turn { token, ahead } = turn;
        if known.is_nothing() {
            self.bring_in_chapter_of(name)?;
        }
        let entry = self.index.get(name, ahead)?;
        let Some(mut answer) = self.resolve(&entry, name, known, token)? else {
            return Ok(Outcome::Waiting(Question::Entry));
        };
        // Where a chapter's index has lost a name of which the volume index is sure, the entry
        // is the name's all the same.
        let is_entry_its_own = answer.is_found() || entry.is_collision();
        if operation == Operation::Delete {
            if is_entry_its_own {
                self.delete(entry, name)?;
            }
            return Ok(Outcome::Answered(answer));
        }
        if !is_entry_its_own && !entry.is_hook {
            match self.search_cache(name, known, token)? {
                Some(cached) => answer = cached,
                None => return Ok(Outcome::Waiting(Question::Cached)),
            }
        }
        self.store(entry, operation, name, data, &answer, is_entry_its_own)?;
        Ok(Outcome::Answered(answer))
    }

    /// Has the sparse chapter that a sample leads to in the cache, in an index of one zone: what
    /// triage and meetings do where there are several (specification, section 11.4, step 1).
    fn bring_in_chapter_of(&mut self, name: &RecordName) -> Result<(), IndexError> {
        if !self.is_alone || !self.geometry.is_sample(name) {
            return Ok(());
        }
        let Some(hooks) = self.index.hooks() else { return Ok(()) };
        let Some(chapter) = self.chapter_to_bring_in(hooks.peek(name)?) else { return Ok(()) };
        let Some(Sparse { cache, counted }) = &mut self.sparse else { return Ok(()) };
        if cache.contains(chapter) {
            return Ok(());
        }
        match cache.update(chapter, self.oldest, &VolumeSource(self.pages.volume())) {
            Ok(is_loaded) => {
                counted.loaded += u64::from(is_loaded);
                Ok(())
            }
            Err(error) => {
                counted.failed += 1;
                Err(error.into())
            }
        }
    }

    /// What a request changes, for all operations but deletion (specification, section 11.4).
    fn store(
        &mut self,
        entry: Entry,
        operation: Operation,
        name: &RecordName,
        data: &RecordData,
        answer: &Answer,
        is_entry_its_own: bool,
    ) -> Result<(), IndexError> {
        match operation {
            Operation::QueryNoUpdate => return Ok(()),
            Operation::Query if !answer.is_found() => return Ok(()),
            _ => {}
        }
        if is_entry_its_own {
            if entry.chapter() != Some(self.newest) {
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
    fn delete(&mut self, entry: Entry, name: &RecordName) -> Result<(), IndexError> {
        self.index.remove(entry)?;
        self.is_changed = true;
        if entry.chapter() == Some(self.newest) {
            self.open.remove(name);
        }
        Ok(())
    }

    /// Whether a name really is in the chapter that its entry names (specification, section 11.3).
    /// `None` where that takes a page that is not in memory.
    fn resolve(
        &mut self,
        entry: &Entry,
        name: &RecordName,
        known: &Known,
        token: u64,
    ) -> Result<Option<Answer>, IndexError> {
        let Some(chapter) = entry.chapter() else { return Ok(Some(Answer::Absent)) };
        let found = match self.whereabouts(chapter) {
            Whereabouts::Nowhere => return Ok(Some(Answer::Absent)),
            Whereabouts::InMemory(records) => records.search(name),
            Whereabouts::OnVolume => {
                let mut progress = known.of_entry(chapter);
                if progress == Progress::Again {
                    progress = self.search_cached_chapter(chapter, name)?;
                }
                match self.pages.look_up(chapter, name, progress, token)? {
                    Lookup::Found(data) => Some(data),
                    Lookup::Absent => None,
                    Lookup::Queued => return Ok(None),
                }
            }
        };
        Ok(Some(found.map_or(Answer::Absent, |data| Answer::Found {
            data,
            location: self.location(chapter),
        })))
    }

    /// Where the records of a chapter are.
    pub(super) fn whereabouts(&self, chapter: VirtualChapter) -> Whereabouts<'_> {
        // An entry of a damaged volume index can name any chapter, and one of a converted
        // index an expired one (trap 30a).
        if !(self.oldest..=self.newest).contains(&chapter) {
            return Whereabouts::Nowhere;
        }
        match &self.closed {
            _ if chapter == self.newest => Whereabouts::InMemory(&self.open),
            Some(closed) if chapter.next() == self.newest => Whereabouts::InMemory(closed),
            _ => Whereabouts::OnVolume,
        }
    }

    /// The sparse chapter that a sample leads to, if it is one to be brought into the cache.
    pub(super) fn chapter_to_bring_in(
        &self,
        peeked: Option<VirtualChapter>,
    ) -> Option<VirtualChapter> {
        // One that was just closed may not be written yet.
        peeked.filter(|&chapter| {
            self.geometry.is_chapter_sparse(self.oldest, self.newest, chapter)
                && chapter.next() < self.newest
        })
    }

    /// What the sparse cache knows of a name in a sparse chapter.
    fn search_cached_chapter(
        &mut self,
        chapter: VirtualChapter,
        name: &RecordName,
    ) -> Result<Progress, IndexError> {
        let Some(Sparse { cache, .. }) = &mut self.sparse else { return Ok(Progress::Again) };
        if !self.geometry.is_chapter_sparse(self.oldest, self.newest, chapter)
            || !cache.contains(chapter)
        {
            return Ok(Progress::Again);
        }
        let hit = cache.search(name, Chapters::One(chapter), self.oldest)?;
        Ok(hit.map_or(Progress::Absent, |hit| Progress::RecordPage(hit.record_page)))
    }

    /// Searches all chapters in the sparse cache for a name that the volume index does not know.
    /// `None` where that takes a page that is not in memory.
    ///
    /// A name that its page does not have, although the cached index had its address, counts as
    /// absent: searching again would find the same.
    fn search_cache(
        &mut self,
        name: &RecordName,
        known: &Known,
        token: u64,
    ) -> Result<Option<Answer>, IndexError> {
        let Some(Sparse { cache, .. }) = &mut self.sparse else { return Ok(Some(Answer::Absent)) };
        let fact = known.of_cached(self.oldest).filter(|fact| fact.progress != Progress::Again);
        let (chapter, progress) = match fact {
            Some(fact) => (fact.chapter, fact.progress),
            None => match cache.search(name, Chapters::All, self.oldest)? {
                Some(hit) => (hit.chapter, Progress::RecordPage(hit.record_page)),
                None => return Ok(Some(Answer::Absent)),
            },
        };
        Ok(match self.pages.look_up(chapter, name, progress, token)? {
            Lookup::Found(data) => Some(Answer::Found { data, location: Location::Sparse }),
            Lookup::Absent => Some(Answer::Absent),
            Lookup::Queued => None,
        })
    }

    /// Whether a name is in a chapter whose records are in memory.
    pub(super) fn search_in_memory(&self, chapter: VirtualChapter, name: &RecordName) -> bool {
        let closed = self.closed.as_ref().filter(|_| chapter.next() == self.newest);
        let part = if chapter == self.newest { Some(&self.open) } else { closed.map(|it| &**it) };
        part.is_some_and(|part| part.search(name).is_some())
    }

    pub(super) fn location(&self, chapter: VirtualChapter) -> Location {
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
    fn volume(&self) -> &Volume {
        match self {
            Self::Readers(searcher) => searcher.volume(),
            Self::Direct(volume) => volume,
        }
    }

    /// Goes on with looking a name up in a chapter.
    fn look_up(
        &mut self,
        chapter: VirtualChapter,
        name: &RecordName,
        progress: Progress,
        token: u64,
    ) -> Result<Lookup, VolumeError> {
        let page = match progress {
            Progress::Found(data) => return Ok(Lookup::Found(data)),
            Progress::Absent => return Ok(Lookup::Absent),
            Progress::RecordPage(page) => Some(page),
            Progress::Again => None,
        };
        let found = match (self, page) {
            (Self::Readers(searcher), page) => {
                return searcher.look_up(chapter, name, page, token);
            }
            (Self::Direct(volume), Some(page)) => volume.find_in_record_page(chapter, page, name),
            (Self::Direct(volume), None) => volume.find_record(chapter, name),
        };
        Ok(found?.map_or(Lookup::Absent, Lookup::Found))
    }
}
