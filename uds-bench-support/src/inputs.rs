//! What benchmarks work on: names, data and numbers that are the same in every run.

use uds_geometry::{Record, RecordData, RecordName};

/// The name that all benchmarks give to a counter.
#[must_use]
pub fn name(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

/// The data that benchmarks store under the name of a counter.
#[must_use]
pub fn data(counter: u64) -> RecordData {
    RecordData::new(u128::from(counter).to_le_bytes())
}

/// The record of a counter.
#[must_use]
pub fn record(counter: u64) -> Record {
    Record { name: name(counter), data: data(counter) }
}

/// The records of the first counters.
#[must_use]
pub fn records(count: u32) -> Vec<Record> {
    (0..u64::from(count)).map(record).collect()
}

/// Numbers that look random and depend on the seed alone: splitmix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `end`, which is not 0.
    ///
    /// # Panics
    ///
    /// Where `end` is 0.
    pub const fn below(&mut self, end: u32) -> u32 {
        (self.next() % end as u64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the hashes of all benchmarks against inputs that change: these are splitmix64's
    // published first numbers for seed 1234567.
    #[test]
    fn numbers_are_splitmix64() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
