//! Which records a phase is about.
//!
//! # Invariants
//!
//! 1. Records that are posted as new have the numbers from 0 on, each once.
//! 2. Names that are never stored have numbers that no run reaches.
//! 3. The same plan gives the same numbers, in every run and for every store.

use std::ops::Range;

use uds_geometry::{Record, RecordData, RecordName};

use crate::subject::Window;

/// Where the numbers of names begin that are never stored.
const NEVER: u64 = 1 << 62;

/// The record of a number: its name is the `MurmurHash3` of the number's eight bytes, its data
/// the number.
#[must_use]
pub fn record(number: u64) -> Record {
    let bytes = number.to_le_bytes();
    let mut data = [0; 16];
    data[..8].copy_from_slice(&bytes);
    Record { name: RecordName::of_block(&bytes), data: RecordData::new(data) }
}

/// The numbers of the records of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// One after the other from here on.
    From(u64),
    /// Names that are never stored.
    Never,
    /// One after the other from the middle of the window on; after its end comes its beginning.
    Middle(Window),
    /// Random ones of a range that is not empty.
    Random(Range<u64>),
}

impl Numbers {
    /// The number of the phase's record at a place.
    pub(crate) fn at(&self, place: u64) -> u64 {
        match self {
            Self::From(first) => first + place,
            Self::Never => NEVER + place,
            Self::Middle(window) => {
                window.oldest + (window.len() / 2 + place % window.len()) % window.len()
            }
            Self::Random(range) => range.start + mixed(place) % (range.end - range.start),
        }
    }
}

/// A number without visible order, for each number another one (the finaliser of `SplitMix64`).
pub(crate) const fn mixed(number: u64) -> u64 {
    let it = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the first and the last record of each kind: one beyond the window is an error that
    // would be blamed on the store.
    #[test]
    fn numbers_stay_in_the_window() {
        let window = Window { oldest: 100, end: 107, recent: 4 };
        assert_eq!((window.len(), window.middle(), window.is_empty()), (7, 103, false));
        let middle = Numbers::Middle(window);
        let numbers: Vec<u64> = (0..8).map(|place| middle.at(place)).collect();
        assert_eq!(numbers, [103, 104, 105, 106, 100, 101, 102, 103]);
        assert!((0..7).contains(&(middle.at(u64::MAX) - 100)));
        let random = Numbers::Random(100..107);
        let mut seen = [0; 7];
        (0..7000).for_each(|place| seen[(random.at(place) - 100) as usize] += 1);
        assert!(seen.iter().all(|&times| (800..1200).contains(&times)), "{seen:?}");
        assert_eq!(Numbers::From(5).at(3), 8);
        assert!(Numbers::Never.at(0) > u64::MAX / 8);
    }

    // Guards the records that other stores are compared by.
    #[test]
    fn a_record_is_made_of_its_number() {
        let record = record(0x0102);
        assert_eq!(record.name, RecordName::of_block(&[2, 1, 0, 0, 0, 0, 0, 0]));
        assert_eq!(record.data.as_bytes()[..3], [2, 1, 0]);
    }
}
