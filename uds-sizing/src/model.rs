//! The model: observes names, and answers for every candidate.

use uds_geometry::RecordName;

use crate::candidate::Candidate;
use crate::curve::{Amount, Curve, Found};
use crate::error::SizingError;
use crate::hash::Hash;
use crate::log::Log;
use crate::sample::{MAX_LOGS, Sample};
use crate::sparse::{SparseCache, is_likely};
use crate::stream::Stream;
use crate::tally::Missed;

/// Slots of the sample as a power of two: 32 MiB.
pub(crate) const SAMPLE_BITS: u32 = 20;
/// The part of what the miniature caches did not find, though the index remembers it, that a real
/// index may find, or that they may have missed: runs begin and end otherwise there. Held against
/// real indexes by the example `check`.
const SPARSE_DOUBT: f64 = 0.2;

/// A block that is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: RecordName,
    /// How many bytes are saved if the name is found.
    pub bytes: u32,
}

/// What is known of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its name is not in the sample.
    NotSampled,
    /// Its name was not seen before; it stands for `weight` references.
    New {
        /// How many references it stands for: 1 while all names are in the sample.
        weight: u64,
    },
    /// Its name was seen before; it stands for `weight` references.
    Known {
        /// How many references it stands for.
        weight: u64,
        /// How many chapters ago, in the log of the first candidate: 0 is the open one.
        chapters_ago: u32,
    },
}

/// A candidate and what it missed.
#[derive(Debug)]
pub(crate) struct Rated {
    pub(crate) rule: Candidate,
    /// Its log.
    log: usize,
    /// Names that it had forgotten, or could not find.
    pub(crate) missed: Missed,
    /// Bytes of names that it remembered and, by the miniature of its sparse cache, did not find.
    pub(crate) doubtful: u64,
    pub(crate) cache: SparseCache,
    /// Names that it knew, but looked for in the sparse cache, in vain.
    pub(crate) searches: u64,
}

/// A post as the candidates see it.
struct Post<'a> {
    hash: Hash,
    reference: &'a Reference,
    weight: u64,
    halvings: u32,
    /// Searches of every sparse cache so far, for new names.
    new_searches: u64,
    /// Whether the neighbour of the name's last post was posted just now.
    is_accompanied: bool,
    /// The moment of its stream.
    moment: u64,
}

/// The model. Its memory is fixed: 32 MiB for the sample, and 5.5 MiB for the open chapters of
/// the format's four chapter sizes.
#[derive(Debug)]
pub struct Model {
    pub(crate) logs: Vec<Log>,
    pub(crate) candidates: Vec<Rated>,
    /// Of each log, the least age in chapters at which some candidate may miss a name.
    nearest: Vec<u32>,
    /// One name in so many is a sample of the sparse candidates; 0 if there are none.
    pub(crate) sample_rate: u32,
    pub(crate) sample: Sample,
    /// One name in two to the power of this is in the sample.
    pub(crate) halvings: u32,
    pub(crate) observed: Amount,
    /// Names that were new.
    pub(crate) new: Missed,
    /// New names that were no samples: each was looked for in every sparse cache.
    pub(crate) new_searches: u64,
}

impl Model {
    /// A model of these candidates.
    ///
    /// # Errors
    ///
    /// [`SizingError::TooManyChapterSizes`] where their chapters have more than four different
    /// sizes, and [`SizingError::SampleRates`] where sparse candidates differ in that.
    pub fn new(candidates: &[Candidate]) -> Result<Self, SizingError> {
        Self::with_sample_bits(candidates, SAMPLE_BITS)
    }

    /// A model whose sample has two to the power of `bits` slots of 32 bytes, seven eighths of
    /// which it fills before it leaves out half of the names: for experiments, since fewer slots
    /// mean larger errors.
    ///
    /// # Errors
    ///
    /// As for [`Model::new`].
    pub fn with_sample_bits(candidates: &[Candidate], bits: u32) -> Result<Self, SizingError> {
        let mut logs: Vec<Log> = Vec::new();
        let mut nearest = Vec::new();
        let mut rated = Vec::new();
        for &rule in candidates {
            let known = logs.iter().position(|log| log.chapter_records == rule.chapter_records);
            let log = known.unwrap_or_else(|| {
                logs.push(Log::new(rule.chapter_records));
                nearest.push(u32::MAX);
                logs.len() - 1
            });
            nearest[log] = nearest[log].min(rule.dense_chapters);
            let cache = SparseCache::new(rule.cache_chapters);
            let missed = Missed::default();
            rated.push(Rated { rule, log, missed, doubtful: 0, cache, searches: 0 });
        }
        if logs.len() > MAX_LOGS {
            return Err(SizingError::TooManyChapterSizes { found: logs.len(), most: MAX_LOGS });
        }
        let mut rates = candidates.iter().map(|rule| rule.sample_rate).filter(|&rate| rate > 0);
        let first = rates.next().unwrap_or(0);
        if let Some(other) = rates.find(|&rate| rate != first) {
            return Err(SizingError::SampleRates { first, other });
        }
        Ok(Self {
            logs,
            candidates: rated,
            nearest,
            sample_rate: first,
            sample: Sample::new(bits.clamp(6, 40)),
            halvings: 0,
            observed: Amount::default(),
            new: Missed::default(),
            new_searches: 0,
        })
    }

