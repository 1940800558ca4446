//! A model of barrier messages against the close of a chapter (trap 42): two zones in miniature,
//! with the ports, the chapters and the cache of real ones.

use uds_delta_index::IndexPageHeader;
use uds_geometry::{Configuration, VirtualChapter, ZoneCount};
use uds_sparse_cache::{ChapterIndexSource, ZoneCache};

use super::{go_on_at_meeting, reach};
use crate::chapters::Chapters;
use crate::port::{Next, Port, Stall, Wake};
use crate::sync::{Arc, Mutant, model, mutant, thread};

/// The chapter that the barrier messages are about.
const WANTED: VirtualChapter = VirtualChapter::new(7);

/// Chapters without pages.
struct Source;

impl ChapterIndexSource for Source {
    type Error = ();

    fn read_chapter_index(
        &self,
        _: VirtualChapter,
        _: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, ()> {
        Ok(Some(Vec::new()))
    }
}

enum Task {
    /// Fills the open chapter.
    Fill,
    /// Brings in the wanted chapter, with the other zone.
    Barrier,
    GoOn,
}

struct Zone {
    newest: VirtualChapter,
    is_full: bool,
    cache: ZoneCache,
}

struct World {
    ports: Vec<Port<Zone, Task, ()>>,
    chapters: Chapters<(), ()>,
}

impl World {
    fn new() -> Arc<Self> {
        let zones = ZoneCount::new(2).unwrap();
        let caches = ZoneCache::for_zones(&Configuration::tiny(true).geometry(), zones).unwrap();
        let zone = |cache| Zone { newest: VirtualChapter::ZERO, is_full: false, cache };
        let ports = caches.into_iter().map(|cache| Port::new(zone(cache))).collect();
        Arc::new(Self { ports, chapters: Chapters::new(zones, VirtualChapter::ZERO, None) })
    }

    /// What the holder of a zone does, in the order in which the engine does it.
    fn work(&self, number: usize) {
        'hold: while let Some(mut hold) = self.ports[number].wait_for_work() {
            loop {
                let zone = hold.zone();
                if zone.is_full || self.chapters.first_open() > zone.newest {
                    let newest = zone.newest;
                    if !self.chapters.may_close(newest) {
                        hold.put_back(Task::GoOn);
                        hold.stall(Stall::Chapter, newest.get());
                        continue 'hold;
                    }
                    zone.is_full = false;
                    zone.newest = newest.next();
                    if self.chapters.hand_over(zone.cache.zone(), newest, ()).is_first {
                        self.ports[1 - number].nudge();
                    }
                    continue;
                }
                let awaited = go_on_at_meeting(&mut zone.cache, |mut change| {
                    assert_eq!(change.load(WANTED, VirtualChapter::ZERO, &Source), Ok(true));
                    reach(self.ports.iter(), change.end());
                });
                if let Some(step) = awaited {
                    hold.put_back(Task::GoOn);
                    hold.stall(Stall::Meeting, step);
                    continue 'hold;
                }
                match hold.next() {
                    None => continue 'hold,
                    Some(Next::Task(Task::Fill)) => hold.zone().is_full = true,
                    Some(Next::Task(Task::Barrier)) if !hold.zone().cache.contains(WANTED) => {
                        if let Some(step) = hold.zone().cache.arrive() {
                            reach(self.ports.iter(), step);
                        }
                    }
                    Some(Next::Task(Task::Barrier | Task::GoOn) | Next::Retry(())) => {}
                }
            }
        }
    }
}

/// Zone 1 is at the barrier. Zone 0 comes there only after it has closed two chapters, the second
/// of which it may close only when zone 1 has closed the first.
fn close() {
    let world = World::new();
    for task in [Task::Fill, Task::Fill, Task::Barrier] {
        world.ports[0].push(task, Wake::Nobody);
    }
    world.ports[1].push(Task::Barrier, Wake::Nobody);
    let workers = [0, 1].map(|number| {
        let world = Arc::clone(&world);
        thread::spawn(move || world.work(number))
    });
    for _ in 0..2 {
        world.chapters.take().unwrap().write(|_, _, _| Ok(0));
        for port in &world.ports {
            port.resume(Stall::Chapter, world.chapters.progress());
        }
    }
    world.ports.iter().for_each(Port::stop);
    for worker in workers {
        worker.join().unwrap();
    }
    for port in &world.ports {
        let mut hold = port.hold_exclusively();
        assert_eq!(hold.zone().newest.get(), 2);
        assert!(hold.zone().cache.contains(WANTED));
    }
}

#[test]
fn a_zone_at_a_barrier_closes_chapters() {
    model("meetings/close", close);
    mutant("meetings/close", Mutant::PortNudgeIsStalled, close);
    mutant("meetings/close", Mutant::PortNudgeIsSilent, close);
    mutant("meetings/close", Mutant::MeetingStepIsSilent, close);
    mutant("meetings/close", Mutant::PortResumeForgets, close);
}
