//! The index of a chapter of a 256M index: collecting its names, packing them, searching a page.

use uds_bench_support::{Digest, Suite, name};
use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::{ChapterIndexBuilder, search};
use uds_geometry::{
    Configuration, Geometry, MemorySize, Nonce, RecordName, RecordPageNumber, VirtualChapter,
};

const NONCE: Nonce = Nonce::new(1);
const CHAPTER: VirtualChapter = VirtualChapter::new(1);

/// A chapter's names, each with its record page, and the index made of them.
struct Chapter {
    geometry: Geometry,
    names: Vec<(RecordName, RecordPageNumber)>,
    builder: ChapterIndexBuilder,
    pages: Vec<Vec<u8>>,
}

/// The first page of a chapter's index, and names that belong on it.
struct Page {
    geometry: Geometry,
    header: IndexPageHeader,
    page: Vec<u8>,
    names: Vec<RecordName>,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let is_tiny = suite.size(false, true);
    let geometry = || {
        let dense = Configuration::dense(MemorySize::MB_256);
        if is_tiny { Configuration::tiny(false).geometry() } else { dense.geometry() }
    };
    let records = geometry().records_per_chapter();
    let setup = || Chapter::new(geometry());
    suite.bench("chapter.build-and-pack", records, setup, |chapter| {
        chapter.build();
        chapter.pack()
    });
    suite.bench("chapter.pack", records, || setup().built(), Chapter::pack);
    let searches = suite.size(1024, 64);
    let hits = || Page::new(setup().built(), searches, 0);
    suite.bench("chapter.search-hit", searches, hits, Page::search);
    // The names of counters that the chapter does not have.
    let misses = || Page::new(setup().built(), searches, u64::from(u32::MAX));
    suite.bench("chapter.search-miss", searches, misses, Page::search);
}

impl Chapter {
    fn new(geometry: Geometry) -> Self {
        let page = |index: u32| RecordPageNumber::new(index / geometry.records_per_page());
        let names = (0..geometry.records_per_chapter())
            .map(|index| (name(index.into()), page(index)))
            .collect();
        let builder = ChapterIndexBuilder::new(&geometry).expect("there is memory");
        let page = vec![0; geometry.bytes_per_page() as usize];
        let pages = vec![page; geometry.index_pages_per_chapter() as usize];
        Self { geometry, names, builder, pages }
    }

    fn built(mut self) -> Self {
        self.build();
        self
    }

    fn build(&mut self) {
        self.builder.build(self.names.iter().copied()).expect("it is a chapter's number of names");
    }

    fn pack(&mut self) -> u64 {
        let mut digest = Digest::new();
        let mut first_list = 0;
        let last = self.pages.len() - 1;
        for (number, page) in self.pages.iter_mut().enumerate() {
            let packed = self.builder.pack_page(NONCE, CHAPTER, first_list, number == last, page);
            first_list += packed.expect("a page has room for its header").lists;
            digest.add_bytes(page);
        }
        digest.finish()
    }
}

impl Page {
    /// Names from a counter on, as far as they belong on the page.
    fn new(mut chapter: Chapter, count: u32, first: u64) -> Self {
        chapter.pack();
        let Chapter { geometry, pages, .. } = chapter;
        let page = pages.into_iter().next().expect("a chapter has index pages");
        let header = IndexPageHeader::parse(&page, NONCE).expect("it was packed above");
        let mine = |name: &RecordName| header.contains(geometry.chapter_list(name));
        let names = (first..).map(name).filter(mine).take(count as usize).collect();
        Self { geometry, header, page, names }
    }

    fn search(&mut self) -> u64 {
        let mut digest = Digest::new();
        for name in &self.names {
            let found = search(&self.header, &self.page, &self.geometry, name);
            let page = found.expect("the page is sound");
            digest.add(page.map_or(u64::MAX, |page| page.get().into()));
        }
        digest.finish()
    }
}
