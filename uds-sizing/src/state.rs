//! Saved models: a pass over more data goes on where the last one ended.
//!
//! All numbers are little-endian. A magic number, the candidates, the counters, the logs with the
//! names of their open chapters, the candidates' misses and caches, the sample, and a checksum of
//! all of it. The format is of this version of the crate alone: another one refuses it.
//!
//! # Invariants
//!
//! 1. Nothing of what is read is used before the checksum was found right, but the sizes of the
//!    candidates, which must be those that the caller names, and counts within their limits.

use std::io::{Read, Write};

use crate::candidate::Candidate;
use crate::error::SizingError;
use crate::hash::{GROUPS, Hash};
use crate::log::Log;
use crate::model::{Model, Rated, SAMPLE_BITS};
use crate::sample::{Entry, MAX_LOGS, Sample};
use crate::sparse::Cached;
use crate::tally::Missed;

/// `UDSSIZE1`.
const MAGIC: u64 = u64::from_le_bytes(*b"UDSSIZE1");
/// The checksum of nothing: FNV-1a with 64 bits, a word at a time.
const NO_SUM: u64 = 0xcbf2_9ce4_8422_2325;

/// Writes numbers, and sums them up.
struct Writer<W> {
    to: W,
    sum: u64,
}

impl<W: Write> Writer<W> {
    fn put(&mut self, number: u64) -> Result<(), SizingError> {
        self.sum = summed(self.sum, number);
        let written = self.to.write_all(&number.to_le_bytes());
        written.map_err(|source| SizingError::Io { action: "write", source })
    }

    fn pair(&mut self, low: u32, high: u32) -> Result<(), SizingError> {
        self.put(u64::from(low) | u64::from(high) << 32)
    }

    fn missed(&mut self, missed: &Missed) -> Result<(), SizingError> {
        missed.groups.iter().try_for_each(|&group| self.put(group))?;
        self.put(missed.records)?;
        self.put(missed.squares.to_bits())?;
        self.put(missed.unsure.to_bits())
    }
}

/// Reads numbers, and sums them up.
struct Reader<R> {
    from: R,
    sum: u64,
}

impl<R: Read> Reader<R> {
    fn take(&mut self) -> Result<u64, SizingError> {
        let mut bytes = [0; 8];
        let read = self.from.read_exact(&mut bytes);
        read.map_err(|source| SizingError::Io { action: "read", source })?;
        let number = u64::from_le_bytes(bytes);
        self.sum = summed(self.sum, number);
        Ok(number)
    }

    fn pair(&mut self) -> Result<(u32, u32), SizingError> {
        let both = self.take()?;
        Ok((both as u32, (both >> 32) as u32))
    }

    /// Reads a number that must be `wanted`.
    fn expect(&mut self, what: &'static str, wanted: u64) -> Result<(), SizingError> {
        match self.take()? {
            found if found == wanted => Ok(()),
            found => Err(SizingError::Saved { what, found, wanted }),
        }
    }

    /// Reads a number that is at most `most`.
    fn at_most(&mut self, what: &'static str, most: u64) -> Result<u64, SizingError> {
        match self.take()? {
            found if found <= most => Ok(found),
            found => Err(SizingError::Saved { what, found, wanted: most }),
        }
    }

    fn missed(&mut self) -> Result<Missed, SizingError> {
        let mut missed = Missed::default();
        for group in &mut missed.groups[..GROUPS] {
            *group = self.take()?;
        }
        missed.records = self.take()?;
        missed.squares = f64::from_bits(self.take()?);
        missed.unsure = f64::from_bits(self.take()?);
        Ok(missed)
    }
}

impl Model {
    /// Writes all that the model knows: about 40 MB once its sample is full. The writer should be
    /// buffered.
    ///
    /// # Errors
    ///
    /// [`SizingError::Io`] where writing fails.
    pub fn save(&self, to: impl Write) -> Result<(), SizingError> {
        let mut to = Writer { to, sum: NO_SUM };
        to.put(MAGIC)?;
        to.put(self.candidates.len() as u64)?;
        for rated in &self.candidates {
            for number in shape(&rated.rule) {
                to.put(u64::from(number))?;
            }
        }
        to.pair(self.sample.bits(), self.halvings)?;
        to.put(self.observed.records)?;
        to.put(self.observed.bytes)?;
        to.missed(&self.new)?;
        to.put(self.new_searches)?;
        for log in &self.logs {
            to.pair(log.open, log.filled)?;
            log.names().chunks_exact(2).try_for_each(|pair| to.pair(pair[0], pair[1]))?;
        }
        for rated in &self.candidates {
            to.missed(&rated.missed)?;
            to.put(rated.doubtful)?;
            to.put(rated.searches)?;
            to.put(rated.cache.chapters.len() as u64)?;
            for cached in &rated.cache.chapters {
                to.put(u64::from(cached.chapter))?;
                to.put(cached.used_at)?;
                to.put(u64::from(cached.likely_since.is_some()))?;
                to.put(cached.likely_since.unwrap_or(0))?;
            }
        }
        to.put(self.sample.len() as u64)?;
        for entry in self.sample.iter() {
            to.put(entry.hash)?;
            to.put(u64::from(entry.neighbour))?;
            entry.chapters.chunks_exact(2).try_for_each(|pair| to.pair(pair[0], pair[1]))?;
        }
        let sum = to.sum;
        to.put(sum)?;
        to.to.flush().map_err(|source| SizingError::Io { action: "write", source })
    }

