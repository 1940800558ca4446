//! Names that are not uniform: those that share a list, a zone or nearly everything.

use uds_geometry::RecordName;

/// A way to make the name of a counter; different counters have different names.
pub type Pattern = (&'static str, fn(u64) -> RecordName);

/// The patterns. In the first [`OVERFLOWING`] ones names crowd in few lists or in one zone.
pub const PATTERNS: [Pattern; 15] = [
    ("volume bytes 0", |counter| with(counter, 0..8, 0)),
    ("volume list 0", |counter| with(counter, 0..5, 0)),
    ("chapter bytes 0", |counter| with(counter, 8..14, 0)),
    ("chapter bytes FF", |counter| with(counter, 8..14, 0xff)),
    ("chapter list 0", |counter| with(counter, 8..11, 0)),
    ("counting at the end", |counter| of_numbers(0, counter)),
    ("counting down from FF", |counter| of_numbers(u64::MAX, u64::MAX - counter)),
    // With 4 zones of 64 lists each.
    ("one zone", |counter| {
        let bits = uniform(counter).volume_index_bits();
        of_numbers(bits & !(0xc0 << 20), counter.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }),
    ("sample bytes 0", |counter| with(counter, 14..16, 0)),
    ("sample bytes FF", |counter| with(counter, 14..16, 0xff)),
    ("volume key 0", |counter| of_numbers(counter << 20, u64::MAX - counter)),
    ("a word four times", |counter| {
        let word = (counter as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
        let mut name = [0; 16];
        name.chunks_exact_mut(4).for_each(|part| part.copy_from_slice(&word));
        RecordName::new(name)
    }),
    ("counting at the front", |counter| of_numbers(counter, 0)),
    ("a few bits apart", |counter| {
        let spread = |bit: u32| u128::from(counter >> bit & 1) << (4 * bit);
        let flips = (0..32).fold(0, |flips, bit| flips | spread(bit));
        RecordName::new((u128::from_be_bytes(*uniform(0).as_bytes()) ^ flips).to_be_bytes())
    }),
    // A record of zeroes is what a page that was never written seems to be full of.
    ("nearly nothing", |counter| of_numbers(0, counter.swap_bytes())),
];

/// How many patterns crowd in few lists, or in one zone.
pub const OVERFLOWING: usize = 8;

/// The usual name of a counter, of another kind than the names of a world.
#[must_use]
pub fn uniform(counter: u64) -> RecordName {
    RecordName::of_block(&[counter.to_le_bytes(), [0xb1; 8]].concat())
}

/// The usual name of a counter with some bytes replaced.
fn with(counter: u64, place: std::ops::Range<usize>, bytes: u8) -> RecordName {
    let mut name = *uniform(counter).as_bytes();
    name[place].fill(bytes);
    RecordName::new(name)
}

/// A name with these numbers for the volume index and for the rest, both big-endian.
fn of_numbers(volume: u64, rest: u64) -> RecordName {
    RecordName::new((u128::from(volume) << 64 | u128::from(rest)).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    // Guards against patterns that give fewer names than they should, and so less trouble.
    #[test]
    fn names_of_a_pattern_differ() {
        for (label, name) in PATTERNS {
            let names: HashSet<RecordName> = (0..5000).map(name).collect();
            assert_eq!(names.len(), 5000, "{label}");
        }
    }
}
