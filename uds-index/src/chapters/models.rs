//! Models of the chapters' way, each with the weakenings that it catches.

use uds_geometry::{VirtualChapter, ZoneCount, ZoneId};

use super::Chapters;
use crate::IndexError;
use crate::port::{Hold, Port, Stall, Wake};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Condvar, Mutant, Mutex, lock, model, mutant, thread, wait};

/// How many chapters a model closes.
const CHAPTERS: u64 = 2;

/// A zone's part of a chapter: whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    zone: u8,
    chapter: u64,
}

/// Two zones' chapters, and a row of the page map, which the writer writes without a lock.
struct World {
    chapters: Chapters<Arc<Part>, ()>,
    row: AtomicU64,
    /// What the writer tells zones that cannot go on.
    progress: Mutex<u64>,
    resumed: Condvar,
}

impl World {
    fn new() -> Arc<Self> {
        let zones = ZoneCount::new(2).unwrap();
        let chapters = Chapters::new(zones, VirtualChapter::ZERO, None);
        let (row, progress) = (AtomicU64::new(0), Mutex::new(0));
        Arc::new(Self { chapters, row, progress, resumed: Condvar::new() })
    }

    fn hand_over(&self, zone: u8, chapter: u64) -> Arc<Part> {
        let part = Arc::new(Part { zone, chapter });
        let share = Arc::clone(&part);
        self.chapters.hand_over(ZoneId::new(zone), VirtualChapter::new(chapter), share);
        part
    }

    /// Closes chapters as soon as that may be. The memory of a part is used again for the part
    /// after it.
    fn fill(&self, zone: u8) {
        let mut written: Option<Arc<Part>> = None;
        for chapter in 0..CHAPTERS {
            if !self.chapters.may_close(VirtualChapter::new(chapter)) {
                let mut progress = lock(&self.progress);
                while *progress < chapter {
                    progress = wait(&self.resumed, progress);
                }
            }
            if let Some(part) = written.take() {
                assert!(Arc::try_unwrap(part).is_ok(), "the part's memory is in use");
            }
            assert!(self.row.load(Ordering::Relaxed) >= chapter, "the row is not there");
            written = Some(self.hand_over(zone, chapter));
        }
    }

    fn write(&self, to_write: super::ToWrite<'_, Arc<Part>, ()>) {
        to_write.write(|chapter, parts, _| {
            let chapter = chapter.get();
            let found: Vec<Part> = parts.iter().map(|part| **part).collect();
            assert_eq!(found, [0, 1].map(|zone| Part { zone, chapter }));
            self.row.store(chapter + 1, Ordering::Relaxed);
            Ok(0)
        });
        *lock(&self.progress) = self.chapters.progress();
        self.resumed.notify_all();
    }
}

/// Two zones that run ahead as far as they may, and the writer.
fn ahead() {
    let world = World::new();
    let zones = [0, 1].map(|zone| {
        let world = Arc::clone(&world);
        thread::spawn(move || world.fill(zone))
    });
    for _ in 0..CHAPTERS {
        world.write(world.chapters.take().unwrap());
    }
    for zone in zones {
        zone.join().unwrap();
    }
    assert!(world.chapters.is_all_written());
}

#[test]
fn no_zone_is_more_than_a_chapter_ahead() {
    model("chapters/ahead", ahead);
    for weakening in [
        Mutant::ChaptersCloseEarly,
        Mutant::ChaptersFinishBeforeDrop,
        Mutant::ChaptersPublishRelaxed,
    ] {
        mutant("chapters/ahead", weakening, ahead);
    }
}

