//! The numbers behind the delta code (specification, sections 3.2 and 3.9).

use crate::{GeometryError, bits_per};

/// The parameters of the delta code for one mean delta.
///
/// A delta below [`min_keys`](Self::min_keys) takes [`min_bits`](Self::min_bits) bits; each
/// further bit covers [`increment`](Self::increment) more deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaCoding {
    min_bits: u32,
    min_keys: u32,
    increment: u32,
}

impl DeltaCoding {
    /// The mean delta of every chapter index.
    pub const CHAPTER_INDEX_MEAN: u32 = 65536;

    /// The parameters for a mean delta.
    ///
    /// # Errors
    ///
    /// [`GeometryError::OutOfRange`] where `mean` is 0 or needs fields of more than 25 bits.
    pub const fn new(mean: u32) -> Result<Self, GeometryError> {
        let coding = Self::compute(mean);
        if mean == 0 || coding.min_bits > 25 {
            return Err(GeometryError::OutOfRange {
                field: "mean delta",
                found: mean as u64,
                wanted: "at least 1 and small enough for 25-bit fields",
            });
        }
        Ok(coding)
    }

    /// The parameters of every chapter index (mean delta 65536).
    #[must_use]
    pub const fn chapter_index() -> Self {
        Self::compute(Self::CHAPTER_INDEX_MEAN)
    }

    const fn compute(mean: u32) -> Self {
        // The fraction is ln 2 to seven digits: half of all deltas of a Poisson process
        // with this mean lie below it.
        let increment = ((836_158 * mean as u64 + 603_160) / 1_206_321) as u32;
        let min_bits = bits_per(increment as u64 + 1);
        let min_keys = ((1_u64 << min_bits) - increment as u64) as u32;
        Self { min_bits, min_keys, increment }
    }

    /// Bits of the fixed field of every delta code.
    #[must_use]
    pub const fn min_bits(self) -> u32 {
        self.min_bits
    }

    /// How many deltas are coded in the fixed field alone.
    #[must_use]
    pub const fn min_keys(self) -> u32 {
        self.min_keys
    }

    /// How many deltas each further bit covers.
    #[must_use]
    pub const fn increment(self) -> u32 {
        self.increment
    }
}

/// `est_bits`: the size that all sizing assumes for `entries` entries, in 32-bit arithmetic that
/// wraps as the format's does.
#[must_use]
pub(crate) const fn estimated_bits(entries: u32, min_bits: u32, value_bits: u32) -> u32 {
    entries.wrapping_mul(value_bits + min_bits + 1).wrapping_add(entries / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the code table: one wrong bit makes every index unreadable (table 3.2).
    #[test]
    fn coding_parameters() {
        let table = [
            (65536, 16, 20110, 45426),
            (4080, 12, 1268, 2828),
            (4096, 12, 1257, 2839),
            (1024, 10, 314, 710),
        ];
        for (mean, min_bits, min_keys, increment) in table {
            let coding = DeltaCoding::new(mean).unwrap();
            assert_eq!(coding, DeltaCoding { min_bits, min_keys, increment }, "mean {mean}");
        }
        assert_eq!(DeltaCoding::chapter_index(), DeltaCoding::new(65536).unwrap());
    }

    // Guards against means whose fields no accessor could read.
    #[test]
    fn impossible_means_are_refused() {
        assert!(DeltaCoding::new(0).is_err());
        assert!(DeltaCoding::new(u32::MAX).is_err());
        assert!(DeltaCoding::new(1).is_ok());
    }
}
