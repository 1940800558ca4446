//! The whole scan with a poster that remembers every name, against a count that shares no code
//! with it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use uds_geometry::RecordName;

use super::{Scan, run};
use crate::estimate::chunker::Chunker;
use crate::estimate::failures::Failures;
use crate::estimate::filter::Filters;
use crate::estimate::name::Naming;
use crate::estimate::paths::Paths;
use crate::estimate::source::{SharedBreakdown, Source, Teller};
use crate::estimate::totals::{Counter, Totals};
use crate::estimate::walk::Walk;
use crate::estimate::worker::{Block, Posted, Poster, Worker};
use crate::exit::{Exit, Failure};
use crate::stop::Stop;

/// Remembers all names exactly; fails at the end of its patience.
struct ExactPoster<'a> {
    known: &'a Mutex<HashSet<RecordName>>,
    batch: Vec<RecordName>,
    patience: usize,
}

impl Poster for ExactPoster<'_> {
    fn add(&mut self, block: &Block<'_>) {
        self.batch.push(block.name);
    }

    fn waiting(&self) -> usize {
        self.batch.len()
    }

    fn post(&mut self) -> Posted {
        let count = self.batch.len() as u64;
        if self.batch.len() > self.patience {
            self.batch.clear();
            let end = Some(Failure::usage("out of patience"));
            return Posted { failed: count, end, ..Posted::default() };
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.batch.drain(..).filter(|name| !known.insert(*name)).count() as u64;
        Posted { new: count - found, known: found, ..Posted::default() }
    }
}

/// Scans `path`; gives bytes, files, blocks, zero, unique and duplicate blocks.
fn scan(
    path: &Path,
    threads: usize,
    naming: Naming,
    patience: usize,
    stop: &Stop,
) -> (Result<(), Failure>, [u64; 6]) {
    let (totals, failures, known) = (Totals::default(), Failures::default(), Mutex::default());
    let paths = Paths::from(vec![path.to_path_buf()]);
    let (totals_ref, failures) = (&totals, &failures);
    let chunker = Chunker::Fixed;
    let breakdown = &SharedBreakdown::default();
    let scan = Scan {
        paths: &paths,
        naming,
        chunker,
        threads,
        totals: totals_ref,
        failures,
        breakdown,
        stop,
    };
    let make_poster = || ExactPoster { known: &known, batch: Vec::new(), patience };
    let outcome = run(&scan, Walk::new(false, &[], &Filters::none()), make_poster, || {});
    let counters = [
        &totals.bytes,
        &totals.files,
        &totals.blocks,
        &totals.zero,
        &totals.unique,
        &totals.duplicate,
    ];
    (outcome, counters.map(Counter::get))
}

/// Many small files and one large one, of blocks that repeat in a known way.
fn make_tree(root: &Path) -> [u64; 6] {
    let (mut bytes, mut blocks, mut zero, mut seen) = (0, 0, 0, HashSet::new());
    let mut write = |name: String, numbers: &[u32]| {
        let content: Vec<u8> = numbers
            .iter()
            .flat_map(|number| std::iter::repeat_n(number.to_le_bytes(), 1024).flatten())
            .collect();
        fs::write(root.join(name), &content).unwrap();
        bytes += content.len() as u64;
        blocks += numbers.len() as u64;
        zero += numbers.iter().filter(|number| **number == 0).count() as u64;
        seen.extend(numbers.iter().copied().filter(|number| *number != 0));
    };
    for file in 0..500 {
        let numbers: Vec<_> = (0..file % 7).map(|block| file * block % 90).collect();
        write(format!("small {file}"), &numbers);
    }
    let numbers: Vec<_> = (0..10_000).map(|block| block % 7000).collect();
    write("large".into(), &numbers);
    let unique = seen.len() as u64;
    [bytes, 501, blocks, zero, unique, blocks - zero - unique]
}

