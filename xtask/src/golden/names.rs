//! How the cases name their records: a counter each.

use uds_geometry::{RecordData, RecordName};

/// The name of a counter: the hash that dm-vdo would give to the counter as a little-endian
/// number.
pub(crate) fn name_of_counter(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

/// The data of a counter in a version: both numbers, little-endian.
pub(crate) fn data_of(counter: u64, version: u64) -> RecordData {
    RecordData::new((u128::from(version) << 64 | u128::from(counter)).to_le_bytes())
}

/// The counter and the version in a record's data, which may be any two numbers.
pub(crate) fn counter_and_version(data: RecordData) -> (u64, u64) {
    let both = u128::from_le_bytes(*data.as_bytes());
    (both as u64, (both >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the order of the two numbers and of their bytes.
    #[test]
    fn data_holds_the_counter_first() {
        let data = data_of(0x0102, 0x0304);
        assert_eq!(data.to_string(), "02010000000000000403000000000000");
        assert_eq!(counter_and_version(data), (0x0102, 0x0304));
        assert_eq!(counter_and_version(data_of(u64::MAX, 0)), (u64::MAX, 0));
    }

    // Guards the seed and the eight bytes that are hashed: a name found on the first record
    // page of a reference image.
    #[test]
    fn names_are_those_of_the_reference() {
        assert_eq!(name_of_counter(0).to_string(), "6ffefd6449662babc8b3e1e2aa468cee");
    }
}
