//! What was not found, and how sure that is.
//!
//! # Invariants
//!
//! 1. Every name falls into one group, by its hash. The groups are samples of the same data that
//!    know nothing of each other, so that how far they lie apart tells the error of their sum:
//!    also where many records are of one name. Where fewer names than there are groups make most
//!    of it, as among chunks of very different sizes, the error is told too small.

use crate::hash::{GROUPS, Hash};

/// Bytes and records that were not found, weighted by how many unseen ones each stands for.
#[derive(Clone, Debug)]
pub(crate) struct Missed {
    pub(crate) groups: Box<[u64; GROUPS]>,
    pub(crate) records: u64,
    /// The sum of `w * w * bytes * bytes` over all that were counted, `w` being their weight.
    pub(crate) squares: f64,
    /// The sum of `w * (w - 1) * bytes * bytes`: the part of the squares that is due to sampling.
    pub(crate) unsure: f64,
}

impl Default for Missed {
    fn default() -> Self {
        Self { groups: Box::new([0; GROUPS]), records: 0, squares: 0.0, unsure: 0.0 }
    }
}

impl Missed {
    /// Counts a record of so many bytes that stands for `weight` of them.
    pub(crate) fn add(&mut self, hash: Hash, bytes: u32, weight: u64) {
        let group = &mut self.groups[hash.group()];
        *group = group.saturating_add(u64::from(bytes).saturating_mul(weight));
        self.records = self.records.saturating_add(weight);
        let (bytes, weight) = (f64::from(bytes), weight as f64);
        self.squares += weight * weight * bytes * bytes;
        self.unsure += weight * (weight - 1.0) * bytes * bytes;
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let mut groups = self.groups.clone();
        for (sum, &more) in groups.iter_mut().zip(other.groups.iter()) {
            *sum = sum.saturating_add(more);
        }
        Self {
            groups,
            records: self.records.saturating_add(other.records),
            squares: self.squares + other.squares,
            unsure: self.unsure + other.unsure,
        }
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.groups.iter().fold(0, |sum, &group| sum.saturating_add(group))
    }

    /// Half the width of the interval that holds the true number of bytes in 95 of 100 cases.
    pub(crate) fn error_bytes(&self) -> f64 {
        if self.unsure <= 0.0 {
            return 0.0;
        }
        let count = GROUPS as f64;
        let mean = self.bytes() as f64 / count;
        let spread: f64 = self.groups.iter().map(|&group| (group as f64 - mean).powi(2)).sum();
        let variance = spread * count / (count - 1.0) * (self.unsure / self.squares);
        // Student's factor for 63 degrees of freedom.
        2.0 * variance.sqrt()
    }
}
