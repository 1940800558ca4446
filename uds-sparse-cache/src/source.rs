//! Where chapter indexes come from.

use uds_delta_index::IndexPageHeader;
use uds_geometry::VirtualChapter;

/// A place that has the indexes of chapters: a volume.
pub trait ChapterIndexSource {
    /// Why an index cannot be read.
    type Error;

    /// Reads all index pages of a chapter into `pages`, whatever was there, and returns their
    /// headers, which were verified: pages of this chapter, whose lists follow one another.
    /// `None` where the chapter is not there any more.
    ///
    /// # Errors
    ///
    /// Whatever keeps the pages from being read, or from being those of the chapter. `pages` may
    /// then hold anything.
    fn read_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, Self::Error>;
}
