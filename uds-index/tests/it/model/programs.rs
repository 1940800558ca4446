//! Programs of requests and of the index's own life, and the check that each answer is the model's.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uds_geometry::{Configuration, RecordData, RecordName, VolumeIndexParameters, ZoneCount};
use uds_index::{
    Answer, Batch, CreateOptions, Index, Location, OpenOptions, Operation, Statistics, Ticket,
};
use uds_volume::MemoryStorage;

use super::reference::Model;
use crate::common::{Random, create_in, data, memory, name, open_in, scale, small, zones};

/// A step of a program.
#[derive(Clone, Debug)]
enum Step {
    /// Requests of which `seed` decides what and of whom, handed over as `how` says.
    Requests {
        count: u16,
        seed: u32,
        mix: Mix,
        how: How,
    },
    Flush,
    Save,
    /// Save, close and open in so many zones.
    Reopen {
        zones: u8,
    },
    /// Ask for every name.
    Check,
}

/// Which operations are frequent.
#[derive(Clone, Copy, Debug)]
enum Mix {
    Posts,
    Updates,
    Queries,
    Deletes,
    Anything,
}

/// How requests get to the index.
///
/// The model knows the order in which records arrive, and closes chapters in all zones at once.
/// So does an index of one zone that reads its pages itself, and any index that is asked one
/// thing at a time. With more in flight the order depends on the threads: that is what
/// `stress.rs` is for.
#[derive(Clone, Copy, Debug)]
enum How {
    /// One after the other.
    Singly,
    /// As one batch, by the caller's thread.
    Batch,
    /// As several batches that are submitted, and waited for only at the end.
    Submitted,
    /// Submitted and blocking ones in turn.
    Mixed,
}

/// A program, and the index that it runs on.
#[derive(Clone, Debug)]
struct Program {
    record_pages: u32,
    chapters: u32,
    zones: u8,
    read_threads: usize,
    /// How many names there are: few are met again soon, many after they were forgotten.
    names: u64,
    steps: Vec<Step>,
}

fn steps() -> impl Strategy<Value = Step> {
    let mix = prop_oneof![
        3 => Just(Mix::Posts),
        1 => Just(Mix::Updates),
        1 => Just(Mix::Queries),
        1 => Just(Mix::Deletes),
        2 => Just(Mix::Anything),
    ];
    let how = prop_oneof![
        2 => Just(How::Singly),
        4 => Just(How::Batch),
        2 => Just(How::Submitted),
        1 => Just(How::Mixed),
    ];
    let requests = (1..200_u16, any::<u32>(), mix, how)
        .prop_map(|(count, seed, mix, how)| Step::Requests { count, seed, mix, how });
    prop_oneof![
        20 => requests,
        1 => Just(Step::Flush),
        1 => Just(Step::Save),
        2 => (1..=4_u8).prop_map(|zones| Step::Reopen { zones }),
        1 => Just(Step::Check),
    ]
}

fn programs() -> impl Strategy<Value = Program> {
    let names = prop_oneof![Just(50), Just(300), Just(900), Just(3000)];
    let zones = prop_oneof![Just(1), 2..=4_u8];
    let read_threads = prop_oneof![3 => Just(0), 1 => Just(2)];
    (1..=3_u32, 2..=9_u32, zones, read_threads, names, vec(steps(), 1..25)).prop_map(
        |(record_pages, chapters, zones, read_threads, names, steps)| Program {
            record_pages,
            chapters,
            zones,
            read_threads,
            names,
            steps,
        },
    )
}

/// The first names, by counters, that differ in their places in the volume index.
fn distinct_names(configuration: &Configuration, count: u64) -> Vec<RecordName> {
    let parameters = VolumeIndexParameters::new(&configuration.geometry()).unwrap().non_hook;
    let mut places = HashSet::new();
    let names = (0..).map(name).filter(|name| places.insert(parameters.locate(name)));
    names.take(count as usize).collect()
}

/// A request, and the answer that it must get.
struct Expected {
    operation: Operation,
    name: RecordName,
    data: RecordData,
    answer: Answer,
}

struct Run {
    configuration: Configuration,
    storage: Arc<MemoryStorage>,
    zones: ZoneCount,
    read_threads: usize,
    index: Option<Index>,
    model: Model,
    /// What the statistics must count since the index was opened.
    counted: Statistics,
    names: Vec<RecordName>,
    version: u64,
}

