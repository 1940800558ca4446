//! Chapter indexes that were packed beforehand, in memory.

use std::convert::Infallible;

use uds_bench_support::name;
use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::ChapterIndexBuilder;
use uds_geometry::{
    Configuration, Geometry, MemorySize, Nonce, RecordName, RecordPageNumber, VirtualChapter,
};
use uds_sparse_cache::ChapterIndexSource;

const NONCE: Nonce = Nonce::new(1);

/// The indexes of some chapters: chapter `c` of `n` records has the names from `c * n` on.
pub(crate) struct Chapters {
    pub(crate) geometry: Geometry,
    indexes: Vec<(Vec<u8>, Vec<IndexPageHeader>)>,
}

impl Chapters {
    /// `count` chapters of a sparse 256M index, or of a tiny one.
    pub(crate) fn new(count: u64, is_tiny: bool) -> Self {
        let sparse = Configuration::sparse(MemorySize::MB_256);
        let geometry = if is_tiny { Configuration::tiny(true) } else { sparse }.geometry();
        let mut builder = ChapterIndexBuilder::new(&geometry).expect("there is memory");
        let numbers = (0..count).map(VirtualChapter::new);
        let indexes = numbers.map(|number| index(&geometry, &mut builder, number)).collect();
        Self { geometry, indexes }
    }

    /// The names of a chapter, in the order of its records.
    pub(crate) fn names(&self, chapter: u64) -> impl Iterator<Item = RecordName> + use<> {
        names(&self.geometry, chapter)
    }
}

fn names(geometry: &Geometry, chapter: u64) -> impl Iterator<Item = RecordName> + use<> {
    let records = u64::from(geometry.records_per_chapter());
    (chapter * records..(chapter + 1) * records).map(name)
}

fn index(
    geometry: &Geometry,
    builder: &mut ChapterIndexBuilder,
    chapter: VirtualChapter,
) -> (Vec<u8>, Vec<IndexPageHeader>) {
    let per_page = geometry.records_per_page();
    let page_of = |(at, name): (u32, _)| (name, RecordPageNumber::new(at / per_page));
    let names: Vec<_> = (0..).zip(names(geometry, chapter.get())).map(page_of).collect();
    builder.build(names.into_iter()).expect("it is a chapter's number of names");
    let bytes = geometry.bytes_per_page() as usize;
    let mut pages = vec![0; bytes * geometry.index_pages_per_chapter() as usize];
    let mut next_list = 0;
    let mut headers = Vec::new();
    for page in pages.chunks_exact_mut(bytes) {
        let is_last = headers.len() as u32 + 1 == geometry.index_pages_per_chapter();
        let packed = builder.pack_page(NONCE, chapter, next_list, is_last, page);
        next_list += packed.expect("a page has room for its header").lists;
        headers.push(IndexPageHeader::parse(page, NONCE).expect("it was packed just now"));
    }
    (pages, headers)
}

impl ChapterIndexSource for Chapters {
    type Error = Infallible;

    fn read_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, Infallible> {
        let Some((bytes, headers)) = self.indexes.get(chapter.get() as usize) else {
            return Ok(None);
        };
        pages.clear();
        pages.extend_from_slice(bytes);
        Ok(Some(headers.clone()))
    }
}
