//! What a sample of compressed blocks says of all.
//!
//! # Invariants
//!
//! 1. A share saved is never negative: what does not compress is stored as it is.
//! 2. The error is 0 where the sample is all there is, and tells no less than chance elsewhere:
//!    what a sample of all of a finite number gains by that is not counted.

use serde::Serialize;

use super::Sample;
use super::packing::{BLOCK_BYTES, ROOM, costs};
use crate::estimate::sizing::Estimate;
use crate::units::fraction;

/// What a sample stands for, and what else was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Population {
    /// Whether the sample is one of all blocks, as if nothing were deduplicated.
    pub(crate) is_of_all_blocks: bool,
    /// Whether blocks are of 4 KiB, and several share one when they are compressed. Chunks of any
    /// length are stored each by itself, at its compressed length.
    pub(crate) shares_blocks: bool,
    /// Bytes of all blocks, the last of each file padded.
    pub(crate) bytes: u64,
    /// Of these, in blocks of zeroes only.
    pub(crate) zero_bytes: u64,
    /// Of these, in blocks that were known.
    pub(crate) duplicate_bytes: u64,
}

/// What compression saves: the JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Compression {
    /// `unique` or `all`: the blocks that were sampled.
    pub(crate) blocks: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) sampled_blocks: u64,
    /// Whether no block was left out.
    #[serde(rename = "exact")]
    pub(crate) is_exact: bool,
    /// Blocks that are stored as they are: they shrink too little to share a block.
    pub(crate) incompressible_share: f64,
    /// What a block takes on average, those that do not shrink at their own size.
    pub(crate) mean_compressed_bytes: f64,
    /// The share of the sampled data that compression saves.
    pub(crate) saved_share: f64,
    /// Half the width of the 95% interval of `saved_share`: two standard errors.
    pub(crate) error: f64,
    /// The share of all data that compression saves on top of deduplication.
    pub(crate) share_of_all_data: f64,
    /// What both and the zero blocks save of all data.
    pub(crate) together_saved_share: f64,
    /// Its error, that of what deduplication saves included.
    pub(crate) together_error: f64,
}

impl Compression {
    /// Of no samples, it saves nothing for sure.
    pub(super) fn new(samples: &[Sample], is_whole: bool, population: &Population) -> Self {
        let stored: Vec<f64> = if population.shares_blocks {
            let sizes: Vec<_> = samples.iter().map(|sample| sample.compressed_bytes).collect();
            let blocks = costs(&sizes, is_whole).into_iter();
            blocks.map(|blocks| blocks * f64::from(BLOCK_BYTES)).collect()
        } else {
            samples.iter().map(|sample| f64::from(sample.stored_alone())).collect()
        };
        let (share, error) = stored_share(samples, &stored, is_whole);
        let count = samples.len().max(1) as f64;
        let is_kept = |sample: &&Sample| match population.shares_blocks {
            true => sample.compressed_bytes > ROOM,
            false => sample.compressed_bytes >= sample.bytes,
        };
        let kept = samples.iter().filter(is_kept).count();
        let compressed: f64 = samples.iter().map(|sample| f64::from(sample.stored_alone())).sum();
        let duplicates = if population.is_of_all_blocks { 0 } else { population.duplicate_bytes };
        let dropped = population.zero_bytes.saturating_add(duplicates).min(population.bytes);
        let left = fraction(population.bytes - dropped, population.bytes);
        Self {
            blocks: if population.is_of_all_blocks { "all" } else { "unique" },
            algorithm: "lz4",
            sampled_blocks: samples.len() as u64,
            is_exact: is_whole,
            incompressible_share: kept as f64 / count,
            mean_compressed_bytes: compressed / count,
            saved_share: 1.0 - share,
            error,
            share_of_all_data: left * (1.0 - share),
            together_saved_share: if population.bytes == 0 { 0.0 } else { 1.0 - left * share },
            together_error: left * error,
        }
    }

    /// The same, where the duplicates are an estimate that may be so far off, as a share of all
    /// data: a duplicate more is a unique block less, which would be stored compressed.
    pub(crate) fn with_duplicate_error(mut self, error: f64) -> Self {
        if !self.is_of_all() {
            self.together_error = self.together_error.hypot(error * (1.0 - self.saved_share));
        }
        self
    }

    /// Whether all blocks were sampled, not only those that differ.
    pub(crate) fn is_of_all(&self) -> bool {
        self.blocks == "all"
    }

    /// What compression saves of the data that was sampled.
    pub(crate) fn estimate(&self) -> Estimate {
        Estimate { saved_share: self.saved_share, error: self.error }
    }

    /// What both and the zero blocks save of all data.
    pub(crate) fn together(&self) -> Estimate {
        Estimate { saved_share: self.together_saved_share, error: self.together_error }
    }
}

impl Sample {
    fn stored_alone(&self) -> u32 {
        self.compressed_bytes.min(self.bytes)
    }
}

/// The share of their bytes that samples take when stored, and two standard errors of it as the
/// share of all that they stand for: of a ratio of two sums, one by one weighed alike.
fn stored_share(samples: &[Sample], stored: &[f64], is_whole: bool) -> (f64, f64) {
    let bytes: f64 = samples.iter().map(|sample| f64::from(sample.bytes)).sum();
    if bytes == 0.0 {
        return (1.0, 0.0);
    }
    let share = (stored.iter().sum::<f64>() / bytes).min(1.0);
    if is_whole {
        return (share, 0.0);
    }
    let deviation =
        |(sample, stored): (&Sample, &f64)| (stored - share * f64::from(sample.bytes)).powi(2);
    let squares: f64 = samples.iter().zip(stored).map(deviation).sum();
    let count = samples.len() as f64;
    let variance = squares * count / (count - 1.0).max(1.0);
    (share, 2.0 * variance.sqrt() / bytes)
}
