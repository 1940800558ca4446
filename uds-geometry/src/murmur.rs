//! `MurmurHash3` x64-128, by Austin Appleby (public domain).
//!
//! The on-disk format needs it: nonces are computed with it (specification, section 10.5), and
//! dm-vdo names its blocks with it. Both halves of the state start as the seed.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Hashes `data` with `seed`. The 16 bytes are the two 64-bit halves, little-endian, in order.
///
/// ```
/// let hash = uds_geometry::murmur3_x64_128(b"", 0);
/// assert_eq!(hash, [0; 16]);
/// ```
#[must_use]
pub fn murmur3_x64_128(data: &[u8], seed: u32) -> [u8; 16] {
    let mut state = State::new(seed);
    let (blocks, tail) = data.as_chunks_16();
    for block in blocks {
        state.mix(block);
    }
    state.finish(tail, data.len())
}

/// Hashes `first` and `second`, which must be equally long, with `seed`: the same as
/// [`murmur3_x64_128`] of each, in less time. Each step of one hash waits for the step before, so
/// that a processor has room for the steps of another one in between; a third finds none.
///
/// # Panics
///
/// Panics if the lengths differ.
///
/// ```
/// use uds_geometry::{murmur3_x64_128, murmur3_x64_128_pair};
/// let pair = murmur3_x64_128_pair(b"one", b"two", 7);
/// assert_eq!(pair, [murmur3_x64_128(b"one", 7), murmur3_x64_128(b"two", 7)]);
/// ```
#[must_use]
pub fn murmur3_x64_128_pair(first: &[u8], second: &[u8], seed: u32) -> [[u8; 16]; 2] {
    assert_eq!(first.len(), second.len(), "two inputs side by side must be equally long");
    let (mut one, mut other) = (State::new(seed), State::new(seed));
    let (first_blocks, first_tail) = first.as_chunks_16();
    let (second_blocks, second_tail) = second.as_chunks_16();
    for (first_block, second_block) in first_blocks.zip(second_blocks) {
        one.mix(first_block);
        other.mix(second_block);
    }
    [one.finish(first_tail, first.len()), other.finish(second_tail, second.len())]
}

/// The two halves of a hash in the making.
struct State {
    h1: u64,
    h2: u64,
}

impl State {
    fn new(seed: u32) -> Self {
        Self { h1: seed.into(), h2: seed.into() }
    }

    #[inline(always)]
    fn mix(&mut self, block: &[u8; 16]) {
        let (k1, k2) = halves(block);
        self.h1 ^= scramble_first(k1);
        self.h1 = self.h1.rotate_left(27).wrapping_add(self.h2);
        self.h1 = self.h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.h2 ^= scramble_second(k2);
        self.h2 = self.h2.rotate_left(31).wrapping_add(self.h1);
        self.h2 = self.h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }

    /// The hash of `length` bytes, the last of which, fewer than 16, are `tail`.
    fn finish(self, tail: &[u8], length: usize) -> [u8; 16] {
        let Self { mut h1, mut h2 } = self;
        if !tail.is_empty() {
            let mut last = [0; 16];
            last[..tail.len()].copy_from_slice(tail);
            let (k1, k2) = halves(&last);
            // Scrambling zero gives zero, so a short tail needs no case of its own.
            h2 ^= scramble_second(k2);
            h1 ^= scramble_first(k1);
        }
        h1 ^= length as u64;
        h2 ^= length as u64;
        h1 = h1.wrapping_add(h2);
        h2 = h2.wrapping_add(h1);
        h1 = finish(h1);
        h2 = finish(h2);
        h1 = h1.wrapping_add(h2);
        h2 = h2.wrapping_add(h1);
        let mut hash = [0; 16];
        hash[..8].copy_from_slice(&h1.to_le_bytes());
        hash[8..].copy_from_slice(&h2.to_le_bytes());
        hash
    }
}

/// Slices into 16-byte arrays (`slice::as_chunks` is younger than our oldest supported compiler).
trait Chunks16 {
    fn as_chunks_16(&self) -> (impl Iterator<Item = &[u8; 16]>, &[u8]);
}

impl Chunks16 for [u8] {
    fn as_chunks_16(&self) -> (impl Iterator<Item = &[u8; 16]>, &[u8]) {
        let chunks = self.chunks_exact(16);
        let tail = chunks.remainder();
        (chunks.filter_map(|chunk| chunk.first_chunk()), tail)
    }
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(*block);
    (whole as u64, (whole >> 64) as u64)
}

fn scramble_first(k1: u64) -> u64 {
    k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn scramble_second(k2: u64) -> u64 {
    k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::{murmur3_x64_128, murmur3_x64_128_pair};

    fn hex(hash: [u8; 16]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // Guards against a wrong constant, rotation or tail: published vectors of the algorithm,
    // and the specification's own example.
    #[test]
    fn known_vectors() {
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hex(murmur3_x64_128(fox, 0)), "6c1b07bc7bbc4be347939ac4a93c437a");
        assert_eq!(hex(murmur3_x64_128(fox, 0x62ea_60be)), "43796d74e3938645c389397e23fcfd54");
    }

    // Guards against two hashes that mix: each must be what it is alone, at every length of a tail.
    #[test]
    fn a_pair_is_two_single_hashes() {
        let data: Vec<u8> = (0..8192_u32).map(|place| ((place * place) >> 5) as u8).collect();
        for length in (0..=40).chain([4095, 4096]) {
            let (first, second) = (&data[..length], &data[4096..4096 + length]);
            let alone = [first, second].map(|data| murmur3_x64_128(data, 0x62ea_60be));
            assert_eq!(murmur3_x64_128_pair(first, second, 0x62ea_60be), alone, "{length}");
        }
    }

    // Guards every tail length: a prefix and the same prefix with a zero must differ,
    // because the length is hashed.
    #[test]
    fn every_tail_length_counts() {
        let data = [0; 40];
        let hashes: std::collections::HashSet<_> =
            (0..=40).map(|length| murmur3_x64_128(&data[..length], 1)).collect();
        assert_eq!(hashes.len(), 41);
    }
}
