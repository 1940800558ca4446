//! The sparse cache of a sparse candidate, in miniature.
//!
//! A sparse index finds a name of an old chapter if it is one of the index's own samples (one name
//! in 32), or if the index of that chapter is in the sparse cache. A found sample brings its
//! chapter there; the least recently used of seven goes. A chapter that was searched in vain 20,000
//! times in a row is passed over until a sample is found in it again (specification, section 11.8).
//!
//! While all names are in the model's sample, this is done here exactly as the index does it. When
//! only one name in 2^n is, so are the index's samples, and most duplicates come in runs of which
//! one or two names are seen: whether the index has met one of its samples in this run before is
//! not. Each name therefore remembers its *neighbour*, the index's own sample that came before it
//! when it was posted last. If this very neighbour is among the last samples that its
//! [`Stream`](crate::Stream) has posted now, it was found, and its chapter, which is the name's, is
//! in the cache: the name is found, and brings the chapter to the cache of the model as a sample
//! does. If it is not, the run has met no sample so far, and only an earlier run can have brought
//! the chapter. Of those, too, only some names are seen: of every 32 / 2^n seen ones (all, from 2^5
//! on) one brings its chapter as *likely*, which counts for all but the names of its own run.
//! Chapters thus come and go at the pace of the real cache.
//!
//! Two things are not modelled: the index also finds a name by an older record of it, whose chapter
//! happens to be in the cache; and of many sources that take turns, each with its own old chapters,
//! a neighbour's chapter may have gone from the cache already.
//!
//! # Invariants
//!
//! 1. The most recently used chapter comes first.
//! 2. Searches are counted with the weight of the names that make them.

/// Searches in vain after which a chapter is passed over, of all zones together.
const SKIP_AFTER: u64 = 20_000;

/// A chapter whose index is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) chapter: u32,
    /// How many searches there had been when a name or sample was last found in it.
    pub(crate) used_at: u64,
    /// The moment of the stream, if it is only likely that a sample was found in the chapter: the
    /// names that follow in the same run say nothing of it.
    pub(crate) likely_since: Option<u64>,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct SparseCache {
    pub(crate) chapters: Vec<Cached>,
    capacity: usize,
}

impl SparseCache {
    /// A cache of `capacity` chapters, with none in it.
    pub(crate) fn new(capacity: u32) -> Self {
        Self { chapters: Vec::new(), capacity: capacity as usize }
    }

    /// A sample of `chapter` was found, after so many searches; or only likely so, at a moment of
    /// a stream.
    pub(crate) fn bring(&mut self, chapter: u32, searches: u64, likely_since: Option<u64>) {
        let found = self.chapters.iter().position(|cached| cached.chapter == chapter);
        let place = found.unwrap_or_else(|| {
            self.chapters.truncate(self.capacity.saturating_sub(1));
            self.chapters.push(Cached { chapter, used_at: searches, likely_since });
            self.chapters.len() - 1
        });
        self.use_again(place, searches);
        if likely_since.is_none() {
            self.chapters[0].likely_since = None;
        }
    }

    /// Looks, at a moment of its stream, for a name of `chapter` that is no sample.
    pub(crate) fn search(&mut self, chapter: u32, searches: u64, moment: u64) -> bool {
        let is_searched = |cached: &Cached| {
            cached.chapter == chapter
                && searches.saturating_sub(cached.used_at) <= SKIP_AFTER
                && cached.likely_since != Some(moment)
        };
        let Some(place) = self.chapters.iter().position(is_searched) else { return false };
        self.use_again(place, searches);
        true
    }

    fn use_again(&mut self, place: usize, searches: u64) {
        self.chapters[..=place].rotate_right(1);
        self.chapters[0].used_at = searches;
    }

    /// How many chapters it can hold.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Whether a seen name that is no sample makes it likely that a sample was found in its chapter.
pub(crate) const fn is_likely(sample_bits: u16, sample_rate: u32, halvings: u32) -> bool {
    let one_in = if halvings >= 16 { 0 } else { sample_rate >> halvings };
    halvings > 0 && (one_in <= 1 || sample_bits as u32 % one_in == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(cache: &SparseCache) -> Vec<u32> {
        cache.chapters.iter().map(|cached| cached.chapter).collect()
    }

    // Guards the order in which chapters go, and against a chapter that is in it twice.
    #[test]
    fn the_least_recently_used_chapter_goes() {
        let mut cache = SparseCache::new(3);
        for chapter in [1, 2, 3, 2] {
            cache.bring(chapter, 0, None);
        }
        assert_eq!(order(&cache), [2, 3, 1]);
        assert!(cache.search(1, 0, 9) && !cache.search(4, 0, 9));
        assert_eq!(order(&cache), [1, 2, 3]);
        cache.bring(4, 0, None);
        assert_eq!(order(&cache), [4, 1, 2]);
    }

    // Guards the end of searches in vain: the chapter stays, and a sample brings it back to life.
    #[test]
    fn a_chapter_without_finds_is_passed_over() {
        let mut cache = SparseCache::new(2);
        cache.bring(7, 100, None);
        assert!(cache.search(7, 100 + SKIP_AFTER, 9));
        assert!(!cache.search(7, 101 + 2 * SKIP_AFTER, 9));
        cache.bring(7, 101 + 2 * SKIP_AFTER, None);
        assert!(cache.search(7, 102 + 2 * SKIP_AFTER, 9));
    }

    // Guards against a run that vouches for itself, and against one that vouches for nobody.
    #[test]
    fn a_likely_chapter_counts_for_other_runs() {
        let mut cache = SparseCache::new(2);
        cache.bring(7, 0, Some(1));
        assert!(!cache.search(7, 0, 1) && cache.search(7, 0, 2));
        cache.bring(7, 0, Some(2));
        assert!(cache.search(7, 0, 2));
        cache.bring(7, 0, None);
        assert!(cache.search(7, 0, 1));
    }

    // Guards the pace of the cache at every rate, and against a shift too far.
    #[test]
    fn fewer_names_bring_more_often() {
        let likely = |halvings| (0..1024).filter(|&bits| is_likely(bits, 32, halvings)).count();
        assert_eq!([0, 1, 4, 5, 6, 40].map(likely), [0, 64, 512, 1024, 1024, 1024]);
    }
}
