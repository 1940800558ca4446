//! A zone's view of the cache: its search list.
//!
//! The list has all entries of the cache: first the *live* ones in the order in which they are
//! searched, then the *dead* ones, which have no chapter, or one that has expired.
//!
//! # Invariants
//!
//! 1. *Membership*: between changes, all zones have the same live entries, in whatever order.
//!    Only a [`Change`](crate::Change) makes an entry live or dead.
//! 2. A zone that has arrived at a meeting, and is not the captain, has no entries.
//! 3. Only the captain counts misses and sets or clears skip flags.

use uds_geometry::{Geometry, RecordName, RecordPageNumber, VirtualChapter, ZoneCount, ZoneId};

use crate::entry::{Entry, bytes_of};
use crate::meeting::{Meetings, SearchList};
use crate::sync::Arc;
use crate::{CacheError, ChapterIndexSource};

/// Misses in a row, summed over all zones, after which an entry is skipped.
const SKIP_THRESHOLD: u32 = 20_000;

/// Which of the cached chapters are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chapters {
    /// All but those that were of no use for long.
    All,
    /// This one alone.
    One(VirtualChapter),
}

/// Where a name may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The chapter whose index has the name, or one with the same address.
    pub chapter: VirtualChapter,
    /// The record page that tells which.
    pub record_page: RecordPageNumber,
}

/// The cache, as one zone sees it.
///
/// Threads: one at a time.
#[derive(Debug)]
pub struct ZoneCache {
    zone: ZoneId,
    geometry: Arc<Geometry>,
    skip_threshold: u32,
    pub(crate) list: SearchList,
    pub(crate) meetings: Arc<Meetings>,
    /// The meeting that the zone has arrived at, and not left.
    pub(crate) meeting: Option<u64>,
}

impl ZoneCache {
    /// An empty cache for the zones of an index: its view for each of them, zone 0 first.
    ///
    /// It has as many entries as the geometry says.
    ///
    /// # Errors
    ///
    /// [`CacheError::OutOfMemory`].
    pub fn for_zones(geometry: &Geometry, zones: ZoneCount) -> Result<Vec<Self>, CacheError> {
        let entries = (0..geometry.cache_chapters())
            .map(|_| Entry::new(geometry).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let geometry = Arc::new(geometry.clone());
        let meetings = Arc::new(Meetings::new(zones));
        let view = |zone| Self {
            zone,
            geometry: Arc::clone(&geometry),
            skip_threshold: SKIP_THRESHOLD / u32::from(zones.get()),
            list: SearchList { entries: entries.clone(), live: 0 },
            meetings: Arc::clone(&meetings),
            meeting: None,
        };
        Ok(zones.zones().map(view).collect())
    }

    /// The zone whose view this is.
    #[must_use]
    pub const fn zone(&self) -> ZoneId {
        self.zone
    }

    /// Whether the zone is the captain, who changes the cache for all.
    #[must_use]
    pub fn is_captain(&self) -> bool {
        self.zone == ZoneId::ZERO
    }

    /// Bytes of memory that the whole cache has set aside, for all zones together.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.geometry.cache_chapters() as usize * bytes_of(&self.geometry)
    }

    /// Whether a chapter is in the cache, which counts as a use of it: it comes first in the
    /// zone's list. No zone is at a meeting that another has left.
    pub fn contains(&mut self, chapter: VirtualChapter) -> bool {
        self.position_of(chapter).map(|position| self.used(position)).is_some()
    }

    fn position_of(&self, chapter: VirtualChapter) -> Option<usize> {
        self.list.live().iter().position(|entry| entry.chapter() == Some(chapter))
    }

    /// Whether a chapter is in the cache. Does not count as a use of it.
    #[must_use]
    pub fn holds(&self, chapter: VirtualChapter) -> bool {
        self.position_of(chapter).is_some()
    }

