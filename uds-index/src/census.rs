//! A census of the volume index: whose entries are in it, and how full its delta lists are.
//!
//! # Invariants
//!
//! 1. Each list is counted as it is at one moment, while nobody changes it; lists are counted one
//!    after the other. A name belongs to one list for good, so no record is counted twice.
//! 2. An entry counts for a chapter only if that chapter is in the window when the census ends.
//! 3. No zone is held for more than some thousand lists at a time.

use std::collections::VecDeque;
use std::ops::{ControlFlow, RangeInclusive};

use uds_geometry::{DeltaListNumber, SubIndexParameters, VirtualChapter, ZoneId};

use crate::control::Control;
use crate::distribution::Distribution;
use crate::volume_index::SubIndexZone;

/// A handle on a census or a survey, for other threads than the one that makes it.
///
/// ```
/// use uds_index::{SurveyControl, SurveyProgress};
///
/// let control = SurveyControl::new();
/// assert_eq!(control.progress(), SurveyProgress::default());
/// ```
#[derive(Clone, Debug, Default)]
pub struct SurveyControl {
    pub(crate) control: Control<()>,
}

/// How far a census or a survey is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurveyProgress {
    /// How many delta lists, or chapters, are done.
    pub done: u64,
    /// How many there are; 0 before it begins.
    pub total: u64,
}

impl SurveyControl {
    /// A handle for one census or survey.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is. At any time.
    #[must_use]
    pub fn progress(&self) -> SurveyProgress {
        let ((), done, total) = self.control.progress();
        SurveyProgress { done, total }
    }

    /// Ends it soon: it fails with [`IndexError::Abandoned`](crate::IndexError::Abandoned).
    pub fn abandon(&self) {
        self.control.abandon();
    }
}

/// What the volume index of an open index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// The oldest chapter of the window.
    pub oldest_chapter: VirtualChapter,
    /// The open chapter.
    pub newest_chapter: VirtualChapter,
    /// The names that are not samples; all names, where the index is dense.
    pub names: SubIndexCensus,
    /// The samples, where the index is sparse: of the sparse chapters, nothing else is known.
    pub samples: Option<SubIndexCensus>,
}

/// What a sub-index of the volume index holds.
///
/// `live`, `expired` and `stray` together are all its entries, collisions among them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubIndexCensus {
    /// The live entries of each chapter of the window, the oldest chapter first.
    pub by_chapter: Vec<u64>,
    /// Entries of chapters that the sub-index knows: so many records can be found through it.
    pub live: u64,
    /// Entries of chapters that it no longer knows. They go when their list is next looked at.
    pub expired: u64,
    /// Entries of chapters that are not there yet: damage.
    pub stray: u64,
    /// Entries, of all these, that carry their whole names because others have their addresses.
    pub collisions: u64,
    /// Lists that cannot be read to their ends: damage. What comes before is counted.
    pub damaged_lists: u64,
    /// Lists that have no room for another entry, so that records are lost there
    /// (specification, section 3.7).
    pub full_lists: u64,
    /// Entries of each list, whatever their chapters.
    pub list_entries: Distribution,
    /// Bits of each list; at most [`MAX_LIST_BITS`](Self::MAX_LIST_BITS).
    pub list_bits: Distribution,
    /// The memory of each zone, in the order of the zones.
    pub zones: Vec<ZoneOccupancy>,
}

/// How full the memory of a zone's delta lists is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZoneOccupancy {
    /// The zone.
    pub zone: ZoneId,
    /// Its lists.
    pub lists: u32,
    /// Bits of its lists together.
    pub used_bits: u64,
    /// Bits that they may have when a chapter is opened. Where they have more, chapters are
    /// forgotten early (specification, section 9.3).
    pub early_expiry_bits: u64,
    /// Bits of its memory. Where a list cannot grow in it, records are not stored.
    pub memory_bits: u64,
    /// The oldest chapter that the zone knows.
    pub oldest_chapter: VirtualChapter,
}

impl SubIndexCensus {
    /// The most bits of a list. What would make one longer is not stored.
    pub const MAX_LIST_BITS: u32 = uds_delta_index::MAX_LIST_BITS;
}

impl Census {
    /// How many records of each chapter of the window can be found: the oldest chapter first, the
    /// open one last. Of sparse chapters, those that are samples.
    pub fn by_chapter(&self) -> impl ExactSizeIterator<Item = u64> {
        (0..self.names.by_chapter.len()).map(|place| {
            let samples = self.samples.as_ref().map_or(0, |samples| samples.by_chapter[place]);
            self.names.by_chapter[place] + samples
        })
    }

    /// The sub-indexes: the samples last, where there are any.
    pub fn sub_indexes(&self) -> impl Iterator<Item = &SubIndexCensus> {
        std::iter::once(&self.names).chain(&self.samples)
    }
}

