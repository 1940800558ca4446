//! How all zones change the cache together.
//!
//! A meeting of the zones has two barriers, with the captain's change between them. What a zone
//! waits for are *steps*, which are counted through all meetings:
//!
//! | step | when | who waits for it |
//! |---|---|---|
//! | `2 * m + 1` | all zones have arrived at meeting `m` | the captain |
//! | `2 * m + 2` | the captain's change is over | the other zones |
//!
//! # Invariants
//!
//! 1. The captain changes entries only when no other zone, and not the published list, has them.
//! 2. A zone leaves a meeting with the list that the captain published at its end.
//! 3. All zones are at the same meeting, or at none: a zone arrives at the next one only after it
//!    has left this one, and the captain's change ends only once.

#[cfg(test)]
#[cfg(uds_loom)]
mod models;

use uds_geometry::{VirtualChapter, ZoneCount};

use crate::barrier::Barrier;
use crate::entry::Entry;
use crate::sync::{Arc, Mutant, Mutex, is_mutated, lock};
use crate::{ChapterIndexSource, ZoneCache};

/// The entries of the cache in a zone's order: the live ones, then the dead ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchList {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// How many are live.
    pub(crate) live: usize,
}

/// What the zones share.
#[derive(Debug)]
pub(crate) struct Meetings {
    /// The first barrier.
    gathering: Barrier,
    /// The second barrier.
    changing: Barrier,
    /// The captain's list at the end of its last change, while zones may want it.
    published: Mutex<SearchList>,
}

impl Meetings {
    pub(crate) fn new(zones: ZoneCount) -> Self {
        let parties = usize::from(zones.get());
        Self {
            gathering: Barrier::new(parties),
            changing: Barrier::new(parties),
            published: Mutex::default(),
        }
    }
}

impl SearchList {
    /// The live entries, in the order in which they are searched.
    pub(crate) fn live(&self) -> &[Arc<Entry>] {
        &self.entries[..self.live.min(self.entries.len())]
    }

    /// Orders the live entries: active ones, then skipped ones, and ends the life of those without
    /// a chapter from `oldest` on.
    fn purge(&mut self, oldest: VirtualChapter) {
        let rank = |entry: &Arc<Entry>| match entry.chapter() {
            Some(chapter) if chapter >= oldest => u8::from(entry.is_skipped()),
            _ => 2,
        };
        let live = self.live;
        self.entries[..live].sort_by_key(rank);
        self.live = self.live().iter().filter(|entry| rank(entry) < 2).count();
    }
}

impl ZoneCache {
    /// Arrives at the next meeting of the zones, as every zone does when it comes to something for
    /// which the cache must change. Until it has left, the zone searches nothing.
    ///
    /// Returns the step that is reached by this, if one is: whoever sleeps until then is to be
    /// woken.
    ///
    /// # Panics
    ///
    /// Where the zone has arrived already.
    #[must_use]
    pub fn arrive(&mut self) -> Option<u64> {
        assert!(self.meeting.is_none(), "zone {} has arrived already", self.zone());
        if !self.is_captain() {
            if !is_mutated(Mutant::ArriveKeepsEntries) {
                self.list = SearchList::default();
            }
            // It has nothing to do between the barriers, so it is at the second as well.
            let _ = self.meetings.changing.arrive();
        }
        let arrival = self.meetings.gathering.arrive();
        self.meeting = Some(arrival.round);
        arrival.is_last.then_some(2 * arrival.round + 1)
    }

    /// The step that the zone waits for, if it is at a meeting.
    #[must_use]
    pub fn awaited_step(&self) -> Option<u64> {
        let meeting = self.meeting?;
        Some(if self.is_captain() { 2 * meeting + 1 } else { 2 * meeting + 2 })
    }

    /// Waits for that step.
    pub(crate) fn wait(&self) {
        let Some(meeting) = self.meeting else { return };
        if self.is_captain() {
            self.meetings.gathering.wait(meeting);
        } else {
            self.meetings.changing.wait(meeting);
        }
    }

    /// The right to change the cache: for the captain, at a meeting at which all zones have
    /// arrived.
    pub fn try_change(&mut self) -> Option<Change<'_>> {
        let meeting = self.meeting.filter(|_| self.is_captain())?;
        if !self.meetings.gathering.is_over(meeting) && !is_mutated(Mutant::ChangeEarly) {
            return None;
        }
        // The zones have taken what they wanted.
        *lock(&self.meetings.published) = SearchList::default();
        Some(Change { captain: self, step: 2 * meeting + 2 })
    }

    /// Leaves the meeting, if the captain's change is over. Says whether the zone is at no meeting
    /// any more.
    pub fn try_leave(&mut self) -> bool {
        let Some(meeting) = self.meeting else { return true };
        let is_over = self.meetings.changing.is_over(meeting) || is_mutated(Mutant::LeaveEarly);
        if self.is_captain() || !is_over {
            return false;
        }
        if !is_mutated(Mutant::LeaveUnchanged) {
            self.list = lock(&self.meetings.published).clone();
        }
        self.meeting = None;
        true
    }
}

/// The exclusive right to change the entries of the cache, which the captain has while all other
/// zones wait.
///
/// When it is dropped, the meeting is over: the other zones see what was changed.
#[derive(Debug)]
#[must_use = "all zones wait until it ends"]
pub struct Change<'a> {
    captain: &'a mut ZoneCache,
    step: u64,
}

impl Change<'_> {
    /// Reads the index of a chapter into the entry that was not used for longest; dead entries and
    /// skipped ones go first. Does nothing where the chapter is older than `oldest`.
    ///
    /// Says whether the chapter is in the cache now.
    ///
    /// # Errors
    ///
    /// What reading the chapter gives. The entry is dead then.
    ///
    /// # Panics
    ///
    /// Where another zone has kept an entry, which none can.
    pub fn load<S: ChapterIndexSource>(
        &mut self,
        chapter: VirtualChapter,
        oldest: VirtualChapter,
        source: &S,
    ) -> Result<bool, S::Error> {
        let list = &mut self.captain.list;
        list.purge(oldest);
        let Some(last) = list.entries.len().checked_sub(1) else { return Ok(false) };
        if chapter < oldest {
            return Ok(false);
        }
        // Until it is loaded it is the last of the dead.
        list.live = list.live.min(last);
        let entry = Arc::get_mut(&mut list.entries[last])
            .expect("all others let go of the entries when they arrived");
        let is_loaded = entry.load(chapter, source)?;
        if is_loaded {
            list.entries.rotate_right(1);
            list.live += 1;
        }
        Ok(is_loaded)
    }

    /// Ends the change. Returns the step that is reached by this: whoever sleeps until then is to
    /// be woken.
    #[must_use]
    pub fn end(self) -> u64 {
        self.step
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let meetings = &self.captain.meetings;
        let publish = || *lock(&meetings.published) = self.captain.list.clone();
        if !is_mutated(Mutant::PublishLate) {
            publish();
        }
        let _ = meetings.changing.arrive();
        if is_mutated(Mutant::PublishLate) {
            publish();
        }
        self.captain.meeting = None;
    }
}
