//! What a volume counts.

use crate::sync::atomic::{AtomicU64, Ordering};

/// What a [`Volume`](super::Volume) did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeStatistics {
    /// Look-ups that found their index page in the cache.
    pub index_page_hits: u64,
    /// Look-ups that read their index page from the storage.
    pub index_page_misses: u64,
    /// Look-ups that found their record page in the cache.
    pub record_page_hits: u64,
    /// Look-ups that read their record page from the storage.
    pub record_page_misses: u64,
    /// Pages read from the storage, for look-ups and otherwise, failed reads included.
    pub pages_read: u64,
    /// Chapters written and synced.
    pub chapters_written: u64,
}

/// The counters behind the statistics. Any thread adds, any reads; they order nothing, so all
/// accesses are relaxed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    index: HitsAndMisses,
    record: HitsAndMisses,
    pages_read: AtomicU64,
    chapters_written: AtomicU64,
}

#[derive(Debug, Default)]
struct HitsAndMisses {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl HitsAndMisses {
    fn add(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(super) fn add_index_page(&self, is_hit: bool) {
        self.index.add(is_hit);
    }

    pub(super) fn add_record_page(&self, is_hit: bool) {
        self.record.add(is_hit);
    }

    pub(super) fn add_pages_read(&self, count: u64) {
        self.pages_read.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_chapter(&self) {
        self.chapters_written.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> VolumeStatistics {
        VolumeStatistics {
            index_page_hits: self.index.hits.load(Ordering::Relaxed),
            index_page_misses: self.index.misses.load(Ordering::Relaxed),
            record_page_hits: self.record.hits.load(Ordering::Relaxed),
            record_page_misses: self.record.misses.load(Ordering::Relaxed),
            pages_read: self.pages_read.load(Ordering::Relaxed),
            chapters_written: self.chapters_written.load(Ordering::Relaxed),
        }
    }
}