impl Run {
    fn new(program: &Program) -> Self {
        let configuration = small(program.record_pages, program.chapters);
        let storage = memory(&configuration, 0);
        let read_threads = program.read_threads;
        let options = CreateOptions { read_threads, ..create_in(program.zones) };
        let index = Index::create(storage.clone(), &configuration, &options).unwrap();
        Self {
            storage,
            zones: options.zones,
            read_threads,
            index: Some(index),
            model: Model::new(&configuration, options.zones),
            counted: Statistics::default(),
            names: distinct_names(&configuration, program.names),
            configuration,
            version: 0,
        }
    }

    fn index(&self) -> &Index {
        self.index.as_ref().unwrap()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Requests { count, seed, mix, how } => {
                let requests = self.requests(count, seed, mix);
                let is_ordered = self.zones == ZoneCount::ONE && self.read_threads == 0;
                self.carry_out(&requests, if is_ordered { how } else { How::Singly });
            }
            Step::Flush => self.index().flush().unwrap(),
            Step::Save => self.index().save().unwrap(),
            Step::Reopen { zones: wanted } => self.reopen(zones(wanted)),
            Step::Check => self.check_all(),
        }
        self.check_statistics();
    }

    /// Chooses requests, and asks the model.
    fn requests(&mut self, count: u16, seed: u32, mix: Mix) -> Vec<Expected> {
        let mut random = Random::new(seed.into());
        (0..count)
            .map(|_| {
                self.version += 1;
                let operation = choose(&mut random, mix);
                let number = random.below(self.names.len() as u64);
                let (name, data) = (self.names[number as usize], data(number, self.version));
                let answer = self.model.execute(operation, name, data);
                count_answer(&mut self.counted, operation, &answer);
                Expected { operation, name, data, answer }
            })
            .collect()
    }

    fn carry_out(&self, requests: &[Expected], how: How) {
        let index = self.index();
        let mut submitted: Vec<(&[Expected], Ticket)> = Vec::new();
        match how {
            How::Singly => requests.iter().for_each(|request| carry_out_singly(index, request)),
            How::Batch => {
                let mut batch = batch_of(requests);
                index.run(&mut batch).unwrap();
                assert_answers(&batch, requests);
            }
            How::Submitted => {
                for part in requests.chunks(17) {
                    submitted.push((part, index.submit(batch_of(part)).unwrap()));
                }
            }
            How::Mixed => {
                for (turn, part) in requests.chunks(11).enumerate() {
                    if turn % 2 == 0 {
                        submitted.push((part, index.submit(batch_of(part)).unwrap()));
                    } else {
                        part.iter().for_each(|request| carry_out_singly(index, request));
                    }
                }
            }
        }
        for (part, ticket) in submitted {
            assert_answers(&ticket.wait(), part);
        }
    }

    fn reopen(&mut self, zones: ZoneCount) {
        // Records that the zones have no room for would be dropped: another test's business.
        let zones = if self.model.would_drop(zones) { self.zones } else { zones };
        self.index.take().unwrap().close().unwrap();
        let options = OpenOptions { read_threads: self.read_threads, ..open_in(zones.get()) };
        let index = Index::open(self.storage.clone(), &options).unwrap();
        self.index = Some(index);
        self.zones = zones;
        self.model.reopen(zones);
        self.counted = Statistics::default();
    }

    /// Asks for every name.
    fn check_all(&mut self) {
        let requests: Vec<_> = self
            .names
            .iter()
            .map(|&name| {
                let (operation, data) = (Operation::QueryNoUpdate, RecordData::default());
                let answer = self.model.execute(operation, name, data);
                count_answer(&mut self.counted, operation, &answer);
                Expected { operation, name, data, answer }
            })
            .collect();
        // These change nothing, so that their order is of no matter.
        self.carry_out(&requests, How::Batch);
    }

    fn check_statistics(&self) {
        let found = self.index().statistics();
        let mut expected = self.counted.clone();
        (expected.newest_chapter, expected.oldest_chapter) = self.model.window();
        expected.open_chapter_records = self.model.open_count();
        expected.chapters_forgotten = expected.oldest_chapter.get();
        expected.records_forgotten = expected.oldest_chapter.get()
            * u64::from(self.configuration.geometry().records_per_chapter());
        // What only the index knows.
        expected.entries_indexed = found.entries_indexed;
        expected.entries_discarded = found.entries_discarded;
        expected.rebalances = found.rebalances;
        expected.memory_used = found.memory_used;
        expected.pages_read = found.pages_read;
        expected.page_cache_hits = found.page_cache_hits;
        // No list is short of room, and no two names share an address.
        assert_eq!(found, expected);
    }
}

