//! The search lists: what is found, in which order, and what has to go.

use uds_delta_index::chapter_index::ChapterIndexBuilder;
use uds_delta_index::{DeltaError, IndexPageHeader};
use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, Nonce, RecordName, RecordPageNumber,
    VirtualChapter, ZoneCount,
};

use super::*;

const NONCE: Nonce = Nonce::new(5);
const OLDEST: VirtualChapter = VirtualChapter::ZERO;

/// Chapters of 256 records, `chapter * 1000` and on, and what was asked of them.
struct Source {
    geometry: Geometry,
    failing: Vec<u64>,
}

impl Source {
    fn new() -> Self {
        let custom = CustomConfiguration {
            bytes_per_page: 4096,
            record_pages_per_chapter: 2,
            chapters_per_volume: 40,
            sparse_chapters_per_volume: 20,
            cache_chapters: 4,
            sample_rate: 2,
        };
        let geometry = Configuration::custom(&custom).unwrap().geometry();
        Self { geometry, failing: Vec::new() }
    }

    fn caches(&self, zones: u8) -> Vec<ZoneCache> {
        ZoneCache::for_zones(&self.geometry, ZoneCount::new(zones).unwrap()).unwrap()
    }
}

impl ChapterIndexSource for Source {
    type Error = String;

    fn read_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, String> {
        if self.failing.contains(&chapter.get()) {
            // A reader that fails may have written anything.
            pages.clear();
            return Err(format!("chapter {chapter} cannot be read"));
        }
        if chapter.get() >= 1000 {
            return Ok(None);
        }
        Ok(Some(read(&self.geometry, chapter, pages).unwrap()))
    }
}

fn read(
    geometry: &Geometry,
    chapter: VirtualChapter,
    pages: &mut Vec<u8>,
) -> Result<Vec<IndexPageHeader>, DeltaError> {
    let mut builder = ChapterIndexBuilder::new(geometry)?;
    let records = (0..256).map(|n| (name(chapter.get(), n), RecordPageNumber::new(n as u32 / 128)));
    builder.build(records)?;
    let bytes = geometry.bytes_per_page() as usize;
    let count = geometry.index_pages_per_chapter();
    pages.resize(bytes * count as usize, 0);
    let mut next_list = 0;
    let mut headers = Vec::new();
    for (number, page) in (1..).zip(pages.chunks_exact_mut(bytes)) {
        let packed = builder.pack_page(NONCE, chapter, next_list, number == count, page)?;
        next_list += packed.lists;
        headers.push(IndexPageHeader::parse(page, NONCE)?);
    }
    Ok(headers)
}

fn name(chapter: u64, number: u64) -> RecordName {
    RecordName::of_block(&(1000 * chapter + number).to_le_bytes())
}

fn chapter(number: u64) -> VirtualChapter {
    VirtualChapter::new(number)
}

/// The live chapters of a zone, in its order.
fn live(cache: &ZoneCache) -> Vec<u64> {
    cache.list.live().iter().map(|entry| entry.chapter().unwrap().get()).collect()
}

fn search(cache: &mut ZoneCache, name: &RecordName) -> Option<u64> {
    let hit = cache.search(name, Chapters::All, OLDEST).unwrap();
    hit.map(|hit| hit.chapter.get())
}

// Guards the whole of a cached chapter: each of its names leads to its record page.
#[test]
fn every_name_of_a_cached_chapter_is_found() {
    let source = Source::new();
    let mut cache = source.caches(1).remove(0);
    for number in 1..=3 {
        assert_eq!(cache.update(chapter(number), OLDEST, &source), Ok(true));
    }
    for number in 1..=3 {
        for n in 0..256 {
            let hit = cache.search(&name(number, n), Chapters::All, OLDEST).unwrap().unwrap();
            assert_eq!(hit.chapter, chapter(number));
            assert_eq!(hit.record_page.get(), n as u32 / 128);
        }
    }
    assert_eq!(search(&mut cache, &name(4, 0)), None);
    let other = cache.search(&name(1, 0), Chapters::One(chapter(2)), OLDEST).unwrap();
    assert_eq!(other, None, "the other chapter was asked for");
    let expired = cache.search(&name(1, 0), Chapters::All, chapter(2)).unwrap();
    assert_eq!(expired, None, "chapter 1 has expired");
}

// Guards the order of searching and of eviction: what was used last is searched first, and what
// was not used for longest goes.
#[test]
fn the_least_recently_used_goes() {
    let source = Source::new();
    let mut cache = source.caches(1).remove(0);
    for number in 1..=4 {
        cache.update(chapter(number), OLDEST, &source).unwrap();
    }
    assert_eq!(live(&cache), [4, 3, 2, 1]);
    assert_eq!(search(&mut cache, &name(1, 7)), Some(1));
    assert_eq!(live(&cache), [1, 4, 3, 2]);
    assert!(cache.contains(chapter(3)));
    assert_eq!(live(&cache), [3, 1, 4, 2]);
    cache.update(chapter(5), OLDEST, &source).unwrap();
    assert_eq!(live(&cache), [5, 3, 1, 4]);
    assert_eq!(search(&mut cache, &name(2, 7)), None);
}