    /// Observes posts, in their order, of one stream of them. What became of each is appended to
    /// `outcomes`.
    pub fn observe(
        &mut self,
        stream: &mut Stream,
        references: &[Reference],
        outcomes: &mut Vec<Outcome>,
    ) {
        outcomes.reserve(references.len());
        for reference in references {
            let hash = Hash::of(&reference.name);
            self.observed.records += 1;
            self.observed.bytes += u64::from(reference.bytes);
            outcomes.push(if hash.is_sampled(self.halvings) {
                self.look_up(stream, hash, reference)
            } else {
                Outcome::NotSampled
            });
            let mut is_logged = true;
            for log in &mut self.logs {
                is_logged &= log.post(hash);
            }
            // One that is in the open chapter leads to no sparse one, and is nobody's neighbour.
            if is_logged && self.is_index_sample(&reference.name) {
                stream.push(hash);
            }
        }
    }

    /// Whether the sparse candidates take a name as a sample.
    fn is_index_sample(&self, name: &RecordName) -> bool {
        self.sample_rate > 0 && u32::from(name.sample_bits()) % self.sample_rate == 0
    }

    fn look_up(&mut self, stream: &Stream, hash: Hash, reference: &Reference) -> Outcome {
        let weight = 1 << self.halvings;
        let is_index_sample = self.is_index_sample(&reference.name);
        let (entry, is_new) = self.sample.entry(hash);
        let before = *entry;
        entry.neighbour = stream.last();
        for (chapter, log) in entry.chapters.iter_mut().zip(&self.logs) {
            *chapter = log.open;
        }
        if is_new {
            self.new.add(hash, reference.bytes, weight);
            if !is_index_sample {
                self.new_searches += weight;
            }
            while self.sample.is_full() {
                self.halvings += 1;
                self.sample.thin_out(self.halvings);
            }
            return Outcome::New { weight };
        }
        let mut ages = [0; MAX_LOGS];
        for ((age, log), chapter) in ages.iter_mut().zip(&self.logs).zip(before.chapters) {
            *age = log.open - chapter;
        }
        if ages.iter().zip(&self.nearest).any(|(age, nearest)| age >= nearest) {
            let is_accompanied = self.halvings > 0 && stream.has_seen(before.neighbour);
            let (halvings, new_searches) = (self.halvings, self.new_searches);
            let moment = stream.moment();
            let post =
                Post { hash, reference, weight, halvings, new_searches, is_accompanied, moment };
            for candidate in &mut self.candidates {
                candidate.post(&post, ages[candidate.log], before.chapters[candidate.log]);
            }
        }
        Outcome::Known { weight, chapters_ago: ages[0] }
    }

    /// What each candidate would have found so far.
    #[must_use]
    pub fn curve(&self) -> Curve {
        let of_candidate =
            |rated: &Rated| self.found(&self.new.plus(&rated.missed), rated.doubtful);
        Curve {
            observed: self.observed,
            unlimited: self.unlimited(),
            found: self.candidates.iter().map(of_candidate).collect(),
            sampled_one_in: self.sampled_one_in(),
        }
    }

    /// What an index without limits would have found so far: a part of the curve, for less work.
    #[must_use]
    pub fn unlimited(&self) -> Found {
        self.found(&self.new, 0)
    }

    /// All that was observed so far.
    #[must_use]
    pub const fn observed(&self) -> Amount {
        self.observed
    }

    /// One name in so many is in the sample: 1 while all are.
    #[must_use]
    pub const fn sampled_one_in(&self) -> u64 {
        1 << self.halvings
    }

    fn found(&self, missed: &Missed, doubtful: u64) -> Found {
        Found {
            records: self.observed.records.saturating_sub(missed.records),
            bytes: self.observed.bytes.saturating_sub(missed.bytes()),
            error_bytes: missed.error_bytes().hypot(doubtful as f64 * SPARSE_DOUBT) as u64,
        }
    }

    /// Records in the log of the first candidate: what an index without limit would hold.
    #[must_use]
    pub fn log_records(&self) -> u64 {
        self.logs.first().map_or(0, |log| {
            u64::from(log.open) * u64::from(log.chapter_records) + u64::from(log.filled)
        })
    }

    /// Bytes of memory that the model takes at most.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.sample.memory_bytes() + self.logs.iter().map(Log::memory_bytes).sum::<usize>()
    }
}

impl Rated {
    /// Posts a name that was seen before, and whose record lies in `chapter`.
    fn post(&mut self, post: &Post<'_>, age: u32, chapter: u32) {
        if age < self.rule.dense_chapters {
            return;
        }
        let is_found = self.rule.is_sparse() && self.finds_sparse(post, age, chapter);
        if !is_found {
            self.missed.add(post.hash, post.reference.bytes, post.weight);
        }
    }

    /// Whether a name of a chapter that is not dense any more is found.
    fn finds_sparse(&mut self, post: &Post<'_>, age: u32, chapter: u32) -> bool {
        let bits = post.reference.name.sample_bits();
        let is_sample = u32::from(bits) % self.rule.sample_rate == 0;
        if age >= self.rule.chapters {
            // To the index it is a new name.
            self.searches += if is_sample { 0 } else { post.weight };
            return false;
        }
        let searches = post.new_searches + self.searches;
        let is_cached = self.cache.search(chapter, searches, post.moment) || post.is_accompanied;
        let is_found = is_sample || is_cached;
        if !is_found {
            self.searches += post.weight;
            let bytes = u64::from(post.reference.bytes).saturating_mul(post.weight);
            self.doubtful = self.doubtful.saturating_add(bytes);
        }
        if is_sample || post.is_accompanied {
            self.cache.bring(chapter, searches, None);
        } else if is_likely(bits, self.rule.sample_rate, post.halvings) {
            self.cache.bring(chapter, searches, Some(post.moment));
        }
        is_found
    }
}