    /// The chapters in the cache, in the order in which the zone searches them, and whether
    /// searches in all chapters pass one by. None while the zone is at a meeting.
    pub fn chapters(&self) -> impl Iterator<Item = (VirtualChapter, bool)> + '_ {
        let live = self.list.live().iter();
        live.filter_map(|entry| Some((entry.chapter()?, entry.is_skipped())))
    }

    /// The record page that a name may be on, by the indexes of cached chapters that are not
    /// older than `oldest`.
    ///
    /// What is found may be another name's with the same address: only the record page tells. A
    /// chapter whose index has the name counts as used, and comes first from then on.
    ///
    /// # Errors
    ///
    /// Where a cached index page is damaged.
    pub fn search(
        &mut self,
        name: &RecordName,
        chapters: Chapters,
        oldest: VirtualChapter,
    ) -> Result<Option<Hit>, CacheError> {
        let is_captain = self.is_captain();
        let found = self.first_hit(name, chapters, oldest, |missed| {
            if is_captain {
                missed.missed(self.skip_threshold);
            }
        })?;
        Ok(found.map(|(position, hit)| {
            self.used(position);
            hit
        }))
    }

    /// What [`search`](Self::search) would find. Counts as a use of nothing.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    pub fn peek(
        &self,
        name: &RecordName,
        chapters: Chapters,
        oldest: VirtualChapter,
    ) -> Result<Option<Hit>, CacheError> {
        let found = self.first_hit(name, chapters, oldest, |_| ())?;
        Ok(found.map(|(_, hit)| hit))
    }

    /// The first entry whose index has a name, and where that says the name is.
    fn first_hit(
        &self,
        name: &RecordName,
        chapters: Chapters,
        oldest: VirtualChapter,
        missed: impl Fn(&Entry),
    ) -> Result<Option<(usize, Hit)>, CacheError> {
        for (position, entry) in self.list.live().iter().enumerate() {
            let Some(chapter) = entry.chapter().filter(|&chapter| chapter >= oldest) else {
                continue;
            };
            let is_wanted = match chapters {
                Chapters::All => !entry.is_skipped(),
                Chapters::One(wanted) => chapter == wanted,
            };
            if !is_wanted {
                continue;
            }
            if let Some(record_page) = entry.search(&self.geometry, name)? {
                return Ok(Some((position, Hit { chapter, record_page })));
            }
            missed(entry);
        }
        Ok(None)
    }

    /// Has a chapter in the cache, together with all other zones, each of which calls this for the
    /// same chapters in the same order: blocks until they do. The captain reads the chapter's
    /// index from `source`, in the place of the one that was not used for longest, unless the
    /// chapter is older than `oldest`.
    ///
    /// Says whether the chapter is in the cache then. It is not if it could not be read, or is
    /// gone.
    ///
    /// # Errors
    ///
    /// To the captain alone, what reading the chapter gives. The cache is without the chapter, for
    /// all zones.
    pub fn update<S: ChapterIndexSource>(
        &mut self,
        chapter: VirtualChapter,
        oldest: VirtualChapter,
        source: &S,
    ) -> Result<bool, S::Error> {
        if self.contains(chapter) {
            return Ok(true);
        }
        let _ = self.arrive();
        self.wait();
        let Some(mut change) = self.try_change() else {
            let has_left = self.try_leave();
            debug_assert!(has_left, "it was waited for");
            return Ok(self.contains(chapter));
        };
        let loaded = change.load(chapter, oldest, source);
        let _ = change.end();
        loaded
    }

    /// Forgets all chapters, as when their storage is replaced. `zones` are the views of all
    /// zones.
    pub fn invalidate<'a>(zones: impl IntoIterator<Item = &'a mut Self>) {
        for zone in zones {
            zone.list.live = 0;
        }
    }

    /// Notes that an entry was of use.
    fn used(&mut self, position: usize) {
        if self.is_captain() {
            self.list.entries[position].revive();
        }
        self.list.entries[..=position].rotate_right(1);
    }
}
