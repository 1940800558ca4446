//! A large array of bytes of which only the blocks that were written take memory.
//!
//! Blocks are shared between clones until one of them writes, so a clone of a disk costs a pointer
//! a block.

use std::collections::BTreeMap;

use crate::sync::Arc;

/// Bytes of a block: what a write to an untouched place allocates.
pub(crate) const BLOCK: usize = 4096;

/// A sparse array of bytes that are zero until they are written. Callers check ranges.
#[derive(Clone, Debug)]
pub(crate) struct SparseBytes {
    length: u64,
    blocks: BTreeMap<u64, Arc<[u8; BLOCK]>>,
}

impl SparseBytes {
    /// `length` zero bytes.
    pub(crate) const fn new(length: u64) -> Self {
        Self { length, blocks: BTreeMap::new() }
    }

    /// A copy of `bytes`. Blocks of zeroes take no memory.
    pub(crate) fn from_slice(bytes: &[u8]) -> Self {
        let mut array = Self::new(bytes.len() as u64);
        for (number, block) in bytes.chunks(BLOCK).enumerate() {
            if block.iter().any(|&byte| byte != 0) {
                array.write((number * BLOCK) as u64, block);
            }
        }
        array
    }

    /// Bytes of the array.
    pub(crate) const fn len(&self) -> u64 {
        self.length
    }

    /// Bytes of the blocks that were ever written.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        (self.blocks.len() * BLOCK) as u64
    }

    /// Bytes that a write of `length` bytes at `offset` would newly allocate.
    pub(crate) fn missing_bytes(&self, offset: u64, length: usize) -> u64 {
        if length == 0 {
            return 0;
        }
        let (first, last) = blocks_of(offset, length);
        let present = self.blocks.range(first..=last).count() as u64;
        (last - first + 1 - present) * BLOCK as u64
    }

    /// Copies the bytes at `offset` into `buffer`. The range lies within the array.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) {
        buffer.fill(0);
        if buffer.is_empty() {
            return;
        }
        let (first, last) = blocks_of(offset, buffer.len());
        let end = offset + buffer.len() as u64;
        for (&number, block) in self.blocks.range(first..=last) {
            let start = number * BLOCK as u64;
            let from = offset.max(start);
            let to = end.min(start + BLOCK as u64);
            buffer[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&block[(from - start) as usize..(to - start) as usize]);
        }
    }

    /// Copies `bytes` to `offset`. The range lies within the array.
    pub(crate) fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        let mut at = offset;
        while !bytes.is_empty() {
            let within = (at % BLOCK as u64) as usize;
            let (piece, rest) = bytes.split_at(bytes.len().min(BLOCK - within));
            let block =
                self.blocks.entry(at / BLOCK as u64).or_insert_with(|| Arc::new([0; BLOCK]));
            Arc::make_mut(block)[within..within + piece.len()].copy_from_slice(piece);
            at += piece.len() as u64;
            bytes = rest;
        }
    }

    /// Takes over the blocks that a range of `other` lies in, without copying their bytes.
    pub(crate) fn adopt(&mut self, other: &Self, offset: u64, length: usize) {
        if length > 0 {
            let (first, last) = blocks_of(offset, length);
            let blocks = other.blocks.range(first..=last);
            self.blocks.extend(blocks.map(|(&number, block)| (number, Arc::clone(block))));
        }
    }

    /// As [`adopt`](Self::adopt); blocks that `other` does not have are zero afterwards.
    pub(crate) fn adopt_or_clear(&mut self, other: &Self, offset: u64, length: usize) {
        if length > 0 {
            let (first, last) = blocks_of(offset, length);
            for number in first..=last {
                match other.blocks.get(&number) {
                    Some(block) => drop(self.blocks.insert(number, Arc::clone(block))),
                    None => drop(self.blocks.remove(&number)),
                }
            }
        }
    }

    /// All bytes, copied.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(0, &mut bytes);
        bytes
    }
}

/// The first and last block of a range that is not empty.
const fn blocks_of(offset: u64, length: usize) -> (u64, u64) {
    (offset / BLOCK as u64, (offset + length as u64 - 1) / BLOCK as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against off-by-one errors at block borders, by comparing with a plain vector.
    #[test]
    fn a_sparse_array_reads_what_a_vector_would() {
        let mut sparse = SparseBytes::new(5 * BLOCK as u64);
        let mut plain = vec![0_u8; 5 * BLOCK];
        for (round, &(offset, length)) in
            [(0, 1), (4095, 2), (4096, 4096), (1, 3 * BLOCK), (5 * BLOCK - 1, 1), (7, 0)]
                .iter()
                .enumerate()
        {
            let bytes = vec![round as u8 + 1; length];
            sparse.write(offset as u64, &bytes);
            plain[offset..offset + length].copy_from_slice(&bytes);
            assert_eq!(sparse.to_vec(), plain, "round {round}");
        }
        let mut part = vec![9; 5000];
        sparse.read(4000, &mut part);
        assert_eq!(part, plain[4000..9000]);
    }

    // Guards against a clone that changes with its original.
    #[test]
    fn clones_are_independent() {
        let mut original = SparseBytes::from_slice(&[7; 10_000]);
        let copy = original.clone();
        original.write(5000, &[1; 10]);
        assert_eq!(copy.to_vec(), vec![7; 10_000]);
        assert_ne!(original.to_vec(), copy.to_vec());
    }

    // Guards the accounting behind a disk that runs out of space.
    #[test]
    fn missing_bytes_count_untouched_blocks() {
        let mut sparse = SparseBytes::new(1 << 40);
        sparse.write(BLOCK as u64, &[1]);
        assert_eq!(sparse.missing_bytes(0, 3 * BLOCK), 2 * BLOCK as u64);
        assert_eq!(sparse.missing_bytes(BLOCK as u64 + 5, 10), 0);
        assert_eq!(sparse.missing_bytes(0, 0), 0);
        assert_eq!(sparse.allocated_bytes(), BLOCK as u64);
    }
}
