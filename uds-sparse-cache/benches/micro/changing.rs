//! Threads that meet: at the barrier alone, and to bring chapters into the cache.
//!
//! The threads of a call are made anew, one for each zone but the first. That takes as long as a
//! few dozen meetings, and is a small part of a call.

use std::thread;

use uds_bench_support::{Digest, Suite};
use uds_geometry::{VirtualChapter, ZoneCount};
use uds_sparse_cache::{Barrier, ZoneCache};

use crate::chapters::Chapters;

/// As many as the zones of the benchmarks.
const PARTIES: [u8; 2] = [1, 2];
/// Chapters that take turns in the cache, which has room for one less.
const CHAPTERS: u64 = 8;

pub(crate) fn benchmarks(suite: &mut Suite) {
    let rounds = suite.size(1024, 64);
    for parties in PARTIES {
        let barrier = || Barrier::new(parties.into());
        suite.bench(&format!("barrier.{parties}"), rounds, barrier, |barrier| {
            meet_often(barrier, parties, rounds)
        });
    }
    let is_tiny = suite.size(false, true);
    let updates = suite.size(64, 16);
    for zones in PARTIES.iter().filter_map(|&zones| ZoneCount::new(zones)) {
        let setup = || {
            let chapters = Chapters::new(CHAPTERS, is_tiny);
            let caches = ZoneCache::for_zones(&chapters.geometry, zones);
            let mut caches = caches.expect("there is memory");
            // From the second time on each chapter replaces another.
            update_often(&mut caches, &chapters, updates.into());
            (caches, chapters)
        };
        let title = format!("update.{}", zones.get());
        suite.bench(&title, updates, setup, |(caches, chapters)| {
            update_often(caches, chapters, updates.into())
        });
    }
}

/// Has all parties arrive and wait, again and again. Returns a hash of how many rounds each has
/// seen, and how often one of them was the last.
fn meet_often(barrier: &Barrier, parties: u8, rounds: u32) -> u64 {
    let meet = || {
        let (mut seen, mut last) = (0_u64, 0_u64);
        for _ in 0..rounds {
            let arrival = barrier.arrive();
            barrier.wait(arrival.round);
            seen += u64::from(barrier.is_over(arrival.round));
            last += u64::from(arrival.is_last);
        }
        (seen, last)
    };
    let (seen, last) = thread::scope(|scope| {
        let others: Vec<_> = (1..parties).map(|_| scope.spawn(meet)).collect();
        let first = meet();
        let others = others.into_iter().map(|thread| thread.join().expect("no party panics"));
        others.fold(first, |sum, other| (sum.0 + other.0, sum.1 + other.1))
    });
    let mut digest = Digest::new();
    digest.add(seen);
    digest.add(last);
    digest.finish()
}

/// Has all zones bring chapters into the cache in turns, each of which was evicted long ago.
fn update_often(caches: &mut [ZoneCache], chapters: &Chapters, updates: u64) -> u64 {
    let update = |cache: &mut ZoneCache| {
        let mut digest = Digest::new();
        for number in (0..updates).map(|update| VirtualChapter::new(update % CHAPTERS)) {
            let Ok(is_there) = cache.update(number, VirtualChapter::ZERO, chapters);
            digest.add(is_there.into());
            cache.chapters().for_each(|(chapter, _)| digest.add(chapter.get()));
        }
        digest.finish()
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            caches.iter_mut().map(|cache| scope.spawn(move || update(cache))).collect();
        let mut digest = Digest::new();
        for thread in threads {
            digest.add(thread.join().expect("no zone panics"));
        }
        digest.finish()
    })
}
