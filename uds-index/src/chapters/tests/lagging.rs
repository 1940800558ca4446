//! Zones with workers, ports and a writer: an index in miniature, whose zones are filled unevenly
//! (reference test Zones_t1).

use std::sync::Arc;
use std::thread;

use uds_geometry::{VirtualChapter, ZoneCount, ZoneId};

use crate::chapters::Chapters;
use crate::gate::{Caller, Gate, Pass};
use crate::port::{Next, Port, Stall, Wake};

/// How many records of a chapter each zone has room for.
const CAPACITY: u32 = 16;

/// A zone: the records that are in its open chapter.
struct Zone {
    id: ZoneId,
    newest: VirtualChapter,
    records: Vec<u32>,
}

enum Task {
    Put(u32, Pass),
}

struct Engine {
    ports: Vec<Port<Zone, Task, ()>>,
    chapters: Chapters<Vec<u32>, ()>,
    gate: Arc<Gate>,
}

impl Engine {
    fn new(zones: ZoneCount) -> Self {
        let newest = VirtualChapter::ZERO;
        let port = |id| Port::new(Zone { id, newest, records: Vec::new() });
        let ports = zones.zones().map(port).collect();
        Self { ports, chapters: Chapters::new(zones, newest, None), gate: Arc::new(Gate::new(8)) }
    }

    fn put(&self, zone: usize, record: u32) {
        let pass = self.gate.enter(1, Caller::Other).unwrap();
        self.ports[zone].push(Task::Put(record, pass), Wake::Worker);
    }

    /// The work of a zone's thread: a full zone closes its chapter before the next record.
    fn work(&self, zone: usize) {
        'hold: while let Some(mut hold) = self.ports[zone].wait_for_work() {
            loop {
                if self.chapters.first_open() > hold.zone().newest {
                    self.close(hold.zone());
                }
                let Some(next) = hold.next() else { continue 'hold };
                let Next::Task(task) = next else { panic!("nobody pushes retries") };
                let zone = hold.zone();
                match task {
                    Task::Put(..) if zone.records.len() as u32 == CAPACITY => {
                        let newest = zone.newest;
                        if !self.chapters.may_close(newest) {
                            hold.put_back(task);
                            hold.stall(Stall::Chapter, newest.get());
                            continue 'hold;
                        }
                        self.close(zone);
                        hold.put_back(task);
                    }
                    Task::Put(record, _pass) => zone.records.push(record),
                }
            }
        }
    }

    fn close(&self, zone: &mut Zone) {
        let chapter = zone.newest;
        zone.newest = chapter.next();
        let records = std::mem::take(&mut zone.records);
        if self.chapters.hand_over(zone.id, chapter, records).is_first {
            for (number, port) in self.ports.iter().enumerate() {
                if number != usize::from(zone.id.get()) {
                    port.nudge();
                }
            }
        }
    }

    /// The writer's work; returns what it wrote.
    fn write(&self) -> Vec<Vec<Vec<u32>>> {
        let mut volume = Vec::new();
        while let Some(to_write) = self.chapters.take() {
            to_write.write(|chapter, parts, _| {
                assert_eq!(chapter.get(), volume.len() as u64);
                volume.push(parts);
                Ok(0)
            });
            self.ports
                .iter()
                .for_each(|port| port.resume(Stall::Chapter, self.chapters.progress()));
        }
        volume
    }

    /// The chapter that each zone is in and how many records it has there, once nothing is under
    /// way.
    fn flush(&self) -> Vec<(u64, usize)> {
        self.gate.wait_for_those_before(Caller::Other);
        self.chapters.wait_until_written().unwrap();
        let mut holds: Vec<_> = self.ports.iter().map(Port::hold_exclusively).collect();
        assert!(self.chapters.is_all_written());
        holds.iter_mut().map(|hold| (hold.zone().newest.get(), hold.zone().records.len())).collect()
    }
}

/// Lets `test` use an engine whose threads run, and returns what was written.
fn run(zones: u8, test: impl FnOnce(&Engine)) -> Vec<Vec<Vec<u32>>> {
    let engine = Engine::new(ZoneCount::new(zones).unwrap());
    let engine = &engine;
    thread::scope(|scope| {
        for zone in 0..usize::from(zones) {
            scope.spawn(move || engine.work(zone));
        }
        let writer = scope.spawn(|| engine.write());
        test(engine);
        engine.flush();
        engine.ports.iter().for_each(Port::stop);
        engine.chapters.stop();
        writer.join().unwrap()
    })
}

// Guards against zones that fall behind: with one zone filled alone, the others must close their
// chapters with it, empty as they are.
#[test]
fn zones_stay_in_the_same_chapter_when_one_is_filled_alone() {
    const ZONES: u32 = 4;
    let volume = run(ZONES as u8, |engine| {
        (0..5 * CAPACITY + 1).for_each(|record| engine.put(0, record));
        assert_eq!(engine.flush(), [(5, 1), (5, 0), (5, 0), (5, 0)]);

        let spread = |count| (0..count).for_each(|record| engine.put((record % ZONES) as usize, 0));
        spread(ZONES * CAPACITY * 3 / 4);
        assert_eq!(engine.flush(), [(5, 13), (5, 12), (5, 12), (5, 12)]);
        spread(ZONES * CAPACITY / 2);
        let chapters: Vec<u64> = engine.flush().iter().map(|zone| zone.0).collect();
        assert_eq!(chapters, [6; ZONES as usize]);
    });
    for (chapter, parts) in (0..).zip(&volume[..5]) {
        let records = chapter * CAPACITY..(chapter + 1) * CAPACITY;
        assert_eq!(parts[0], records.collect::<Vec<_>>());
        assert!(parts[1..].iter().all(Vec::is_empty));
    }
    assert_eq!(volume.len(), 6);
}

// Guards the records on their way: none may be lost, doubled or out of order, however the ends of
// chapters fall and whichever zones wait for the writer.
#[test]
fn every_record_is_in_one_chapter_in_its_order() {
    const RECORDS: u32 = 100_000;
    let mut open = 0;
    let volume = run(3, |engine| {
        // The gate lets few in at a time, so that zones run into the writer often.
        (0..RECORDS).for_each(|record| engine.put((record / 100 % 3) as usize, record));
        open = engine.flush().iter().map(|zone| zone.1).sum();
    });
    let mut written = 0;
    for zone in 0..3 {
        let records: Vec<u32> = volume.iter().flat_map(|parts| parts[zone].clone()).collect();
        let wanted = (0..RECORDS).filter(|record| (record / 100 % 3) as usize == zone);
        assert_eq!(records, wanted.take(records.len()).collect::<Vec<_>>());
        written += records.len();
    }
    assert_eq!(written + open, RECORDS as usize);
}
