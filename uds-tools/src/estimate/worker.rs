//! One worker: takes pieces of files, names their blocks and posts the names.
//!
//! A *block* is what gets a name: one of 4 KiB, or a chunk with `--chunker`.
//!
//! # Invariants
//!
//! 1. The buffer and the batch are made once; nothing is allocated for a block, a read or a file.
//! 2. Every block is counted as zero, or posted and counted as unique, duplicate or failed when
//!    its batch is answered, with its bytes; a block of 4 KiB that the file's end cuts short
//!    counts as a whole one.
//! 3. No block spans a hole, or the border of a piece.

use std::io::ErrorKind;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use uds_geometry::{RecordData, RecordName};

use super::chunker::Chunker;
use super::failures::Failures;
use super::name::{BLOCK_BYTES, Naming, is_zero};
use super::source::{Ending, Extent, Piece, PieceReader, Source};
use super::totals::Totals;
use crate::exit::Failure;
use crate::stop::Stop;

/// Names posted at once.
pub(crate) const BATCH_NAMES: usize = 1024;

/// A block that is not all zeroes.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) name: RecordName,
    /// What is to be stored with the name: where the block lies.
    pub(crate) data: RecordData,
    /// Where it is in the file: the number of a block, or the byte at which a chunk begins.
    pub(crate) place: u64,
    /// Its content, padded if it is a block of 4 KiB.
    pub(crate) bytes: &'a [u8],
    /// The file that it is in.
    pub(crate) source: &'a Arc<Source>,
}

/// Who tells new names from known ones.
pub(crate) trait Poster {
    /// Adds a block to the batch.
    fn add(&mut self, block: &Block<'_>);

    /// How many names wait in the batch.
    fn waiting(&self) -> usize;

    /// Posts the batch, empties it, and says what became of its names.
    fn post(&mut self) -> Posted;
}

/// What became of the names of a batch.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    /// Names that were not known.
    pub(crate) new: u64,
    /// Names that were.
    pub(crate) known: u64,
    /// Names of which that could not be told.
    pub(crate) failed: u64,
    /// The bytes of the blocks whose names were not known, and of those whose names were.
    pub(crate) new_bytes: u64,
    pub(crate) known_bytes: u64,
    /// Why no further batch need be posted, if it is so.
    pub(crate) end: Option<Failure>,
}

/// A worker and its buffers.
pub(crate) struct Worker<'a, P> {
    naming: Naming,
    chunker: Chunker,
    totals: &'a Totals,
    failures: &'a Failures,
    stop: &'a Stop,
    poster: P,
    buffer: Vec<u8>,
    seen: Seen,
}

/// What was seen since the shared counters were told.
#[derive(Debug, Default)]
struct Seen {
    blocks: u64,
    zero: u64,
    zero_bytes: u64,
    posted_bytes: u64,
}

impl<'a, P: Poster> Worker<'a, P> {
    pub(crate) fn new(
        (naming, chunker): (Naming, Chunker),
        totals: &'a Totals,
        failures: &'a Failures,
        stop: &'a Stop,
        poster: P,
    ) -> Self {
        let buffer = vec![0; chunker.buffer_bytes()];
        Self { naming, chunker, totals, failures, stop, poster, buffer, seen: Seen::default() }
    }

    /// Reads a piece and counts its blocks. A file that cannot be read is noted; only the index
    /// can fail.
    pub(crate) fn read(&mut self, piece: &Piece) -> Result<(), Failure> {
        match PieceReader::open(piece) {
            Ok(mut reader) => {
                // Out of the way of all else that changes meanwhile.
                let mut buffer = mem::take(&mut self.buffer);
                let outcome = self.read_extents(piece, &mut reader, &mut buffer);
                self.buffer = buffer;
                if outcome?.is_break() {
                    return Ok(());
                }
            }
            Err(error) => self.note_failure(piece, &error),
        }
        if piece.source.finish_piece() == Ending::Complete {
            self.totals.files.add(1);
        }
        Ok(())
    }

    /// Reads to the piece's end, or breaks where it is time to stop.
    fn read_extents(
        &mut self,
        piece: &Piece,
        reader: &mut PieceReader,
        buffer: &mut [u8],
    ) -> Result<ControlFlow<()>, Failure> {
        // What is at the buffer's start already, and where in the file that begins.
        let (mut held, mut place) = (0, piece.range.start);
        loop {
            if self.stop.is_due() {
                return Ok(ControlFlow::Break(()));
            }
            match reader.next_extent(&mut buffer[held..]) {
                Ok(Some(Extent::Data { offset, bytes })) => {
                    self.totals.bytes.add(bytes as u64);
                    place = offset - held as u64;
                    let filled = held + bytes;
                    let taken = self.take(&piece.source, place, buffer, filled, false)?;
                    buffer.copy_within(taken..filled, 0);
                    held = filled - taken;
                    place += taken as u64;
                }
                Ok(Some(Extent::Hole { bytes })) => {
                    self.take(&piece.source, place, buffer, held, true)?;
                    held = 0;
                    self.count_hole(&piece.source, bytes);
                }
                Ok(None) => break,
                Err(error) => {
                    self.note_failure(piece, &error);
                    break;
                }
            }
        }
        self.take(&piece.source, place, buffer, held, true)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Posts what waits; to be called at the end.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.post()
    }

