//! What all workers tell of what they read: the model of the index, where the duplicates are, and
//! a sample of how the blocks compress.
//!
//! # Invariants
//!
//! 1. The model sees the names of a batch in their order, and one batch after the other: what an
//!    index would see that is posted to by as many threads.
//! 2. A file is told to the breakdown once, when whoever holds its
//!    [`Source`](super::source::Source) last lets go of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use uds_geometry::{Configuration, MemorySize};
use uds_sizing::{Candidate, Found, Model, Outcome, Reference, Stream};

use super::Chunker;
use super::breakdown::{AgeTally, AgeUnit, Savings, Scope};
use super::compress::{Population, SampleKey, Sampler};
use super::sizing::{Curve, Estimate, Kind, Point};
use super::source::SharedBreakdown;
use super::totals::Totals;
use super::worker::Block;
use crate::exit::{Exit, Failure};
use crate::size::configuration;

/// What is asked of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// What deduplication saves, and compression on top.
    Both,
    /// What deduplication saves.
    Deduplication,
    /// What compression saves.
    Compression,
}

/// The shared state of a scan.
#[derive(Debug)]
pub(crate) struct Observer {
    model: Option<Mutex<Model>>,
    /// Bytes of the zero blocks of earlier runs that the model has seen.
    pub(crate) earlier_zero_bytes: u64,
    ages: Mutex<AgeTally>,
    pub(crate) breakdown: SharedBreakdown,
    sampler: Option<Sampler>,
    question: Question,
}

/// The sizes of the curve: those that fall short of 1G, and then each twice the one before.
fn sizes() -> impl Iterator<Item = MemorySize> {
    let gigabyte = MemorySize::GB_1.bytes();
    MemorySize::all().filter(move |size| size.bytes() < gigabyte || size.bytes().is_power_of_two())
}

/// The indexes of the curve, each size dense and then sparse: the first one is 256M dense.
fn indexes() -> impl Iterator<Item = (MemorySize, Kind)> {
    sizes().flat_map(|memory| [(memory, Kind::Dense), (memory, Kind::Sparse)])
}

/// The same as the model takes them.
pub(crate) fn candidates() -> Vec<Candidate> {
    indexes()
        .map(|(memory, kind)| configuration(memory, kind == Kind::Sparse))
        .map(|configuration| Candidate::new(&configuration.geometry()))
        .collect()
}

/// A model that has seen nothing.
pub(crate) fn new_model() -> Result<Model, Failure> {
    Model::new(&candidates()).map_err(|error| Failure::new(Exit::InputOutput, error))
}

impl Observer {
    /// An observer that goes on with `model`, or with none where compression alone is asked for.
    pub(crate) fn new(question: Question, model: Model, earlier_zero_bytes: u64) -> Self {
        Self {
            model: (question != Question::Compression).then(|| Mutex::new(model)),
            earlier_zero_bytes,
            ages: Mutex::default(),
            breakdown: SharedBreakdown::default(),
            sampler: (question != Question::Deduplication).then(Sampler::default),
            question,
        }
    }

    /// Observes a batch of references to blocks of one stream.
    pub(crate) fn observe(
        &self,
        stream: &mut Stream,
        references: &[Reference],
        outcomes: &mut Vec<Outcome>,
    ) {
        if let Some(model) = &self.model {
            lock(model).observe(stream, references, outcomes);
        }
    }

    /// The key of a block that is wanted for the sample of compressed ones.
    #[inline]
    pub(crate) fn wants(&self, block: &Block<'_>) -> Option<SampleKey> {
        let sampler = self.sampler.as_ref()?;
        let key = match self.question {
            // All blocks are asked about, copies too.
            Question::Compression => SampleKey::of_place(block.source.inode, block.place),
            Question::Both | Question::Deduplication => SampleKey::of_name(&block.name),
        };
        sampler.wants(key).then_some(key)
    }

    /// Takes a block into the sample.
    pub(crate) fn add_compressed(&self, key: SampleKey, bytes: u32, compressed_bytes: u32) {
        if let Some(sampler) = &self.sampler {
            sampler.add(key, bytes, compressed_bytes);
        }
    }

    /// Adds the ages of a batch's duplicates.
    pub(crate) fn add_ages(&self, ages: &AgeTally) {
        lock(&self.ages).merge(ages);
    }

    /// The share that an index without limits would have saved so far, with so many zero bytes.
    pub(crate) fn share_so_far(&self, zero_bytes: u64) -> Option<f64> {
        let model = self.model()?;
        let found = model.unlimited();
        let all = model.observed().bytes + zero_bytes + self.earlier_zero_bytes;
        Some(found.bytes as f64 / all.max(1) as f64)
    }

    /// Counts what an index without limits would have found: where there is none, that is what
    /// the counts are of. Where compression alone is asked for, no block is a duplicate.
    pub(crate) fn count_without_limit(&self, totals: &Totals) {
        let unlimited = self.model().map_or(Found::default(), |model| model.unlimited());
        let posted = totals.blocks.get() - totals.zero.get();
        let posted_bytes = totals.posted_bytes.get();
        let known = unlimited.records.min(posted);
        let known_bytes = unlimited.bytes.min(posted_bytes);
        totals.duplicate.add(known);
        totals.duplicate_bytes.add(known_bytes);
        totals.unique.add(posted - known);
        totals.unique_bytes.add(posted_bytes - known_bytes);
    }

    /// The model, where there is one. The observer waits until it is given back.
    pub(crate) fn model(&self) -> Option<MutexGuard<'_, Model>> {
        self.model.as_ref().map(lock)
    }

    /// What indexes of each size would have saved; `zero_bytes` are those of this run's zero
    /// blocks.
    pub(crate) fn curve(&self, zero_bytes: u64) -> Option<Curve> {
        let curve = self.model()?.curve();
        let zero_bytes = zero_bytes + self.earlier_zero_bytes;
        let total = curve.observed.bytes + zero_bytes;
        let share = |bytes: u64| bytes as f64 / total.max(1) as f64;
        let points = indexes().zip(&curve.found).map(|((memory, kind), found)| Point {
            memory,
            kind,
            saved_share: share(found.bytes),
            error: share(found.error_bytes),
        });
        let unlimited = Estimate {
            saved_share: share(curve.unlimited.bytes),
            error: share(curve.unlimited.error_bytes),
        };
        Some(Curve::new(points.collect(), unlimited, total).with_zero_bytes(zero_bytes))
    }

    /// Where the savings are, in data that was cut by `chunker` and has so many zero and duplicate
    /// bytes among all.
    pub(crate) fn savings(
        &self,
        chunker: Chunker,
        zero_bytes: u64,
        bytes: u64,
        duplicate_bytes: u64,
    ) -> Savings {
        let population = Population {
            is_of_all_blocks: self.question == Question::Compression,
            shares_blocks: chunker == Chunker::Fixed,
            bytes,
            zero_bytes,
            duplicate_bytes,
        };
        let compression = self.sampler.as_ref().map(|sampler| sampler.result(&population));
        let is_sampled = self.model().is_some_and(|model| model.sampled_one_in() > 1);
        let unit = match chunker {
            Chunker::Fixed => AgeUnit::Blocks,
            Chunker::FastCdc(_) => AgeUnit::Chunks,
        };
        let scope = Scope { unit, is_sampled };
        Savings::new(&lock(&self.breakdown), &lock(&self.ages), compression, scope)
    }
}

/// The smallest index of the curve.
pub(crate) fn smallest() -> Configuration {
    configuration(MemorySize::MB_256, false)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
