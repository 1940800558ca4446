//! The hash of results: the same on every machine, and cheap enough to stand in what is measured.

/// A hash of numbers and bytes, which depends on their order.
///
/// ```
/// use uds_bench_support::Digest;
///
/// let mut digest = Digest::new();
/// digest.add(1);
/// digest.add_bytes(b"page");
/// assert_eq!(digest.finish(), 0x6d8d_dfb6_17b8_0218);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Digest {
    /// The hash of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a number, in the time of a multiplication.
    pub const fn add(&mut self, number: u64) {
        // FNV-1a on words. The rotation brings the upper bits to where the next product sees them.
        self.0 = (self.0 ^ number).wrapping_mul(0x100_0000_01b3).rotate_left(23);
    }

    /// Adds bytes, and how many they are.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
        self.add(bytes.len() as u64);
    }

    /// The hash of all that was added.
    #[must_use]
    pub const fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u64]) -> u64 {
        let mut digest = Digest::new();
        numbers.iter().for_each(|&number| digest.add(number));
        digest.finish()
    }

    // Guards against results that change places, or change, without the hash's notice.
    #[test]
    fn order_number_and_every_bit_count() {
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        for bit in 0..64 {
            assert_ne!(of(&[5, 7]), of(&[5 ^ (1 << bit), 7]), "bit {bit}");
        }
    }

    // Guards against bytes at the end that are left out, or taken for zeroes.
    #[test]
    fn all_bytes_count() {
        let of = |bytes: &[u8]| {
            let mut digest = Digest::new();
            digest.add_bytes(bytes);
            digest.finish()
        };
        assert_ne!(of(&[1; 9]), of(&[1; 10]));
        assert_ne!(of(&[1, 0]), of(&[1]));
        let mut page = [0; 20];
        let empty = of(&page);
        page[19] = 1;
        assert_ne!(of(&page), empty);
    }
}
