//! Searches by one zone in a full cache.

use uds_bench_support::{Digest, Suite, name};
use uds_geometry::{RecordName, VirtualChapter, ZoneCount};
use uds_sparse_cache::ZoneCache;

use crate::chapters::Chapters;

/// A zone's cache and the names that it is searched for.
struct Zone {
    cache: ZoneCache,
    names: Vec<RecordName>,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let is_tiny = suite.size(false, true);
    let count = suite.size(1024, 64);
    // A stream of data that came by before: each name is in the chapter of the one before.
    let stream = || {
        let chapters = Chapters::new(7, is_tiny);
        Zone::new(&chapters, chapters.names(3).take(count as usize).collect())
    };
    suite.bench("search-hit", count, stream, Zone::search_all);
    let one = || {
        let chapters = Chapters::new(7, is_tiny);
        Zone::new(&chapters, chapters.names(3).take(count as usize).collect())
    };
    suite.bench("search-one-chapter", count, one, Zone::search_one);
    // Names that no chapter has are looked for in all of them. Misses are counted, and an entry of
    // which 20,000 in a row are known is passed by: a hit in each in between keeps them all.
    let misses = || {
        let chapters = Chapters::new(7, is_tiny);
        let hits: Vec<_> = (0..7).filter_map(|chapter| chapters.names(chapter).next()).collect();
        let misses = (1 << 40..).map(name).take(count as usize - hits.len());
        Zone::new(&chapters, misses.chain(hits).collect())
    };
    suite.bench("search-miss", count, misses, Zone::search_all);
}

impl Zone {
    fn new(chapters: &Chapters, names: Vec<RecordName>) -> Self {
        let caches = ZoneCache::for_zones(&chapters.geometry, ZoneCount::ONE);
        let mut cache = caches.expect("there is memory").remove(0);
        for chapter in (0..7).map(VirtualChapter::new) {
            let Ok(is_there) = cache.update(chapter, VirtualChapter::ZERO, chapters);
            assert!(is_there, "{chapter} is in the cache");
        }
        Self { cache, names }
    }

    fn search_all(&mut self) -> u64 {
        self.search(uds_sparse_cache::Chapters::All)
    }

    fn search_one(&mut self) -> u64 {
        self.search(uds_sparse_cache::Chapters::One(VirtualChapter::new(3)))
    }

    fn search(&mut self, chapters: uds_sparse_cache::Chapters) -> u64 {
        let mut digest = Digest::new();
        for name in &self.names {
            let hit = self.cache.search(name, chapters, VirtualChapter::ZERO);
            match hit.expect("the pages are sound") {
                Some(hit) => digest.add(hit.chapter.get() << 32 | u64::from(hit.record_page.get())),
                None => digest.add(u64::MAX),
            }
        }
        digest.finish()
    }
}
