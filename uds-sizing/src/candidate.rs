//! An index whose savings are asked for.

use uds_geometry::Geometry;

/// What of an index decides which names it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Records of a chapter.
    pub(crate) chapter_records: u32,
    /// Chapters of the window: a name whose chapter is so much older than the open one is
    /// forgotten.
    pub(crate) chapters: u32,
    /// How many of them, the newest, are dense: all of a dense index's.
    pub(crate) dense_chapters: u32,
    /// One name in so many is a sample of a sparse index; 0 if it is dense.
    pub(crate) sample_rate: u32,
    /// Chapters whose indexes a sparse index holds in memory.
    pub(crate) cache_chapters: u32,
}

impl Candidate {
    /// The index of a geometry.
    #[must_use]
    pub fn new(geometry: &Geometry) -> Self {
        let chapters = geometry.chapters_per_volume();
        Self {
            chapter_records: geometry.records_per_chapter(),
            chapters,
            dense_chapters: chapters - geometry.sparse_chapters_per_volume(),
            sample_rate: geometry.sample_rate(),
            cache_chapters: geometry.cache_chapters(),
        }
    }

    /// Whether most of its chapters are represented by samples only.
    #[must_use]
    pub const fn is_sparse(&self) -> bool {
        self.sample_rate > 0
    }

    /// How many records it remembers.
    #[must_use]
    pub fn window_records(&self) -> u64 {
        u64::from(self.chapter_records) * u64::from(self.chapters)
    }
}
