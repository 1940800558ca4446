//! Explaining a look-up: the way of [`Zone::execute`] for a query that changes nothing, step by
//! step, with nothing left behind.
//!
//! What is in memory is looked at while the zone is held. Pages are read after that: whoever holds
//! a zone waits for nothing.

use uds_geometry::{RecordData, RecordName, VirtualChapter};
use uds_sparse_cache::{CacheError, Chapters, Hit};
use uds_volume::Volume;

use super::Engine;
use super::zone::{Sparse, Whereabouts, Zone};
use crate::explanation::{
    Absence, CacheSearch, CachedChapter, ChapterSearch, ChapterState, EntrySearch, Explanation,
    MemorySearch, NameParts, Outcome,
};
use crate::gate::Caller;
use crate::{IndexError, Location};

/// An explanation, and what is still to be read for it.
struct Draft {
    explanation: Explanation,
    is_alone: bool,
    /// What triage sees of a sample; an error fails the request where it has to do triage itself.
    bring_in: Result<Option<VirtualChapter>, IndexError>,
    /// The chapter of the entry, and whether that has the whole name.
    entry: Result<Option<(VirtualChapter, bool)>, IndexError>,
    /// Where the name is, if that chapter has it.
    location: Location,
    /// What the cached index of that chapter failed at.
    cached: Result<(), CacheError>,
    /// What the sparse cache says of a name that the volume index does not know.
    hit: Result<Option<Hit>, CacheError>,
    chapters: Option<Vec<CachedChapter>>,
}

impl Engine {
    /// Explains what a query for `name` finds that changes nothing.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`], [`IndexError::Closed`], and want of memory.
    pub(crate) fn explain(
        &self,
        name: &RecordName,
        caller: Caller,
    ) -> Result<Explanation, IndexError> {
        let parts = NameParts::new(name, &self.geometry, &self.parameters, self.zone_count);
        let seat = self.seat(parts.zone);
        loop {
            // Before the own pass, which would be waited for too.
            self.gate.wait_for_those_before(caller);
            let _pass = self.admit(1, caller)?;
            let mut hold = seat.port.hold_exclusively();
            let zone = &hold.zone().zone;
            // At a meeting a zone has nothing in its cache. The batch that is the reason ends by
            // itself.
            if !zone.is_at_meeting() {
                let draft = Draft::new(zone, name, parts)?;
                drop(hold);
                return Ok(draft.finish(&self.volume));
            }
        }
    }
}

impl Zone {
    fn is_at_meeting(&self) -> bool {
        self.sparse.as_ref().is_some_and(|sparse| sparse.cache.awaited_step().is_some())
    }

    fn newest_sparse(&self) -> Option<VirtualChapter> {
        let dense = u64::from(self.geometry.dense_chapters_per_volume());
        let newest = VirtualChapter::new(self.newest.get().checked_sub(dense)?);
        self.geometry.is_chapter_sparse(self.oldest, self.newest, newest).then_some(newest)
    }

    /// What can be said of the chapter that an entry names, before its pages are read.
    fn chapter_search(
        &self,
        chapter: VirtualChapter,
        name: &RecordName,
    ) -> (ChapterSearch, Result<(), CacheError>) {
        let whereabouts = self.whereabouts(chapter);
        let location = self.location(chapter);
        let state = match (&whereabouts, location) {
            (Whereabouts::Nowhere, _) => ChapterState::Forgotten,
            (Whereabouts::InMemory(_), Location::Open) => ChapterState::Open,
            (Whereabouts::InMemory(_), _) => ChapterState::Closed,
            (Whereabouts::OnVolume, Location::Sparse) => ChapterState::Sparse,
            (Whereabouts::OnVolume, _) => ChapterState::Dense,
        };
        let mut search = ChapterSearch {
            chapter,
            state,
            slot: self.geometry.physical_chapter(chapter),
            memory: None,
            cached: None,
            pages: None,
        };
        let mut cached = Ok(());
        match (whereabouts, &self.sparse) {
            (Whereabouts::InMemory(records), _) => {
                search.memory = Some(MemorySearch::new(records, name));
            }
            (Whereabouts::OnVolume, Some(Sparse { cache, .. }))
                if state == ChapterState::Sparse && cache.holds(chapter) =>
            {
                match cache.peek(name, Chapters::One(chapter), self.oldest) {
                    Ok(hit) => search.cached = Some(hit.map(|hit| hit.record_page)),
                    Err(error) => cached = Err(error),
                }
            }
            _ => {}
        }
        (search, cached)
    }
}