    /// Names blocks as [`Worker::cut`] does, and tells how many they were.
    fn take(
        &mut self,
        source: &Arc<Source>,
        place: u64,
        buffer: &mut [u8],
        filled: usize,
        nothing_follows: bool,
    ) -> Result<usize, Failure> {
        let taken = self.cut(source, place, buffer, filled, nothing_follows);
        // The shared counters are touched once a read, not once a block.
        let Seen { blocks, zero, zero_bytes, posted_bytes } = mem::take(&mut self.seen);
        self.totals.blocks.add(blocks);
        self.totals.posted_bytes.add(posted_bytes);
        self.totals.zero.add(zero);
        self.totals.zero_bytes.add(zero_bytes);
        source.count_zero(zero_bytes);
        taken
    }

    /// Names the blocks in the first `filled` bytes of the buffer, which come from `place` in the
    /// file: all that are whole, or all where nothing follows. Gives the bytes that it took.
    fn cut(
        &mut self,
        source: &Arc<Source>,
        place: u64,
        buffer: &mut [u8],
        filled: usize,
        nothing_follows: bool,
    ) -> Result<usize, Failure> {
        match self.chunker {
            Chunker::Fixed => {
                let whole = if nothing_follows {
                    filled.next_multiple_of(BLOCK_BYTES)
                } else {
                    filled - filled % BLOCK_BYTES
                };
                // A tail is padded.
                buffer[filled.min(whole)..whole].fill(0);
                let first = place / BLOCK_BYTES as u64;
                self.count_blocks(source, first, &buffer[..whole])?;
                Ok(whole)
            }
            Chunker::FastCdc(sizes) => {
                let cutter = sizes.cutter(&buffer[..filled]);
                let enough = if nothing_follows { 1 } else { self.chunker.longest() };
                let mut start = 0;
                while filled - start >= enough {
                    let (_, end) = cutter.cut(start, filled - start);
                    let bytes = &buffer[start..end];
                    if !self.count_or_skip(bytes) {
                        self.add(source, place + start as u64, bytes, self.naming.name(bytes))?;
                    }
                    start = end;
                }
                Ok(start)
            }
        }
    }

    /// Names whole blocks of 4 KiB, two at a time, and adds them in their order.
    fn count_blocks(
        &mut self,
        source: &Arc<Source>,
        first: u64,
        blocks: &[u8],
    ) -> Result<(), Failure> {
        let mut single: Option<(u64, &[u8])> = None;
        for (number, block) in (first..).zip(blocks.chunks_exact(BLOCK_BYTES)) {
            if self.count_or_skip(block) {
                continue;
            }
            let Some((before, other)) = single.take() else {
                single = Some((number, block));
                continue;
            };
            let [other_name, name] = self.naming.names(other, block);
            self.add(source, before, other, other_name)?;
            self.add(source, number, block, name)?;
        }
        single.map_or(Ok(()), |(number, block)| {
            self.add(source, number, block, self.naming.name(block))
        })
    }

    /// Counts a block. True if it has nothing but zeroes, and needs nothing more.
    fn count_or_skip(&mut self, bytes: &[u8]) -> bool {
        let is_zero = is_zero(bytes);
        self.seen.blocks += 1;
        self.seen.zero += u64::from(is_zero);
        self.seen.zero_bytes += if is_zero { bytes.len() as u64 } else { 0 };
        is_zero
    }

    fn add(
        &mut self,
        source: &Arc<Source>,
        number: u64,
        bytes: &[u8],
        name: RecordName,
    ) -> Result<(), Failure> {
        self.seen.posted_bytes += bytes.len() as u64;
        let data = place(source.inode, number);
        self.poster.add(&Block { name, data, place: number, bytes, source });
        if self.poster.waiting() >= BATCH_NAMES { self.post() } else { Ok(()) }
    }

    fn count_hole(&self, source: &Source, bytes: u64) {
        let blocks = self.chunker.blocks_of_hole(bytes);
        let zero_bytes = match self.chunker {
            Chunker::Fixed => blocks * BLOCK_BYTES as u64,
            Chunker::FastCdc(_) => bytes,
        };
        self.totals.bytes.add(bytes);
        self.totals.blocks.add(blocks);
        self.totals.zero.add(blocks);
        self.totals.zero_bytes.add(zero_bytes);
        source.count_zero(zero_bytes);
    }

    fn post(&mut self) -> Result<(), Failure> {
        let posted = self.poster.post();
        self.totals.unique.add(posted.new);
        self.totals.unique_bytes.add(posted.new_bytes);
        self.totals.duplicate.add(posted.known);
        self.totals.duplicate_bytes.add(posted.known_bytes);
        self.totals.failed.add(posted.failed);
        posted.end.map_or(Ok(()), Err)
    }

    fn note_failure(&self, piece: &Piece, error: &std::io::Error) {
        if !piece.source.fail() {
            return;
        }
        // It was there when its directory was read: somebody has removed it since.
        if error.kind() == ErrorKind::NotFound {
            self.totals.vanished.add(1);
        } else {
            self.failures.add(&piece.source.path, error);
        }
    }
}

/// What is stored with a name: where the block was read, as the file's inode number (0 for
/// a device) and the block's number in the file, or the byte at which a chunk begins, both
/// little-endian.
fn place(inode: u64, block: u64) -> RecordData {
    let mut data = [0; uds_geometry::DATA_BYTES];
    data[..8].copy_from_slice(&inode.to_le_bytes());
    data[8..].copy_from_slice(&block.to_le_bytes());
    RecordData::new(data)
}

#[cfg(test)]
mod tests;
