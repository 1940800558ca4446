//! Campaigns: many cases of one fault class, on all cores, each of which can be repeated alone.
//!
//! A case is decided by its row, the seed and its number, and by nothing else. A panic is a failure
//! like any other (promise U1).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::judge::{Judgement, Opened};
use crate::oracle::Loss;

/// How thorough a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tier {
    /// For every change.
    Pr,
    /// For every night.
    Nightly,
    /// Before a release.
    Release,
}

/// A fault class.
#[derive(Clone, Copy)]
pub struct Campaign {
    /// Its row in the table of goals.
    pub row: &'static str,
    /// What happens to the index.
    pub about: &'static str,
    /// How many cases there are to be in each tier.
    pub counts: [u64; 3],
    /// Runs the cases.
    pub run: fn(&Plan) -> Result<Outcome>,
}

/// Which cases to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The row.
    pub row: &'static str,
    /// How many there are to be.
    pub count: u64,
    /// What decides all that is left to chance.
    pub seed: u64,
    /// The only case to run.
    pub only: Option<u64>,
    /// How many run at a time.
    pub threads: usize,
}

/// What cases came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub cases: u64,
    /// Indexes that opened as they were saved.
    pub clean: u64,
    /// Indexes that were recovered.
    pub recovered: u64,
    /// Storages that were no index, or were refused.
    pub refused: u64,
    /// The most that one case lost of what need not be durable.
    pub worst: Loss,
    /// What else is to be told: sums.
    pub notes: BTreeMap<&'static str, u64>,
    /// And greatest values.
    pub peaks: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts how an index opened.
    pub fn count(&mut self, judgement: &Judgement) {
        self.note("names with the data of the page before (limit B8)", judgement.torn);
        self.count_opened(judgement.opened);
        self.count_loss(judgement.loss);
    }

    /// Counts how an index opened.
    pub const fn count_opened(&mut self, opened: Opened) {
        match opened {
            Opened::Clean => self.clean += 1,
            Opened::Recovered => self.recovered += 1,
            Opened::None => self.refused += 1,
        }
    }

    /// Counts what was lost.
    pub const fn count_loss(&mut self, loss: Loss) {
        self.worst = self.worst.max(loss);
    }

    /// Adds to a note.
    pub fn note(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.notes.entry(what).or_default() += count;
        }
    }

    /// Raises a greatest value.
    pub fn peak(&mut self, what: &'static str, value: u64) {
        let peak = self.peaks.entry(what).or_default();
        *peak = value.max(*peak);
    }

    /// All notes and greatest values.
    pub fn remarks(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.notes.iter().chain(&self.peaks).map(|(&what, &count)| (what, count))
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.clean += other.clean;
        self.recovered += other.recovered;
        self.refused += other.refused;
        self.count_loss(other.worst);
        for (what, count) in &other.notes {
            self.note(what, *count);
        }
        for (what, value) in &other.peaks {
            self.peak(what, *value);
        }
    }
}

/// What a campaign came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The sums.
    pub tally: Tally,
    /// The cases that failed, and why.
    pub failures: Vec<(u64, String)>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Outcome {
    /// Adds what other cases came to.
    pub fn add(&mut self, other: Self) {
        self.tally.add(&other.tally);
        self.failures.extend(other.failures);
        self.elapsed += other.elapsed;
    }
}

/// A campaign that finds this many failures has found enough.
const MOST_FAILURES: usize = 20;

impl Plan {
    /// Runs the cases of a range that the plan wants, in parallel.
    #[must_use]
    pub fn each(
        &self,
        cases: std::ops::Range<u64>,
        case: impl Fn(u64, &mut Tally) -> Result<()> + Sync,
    ) -> Outcome {
        let started = Instant::now();
        let range = match self.only {
            Some(only) if cases.contains(&only) => only..only + 1,
            Some(_) => 0..0,
            None => cases,
        };
        let next = AtomicU64::new(range.start);
        let outcome = Mutex::new(Outcome::default());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| self.work(&next, range.end, &case, &outcome));
            }
        });
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.failures.sort();
        outcome.elapsed = started.elapsed();
        outcome
    }

    fn work(
        &self,
        next: &AtomicU64,
        end: u64,
        case: &(impl Fn(u64, &mut Tally) -> Result<()> + Sync),
        outcome: &Mutex<Outcome>,
    ) {
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                break;
            }
            tally.cases += 1;
            let result = catch_unwind(AssertUnwindSafe(|| case(number, &mut tally)));
            let why = match result {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "U1: a panic, see above".to_owned(),
            };
            eprintln!("{} case {number}: {why}", self.row);
            eprintln!("  repeat with: {}", self.command(number));
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            outcome.failures.push((number, why));
            if outcome.failures.len() >= MOST_FAILURES {
                next.store(end, Ordering::Relaxed);
            }
        }
        outcome.lock().unwrap_or_else(PoisonError::into_inner).tally.add(&tally);
    }

    /// What repeats just one case.
    #[must_use]
    pub fn command(&self, case: u64) -> String {
        format!("cargo xtask faults {} --seed {} --case {case}", self.row, self.seed)
    }
}