impl Draft {
    /// What can be said while the zone is held.
    fn new(zone: &Zone, name: &RecordName, parts: NameParts) -> Result<Self, IndexError> {
        let mut trace = zone.index.trace(name)?;
        let entry = std::mem::replace(&mut trace.found, Ok(None));
        let peeked = std::mem::replace(&mut trace.peeked, Ok(None));
        let found = entry.as_ref().ok().copied().flatten();
        let cache = zone.sparse.as_ref().map(|sparse| &sparse.cache);
        let bring_in = match peeked {
            Ok(peeked) if parts.is_sample => Ok(zone
                .chapter_to_bring_in(peeked)
                .filter(|&chapter| cache.is_some_and(|cache| !cache.holds(chapter)))),
            Err(error) if parts.is_sample => Err(error),
            _ => Ok(None),
        };
        let (chapter, cached) = found
            .map(|(chapter, _)| zone.chapter_search(chapter, name))
            .map_or((None, Ok(())), |(search, cached)| (Some(search), cached));
        let location = chapter.as_ref().map_or(Location::Dense, |it| zone.location(it.chapter));
        let searched = cache.filter(|_| !parts.is_sample);
        let told = |(chapter, is_skipped)| CachedChapter { chapter, is_skipped };
        let chapters = searched.map(|cache| cache.chapters().map(told).collect());
        let hit = searched.map_or(Ok(None), |cache| cache.peek(name, Chapters::All, zone.oldest));
        let entry_search = EntrySearch::new(trace, name, parts.address, found);
        let explanation = Explanation {
            name: *name,
            parts,
            oldest: zone.oldest,
            newest: zone.newest,
            newest_sparse: zone.newest_sparse(),
            brought_in: None,
            entry: entry_search,
            chapter,
            cache: None,
            outcome: Outcome::Absent(Absence::NoEntry),
        };
        let is_alone = zone.is_alone;
        Ok(Self { explanation, is_alone, bring_in, entry, location, cached, hit, chapters })
    }

    /// Reads what is still to be read.
    fn finish(mut self, volume: &Volume) -> Explanation {
        let outcome = self.read(volume).unwrap_or_else(Outcome::Failed);
        self.explanation.outcome = outcome;
        self.explanation
    }

    fn read(&mut self, volume: &Volume) -> Result<Outcome, IndexError> {
        self.bring_in(volume)?;
        let entry = std::mem::replace(&mut self.entry, Ok(None))?;
        if let (Some(data), Some((chapter, _))) = (self.resolve(volume, entry)?, entry) {
            return Ok(Outcome::Found { data, location: self.location, chapter });
        }
        // Where the volume index is sure of the name, nobody looks further.
        if !entry.is_some_and(|(_, is_whole_name)| is_whole_name) {
            if let Some((data, chapter)) = self.search_cache(volume)? {
                return Ok(Outcome::Found { data, location: Location::Sparse, chapter });
            }
        }
        Ok(Outcome::Absent(self.absence(entry)))
    }

    /// What becomes of the chapter that a sample leads to.
    fn bring_in(&mut self, volume: &Volume) -> Result<(), IndexError> {
        let chapter = match std::mem::replace(&mut self.bring_in, Ok(None)) {
            Ok(Some(chapter)) => chapter,
            Err(error) if self.is_alone => return Err(error),
            _ => return Ok(()),
        };
        let checked = volume.check_chapter_index(chapter);
        self.explanation.brought_in = Some((chapter, matches!(checked, Ok(true))));
        match checked {
            Err(error) if self.is_alone => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether the name really is in the chapter that its entry names.
    fn resolve(
        &mut self,
        volume: &Volume,
        entry: Option<(VirtualChapter, bool)>,
    ) -> Result<Option<RecordData>, IndexError> {
        let (Some(search), Some((chapter, _))) = (&mut self.explanation.chapter, entry) else {
            return Ok(None);
        };
        std::mem::replace(&mut self.cached, Ok(()))?;
        match (search.state, &search.memory, search.cached) {
            (ChapterState::Forgotten, ..) | (_, _, Some(None)) => Ok(None),
            (_, Some(memory), _) => Ok(memory.found),
            (_, None, cached) => {
                let known = cached.flatten();
                let (pages, found) = volume.trace_record(chapter, &self.explanation.name, known);
                search.pages = Some(pages);
                Ok(found?)
            }
        }
    }

    /// What the sparse cache leads to.
    fn search_cache(
        &mut self,
        volume: &Volume,
    ) -> Result<Option<(RecordData, VirtualChapter)>, IndexError> {
        let Some(chapters) = self.chapters.take() else { return Ok(None) };
        let search =
            self.explanation.cache.insert(CacheSearch { chapters, hit: None, pages: None });
        let Some(hit) = std::mem::replace(&mut self.hit, Ok(None))? else { return Ok(None) };
        search.hit = Some((hit.chapter, hit.record_page));
        let name = &self.explanation.name;
        let (pages, found) = volume.trace_record(hit.chapter, name, Some(hit.record_page));
        search.pages = Some(pages);
        Ok(found?.map(|data| (data, hit.chapter)))
    }

    fn absence(&self, entry: Option<(VirtualChapter, bool)>) -> Absence {
        let state = self.explanation.chapter.as_ref().map(|search| search.state);
        let expired = self.explanation.entry.expired_here.iter().max();
        match (entry, expired) {
            (Some((chapter, _)), _) if state == Some(ChapterState::Forgotten) => {
                Absence::Forgotten(chapter)
            }
            (Some((chapter, true)), _) => Absence::Lost(chapter),
            (Some((chapter, false)), _) => Absence::OtherName(chapter),
            (None, Some(&chapter)) => Absence::Expired(chapter),
            (None, None) => Absence::NoEntry,
        }
    }
}