/// A zone, another one that flushes, and the writer, which is stopped.
fn sleep() {
    let world = World::new();
    let spawn = |body: fn(&World)| {
        let world = Arc::clone(&world);
        thread::spawn(move || body(&world))
    };
    let other = spawn(|world| drop(world.hand_over(1, 0)));
    let writer = spawn(|world| {
        while let Some(to_write) = world.chapters.take() {
            world.write(to_write);
        }
    });
    drop(world.hand_over(0, 0));
    world.chapters.wait_until_written().unwrap();
    assert_eq!(world.chapters.newest(), VirtualChapter::ZERO.next());
    other.join().unwrap();
    world.chapters.stop();
    writer.join().unwrap();
}

#[test]
fn nobody_sleeps_for_ever() {
    model("chapters/sleep", sleep);
    for weakening in [
        Mutant::ChaptersArriveSilently,
        Mutant::ChaptersFinishSilently,
        Mutant::ChaptersStopSilently,
    ] {
        mutant("chapters/sleep", weakening, sleep);
    }
}

/// A zone that fails while the other one waits for the chapter that it will not close.
fn failure() {
    let world = World::new();
    let failing = thread::spawn({
        let world = Arc::clone(&world);
        move || world.chapters.fail(Arc::new(IndexError::Closed))
    });
    let part = world.hand_over(0, 0);
    assert!(world.chapters.wait_until_written().is_err());
    failing.join().unwrap();
    assert!(Arc::try_unwrap(part).is_ok(), "the part is kept for nothing");
    // Its part comes all the same, and nothing is written.
    drop(world.hand_over(1, 0));
    world.chapters.stop();
    assert!(world.chapters.take().is_none());
}

#[test]
fn a_failure_reaches_who_waits() {
    model("chapters/failure", failure);
    mutant("chapters/failure", Mutant::ChaptersFailSilently, failure);
}

/// A port whose zone must close the chapter after the one that is being written, and the writer,
/// whose write ends as `result` says. What a port does to stall and to be resumed, and what the
/// chapters say of their progress, must fit together.
fn port(result: fn() -> Result<u64, IndexError>) {
    struct Zone {
        port: Port<(), (), ()>,
        chapters: Chapters<(), ()>,
        is_done: Mutex<bool>,
        done: Condvar,
    }
    impl Zone {
        fn work(&self, mut hold: Hold<'_, (), (), ()>) {
            let second = VirtualChapter::ZERO.next();
            while hold.next().is_some() {
                if !self.chapters.may_close(second) {
                    hold.put_back(());
                    return hold.stall(Stall::Chapter, second.get());
                }
                assert!(self.chapters.has_failed() || self.chapters.is_all_written());
                *lock(&self.is_done) = true;
                self.done.notify_all();
            }
        }
    }
    let zone = Arc::new(Zone {
        port: Port::new(()),
        chapters: Chapters::new(ZoneCount::ONE, VirtualChapter::ZERO, None),
        is_done: Mutex::new(false),
        done: Condvar::new(),
    });
    zone.chapters.hand_over(ZoneId::ZERO, VirtualChapter::ZERO, ());
    let writer = thread::spawn({
        let zone = Arc::clone(&zone);
        move || {
            zone.chapters.take().unwrap().write(|_, _, _| result());
            zone.port.resume(Stall::Chapter, zone.chapters.progress());
        }
    });
    let worker = thread::spawn({
        let zone = Arc::clone(&zone);
        move || {
            while let Some(hold) = zone.port.wait_for_work() {
                zone.work(hold);
            }
        }
    });
    zone.port.push((), Wake::Worker);
    let mut is_done = lock(&zone.is_done);
    while !*is_done {
        is_done = wait(&zone.done, is_done);
    }
    drop(is_done);
    zone.port.stop();
    worker.join().unwrap();
    writer.join().unwrap();
}

#[test]
fn a_stalled_port_goes_on() {
    let written = || port(|| Ok(0));
    let failed = || port(|| Err(IndexError::Closed));
    model("chapters/port", written);
    model("chapters/port-failure", failed);
    mutant("chapters/port", Mutant::PortResumeForgets, written);
    mutant("chapters/port-failure", Mutant::ChaptersFailureStalls, failed);
}