    /// Reads a saved model of the same candidates. The reader should be buffered.
    ///
    /// # Errors
    ///
    /// [`SizingError::Io`] where reading fails or the bytes end early; [`SizingError::Saved`] where
    /// they are no saved model of these candidates, have a larger sample than that of
    /// [`Model::new`], or are damaged; and the errors of [`Model::new`].
    pub fn load(candidates: &[Candidate], from: impl Read) -> Result<Self, SizingError> {
        let mut from = Reader { from, sum: NO_SUM };
        from.expect("magic number", MAGIC)?;
        from.expect("number of candidates", candidates.len() as u64)?;
        for number in candidates.iter().flat_map(shape) {
            from.expect("candidate", u64::from(number))?;
        }
        let (bits, halvings) = from.pair()?;
        // Nothing is asked of the system for a size that no model has.
        if bits > SAMPLE_BITS || halvings > 63 {
            let (found, wanted) = (u64::from(bits.max(halvings)), u64::from(SAMPLE_BITS));
            return Err(SizingError::Saved { what: "size of the sample", found, wanted });
        }
        let mut model = Self::with_sample_bits(candidates, bits)?;
        model.halvings = halvings;
        model.observed.records = from.take()?;
        model.observed.bytes = from.take()?;
        model.new = from.missed()?;
        model.new_searches = from.take()?;
        model.logs.iter_mut().try_for_each(|log| read_log(&mut from, log))?;
        model.candidates.iter_mut().try_for_each(|rated| read_candidate(&mut from, rated))?;
        read_sample(&mut from, &mut model)?;
        let sum = from.sum;
        from.expect("checksum", sum)?;
        Ok(model)
    }
}

fn read_log(from: &mut Reader<impl Read>, log: &mut Log) -> Result<(), SizingError> {
    (log.open, log.filled) = from.pair()?;
    let mut taken = 0;
    for pair in log.names_mut().chunks_exact_mut(2) {
        (pair[0], pair[1]) = from.pair()?;
        taken += pair.iter().filter(|&&name| name != 0).count() as u64;
    }
    // A table without a free slot would be searched for ever.
    let (what, wanted) = ("number of names in an open chapter", u64::from(log.filled));
    if taken != wanted || log.filled >= log.chapter_records {
        return Err(SizingError::Saved { what, found: taken, wanted });
    }
    Ok(())
}

fn read_candidate(from: &mut Reader<impl Read>, rated: &mut Rated) -> Result<(), SizingError> {
    rated.missed = from.missed()?;
    rated.doubtful = from.take()?;
    rated.searches = from.take()?;
    let cached = from.at_most("number of cached chapters", rated.cache.capacity() as u64)?;
    for _ in 0..cached {
        let chapter = from.at_most("cached chapter", u64::from(u32::MAX))? as u32;
        let used_at = from.take()?;
        let is_likely = from.at_most("mark of a cached chapter", 1)? == 1;
        let likely_since = Some(from.take()?).filter(|_| is_likely);
        rated.cache.chapters.push(Cached { chapter, used_at, likely_since });
    }
    Ok(())
}

fn read_sample(from: &mut Reader<impl Read>, model: &mut Model) -> Result<(), SizingError> {
    let most = (1_u64 << model.sample.bits()) / 8 * 7;
    let count = from.at_most("number of names in the sample", most)?;
    for _ in 0..count {
        let hash = Hash::from_stored(from.take()?);
        let neighbour = from.take()? as u32;
        let mut chapters = [0; MAX_LOGS];
        for pair in chapters.chunks_exact_mut(2) {
            (pair[0], pair[1]) = from.pair()?;
        }
        let is_past = chapters.iter().zip(&model.logs).all(|(&chapter, log)| chapter <= log.open);
        if hash.get() == 0 || !hash.is_sampled(model.halvings) || !is_past {
            let (what, wanted) = ("chapter or hash of a name in the sample", 0);
            return Err(SizingError::Saved { what, found: hash.get(), wanted });
        }
        insert(&mut model.sample, Entry { hash: hash.get(), neighbour, chapters });
    }
    Ok(())
}

fn insert(sample: &mut Sample, entry: Entry) {
    *sample.entry(Hash::from_stored(entry.hash)).0 = entry;
}

/// The numbers of a candidate.
fn shape(rule: &Candidate) -> [u32; 5] {
    let &Candidate { chapter_records, chapters, dense_chapters, sample_rate, cache_chapters } =
        rule;
    [chapter_records, chapters, dense_chapters, sample_rate, cache_chapters]
}

const fn summed(sum: u64, number: u64) -> u64 {
    (sum ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
}