// Guards the skip threshold, from both sides, and what ends a skip; skipped entries go before
// active ones, and expired ones before these.
#[test]
fn useless_entries_are_skipped_and_go_first() {
    let source = Source::new();
    let mut cache = source.caches(1).remove(0);
    for number in 1..=4 {
        cache.update(chapter(number), OLDEST, &source).unwrap();
    }
    for _ in 0..20_000 {
        let hit = cache.search(&name(9, 0), Chapters::One(chapter(4)), OLDEST).unwrap();
        assert_eq!(hit, None);
    }
    assert_eq!(search(&mut cache, &name(4, 0)), Some(4), "not skipped yet, and counted anew");
    for _ in 0..20_001 {
        cache.search(&name(9, 0), Chapters::One(chapter(4)), OLDEST).unwrap();
    }
    assert_eq!(search(&mut cache, &name(4, 0)), None, "skipped");
    let hit = cache.search(&name(4, 0), Chapters::One(chapter(4)), OLDEST).unwrap();
    assert!(hit.is_some(), "who asks for the chapter itself gets it, which ends the skip");
    assert_eq!(search(&mut cache, &name(4, 0)), Some(4));
    for _ in 0..20_001 {
        cache.search(&name(9, 0), Chapters::One(chapter(4)), OLDEST).unwrap();
    }
    assert_eq!(live(&cache), [4, 3, 2, 1]);
    cache.update(chapter(5), OLDEST, &source).unwrap();
    assert_eq!(live(&cache), [5, 3, 2, 1], "4 was skipped, and went before 1");
    cache.update(chapter(6), chapter(3), &source).unwrap();
    assert_eq!(live(&cache), [6, 5, 3], "2 and 1 have expired");
    cache.update(chapter(7), chapter(3), &source).unwrap();
    assert_eq!(live(&cache), [7, 6, 5, 3]);
    assert_eq!(cache.update(chapter(2), chapter(3), &source), Ok(false), "expired itself");
    assert_eq!(live(&cache), [7, 6, 5, 3]);
}

// Guards searches, and later updates, against an entry that could not be loaded (trap 49), and
// against chapters that are gone.
#[test]
fn a_chapter_that_cannot_be_read_leaves_no_trace() {
    let mut source = Source::new();
    source.failing = vec![3, 8];
    let mut cache = source.caches(1).remove(0);
    for number in [1, 2] {
        cache.update(chapter(number), OLDEST, &source).unwrap();
    }
    assert_eq!(cache.update(chapter(3), OLDEST, &source).unwrap_err(), "chapter 3 cannot be read");
    assert_eq!(cache.update(chapter(1000), OLDEST, &source), Ok(false));
    assert!(!cache.contains(chapter(3)));
    assert_eq!(live(&cache), [2, 1]);
    for number in [4, 5] {
        cache.update(chapter(number), OLDEST, &source).unwrap();
    }
    assert_eq!(live(&cache), [5, 4, 2, 1]);
    // With no dead entry left, the one that was to go has gone.
    cache.update(chapter(8), OLDEST, &source).unwrap_err();
    assert_eq!(live(&cache), [5, 4, 2]);
    assert_eq!(search(&mut cache, &name(2, 0)), Some(2));
    source.failing.clear();
    assert_eq!(cache.update(chapter(8), OLDEST, &source), Ok(true));
    assert_eq!(live(&cache), [8, 2, 5, 4]);
}

// Guards against pages of the storage that was replaced.
#[test]
fn invalidation_forgets_everything_and_the_cache_goes_on() {
    let source = Source::new();
    let mut caches = source.caches(1);
    for number in 1..=4 {
        caches[0].update(chapter(number), OLDEST, &source).unwrap();
    }
    ZoneCache::invalidate(&mut caches);
    assert_eq!(search(&mut caches[0], &name(1, 0)), None);
    assert!(!caches[0].contains(chapter(1)));
    caches[0].update(chapter(1), OLDEST, &source).unwrap();
    assert_eq!(live(&caches[0]), [1]);
    assert_eq!(search(&mut caches[0], &name(1, 0)), Some(1));
}

