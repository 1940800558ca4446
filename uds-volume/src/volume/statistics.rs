//! What a volume counts.

use crossbeam_utils::CachePadded;
use uds_geometry::{ChapterPage, MAX_ZONES, ZoneId};

use crate::sync::atomic::{AtomicU64, Ordering};

/// What a [`Volume`](super::Volume) did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeStatistics {
    /// Look-ups that found their index page in the cache.
    pub index_page_hits: u64,
    /// Look-ups that read their index page, or parts of it, from the storage.
    pub index_page_misses: u64,
    /// Look-ups that found their record page in the cache.
    pub record_page_hits: u64,
    /// Look-ups that read their record page, or parts of it, from the storage.
    pub record_page_misses: u64,
    /// Look-ups among the misses for which parts of a page were enough.
    pub parts_read: u64,
    /// Whole pages read from the storage, for look-ups and otherwise, failed reads included.
    pub pages_read: u64,
    /// Chapters written and synced.
    pub chapters_written: u64,
}

/// The counters behind the statistics. Any thread adds, any reads; they order nothing, so all
/// accesses are relaxed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Look-ups of zones, each with a cache line of its own, and in the end those of all others.
    look_ups: [CachePadded<LookUps>; MAX_ZONES as usize + 1],
    pages_read: AtomicU64,
    chapters_written: AtomicU64,
}

#[derive(Debug, Default)]
struct LookUps {
    index_hits: AtomicU64,
    index_misses: AtomicU64,
    record_hits: AtomicU64,
    record_misses: AtomicU64,
    parts: AtomicU64,
}

impl Counters {
    /// Counts the look-up of a page, by a zone or by somebody else.
    pub(super) fn add_look_up(&self, zone: Option<ZoneId>, page: ChapterPage, is_hit: bool) {
        let place = zone.map_or(usize::from(MAX_ZONES), |zone| usize::from(zone.get()));
        let look_ups = &self.look_ups[place];
        let counter = match (page, is_hit) {
            (ChapterPage::Index(_), true) => &look_ups.index_hits,
            (ChapterPage::Index(_), false) => &look_ups.index_misses,
            (ChapterPage::Record(_), true) => &look_ups.record_hits,
            (ChapterPage::Record(_), false) => &look_ups.record_misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the look-up of a page by a zone that has read parts of it.
    pub(super) fn add_parts(&self, zone: ZoneId, page: ChapterPage) {
        self.add_look_up(Some(zone), page, false);
        self.look_ups[usize::from(zone.get())].parts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_pages_read(&self, count: u64) {
        self.pages_read.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_chapter(&self) {
        self.chapters_written.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> VolumeStatistics {
        let sum = |counter: fn(&LookUps) -> &AtomicU64| {
            self.look_ups.iter().map(|look_ups| counter(look_ups).load(Ordering::Relaxed)).sum()
        };
        VolumeStatistics {
            index_page_hits: sum(|look_ups| &look_ups.index_hits),
            index_page_misses: sum(|look_ups| &look_ups.index_misses),
            record_page_hits: sum(|look_ups| &look_ups.record_hits),
            record_page_misses: sum(|look_ups| &look_ups.record_misses),
            parts_read: sum(|look_ups| &look_ups.parts),
            pages_read: self.pages_read.load(Ordering::Relaxed),
            chapters_written: self.chapters_written.load(Ordering::Relaxed),
        }
    }
}