/// The chapters of an index: the oldest one, and the open one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) oldest: VirtualChapter,
    pub(crate) newest: VirtualChapter,
}

/// How much is counted at once, before others have their turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portion {
    lists: u32,
    bits: u64,
}

impl Portion {
    /// What takes about a millisecond.
    pub(crate) const SHORT: Self = Self { lists: 1 << 14, bits: 1 << 20 };
}

/// Counts the zones of a sub-index, a portion of their lists at a time.
pub(crate) struct Counter {
    portion: Portion,
    /// How many chapters the sub-index knows.
    chapters: u64,
    /// Where `by_chapter` begins: the oldest chapter that the sub-index knows, now that others may
    /// have been opened since a zone was counted.
    first: u64,
    by_chapter: VecDeque<u64>,
    counted: SubIndexCensus,
}

impl Counter {
    pub(crate) fn new(parameters: &SubIndexParameters, portion: Portion) -> Self {
        Self {
            portion,
            chapters: parameters.chapter_count.into(),
            first: 0,
            by_chapter: VecDeque::new(),
            counted: SubIndexCensus {
                by_chapter: Vec::new(),
                live: 0,
                expired: 0,
                stray: 0,
                collisions: 0,
                damaged_lists: 0,
                full_lists: 0,
                list_entries: Distribution::default(),
                list_bits: Distribution::default(),
                zones: Vec::new(),
            },
        }
    }

    /// Forgets the chapters that the sub-index no longer knows: what was counted of them has
    /// expired meanwhile. Zones that have not noticed yet will do so before they answer.
    fn move_window(&mut self, window: Window) {
        let known_from = window.newest.get().saturating_add(1).saturating_sub(self.chapters);
        let first = known_from.max(window.oldest.get()).max(self.first);
        let gone = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        let gone = gone.min(self.by_chapter.len());
        self.counted.expired += self.by_chapter.drain(..gone).sum::<u64>();
        self.first = first;
    }

    /// Counts a portion of a zone's lists, from one of them on. Returns how many, and breaks where
    /// they were the last ones.
    pub(crate) fn count(
        &mut self,
        part: &SubIndexZone,
        zone: ZoneId,
        from: u32,
        window: Window,
    ) -> ControlFlow<u32, u32> {
        self.move_window(window);
        let (low, high) = part.window();
        let live_from = low.max(self.first);
        let chapters = high.saturating_add(1).saturating_sub(self.first) as usize;
        if self.by_chapter.len() < chapters {
            self.by_chapter.resize(chapters, 0);
        }
        let (mut lists, mut bits) = (0, 0);
        for list in part.lists().lists().skip(from as usize) {
            if lists >= self.portion.lists || bits >= self.portion.bits {
                return ControlFlow::Continue(lists);
            }
            lists += 1;
            bits += u64::from(self.count_list(part, list, live_from..=high));
        }
        self.counted.zones.push(ZoneOccupancy {
            zone,
            lists: part.lists().list_count(),
            used_bits: part.lists().used_bits(),
            early_expiry_bits: part.early_expiry_bits(),
            memory_bits: 8 * part.lists().zone_bytes() as u64,
            oldest_chapter: VirtualChapter::new(live_from),
        });
        ControlFlow::Break(lists)
    }

    /// Counts a list, of whose entries those of the `live` chapters can be found. Returns its bits.
    fn count_list(
        &mut self,
        part: &SubIndexZone,
        list: DeltaListNumber,
        live: RangeInclusive<u64>,
    ) -> u32 {
        let counted = &mut self.counted;
        let mut entries = 0;
        let walked = part.chapters_of(list, |chapter, is_collision| {
            entries += 1;
            counted.collisions += u64::from(is_collision);
            if live.contains(&chapter) {
                self.by_chapter[(chapter - self.first) as usize] += 1;
            } else if chapter > *live.end() {
                counted.stray += 1;
            } else {
                counted.expired += 1;
            }
        });
        counted.damaged_lists += u64::from(walked.is_err());
        counted.list_entries.add(entries);
        let bits = part.lists().list_bits(list).unwrap_or_default();
        counted.list_bits.add(bits);
        counted.full_lists += u64::from(!part.has_room_in(bits));
        bits
    }

    /// What was counted, when this is the index's window.
    pub(crate) fn finish(mut self, window: Window) -> SubIndexCensus {
        self.move_window(window);
        let (oldest, newest) = (window.oldest.get(), window.newest.get());
        // The chapters that only others know.
        let mut by_chapter = vec![0; self.first.saturating_sub(oldest) as usize];
        by_chapter.extend(self.by_chapter);
        by_chapter.resize(newest.saturating_add(1).saturating_sub(oldest) as usize, 0);
        self.counted.live = by_chapter.iter().sum();
        let first = VirtualChapter::new(self.first);
        for zone in &mut self.counted.zones {
            zone.oldest_chapter = zone.oldest_chapter.max(first);
        }
        SubIndexCensus { by_chapter, ..self.counted }
    }
}

