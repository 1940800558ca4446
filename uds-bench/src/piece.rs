//! A piece of a phase: batches that are prepared, then run and measured, then looked at.
//!
//! # Invariants
//!
//! 1. Memory is set aside once for all phases; with one caller, measuring allots none but for the
//!    times of very many batches.
//! 2. Between the two readings of the clock there is nothing but the store's work, and for several
//!    callers the counter by which they share the batches.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use uds_geometry::Record;

use crate::plan::Plan;
use crate::subject::{Operation, Subject};
use crate::sync::{Barrier, Mutex, PoisonError};
use crate::workload::{Numbers, record};

/// Batches of a piece for each caller: enough that callers seldom wait for the last of them, and
/// few enough that their memory, which counts with the store's, is a MiB and a half.
const BATCHES: usize = 16;
/// Batches whose times have room from the beginning: those of 64 indexes of 256M.
const MAX_TIMES: u64 = 1 << 22;

/// The batches of a piece and the records that they are about.
pub(crate) struct Piece<B> {
    batches: Vec<B>,
    records: Vec<Record>,
    /// Requests of a batch.
    batch: usize,
    callers: usize,
    /// What each batch of the phase took, in nanoseconds.
    pub(crate) times: Vec<u64>,
}

/// Why a piece could not be run.
#[derive(Debug)]
pub(crate) enum Trouble<E> {
    Store(E),
    Panicked,
}

/// What a caller has done: the times of its batches, when it began and when it ended.
struct Share {
    times: Vec<u64>,
    began: Instant,
    ended: Instant,
}

impl<B: Send> Piece<B> {
    /// Sets memory aside.
    pub(crate) fn new<S: Subject<Batch = B>>(subject: &S, plan: &Plan) -> Self {
        let (batch, callers) = (plan.batch.max(1), plan.callers.max(1));
        let batches = BATCHES * callers;
        let longest = plan.fill.max(plan.ops).div_ceil(batch as u64).min(MAX_TIMES);
        Self {
            batches: (0..batches).map(|_| subject.batch()).collect(),
            records: Vec::with_capacity(batches * batch),
            batch,
            callers,
            times: Vec::with_capacity(longest as usize),
        }
    }

    /// The most requests of a piece.
    pub(crate) fn capacity(&self) -> u64 {
        (self.batches.len() * self.batch) as u64
    }

    /// Prepares requests for the records at some places of a phase.
    pub(crate) fn prepare<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        operation: Operation,
        numbers: &Numbers,
        places: Range<u64>,
    ) {
        self.records.clear();
        self.records.extend(places.map(|place| record(numbers.at(place))));
        for (batch, records) in self.batches.iter_mut().zip(self.records.chunks(self.batch)) {
            subject.fill(batch, operation, records);
        }
    }

    /// Runs what was prepared, and says how long that took.
    pub(crate) fn run<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
    ) -> Result<Duration, Trouble<S::Error>> {
        let used = self.records.len().div_ceil(self.batch);
        if self.callers > 1 {
            return self.run_shared(subject, used);
        }
        let began = Instant::now();
        let mut last = began;
        for batch in &mut self.batches[..used] {
            subject.run(batch).map_err(Trouble::Store)?;
            let now = Instant::now();
            self.times.push(nanoseconds(now - last));
            last = now;
        }
        Ok(last - began)
    }

    fn run_shared<S: Subject<Batch = B>>(
        &mut self,
        subject: &S,
        used: usize,
    ) -> Result<Duration, Trouble<S::Error>> {
        let queue = Mutex::new(self.batches[..used].iter_mut());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        // All are there before the first begins: a thread is not made in no time.
        let start = Barrier::new(self.callers);
        let work = || {
            let mut times = Vec::with_capacity(used);
            start.wait();
            let began = Instant::now();
            let mut last = began;
            while let Some(batch) = next() {
                subject.run(batch)?;
                let now = Instant::now();
                times.push(nanoseconds(now - last));
                last = now;
            }
            Ok(Share { times, began, ended: last })
        };
        let shares: Vec<Share> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.callers).map(|_| scope.spawn(work)).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Result<Share, S::Error>>| {
                thread.join().map_err(|_| Trouble::Panicked)?.map_err(Trouble::Store)
            };
            // Each is waited for, also after one has failed.
            let results: Vec<_> = threads.into_iter().map(join).collect();
            results.into_iter().collect::<Result<_, _>>()
        })?;
        shares.iter().for_each(|share| self.times.extend(&share.times));
        let began = shares.iter().map(|share| share.began).min();
        let ended = shares.iter().map(|share| share.ended).max();
        Ok(ended.zip(began).map_or(Duration::ZERO, |(ended, began)| ended - began))
    }

    /// How many names of each batch that was run were found: (requests, found).
    pub(crate) fn found<'a, S: Subject<Batch = B>>(
        &'a self,
        subject: &'a S,
    ) -> impl Iterator<Item = Result<(u64, u64), S::Error>> + 'a {
        self.batches.iter().zip(self.records.chunks(self.batch)).map(|(batch, records)| {
            subject.found(batch, records).map(|found| (records.len() as u64, found))
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
