//! What compression would save on top: LZ4 of a sample of the blocks, each by itself.
//!
//! | module | part |
//! |---|---|
//! | this one | the sample, and the compressor |
//! | `packing` | what compressed blocks take when several share one |
//! | `result` | shares, errors, and deduplication and compression together |
//!
//! # The sample
//!
//! A block is in the sample if a hash of its [`SampleKey`] is below a threshold, which falls by
//! half whenever more than [`MAX_SAMPLES`] are in it (fixed-size spatially hashed sampling, as in
//! SHARDS, FAST 2015). Keys are names, so that the sample is one of *different* blocks, each as
//! likely as any other and counted once however often it comes; or they are places, and then the
//! sample is one of all blocks.
//!
//! # Invariants
//!
//! 1. The sample holds every key below the threshold that was added, and no others: it does not
//!    depend on the order of adding, nor on who adds.
//! 2. At most [`MAX_SAMPLES`] are in it; once the threshold has fallen, about half as many or
//!    more.
//!
//! # Threads
//!
//! The threshold and the keys known lately are written under the mutex of the sample, and read
//! without it, relaxed: who reads an older threshold compresses a block in vain, and who does not
//! see a known key compresses it again. [`Sampler::add`] decides.

mod packing;
mod result;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use uds_geometry::RecordName;

pub(crate) use result::{Compression, Population};

/// Blocks in a sample at most.
pub(crate) const MAX_SAMPLES: usize = 4096;
/// Keys known lately: a power of two. A name that comes a million times is compressed once.
const KNOWN: usize = 8192;

/// What decides whether a block is in the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleKey(u64);

impl SampleKey {
    /// For a sample of different blocks: the same for all copies of a block.
    #[inline]
    pub(crate) fn of_name(name: &RecordName) -> Self {
        Self(mixed(name.volume_index_bits() ^ name.chapter_index_bits().rotate_left(16)))
    }

    /// For a sample of all blocks: another one for each place. `file` is any number that is the
    /// file's alone.
    #[inline]
    pub(crate) fn of_place(file: u64, offset: u64) -> Self {
        Self(mixed(mixed(file) ^ offset))
    }
}

/// A block of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    bytes: u32,
    compressed_bytes: u32,
}

/// The sample.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Keys of at most this are in the sample. Only falls.
    highest: AtomicU64,
    /// Keys that were added, each in the place that its last bits say; 0 is none.
    known: Box<[AtomicU64]>,
    samples: Mutex<BTreeMap<u64, Sample>>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            highest: AtomicU64::new(u64::MAX),
            known: (0..KNOWN).map(|_| AtomicU64::new(0)).collect(),
            samples: Mutex::default(),
        }
    }
}

impl Sampler {
    /// Whether the block is to be compressed and added: it belongs to the sample, and probably is
    /// not in it yet. For nearly all blocks this reads one number.
    #[inline]
    pub(crate) fn wants(&self, key: SampleKey) -> bool {
        key.0 <= self.highest.load(Relaxed) && self.place(key).load(Relaxed) != key.0
    }

    /// Adds a block of `bytes` that compresses to `compressed_bytes`. One that is in the sample
    /// already, or does not belong to it any more, changes nothing.
    pub(crate) fn add(&self, key: SampleKey, bytes: u32, compressed_bytes: u32) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut highest = self.highest.load(Relaxed);
        if key.0 > highest {
            return;
        }
        samples.insert(key.0, Sample { bytes, compressed_bytes });
        self.place(key).store(key.0, Relaxed);
        while samples.len() > MAX_SAMPLES {
            highest /= 2;
            samples.split_off(&(highest + 1));
        }
        self.highest.store(highest, Relaxed);
    }

    /// What the sample says of all blocks that it stands for.
    pub(crate) fn result(&self, population: &Population) -> Compression {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let is_whole = self.highest.load(Relaxed) == u64::MAX;
        let samples: Vec<_> = samples.values().copied().collect();
        Compression::new(&samples, is_whole, population)
    }

    #[inline]
    fn place(&self, key: SampleKey) -> &AtomicU64 {
        &self.known[key.0 as usize % KNOWN]
    }
}

/// A worker's compressor; it keeps its memory from block to block.
pub(crate) struct Compressor {
    table: CompressTable,
    output: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { table: CompressTable::small(), output: Vec::new() }
    }
}

impl Compressor {
    /// The bytes of a block after LZ4, in its block format; more than its own if it does not
    /// compress.
    pub(crate) fn compressed_bytes(&mut self, block: &[u8]) -> u32 {
        self.output.resize(get_maximum_output_size(block.len()), 0);
        let written = compress_into_with_table(block, &mut self.output, &mut self.table)
            .expect("the output has room for what does not compress");
        u32::try_from(written).expect("blocks are far smaller than 4 GiB")
    }
}

/// A hash of 64 bits (the finishing steps of `SplitMix64`): names are uniform, but they place
/// records in an index by the same bits, and places are not uniform at all.
#[inline]
const fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
