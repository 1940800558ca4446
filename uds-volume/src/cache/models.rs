//! Models of the page cache and the read queue, for loom.

use uds_geometry::{PhysicalPage, ZoneCount, ZoneId};

use super::table::Pin;
use super::{Asked, PageCache, Turn};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutant, model, mutant, thread};

type Cache = PageCache<u32>;

const ONE: PhysicalPage = PhysicalPage::new(1);
const TWO: PhysicalPage = PhysicalPage::new(2);

fn cache() -> Arc<Cache> {
    Arc::new(Cache::with_slots(3, 1, 1))
}

fn zone(number: u8) -> ZoneId {
    let mut zones = ZoneCount::new(2).unwrap().zones();
    zones.nth(usize::from(number)).unwrap()
}

/// Puts a page into the cache whose only byte is its number.
fn load(cache: &Cache, page: PhysicalPage) {
    let mut loading = cache.replace(page);
    loading.bytes_mut()[0] = page.get() as u8;
    loading.publish_if(|| true);
}

/// Looks into a page, if it is cached: it must be that page.
fn look(cache: &Cache, pin: &mut Pin, page: PhysicalPage) -> bool {
    let Some(pinned) = cache.pin(pin, page) else { return false };
    pinned.look(|content| assert_eq!(content.bytes, [page.get() as u8]));
    true
}

/// One slot with page 1; one thread puts page 2 there, so many zones look at page 1 meanwhile.
fn eviction(zones: u8) {
    let cache = cache();
    load(&cache, ONE);
    let threads: Vec<_> = (0..zones)
        .map(|number| {
            let cache = Arc::clone(&cache);
            thread::spawn(move || {
                let mut pin = cache.claim_pin(zone(number)).unwrap();
                look(&cache, &mut pin, ONE);
            })
        })
        .collect();
    load(&cache, TWO);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A page is published while a zone looks for it. It looks twice: what it finds the second time
/// has been published since.
fn publication() {
    let cache = cache();
    let zones = {
        let cache = Arc::clone(&cache);
        thread::spawn(move || {
            let mut pin = cache.claim_pin(zone(0)).unwrap();
            let first = look(&cache, &mut pin, ONE);
            let second = look(&cache, &mut pin, ONE);
            assert!(second || !first, "nobody evicts the page");
        })
    };
    load(&cache, ONE);
    zones.join().unwrap();
}

/// Does a reader's work until it is told to end. Returns how many requests it has handed back.
/// What it reads is the page as it is on the storage when it begins.
fn read_until_stopped(cache: &Cache, storage: &AtomicUsize) -> usize {
    let mut handed_back = 0;
    loop {
        match cache.next_turn() {
            Turn::End => return handed_back,
            Turn::HandBack(waiters) => handed_back += waiters.len(),
            Turn::Read(mut job) => {
                job.loading.bytes_mut()[0] = storage.load(Ordering::SeqCst) as u8;
                if job.is_invalid() {
                    handed_back += job.give_up().len();
                    continue;
                }
                while let Some(waiters) = job.next_waiters(|| true) {
                    handed_back += waiters.len();
                }
            }
        }
    }
}

/// A zone asks for a page while a reader works, the page is forgotten and changes on the storage.
/// Each request comes back once, and the old page is never found afterwards.
fn forgetting() {
    let cache = cache();
    assert!(cache.open_queue());
    let storage = Arc::new(AtomicUsize::new(1));
    let reader = {
        let (cache, storage) = (Arc::clone(&cache), Arc::clone(&storage));
        thread::spawn(move || read_until_stopped(&cache, &storage))
    };
    let mut pin = cache.claim_pin(zone(0)).unwrap();
    assert!(matches!(cache.ask(&mut pin, ONE, 7), Asked::Queued));
    // What a writer does: first nobody has the page any more, then it is written.
    cache.forget(ONE..TWO);
    storage.store(2, Ordering::SeqCst);
    let mut handed_back = 0;
    match cache.ask(&mut pin, ONE, 8) {
        Asked::Queued => handed_back += 1,
        Asked::Cached(pinned) => pinned.look(|page| assert_eq!(page.bytes, [2])),
        Asked::NoReaders => panic!("the reader works"),
    }
    cache.stop_readers();
    assert_eq!(reader.join().unwrap(), handed_back + 1);
    if let Some(pinned) = cache.pin(&mut pin, ONE) {
        pinned.look(|page| assert_eq!(page.bytes, [2], "a page that was forgotten is found"));
    }
}

/// A zone asks for a page while the readers are told to end: it is read, or refused.
fn shutdown() {
    let cache = cache();
    assert!(cache.open_queue());
    let storage = Arc::new(AtomicUsize::new(1));
    let reader = {
        let (cache, storage) = (Arc::clone(&cache), Arc::clone(&storage));
        thread::spawn(move || read_until_stopped(&cache, &storage))
    };
    let asker = {
        let cache = Arc::clone(&cache);
        thread::spawn(move || {
            let mut pin = cache.claim_pin(zone(0)).unwrap();
            usize::from(matches!(cache.ask(&mut pin, ONE, 7), Asked::Queued))
        })
    };
    cache.stop_readers();
    assert_eq!(asker.join().unwrap(), reader.join().unwrap());
}

/// A reader sleeps, and a page is queued.
fn wake_up() {
    let cache = cache();
    assert!(cache.open_queue());
    let reader = {
        let cache = Arc::clone(&cache);
        thread::spawn(move || match cache.next_turn() {
            Turn::Read(job) => job.give_up().len(),
            _ => 0,
        })
    };
    let mut pin = cache.claim_pin(zone(0)).unwrap();
    assert!(matches!(cache.ask(&mut pin, ONE, 7), Asked::Queued));
    assert_eq!(reader.join().unwrap(), 1);
}

#[test]
fn invalidate_counter_against_eviction() {
    model("invalidate counter against eviction, one zone", || eviction(1));
    model("invalidate counter against eviction, two zones", || eviction(2));
    mutant("invalidate counter", Mutant::NoFenceInPin, || eviction(1));
    mutant("invalidate counter", Mutant::NoFenceInRetire, || eviction(1));
    mutant("invalidate counter", Mutant::UnpinRelaxed, || eviction(1));
}

#[test]
fn publication_of_a_page() {
    model("publication of a page", publication);
    mutant("publication of a page", Mutant::PublishRelaxed, publication);
    mutant("publication of a page", Mutant::IndexLoadRelaxed, publication);
}

#[test]
fn read_queue_entry_against_forgetting() {
    model("read-queue entry against forget-chapter", forgetting);
    mutant("read-queue entry", Mutant::PublishForgotten, forgetting);
    mutant("read-queue entry", Mutant::ForgetOnlyIndex, forgetting);
}

#[test]
fn shutdown_of_readers() {
    model("waking a reader", wake_up);
    mutant("waking a reader", Mutant::EnqueueWakesNobody, wake_up);
    model("shutdown of readers", shutdown);
    mutant("shutdown of readers", Mutant::StopWakesNobody, shutdown);
}
