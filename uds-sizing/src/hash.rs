//! One 64-bit hash of a name, whose parts serve different ends.
//!
//! Names are hashes already, but an index takes whatever its user calls a name: mixing them once
//! more costs nothing, and keeps the sample independent of the bits by which a sparse index
//! chooses its own samples.
//!
//! # Invariants
//!
//! 1. The highest bits decide who is in the sample, the lowest where in a table, and those between
//!    the group for the error: none of them says anything of another.

use uds_geometry::RecordName;

/// Groups into which the sample is divided to estimate its error.
pub(crate) const GROUPS: usize = 64;

/// The hash of a name, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Hash {
    /// The hash of `name`.
    pub(crate) fn of(name: &RecordName) -> Self {
        let low = name.volume_index_bits();
        let high = name.chapter_index_bits() << 16 | u64::from(name.sample_bits());
        // The finisher of MurmurHash3, which is public domain.
        let mut mixed = low ^ high.rotate_left(29);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self((mixed ^ mixed >> 33).max(1))
    }

    /// A hash that was stored.
    pub(crate) const fn from_stored(stored: u64) -> Self {
        Self(stored)
    }

    /// The hash as a number.
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// Whether it is among one in two to the power of `halvings`.
    pub(crate) const fn is_sampled(self, halvings: u32) -> bool {
        self.0.leading_zeros() >= halvings
    }

    /// The place in a table of `mask + 1` slots where looking for it begins.
    pub(crate) const fn slot(self, mask: usize) -> usize {
        self.0 as usize & mask
    }

    /// Its group.
    pub(crate) const fn group(self) -> usize {
        (self.0 >> 24) as usize % GROUPS
    }

    /// A short hash, never 0, that is independent of the slot in a small table.
    pub(crate) const fn short(self) -> u32 {
        let short = (self.0 >> 24) as u32;
        if short == 0 { 1 } else { short }
    }
}
