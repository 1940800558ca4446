//! What an index counts (specification, section 11.11).

use uds_geometry::VirtualChapter;

use crate::request::{Answer, Location, Operation};

/// What an index has done since it was opened, and what it holds.
///
/// Requests are counted when they have been answered; failed ones are counted nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// All requests.
    pub requests: u64,
    /// Posts of names that were there.
    pub posts_found: u64,
    /// Posts of names that were not.
    pub posts_not_found: u64,
    /// Posts of names that were in the open chapter.
    pub posts_found_open: u64,
    /// Posts of names that were in dense chapters.
    pub posts_found_dense: u64,
    /// Posts of names that were in sparse chapters.
    pub posts_found_sparse: u64,
    /// Updates of names that were there.
    pub updates_found: u64,
    /// Updates of names that were not.
    pub updates_not_found: u64,
    /// Deletions of names that were there.
    pub deletions_found: u64,
    /// Deletions of names that were not.
    pub deletions_not_found: u64,
    /// Queries, of both kinds, of names that were there.
    pub queries_found: u64,
    /// Queries, of both kinds, of names that were not.
    pub queries_not_found: u64,

    /// Entries of the volume index, those of expired chapters that are not yet removed included.
    pub entries_indexed: u64,
    /// Entries that carry their whole names because others have the same address.
    pub collisions: u64,
    /// Entries removed since the index was opened: expired or deleted.
    pub entries_discarded: u64,
    /// Records not stored because a delta list of the volume index was full.
    pub overflows: u64,
    /// Records stored in chapters whose chapter index could not name them.
    pub chapter_index_overflows: u64,
    /// Chapters that expired early because the volume index ran short of memory, counted for
    /// each zone.
    pub early_flushes: u64,
    /// How often delta lists of the volume index were moved to make room.
    pub rebalances: u64,
    /// Bytes of memory that the index uses or has set aside, without the few MiB of the chapter
    /// writer's buffers.
    pub memory_used: u64,

    /// The open chapter.
    pub newest_chapter: VirtualChapter,
    /// The oldest chapter of the window.
    pub oldest_chapter: VirtualChapter,
    /// Records in the open chapter.
    pub open_chapter_records: u64,
    /// Chapters that have left the window since the index was created.
    pub chapters_forgotten: u64,
    /// Places for records in those chapters. Records that were found again in time had
    /// moved to newer chapters, so up to so many records were forgotten.
    pub records_forgotten: u64,

    /// Indexes of sparse chapters brought into the sparse cache.
    pub sparse_chapters_cached: u64,
    /// Indexes of sparse chapters that could not be, because they could not be read or were
    /// damaged: names that only they know are not found.
    pub sparse_chapters_unreadable: u64,

    /// Whole pages read from the volume. Those of which only parts were read do not count.
    pub pages_read: u64,
    /// Look-ups of pages that were in the page cache.
    pub page_cache_hits: u64,
}

impl Statistics {
    /// Adds what was counted of requests elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.posts_found += other.posts_found;
        self.posts_not_found += other.posts_not_found;
        self.posts_found_open += other.posts_found_open;
        self.posts_found_dense += other.posts_found_dense;
        self.posts_found_sparse += other.posts_found_sparse;
        self.updates_found += other.updates_found;
        self.updates_not_found += other.updates_not_found;
        self.deletions_found += other.deletions_found;
        self.deletions_not_found += other.deletions_not_found;
        self.queries_found += other.queries_found;
        self.queries_not_found += other.queries_not_found;
    }

    /// Counts an answered request.
    pub(crate) fn count(&mut self, operation: Operation, answer: &Answer) {
        self.requests += 1;
        let found = answer.is_found();
        let counter = match (operation, found) {
            (Operation::Post, true) => &mut self.posts_found,
            (Operation::Post, false) => &mut self.posts_not_found,
            (Operation::Update, true) => &mut self.updates_found,
            (Operation::Update, false) => &mut self.updates_not_found,
            (Operation::Delete, true) => &mut self.deletions_found,
            (Operation::Delete, false) => &mut self.deletions_not_found,
            (Operation::Query | Operation::QueryNoUpdate, true) => &mut self.queries_found,
            (Operation::Query | Operation::QueryNoUpdate, false) => &mut self.queries_not_found,
        };
        *counter += 1;
        if let (Operation::Post, Answer::Found { location, .. }) = (operation, answer) {
            match location {
                Location::Open => self.posts_found_open += 1,
                Location::Dense => self.posts_found_dense += 1,
                Location::Sparse => self.posts_found_sparse += 1,
            }
        }
    }
}
