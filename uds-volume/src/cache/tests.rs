//! The cache's order, its forgetting and its loads (reliability C18).

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use uds_geometry::{Configuration, CustomConfiguration, Geometry, PhysicalPage};

use super::{Access, PageCache};
use crate::sync::atomic::{AtomicU32, Ordering};

/// Pages of 4 KiB, `slots` cache slots.
fn geometry(slots: u32) -> Geometry {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 1,
        chapters_per_volume: 100,
        cache_chapters: slots,
        ..CustomConfiguration::default()
    };
    Configuration::custom(&custom).unwrap().geometry()
}

fn pages(range: Range<u32>) -> Range<PhysicalPage> {
    PhysicalPage::new(range.start)..PhysicalPage::new(range.end)
}

/// Uses a page, loading it where it is absent. Says whether it was cached.
fn use_page(cache: &PageCache<u32>, number: u32) -> bool {
    match cache.access(PhysicalPage::new(number)) {
        Access::Cached(pinned) => {
            assert_eq!(pinned.bytes()[..4], number.to_le_bytes(), "page {number}");
            assert_eq!(pinned.header(), Some(&number));
            true
        }
        Access::Missing(mut loading) => {
            loading.bytes_mut()[..4].copy_from_slice(&number.to_le_bytes());
            let pinned = loading.publish(Some(number));
            assert_eq!(pinned.bytes()[..4], number.to_le_bytes());
            false
        }
    }
}

// Guards the order of eviction: the page that was not used for longest goes first.
#[test]
fn the_least_recently_used_page_is_evicted() {
    let cache = PageCache::new(&geometry(16));
    for page in 1..=16 {
        assert!(!use_page(&cache, page));
    }
    for page in (1..=16).rev() {
        assert!(use_page(&cache, page), "page {page}: all fit");
    }
    // Now 16 is the oldest, 1 the youngest.
    for page in 17..=24 {
        assert!(!use_page(&cache, page));
    }
    for page in 1..=8 {
        assert!(use_page(&cache, page), "page {page} was used lately");
    }
    assert!(!use_page(&cache, 9), "page 9 was evicted for page 24");
    assert!(!use_page(&cache, 17), "page 17 was evicted for page 9");
}

// Guards invalidation: just the pages of a range go, and their slots are used first.
#[test]
fn forgotten_pages_leave_their_slots() {
    let cache = PageCache::new(&geometry(16));
    for page in 1..=16 {
        use_page(&cache, page);
    }
    cache.forget(pages(7..13));
    for page in 20..26 {
        assert!(!use_page(&cache, page));
    }
    for page in (1..=6).chain(13..=16).chain(20..26) {
        assert!(use_page(&cache, page), "page {page}");
    }
    for page in 7..=12 {
        assert!(!use_page(&cache, page), "page {page}");
    }
}

// Guards against stale pages: what was read before its chapter was forgotten must not stay.
#[test]
fn a_load_that_is_overtaken_by_forgetting_is_not_cached() {
    let cache = PageCache::<u32>::new(&geometry(2));
    let Access::Missing(loading) = cache.access(PhysicalPage::new(5)) else { panic!() };
    cache.forget(pages(0..10));
    assert!(!use_page(&cache, 5), "another slot loads it anew");
    drop(loading.publish(Some(77)));
    assert!(use_page(&cache, 5), "the older load did not disturb it");
    assert!(!use_page(&cache, 6), "its slot is free again");
    assert!(use_page(&cache, 5));
}

// Guards failed reads: the page is absent afterwards and its slot is not lost, even by a panic.
#[test]
fn a_load_that_fails_leaves_nothing_behind() {
    let cache = PageCache::<u32>::new(&geometry(1));
    for touch_bytes in [false, true] {
        let Access::Missing(mut loading) = cache.access(PhysicalPage::new(5)) else { panic!() };
        if touch_bytes {
            loading.bytes_mut().fill(1);
        }
        drop(loading);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _loading = cache.access(PhysicalPage::new(5));
        panic!("the reader dies");
    }));
    assert!(panicked.is_err());
    assert!(!use_page(&cache, 5));
    assert!(use_page(&cache, 5));
}

// Guards buffers in use: neither eviction nor reuse may change what a searcher looks at.
#[test]
fn a_pinned_page_outlives_its_eviction() {
    let cache = PageCache::new(&geometry(1));
    use_page(&cache, 5);
    let Access::Cached(pinned) = cache.access(PhysicalPage::new(5)) else { panic!() };
    for page in 6..10 {
        use_page(&cache, page);
    }
    assert_eq!(pinned.bytes()[..4], 5_u32.to_le_bytes());
    assert_eq!(pinned.header(), Some(&5));
}

// Guards donation: new content of a page replaces the old, in one slot only (trap 30b).
#[test]
fn replacing_a_page_leaves_no_orphan() {
    let cache = PageCache::new(&geometry(2));
    use_page(&cache, 5);
    use_page(&cache, 6);
    let mut loading = cache.replace(PhysicalPage::new(5));
    loading.bytes_mut()[..4].copy_from_slice(&5_u32.to_le_bytes());
    drop(loading.publish(Some(5)));
    assert!(use_page(&cache, 6), "the other slot was not needed");
    assert!(use_page(&cache, 5));
    assert!(!use_page(&cache, 7), "evicts page 6");
    assert!(use_page(&cache, 5), "an orphan's eviction would have unmapped it");
}

// Guards against two loads of one page at once, and against waiters that nobody wakes.
#[test]
fn threads_wait_for_each_others_loads() {
    let cache = PageCache::<u32>::new(&geometry(1));
    let loads = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (cache, loads) = (&cache, &loads);
            scope.spawn(move || {
                for round in 0..500 {
                    // One slot and several pages: everybody waits for everybody.
                    let page = 1 + (thread + round) % 3;
                    if !use_page(cache, page) {
                        loads.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(loads.load(Ordering::Relaxed) >= 3);
    assert!(use_page(&cache, 1) || use_page(&cache, 1), "the slot still works");
}
