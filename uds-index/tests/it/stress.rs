//! Callers, zones, tiny caches, slow and failing reads, saves and flushes, all at once.
//!
//! Each caller has names of its own, so that it knows what every answer must be, however the
//! threads run: requests for one name are carried out in order. What it cannot know is when a
//! record is forgotten, or, in a sparse index, overlooked. So half of the programs have windows in
//! which nothing is, and there every answer is exact; in the others a name may be absent, or an
//! older record of it come back, but its data is never another's.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use uds_geometry::{Configuration, RecordData};
use uds_index::{Batch, CreateOptions, Index, OpenOptions, Operation, Ticket};
use uds_volume::{MemoryStorage, Storage, StorageError};

use crate::common::{Random, bytes_of, create_in, data, name, open_in, scale, small, small_sparse};

/// A storage that is slow at times, and whose reads fail at times.
#[derive(Debug)]
struct Rough {
    inner: MemoryStorage,
    step: AtomicU64,
    /// Of so many reads, one fails; 0 for none.
    failing: u64,
    is_smooth: AtomicBool,
}

impl Storage for Rough {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let mut random = Random::new(self.step.fetch_add(1, Ordering::Relaxed));
        if !self.is_smooth.load(Ordering::Relaxed) {
            match random.below(64) {
                0 => std::thread::sleep(Duration::from_micros(random.below(500))),
                1..=8 => std::thread::yield_now(),
                _ => {}
            }
            if self.failing > 0 && random.below(self.failing) == 0 {
                // Past the end: an error like any other.
                return self.inner.read_at(self.inner.len(), buffer);
            }
        }
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        std::thread::yield_now();
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

/// What a program is like.
#[derive(Clone, Debug)]
struct Program {
    seed: u64,
    record_pages: u32,
    chapters: u32,
    zones: u8,
    read_threads: usize,
    callers: u64,
    /// Names of each caller.
    names: u64,
    steps: u64,
    failing: u64,
    /// Whether records can be forgotten.
    forgets: bool,
    is_sparse: bool,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let forgets = seed % 2 == 1;
        let callers = 1 + random.below(4);
        Self {
            seed,
            // Seven times as many slots has the page cache.
            record_pages: 1 + random.below(3) as u32,
            chapters: if forgets { 2 + random.below(6) as u32 } else { 250 },
            zones: 1 + random.below(16) as u8,
            read_threads: random.below(5) as usize,
            callers,
            names: if forgets { 100 + random.below(1500) } else { 100 + random.below(800) },
            steps: 60,
            failing: if random.below(2) == 0 { 0 } else { 50 + random.below(1000) },
            forgets,
            is_sparse: seed % 4 == 3,
        }
    }

    fn configuration(&self) -> Configuration {
        if self.is_sparse {
            let rate = 2 + (self.seed % 7) as u32;
            return small_sparse(self.record_pages, 3 * self.chapters, 2 * self.chapters, rate);
        }
        small(self.record_pages, self.chapters)
    }
}

/// A caller with names of its own, and what it knows of them.
struct Caller<'a> {
    program: &'a Program,
    index: &'a Index,
    random: Random,
    first: u64,
    /// For each name the version stored last, if it is there.
    known: Vec<Option<u64>>,
    version: u64,
    in_flight: Vec<(Vec<Expected>, Ticket)>,
}

/// What a request must be answered.
#[derive(Clone, Copy, Debug)]
struct Expected {
    counter: u64,
    data: Option<RecordData>,
    /// Whether the name may have been forgotten before.
    may_be_gone: bool,
}

impl<'a> Caller<'a> {
    fn new(program: &'a Program, index: &'a Index, number: u64) -> Self {
        Self {
            program,
            index,
            random: Random::new(program.seed * 100 + number),
            first: number * program.names,
            known: vec![None; program.names as usize],
            version: 0,
            in_flight: Vec::new(),
        }
    }

