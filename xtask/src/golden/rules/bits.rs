//! Fields of bits, and the walk over a delta list (specification, section 3.3).

use super::shape::Coding;

/// An entry of a delta list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) value: u64,
    /// Where it begins. Its first bits are the value.
    pub(super) bit: usize,
    /// The whole name, which only further entries of one key have.
    pub(super) name: Option<[u8; 16]>,
}

/// The number of `width` bits, at most 57, at a bit offset; beyond the end there are zeroes.
pub(super) fn bits(bytes: &[u8], bit: usize, width: usize) -> u64 {
    let whole = super::bytes::number(bytes, bit / 8, 8) >> (bit % 8);
    whole & ((1 << width) - 1)
}

/// The entries of a list of so many bits; and the bit where one begins that goes beyond the end, if
/// one does.
pub(super) fn entries(
    bytes: &[u8],
    start: usize,
    size: usize,
    value_bits: u64,
    coding: Coding,
) -> (Vec<Entry>, Option<usize>) {
    let (value_bits, min_bits) = (value_bits as usize, coding.min_bits as usize);
    let end = start + size;
    let mut entries = Vec::new();
    let (mut at, mut key) = (start, 0);
    while at < end {
        let bit = at;
        let value = bits(bytes, at, value_bits);
        at += value_bits;
        let mut delta = bits(bytes, at, min_bits);
        at += min_bits;
        if delta >= coding.min_keys {
            while at < end && bits(bytes, at, 1) == 0 {
                at += 1;
                delta += coding.incr;
            }
            // The one that ends the zeroes.
            at += 1;
        }
        let mut name = None;
        if delta == 0 && bit > start {
            let mut all = [0; 16];
            for (number, byte) in all.iter_mut().enumerate() {
                *byte = bits(bytes, at + 8 * number, 8) as u8;
            }
            name = Some(all);
            at += 128;
        }
        if at > end {
            return (entries, Some(bit));
        }
        key += delta;
        entries.push(Entry { key, value, bit, name });
    }
    (entries, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the walk (example 14.2 of the specification): four entries, one with a name.
    #[test]
    fn the_example_is_walked() {
        let coding = Coding { min_bits: 12, min_keys: 1268, incr: 2828 };
        let list = [
            0x03, 0x14, 0xc0, 0xff, 0x0f, 0xf5, 0x00, 0x00, 0x00, 0x0d, 0x15, 0x1d, 0x25, 0x2d,
            0x35, 0x3d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d, 0x75, 0x7d, 0x05, 0x90, 0x7c, 0x09,
        ];
        let (found, beyond) = entries(&list, 0, 220, 10, coding);
        assert_eq!(beyond, None);
        let keys: Vec<_> = found.iter().map(|entry| (entry.key, entry.value, entry.bit)).collect();
        assert_eq!(keys, [(5, 3, 0), (1300, 1023, 22), (1300, 7, 45), (10_000, 512, 195)]);
        assert_eq!(found[2].name, Some(std::array::from_fn(|at| 0xa0 + at as u8)));
        assert_eq!(entries(&list, 0, 219, 10, coding), (found[..3].to_vec(), Some(195)));
        assert_eq!(entries(&list, 0, 221, 10, coding), (found, Some(220)));
    }
}