// Guards a cached page that was damaged, or that its source made up: an error, and no panic.
#[test]
fn damaged_pages_are_told() {
    type Damage = fn(&mut Vec<u8>, &mut Vec<IndexPageHeader>);
    struct Damaged(Source, Damage);
    impl ChapterIndexSource for Damaged {
        type Error = String;
        fn read_chapter_index(
            &self,
            chapter: VirtualChapter,
            pages: &mut Vec<u8>,
        ) -> Result<Option<Vec<IndexPageHeader>>, String> {
            let mut headers = self.0.read_chapter_index(chapter, pages)?.unwrap();
            (self.1)(pages, &mut headers);
            Ok(Some(headers))
        }
    }
    let damages: [(Damage, &str); 3] = [
        (|pages, _| pages.iter_mut().skip(20).for_each(|byte| *byte = 0xFF), "is damaged"),
        (|pages, _| pages.truncate(100), "has delta list"),
        (|_, headers| headers.clear(), "has delta list"),
    ];
    for (damage, wanted) in damages {
        let source = Damaged(Source::new(), damage);
        let mut cache = source.0.caches(1).remove(0);
        assert_eq!(cache.update(chapter(1), OLDEST, &source), Ok(true));
        let error = cache.search(&name(1, 0), Chapters::All, OLDEST).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

// Guards membership: zones that search different names, and so have different orders, have the
// same chapters after each change, and evict what the captain's order says.
#[test]
fn all_zones_have_the_same_chapters() {
    let source = Source::new();
    let caches = source.caches(3);
    let views = std::thread::scope(|scope| {
        let run = |mut cache: ZoneCache| {
            let source = &source;
            move || {
                let mut seen = Vec::new();
                for round in 0..200 {
                    let wanted = chapter(round * 7 % 11);
                    let is_there = cache.update(wanted, OLDEST, source).unwrap();
                    assert!(is_there);
                    // Each zone has use of other chapters.
                    let zone = u64::from(cache.zone().get());
                    let _ = search(&mut cache, &name((round + zone) % 11, zone));
                    let mut chapters = live(&cache);
                    chapters.sort_unstable();
                    seen.push(chapters);
                }
                seen
            }
        };
        let zones: Vec<_> = caches.into_iter().map(|cache| scope.spawn(run(cache))).collect();
        zones.into_iter().map(|zone| zone.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(views[0], views[1]);
    assert_eq!(views[0], views[2]);
    assert!(views[0].iter().skip(4).all(|chapters| chapters.len() == 4));
}

// Guards the way of zones that do other things while they wait.
#[test]
fn a_meeting_takes_its_steps() {
    let source = Source::new();
    let mut caches = source.caches(2);
    let [captain, other] = &mut caches[..] else { panic!("two zones") };
    for meeting in 0..3 {
        assert_eq!(captain.awaited_step(), None);
        assert_eq!(captain.arrive(), None);
        assert_eq!(captain.awaited_step(), Some(2 * meeting + 1));
        assert!(captain.try_change().is_none(), "zone 1 is not here");
        assert_eq!(other.arrive(), Some(2 * meeting + 1));
        assert_eq!(other.awaited_step(), Some(2 * meeting + 2));
        assert!(!other.try_leave(), "the captain is not done");
        assert!(other.try_change().is_none(), "not the captain");
        let mut change = captain.try_change().unwrap();
        assert_eq!(change.load(chapter(meeting), OLDEST, &source), Ok(true));
        assert_eq!(change.end(), 2 * meeting + 2);
        assert!(captain.contains(chapter(meeting)));
        assert!(other.try_leave());
        assert!(other.contains(chapter(meeting)));
        assert_eq!(live(captain), live(other));
    }
}

// Guards a look at the cache against being a use of it: the order of the chapters, and what is
// passed by, stay as they are, and what is seen is what a search would find.
#[test]
fn a_look_is_no_use() {
    let source = Source::new();
    let mut cache = source.caches(1).remove(0);
    for number in 1..=4 {
        assert_eq!(cache.update(chapter(number), OLDEST, &source), Ok(true));
    }
    let before = live(&cache);
    for _ in 0..50 {
        for number in 1..=4 {
            let hit = cache.peek(&name(number, 7), Chapters::All, OLDEST).unwrap().unwrap();
            assert_eq!((hit.chapter, hit.record_page.get()), (chapter(number), 0));
            let other = Chapters::One(chapter(number % 4 + 1));
            assert_eq!(cache.peek(&name(number, 7), other, OLDEST).unwrap(), None);
        }
    }
    // More misses than the cache bears, had they been searches.
    for n in 0..25_000 {
        // Some have the address of a name that is there.
        let _ = cache.peek(&name(100, n), Chapters::All, OLDEST).unwrap();
    }
    assert!(cache.holds(chapter(3)) && !cache.holds(chapter(9)));
    assert_eq!(live(&cache), before);
    let told: Vec<_> =
        cache.chapters().map(|(chapter, skipped)| (chapter.get(), skipped)).collect();
    assert_eq!(told, before.iter().map(|&chapter| (chapter, false)).collect::<Vec<_>>());
    assert_eq!(search(&mut cache, &name(2, 7)), Some(2));
    assert_eq!(live(&cache)[0], 2);
}