// Guards against blocks lost or doubled between the threads, with either hash.
#[test]
fn totals_are_exact_whatever_the_number_of_threads() {
    let directory = tempfile::tempdir().unwrap();
    let expected = make_tree(directory.path());
    for (threads, naming) in [(1, Naming::Murmur), (2, Naming::Blake3), (7, Naming::Murmur)] {
        let stop = Stop::default();
        let (outcome, counters) = scan(directory.path(), threads, naming, usize::MAX, &stop);
        assert!(outcome.is_ok());
        assert_eq!(counters, expected, "{threads} threads");
        assert!(!stop.is_due());
    }
}

// Guards against threads that wait for each other for ever once the index has failed, and against
// a failure that is told as a Ctrl-C.
#[test]
fn a_failing_index_ends_the_scan() {
    let directory = tempfile::tempdir().unwrap();
    make_tree(directory.path());
    for threads in [1, 4] {
        let stop = Stop::default();
        let (outcome, _) = scan(directory.path(), threads, Naming::Murmur, 100, &stop);
        assert_eq!(outcome.unwrap_err().exit, Exit::Usage);
        assert!(stop.is_due(), "the other workers were told");
        assert!(!stop.is_wished(), "nobody pressed Ctrl-C");
    }
}

// Guards against a stop that is not obeyed.
#[test]
fn a_stop_that_came_first_reads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    make_tree(directory.path());
    let stop = Stop::default();
    stop.wish();
    let (outcome, counters) = scan(directory.path(), 2, Naming::Murmur, usize::MAX, &stop);
    assert!(outcome.is_ok());
    assert_eq!(counters, [0; 6]);
}

// Guards against a failure for every file that a busy system removes while it is scanned.
#[test]
fn a_file_that_is_gone_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let (totals, failures, known) = (Totals::default(), Failures::default(), Mutex::default());
    let stop = Stop::default();
    let poster = ExactPoster { known: &known, batch: Vec::new(), patience: 0 };
    let mut worker =
        Worker::new((Naming::Murmur, Chunker::Fixed), &totals, &failures, &stop, poster);
    let teller = || Teller::new(directory.path().into(), &SharedBreakdown::default());
    for piece in Source::pieces(directory.path().join("gone"), (100 << 20, 1), teller(), 1 << 20) {
        worker.read(&piece).unwrap();
    }
    assert_eq!((totals.vanished.get(), totals.files.get(), failures.count()), (1, 0, 0));
    for piece in Source::pieces(directory.path().into(), (4096, 1), teller(), 1 << 20) {
        worker.read(&piece).unwrap();
    }
    assert_eq!((totals.vanished.get(), failures.count()), (1, 1), "a directory cannot be read");
}

/// Counts, and nothing else.
#[derive(Default)]
struct Counting(u64);

impl Poster for Counting {
    fn add(&mut self, _: &Block<'_>) {
        self.0 += 1;
    }

    fn waiting(&self) -> usize {
        self.0 as usize
    }

    fn post(&mut self) -> Posted {
        Posted { new: std::mem::take(&mut self.0), ..Posted::default() }
    }
}

// Guards nothing by itself: it prints what reading and naming cost without an index, for people to
// judge. `UDS_SCAN` names the directory, `UDS_CHUNKER` the chunker.
#[test]
#[ignore = "a measurement"]
fn rate_of_a_scan_without_an_index() {
    let Some(path) = std::env::var_os("UDS_SCAN") else { return };
    let chunker = std::env::var("UDS_CHUNKER").map_or(Chunker::Fixed, |text| text.parse().unwrap());
    for threads in [2, 1, 2, 1, 2] {
        let (totals, failures, stop) = (Totals::default(), Failures::default(), Stop::default());
        let paths = Paths::from(vec![path.clone().into()]);
        let scan = Scan {
            paths: &paths,
            naming: Naming::Murmur,
            chunker,
            threads,
            totals: &totals,
            failures: &failures,
            breakdown: &SharedBreakdown::default(),
            stop: &stop,
        };
        let start = std::time::Instant::now();
        run(&scan, Walk::new(false, &[], &Filters::none()), Counting::default, || {}).unwrap();
        let rate = totals.bytes.get() as f64 / start.elapsed().as_secs_f64() / 1e9;
        println!("{threads} threads: {rate:.2} GB/s, {} files", totals.files.get());
    }
}
