//! Models of the barrier and of a change of the cache, each with the weakenings that it catches.

use uds_delta_index::IndexPageHeader;
use uds_geometry::{Configuration, Geometry, VirtualChapter, ZoneCount};

use crate::sync::counter::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutant, Mutex, lock, model, mutant, thread};
use crate::{Barrier, ChapterIndexSource, ZoneCache};

/// Three threads meet twice; whoever has passed finds that all had arrived.
fn barrier() {
    let barrier = Arc::new(Barrier::new(3));
    let arrived = Arc::new(Mutex::new([0; 3]));
    let party = |number: usize| {
        let (barrier, arrived) = (Arc::clone(&barrier), Arc::clone(&arrived));
        move || {
            for round in 1..=2 {
                lock(&arrived)[number] = round;
                let arrival = barrier.arrive();
                barrier.wait(arrival.round);
                assert!(lock(&arrived).iter().all(|&at| at >= round));
            }
        }
    };
    let others = [thread::spawn(party(1)), thread::spawn(party(2))];
    party(0)();
    others.into_iter().for_each(|other| other.join().unwrap());
}

#[test]
fn barrier_is_reusable() {
    model("barrier/three threads, two rounds", barrier);
    mutant("barrier", Mutant::BarrierWakesNobody, barrier);
    mutant("barrier", Mutant::BarrierOpensEarly, barrier);
    mutant("barrier", Mutant::BarrierForgetsRound, barrier);
}

/// Chapters without pages. It yields while it reads, so that others can come in between.
struct Source;

impl ChapterIndexSource for Source {
    type Error = ();

    fn read_chapter_index(
        &self,
        _: VirtualChapter,
        _: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, ()> {
        thread::yield_now();
        Ok(Some(Vec::new()))
    }
}

fn geometry() -> Geometry {
    Configuration::tiny(true).geometry()
}

fn chapter(number: u64) -> VirtualChapter {
    VirtualChapter::new(number)
}

/// The cache's chapters, as a zone has them.
fn members(cache: &mut ZoneCache) -> u32 {
    (0..3).map(|number| u32::from(cache.contains(chapter(number))) << number).sum()
}

/// Two zones bring two chapters in, and look at the cache in between: each must have what the other
/// has. That the captain has the entries alone, [`Change::load`](crate::Change::load) asserts.
fn update() {
    let mut caches = ZoneCache::for_zones(&geometry(), ZoneCount::new(2).unwrap()).unwrap();
    let seen = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let zone = |mut cache: ZoneCache| {
        let seen = Arc::clone(&seen);
        move || {
            for number in 0..2 {
                let is_there = cache.update(chapter(number), VirtualChapter::ZERO, &Source);
                assert_eq!(is_there, Ok(true));
                let before =
                    seen[number as usize].swap(members(&mut cache) as usize, Ordering::Relaxed);
                let expected = (2 << number) - 1;
                assert!(before == 0 || before == expected);
                assert_eq!(members(&mut cache) as usize, expected, "after chapter {number}");
            }
        }
    };
    let other = thread::spawn(zone(caches.remove(1)));
    zone(caches.remove(0))();
    other.join().unwrap();
}

#[test]
fn update_keeps_membership_and_exclusion() {
    model("update/two zones, two chapters", update);
    mutant("update", Mutant::ArriveKeepsEntries, update);
    mutant("update", Mutant::ChangeEarly, early);
    mutant("update", Mutant::LeaveEarly, early);
    mutant("update", Mutant::LeaveUnchanged, update);
    mutant("update", Mutant::PublishLate, update);
    mutant("update", Mutant::BarrierWakesNobody, update);
}

/// As [`update`], but nobody waits: zones ask again and again whether they can go on.
fn early() {
    let mut caches = ZoneCache::for_zones(&geometry(), ZoneCount::new(2).unwrap()).unwrap();
    let mut other = caches.remove(1);
    let other = thread::spawn(move || {
        let _ = other.arrive();
        while !other.try_leave() {
            thread::yield_now();
        }
        assert_eq!(members(&mut other), 1);
    });
    let mut captain = caches.remove(0);
    let _ = captain.arrive();
    loop {
        if let Some(mut change) = captain.try_change() {
            assert_eq!(change.load(chapter(0), VirtualChapter::ZERO, &Source), Ok(true));
            assert_eq!(change.end(), 2);
            break;
        }
        thread::yield_now();
    }
    assert_eq!(members(&mut captain), 1);
    other.join().unwrap();
}

#[test]
fn update_without_waiting() {
    model("update/two zones that do not block", early);
}
