//! How files are cut: into blocks of 4 KiB, as VDO does, or into chunks whose borders depend on
//! the content, as backup programs do.
//!
//! # Invariants
//!
//! 1. Where a chunk ends depends on what is in it, and on nothing after the [`Chunker::longest`]
//!    bytes from its start: a buffer that holds so many, or all that there are, is enough.
//! 2. A block is always 4096 bytes, padded with zeroes at the end of the file; a chunk has the
//!    bytes that it has.
//! 3. A chunker is written as it is read, so that a result says how to get it again.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use anyhow::{Result, anyhow, bail, ensure};
use fastcdc::v2020::{
    AVERAGE_MAX, AVERAGE_MIN, FastCDC, MAXIMUM_MAX, MAXIMUM_MIN, MINIMUM_MAX, MINIMUM_MIN,
};

use super::name::BLOCK_BYTES;
use super::source::READ_BYTES;
use crate::units;

/// Bytes of a piece, the unit in which a large file is shared among threads, for blocks.
pub(crate) const BLOCK_PIECE_BYTES: u64 = 16 << 20;
/// The same for chunks. Larger, because the border of a piece is one of a chunk, too, where the
/// content would have had none.
const CHUNK_PIECE_BYTES: u64 = 256 << 20;

/// How files are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunker {
    /// Blocks of 4 KiB.
    #[default]
    Fixed,
    /// Chunks as `FastCDC` of 2020 finds them, with normalisation level 1.
    FastCdc(ChunkSizes),
}

/// The sizes of chunks in bytes, within the limits of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkSizes {
    min: usize,
    average: usize,
    max: usize,
}

impl Chunker {
    /// The bytes of a block, or what a chunk has on average.
    pub(crate) fn block_bytes(self) -> u64 {
        match self {
            Self::Fixed => BLOCK_BYTES as u64,
            Self::FastCdc(sizes) => sizes.average as u64,
        }
    }

    /// The bytes of the longest block or chunk.
    pub(crate) fn longest(self) -> usize {
        match self {
            Self::Fixed => BLOCK_BYTES,
            Self::FastCdc(sizes) => sizes.max,
        }
    }

    /// The bytes of a piece.
    pub(crate) fn piece_bytes(self) -> u64 {
        match self {
            Self::Fixed => BLOCK_PIECE_BYTES,
            Self::FastCdc(_) => CHUNK_PIECE_BYTES,
        }
    }

    /// The bytes of a buffer: what is read at once, and for chunks what is left of the last read.
    /// Where chunks are long as much is read as is left, so that little is copied.
    pub(crate) fn buffer_bytes(self) -> usize {
        match self {
            Self::Fixed => READ_BYTES,
            Self::FastCdc(sizes) => sizes.max + sizes.max.max(READ_BYTES),
        }
    }

    /// The blocks or chunks that stand for `bytes` bytes of a hole: as many as bytes of zeroes
    /// would give, in which a chunker finds no border.
    pub(crate) fn blocks_of_hole(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.longest() as u64)
    }
}

impl ChunkSizes {
    /// What finds the borders in `bytes`.
    pub(crate) fn cutter(self, bytes: &[u8]) -> FastCDC<'_> {
        FastCDC::new(bytes, self.min, self.average, self.max)
    }
}

impl Display for Chunker {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => write!(f, "fixed"),
            Self::FastCdc(ChunkSizes { min, average, max }) => {
                write!(f, "fastcdc:{min}:{average}:{max}")
            }
        }
    }
}

impl FromStr for Chunker {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "fixed" {
            return Ok(Self::Fixed);
        }
        let wanted = "give fixed, or fastcdc:MIN:AVG:MAX, for example fastcdc:2K:8K:64K";
        let sizes = text.strip_prefix("fastcdc:").map(|sizes| sizes.split(':').collect::<Vec<_>>());
        let Some([min, average, max]) = sizes.as_deref() else {
            bail!("{text:?} is no chunker: {wanted}");
        };
        let min = size(min, "MIN", MINIMUM_MIN, MINIMUM_MAX)?;
        let average = size(average, "AVG", AVERAGE_MIN, AVERAGE_MAX)?;
        let max = size(max, "MAX", MAXIMUM_MIN, MAXIMUM_MAX)?;
        ensure!(
            min <= average && average <= max,
            "the sizes of chunks must not fall, but MIN is {min}, AVG {average} and MAX {max} \
             bytes: {wanted}"
        );
        Ok(Self::FastCdc(ChunkSizes { min, average, max }))
    }
}

/// Reads one of the sizes.
fn size(text: &str, name: &str, least: usize, most: usize) -> Result<usize> {
    let bytes = units::parse_bytes(text).map_err(|error| anyhow!("{name}: {error}"))?;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    ensure!(
        (least..=most).contains(&bytes),
        "{name} is {bytes} bytes, and must be {least} to {most}"
    );
    // The algorithm looks at two bytes at a time.
    ensure!(bytes % 2 == 0, "{name} is {bytes} bytes, and must be an even number");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the notation, and that what is written can be read again.
    #[test]
    fn chunkers_are_read_and_written() {
        for (text, written) in [
            ("fixed", "fixed"),
            ("fastcdc:2K:8K:64K", "fastcdc:2048:8192:65536"),
            ("fastcdc:2048:8192:1M", "fastcdc:2048:8192:1048576"),
            ("fastcdc:64:256:1024", "fastcdc:64:256:1024"),
            ("fastcdc:1M:4M:16M", "fastcdc:1048576:4194304:16777216"),
        ] {
            let chunker: Chunker = text.parse().unwrap();
            assert_eq!(chunker.to_string(), written);
            assert_eq!(chunker.to_string().parse::<Chunker>().unwrap(), chunker);
        }
    }

    // Guards against sizes with which the algorithm would not end, or not do what was asked for.
    #[test]
    fn wrong_sizes_are_refused_with_what_is_right() {
        for (text, words) in [
            ("", "is no chunker: give fixed"),
            ("Fixed", "is no chunker: give fixed"),
            ("fastcdc", "is no chunker: give fixed"),
            ("fastcdc:2K:8K", "is no chunker: give fixed"),
            ("fastcdc:2K:8K:64K:1", "is no chunker: give fixed"),
            ("fastcdc:2K:x:64K", "AVG: \"x\" is not an amount of data"),
            ("fastcdc:63:8K:64K", "MIN is 63 bytes, and must be 64 to 1048576"),
            ("fastcdc:2K:255:64K", "AVG is 255 bytes, and must be 256 to 4194304"),
            ("fastcdc:2K:8K:17M", "MAX is 17825792 bytes, and must be 1024 to 16777216"),
            ("fastcdc:2K:8193:64K", "AVG is 8193 bytes, and must be an even number"),
            ("fastcdc:16K:8K:64K", "must not fall, but MIN is 16384, AVG 8192"),
            ("fastcdc:2K:8K:4K", "must not fall, but MIN is 2048, AVG 8192 and MAX 4096"),
        ] {
            let error = format!("{:#}", text.parse::<Chunker>().unwrap_err());
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    // Guards what is stored and counted for ever: borders that a new release of the crate moves.
    #[test]
    fn borders_stay_where_they_are() {
        let mut state = 1_u32;
        let data: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let Chunker::FastCdc(sizes) = "fastcdc:2K:8K:64K".parse().unwrap() else { unreachable!() };
        let (mut start, mut ends) = (0, Vec::new());
        let cutter = sizes.cutter(&data);
        while start < data.len() {
            start = cutter.cut(start, data.len() - start).1;
            ends.push(start);
        }
        insta::assert_debug_snapshot!(ends);
    }
}