#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests {
    use uds_delta_index::Insertion;
    use uds_geometry::{
        Configuration, CustomConfiguration, RecordName, VolumeIndexParameters, ZoneCount,
    };

    use super::*;

    /// Opens a chapter, and puts entries for so many names in it.
    fn fill(part: &mut SubIndexZone, chapter: u64, count: u64) {
        part.set_open_chapter(VirtualChapter::new(chapter));
        for number in 0..count {
            let block = format!("{chapter} {number}");
            let name = RecordName::of_block(block.as_bytes());
            let entry = part.get(&name, None).unwrap();
            let put = part.put(entry, &name, VirtualChapter::new(chapter)).unwrap();
            assert_eq!(put, Insertion::Inserted);
        }
    }

    fn zone(parameters: &SubIndexParameters) -> SubIndexZone {
        SubIndexZone::new(parameters, ZoneId::ZERO, ZoneCount::ONE).unwrap()
    }

    fn window(oldest: u64, newest: u64) -> Window {
        Window { oldest: VirtualChapter::new(oldest), newest: VirtualChapter::new(newest) }
    }

    // Guards against a list that is left out, or counted twice, where a portion ends; and against
    // counting for a chapter that expires between two portions.
    #[test]
    fn portions_make_up_the_whole() {
        let parameters =
            VolumeIndexParameters::new(&Configuration::tiny(false).geometry()).unwrap();
        let parameters = parameters.non_hook;
        let mut part = zone(&parameters);
        (0..3).for_each(|chapter| fill(&mut part, chapter, 300));
        let mut whole = Counter::new(&parameters, Portion::SHORT);
        let counted = whole.count(&part, ZoneId::ZERO, 0, window(0, 2));
        assert_eq!(counted, ControlFlow::Break(parameters.list_count));
        let whole = whole.finish(window(0, 2));
        assert_eq!(whole.by_chapter, [300; 3]);

        for portion in [Portion { lists: 7, bits: u64::MAX }, Portion { lists: 99, bits: 200 }] {
            let mut counter = Counter::new(&parameters, portion);
            let (mut next, mut portions) = (0, 0);
            while let ControlFlow::Continue(lists) =
                counter.count(&part, ZoneId::ZERO, next, window(0, 2))
            {
                (next, portions) = (next + lists, portions + 1);
            }
            assert!(portions > 10, "{portions}");
            assert_eq!(counter.finish(window(0, 2)), whole);
        }

        let half = Portion { lists: parameters.list_count / 2, bits: u64::MAX };
        let mut counter = Counter::new(&parameters, half);
        let ControlFlow::Continue(lists) = counter.count(&part, ZoneId::ZERO, 0, window(0, 2))
        else {
            panic!("that was half of it");
        };
        let chapters = u64::from(parameters.chapter_count);
        part.set_open_chapter(VirtualChapter::new(chapters + 1));
        let moved = window(2, chapters + 1);
        assert!(counter.count(&part, ZoneId::ZERO, lists, moved).is_break());
        let moved = counter.finish(moved);
        assert_eq!((moved.by_chapter[0], moved.live, moved.expired), (300, 300, 600));
        assert_eq!(moved.by_chapter.len() as u64, chapters);
    }

    // Guards against counting the records of chapters that a zone has forgotten early, for want of
    // memory, as if they could be found.
    #[test]
    fn chapters_that_expired_early_do_not_count() {
        let custom = CustomConfiguration {
            bytes_per_page: 4096,
            record_pages_per_chapter: 8,
            chapters_per_volume: 256,
            ..CustomConfiguration::default()
        };
        let geometry = Configuration::custom(&custom).unwrap().geometry();
        let parameters = VolumeIndexParameters::new(&geometry).unwrap().non_hook;
        let mut part = zone(&parameters);
        let mut newest = 0;
        while part.early_flushes() == 0 {
            fill(&mut part, newest, 1200);
            newest += 1;
        }
        newest -= 1;
        assert!(newest < 256, "the window is not full");
        let (low, _) = part.window();
        let mut counter = Counter::new(&parameters, Portion::SHORT);
        let mut next = 0;
        while let ControlFlow::Continue(lists) =
            counter.count(&part, ZoneId::ZERO, next, window(0, newest))
        {
            next += lists;
        }
        let counted = counter.finish(window(0, newest));
        let (gone, kept) = counted.by_chapter.split_at(low as usize);
        assert!(low > 0 && gone.iter().all(|&records| records == 0), "{gone:?}");
        assert!(kept.iter().all(|&records| records == 1200), "{kept:?}");
        // Lists that were looked at since have lost theirs.
        assert!(counted.expired > 0 && counted.expired < low * 1200, "{}", counted.expired);
        assert_eq!(counted.zones[0].oldest_chapter.get(), low);
        assert!(counted.zones[0].used_bits < counted.zones[0].memory_bits);
    }
}