fn choose(random: &mut Random, mix: Mix) -> Operation {
    use Operation::{Delete, Post, Query, QueryNoUpdate, Update};
    let shares: [(Operation, u64); 5] = match mix {
        Mix::Posts => [(Post, 80), (Update, 5), (Query, 5), (QueryNoUpdate, 8), (Delete, 2)],
        Mix::Updates => [(Post, 10), (Update, 70), (Query, 10), (QueryNoUpdate, 5), (Delete, 5)],
        Mix::Queries => [(Post, 5), (Update, 2), (Query, 60), (QueryNoUpdate, 30), (Delete, 3)],
        Mix::Deletes => [(Post, 30), (Update, 5), (Query, 5), (QueryNoUpdate, 10), (Delete, 50)],
        Mix::Anything => [(Post, 20), (Update, 20), (Query, 20), (QueryNoUpdate, 20), (Delete, 20)],
    };
    let mut number = random.below(100);
    for (operation, share) in shares {
        if number < share {
            return operation;
        }
        number -= share;
    }
    unreachable!("the shares add up to 100")
}

/// Counts an answer as section 11.11 says, independently of the library.
fn count_answer(counted: &mut Statistics, operation: Operation, answer: &Answer) {
    counted.requests += 1;
    let is_found = u64::from(answer.is_found());
    let is_absent = 1 - is_found;
    match operation {
        Operation::Post => {
            counted.posts_found += is_found;
            counted.posts_not_found += is_absent;
            match answer {
                Answer::Found { location: Location::Open, .. } => counted.posts_found_open += 1,
                Answer::Found { location: Location::Dense, .. } => counted.posts_found_dense += 1,
                Answer::Found { location: Location::Sparse, .. } => counted.posts_found_sparse += 1,
                Answer::Absent => {}
            }
        }
        Operation::Update => {
            counted.updates_found += is_found;
            counted.updates_not_found += is_absent;
        }
        Operation::Delete => {
            counted.deletions_found += is_found;
            counted.deletions_not_found += is_absent;
        }
        Operation::Query | Operation::QueryNoUpdate => {
            counted.queries_found += is_found;
            counted.queries_not_found += is_absent;
        }
    }
}

fn batch_of(requests: &[Expected]) -> Batch {
    let mut batch = Batch::with_capacity(requests.len());
    for request in requests {
        batch.push(request.operation, request.name, request.data);
    }
    batch
}

fn assert_answers(batch: &Batch, expected: &[Expected]) {
    assert_eq!(batch.len(), expected.len());
    for (request, expected) in batch.requests().iter().zip(expected) {
        assert_eq!((request.operation(), *request.name()), (expected.operation, expected.name));
        let answer = request.answer().unwrap().as_ref().unwrap();
        assert_eq!(*answer, expected.answer, "{:?} {}", expected.operation, expected.name);
    }
}

fn carry_out_singly(index: &Index, request: &Expected) {
    let Expected { operation, name, data, answer } = request;
    let found = match operation {
        Operation::Post => index.post(*name, *data),
        Operation::Update => index.update(*name, *data),
        Operation::Query => index.query(*name),
        Operation::QueryNoUpdate => index.query_no_update(*name),
        Operation::Delete => index.delete(*name),
    };
    assert_eq!(found.unwrap(), *answer, "{operation:?} {name}");
}

fn run(program: &Program) {
    let mut run = Run::new(program);
    for step in &program.steps {
        run.step(step);
    }
    run.check_all();
    run.reopen(run.zones);
    run.check_all();
}

/// Runs so many programs, the same each time.
fn run_many(cases: u32, programs: impl Strategy<Value = Program>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let result = runner.run(&programs, |program| {
        run(&program);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

// Guards every answer of a dense index, its statistics, and its window, over closes and changes of
// the number of zones.
#[test]
fn random_programs_get_the_models_answers() {
    run_many(2000 * scale(), programs());
}

// Guards long lives: windows that wrap many times, with names that come back after they were
// forgotten.
#[test]
fn long_programs_get_the_models_answers() {
    let long = programs().prop_flat_map(|program| {
        vec(steps(), 150..200).prop_map(move |steps| Program { steps, ..program.clone() })
    });
    run_many(60 * scale(), long);
}
