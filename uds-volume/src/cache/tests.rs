//! The cache's order, its forgetting and its loads (reliability C18).

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use uds_geometry::{Configuration, CustomConfiguration, Geometry, PhysicalPage, ZoneCount, ZoneId};

use super::table::Page;
use super::{Access, Loading, PageCache};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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

/// A cache without anybody who waits for pages.
fn cache(slots: u32) -> PageCache<()> {
    PageCache::new(&geometry(slots))
}

fn fill(loading: &mut Loading<'_, ()>, number: u32) {
    loading.bytes_mut()[..4].copy_from_slice(&number.to_le_bytes());
}

fn assert_is(page: &Page, number: u32) {
    assert_eq!(page.bytes[..4], number.to_le_bytes(), "page {number}");
}

/// Uses a page, loading it where it is absent. Says whether it was cached.
fn use_page(cache: &PageCache<()>, number: u32) -> bool {
    match cache.access(PhysicalPage::new(number), |page| assert_is(page, number)) {
        Access::Found(()) => true,
        Access::Missing(mut loading) => {
            fill(&mut loading, number);
            loading.publish_if(|| true);
            false
        }
    }
}

// Guards the order of eviction: the page that was not used for longest goes first.
#[test]
fn the_least_recently_used_page_is_evicted() {
    let cache = cache(16);
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
    let cache = cache(16);
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

// Guards against stale pages: what was read before its chapter was forgotten must not stay, and
// what somebody else has loaded meanwhile must not be doubled.
#[test]
fn a_load_that_is_overtaken_is_not_cached() {
    let cache = cache(2);
    for is_valid in [false, true] {
        let Access::Missing(mut loading) = cache.access(PhysicalPage::new(5), |_| ()) else {
            panic!("page 5 is not cached")
        };
        fill(&mut loading, 77);
        assert!(!use_page(&cache, 5), "another slot loads it anew");
        loading.publish_if(|| is_valid);
        assert!(use_page(&cache, 5), "the older load did not disturb it");
        assert!(!use_page(&cache, 6), "its slot is free again");
        assert!(use_page(&cache, 5));
        cache.forget(pages(0..10));
    }
}

// Guards failed reads: the page is absent afterwards and its slot is not lost, even by a panic.
#[test]
fn a_load_that_fails_leaves_nothing_behind() {
    let cache = cache(1);
    for touch_bytes in [false, true] {
        let Access::Missing(mut loading) = cache.access(PhysicalPage::new(5), |_| ()) else {
            panic!("page 5 is not cached")
        };
        if touch_bytes {
            loading.bytes_mut().fill(1);
        }
        drop(loading);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _loading = cache.access(PhysicalPage::new(5), |_| ());
        panic!("the reader dies");
    }));
    assert!(panicked.is_err());
    assert!(!use_page(&cache, 5));
    assert!(use_page(&cache, 5));
}

// Guards buffers in use: who evicts a page waits for the zone that looks at it.
#[test]
fn a_pinned_page_is_not_evicted_before_it_is_let_go() {
    let cache = cache(1);
    use_page(&cache, 5);
    let mut pin = cache.claim_pin(ZoneId::ZERO).unwrap();
    assert!(cache.claim_pin(ZoneId::ZERO).is_none(), "a pin has one owner");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pinned = cache.pin(&mut pin, PhysicalPage::new(5)).unwrap();
        scope.spawn(|| {
            assert!(!use_page(&cache, 6));
            is_over.store(true, Ordering::Relaxed);
        });
        for _ in 0..1000 {
            std::thread::yield_now();
            pinned.look(|page| assert_is(page, 5));
            assert!(!is_over.load(Ordering::Relaxed));
        }
    });
    assert!(cache.pin(&mut pin, PhysicalPage::new(5)).is_none());
    cache.pin(&mut pin, PhysicalPage::new(6)).unwrap().look(|page| assert_is(page, 6));
    drop(pin);
    assert!(cache.claim_pin(ZoneId::ZERO).is_some());
}

// Guards the hot pages of zones other than the first against ageing as if idle (trap 51).
#[test]
fn hits_of_any_zone_keep_a_page() {
    let zones: Vec<_> = ZoneCount::new(2).unwrap().zones().collect();
    for zone in zones {
        let cache = cache(16);
        let mut pin = cache.claim_pin(zone).unwrap();
        use_page(&cache, 5);
        for page in 20..200 {
            use_page(&cache, page);
            assert!(cache.pin(&mut pin, PhysicalPage::new(5)).is_some(), "{zone:?} {page}");
        }
    }
}

// Guards donation: new content of a page replaces the old, in one slot only (trap 30b).
#[test]
fn replacing_a_page_leaves_no_orphan() {
    let cache = cache(2);
    use_page(&cache, 5);
    use_page(&cache, 6);
    let mut loading = cache.replace(PhysicalPage::new(5));
    fill(&mut loading, 5);
    loading.publish_if(|| true);
    assert!(use_page(&cache, 6), "the other slot was not needed");
    assert!(use_page(&cache, 5));
    assert!(!use_page(&cache, 7), "evicts page 6");
    assert!(use_page(&cache, 5), "an orphan's eviction would have unmapped it");
}

// Guards against waiters that nobody wakes.
#[test]
fn threads_wait_for_each_others_slots() {
    let cache = cache(1);
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