    fn run(mut self) -> (Range<u64>, Vec<Option<u64>>) {
        for _ in 0..self.program.steps {
            self.step();
        }
        self.land_all();
        (self.first..self.first + self.program.names, self.known)
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0 => self.index.flush().unwrap(),
            1 => self.index.save().unwrap(),
            2 => drop(self.index.statistics()),
            // What a request does cannot be known if one before it fails, so that one is awaited.
            _ if self.program.failing > 0 => self.requests(1),
            _ => {
                let count = 1 + self.random.below(200);
                self.requests(count);
            }
        }
    }

    /// Makes some requests, in one of the ways there are.
    fn requests(&mut self, count: u64) {
        let mut batch = Batch::new();
        let expected: Vec<_> = (0..count).map(|_| self.request(&mut batch)).collect();
        match self.random.below(3) {
            0 => self.in_flight.push((expected, self.index.submit(batch).unwrap())),
            1 => {
                let (sender, receiver) = std::sync::mpsc::channel();
                let complete = move |batch| sender.send(batch).unwrap();
                self.index.submit_with(batch, complete).unwrap();
                self.check(&expected, &receiver.recv().unwrap());
            }
            _ => {
                let _ = self.index.run(&mut batch);
                self.check(&expected, &batch);
            }
        }
        if self.in_flight.len() > 4 || self.program.failing > 0 {
            self.land_all();
        }
    }

    fn request(&mut self, batch: &mut Batch) -> Expected {
        use Operation::{Delete, Post, Query, QueryNoUpdate, Update};
        const ALL: [Operation; 6] = [Post, Post, Update, Query, QueryNoUpdate, Delete];
        let place = self.random.below(self.program.names) as usize;
        let operation = ALL[self.random.below(6) as usize];
        let counter = self.first + place as u64;
        self.version += 1;
        let old = self.known[place];
        batch.push(operation, name(counter), data(counter, self.version));
        self.known[place] = match operation {
            Delete => None,
            Update => Some(self.version),
            Post => old.or(Some(self.version)),
            Query | QueryNoUpdate => old,
        };
        let may_be_gone = self.program.forgets;
        Expected { counter, data: old.map(|version| data(counter, version)), may_be_gone }
    }

    fn land_all(&mut self) {
        for (expected, ticket) in std::mem::take(&mut self.in_flight) {
            self.check(&expected, &ticket.wait());
        }
    }

    fn check(&mut self, expected: &[Expected], batch: &Batch) {
        assert_eq!(batch.len(), expected.len());
        for (expected, request) in expected.iter().zip(batch.requests()) {
            let place = (expected.counter - self.first) as usize;
            let found = match request.answer().unwrap() {
                Ok(answer) => answer.data(),
                Err(error) => {
                    assert!(self.program.failing > 0, "{}: {error}", self.program.seed);
                    // It has changed nothing; requests are made one by one in such programs.
                    self.known[place] = expected.data.map(version_of);
                    continue;
                }
            };
            self.check_answer(expected, request.operation(), found, place);
        }
    }

    fn check_answer(
        &mut self,
        expected: &Expected,
        operation: Operation,
        found: Option<RecordData>,
        place: usize,
    ) {
        if found == expected.data {
            return;
        }
        let seed = self.program.seed;
        let is_post = operation == Operation::Post;
        assert!(expected.may_be_gone, "{seed}: {operation:?} {place}: {found:?} {expected:?}");
        match found {
            // Forgotten, and what a post has stored instead is not known to later requests.
            None => {
                let is_last = self.known[place] == expected.data.map(version_of);
                if is_last {
                    self.known[place] = None;
                }
            }
            // An older post of this caller has stored it, after the name was forgotten.
            Some(found) => {
                let (counter, version) = parts_of(found);
                assert_eq!(counter, expected.counter, "{seed}: data of another name");
                assert!(version <= self.version, "{seed}: data from nowhere");
                if self.known[place].is_none() || is_post {
                    self.known[place] = Some(version);
                }
            }
        }
    }
}

fn parts_of(data: RecordData) -> (u64, u64) {
    let bytes = data.as_bytes();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    (number(&bytes[..8]), number(&bytes[8..]))
}

fn version_of(data: RecordData) -> u64 {
    parts_of(data).1
}

/// Asks for all names of a caller that nothing disturbs any more.
fn assert_known(program: &Program, index: &Index, counters: Range<u64>, known: &[Option<u64>]) {
    let mut batch = Batch::new();
    counters.clone().for_each(|counter| batch.query_no_update(name(counter)));
    index.run(&mut batch).unwrap();
    for ((counter, version), answer) in counters.zip(known).zip(batch.answers()) {
        let found = answer.unwrap().as_ref().unwrap().data();
        let expected = version.map(|version| data(counter, version));
        if program.forgets {
            let counter_of = |found| parts_of(found).0;
            assert!(found.is_none_or(|found| counter_of(found) == counter), "{program:?}");
        } else {
            assert_eq!(found, expected, "{counter} of {program:?}");
        }
    }
}

fn run(program: &Program) {
    let configuration = program.configuration();
    let storage = Arc::new(Rough {
        inner: MemoryStorage::new(bytes_of(&configuration)),
        step: AtomicU64::new(program.seed),
        failing: program.failing,
        is_smooth: AtomicBool::new(false),
    });
    let read_threads = program.read_threads;
    let options = CreateOptions { read_threads, ..create_in(program.zones) };
    let index = Index::create(storage.clone(), &configuration, &options).unwrap();
    let known: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..program.callers)
            .map(|number| {
                let caller = Caller::new(program, &index, number);
                scope.spawn(move || caller.run())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    if !program.forgets {
        assert_eq!(index.statistics().oldest_chapter.get(), 0, "{program:?}");
    }
    storage.is_smooth.store(true, Ordering::Relaxed);
    for (counters, known) in &known {
        assert_known(program, &index, counters.clone(), known);
    }
    index.close().unwrap();
    let zones = 1 + (program.seed % 16) as u8;
    // Nothing was dropped that did not fit other zones: they are as many.
    let zones = if program.forgets { zones } else { program.zones };
    let index = Index::open(storage, &OpenOptions { read_threads, ..open_in(zones) }).unwrap();
    for (counters, known) in &known {
        assert_known(program, &index, counters.clone(), known);
    }
}

// Guards everything that threads could do to each other: lost, doubled and wrong answers, stale
// pages, lost chapters, saves in the middle of things.
#[test]
fn random_callers_get_the_right_answers() {
    for seed in 0..300 * u64::from(scale()) {
        run(&Program::new(seed));
    }
}
