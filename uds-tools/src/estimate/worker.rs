//! One worker: takes pieces of files, names their blocks and posts the names.
//!
//! # Invariants
//!
//! 1. The buffer and the batch are made once; nothing is allocated for a block, a chunk or a file.
//! 2. Every block is counted as zero, or posted and counted as unique, duplicate or failed when
//!    its batch is answered.

use std::io::ErrorKind;

use uds_geometry::{RecordData, RecordName};

use super::failures::Failures;
use super::name::{BLOCK_BYTES, Naming, is_zero};
use super::source::{CHUNK_BYTES, Chunk, Ending, Piece, PieceReader};
use super::totals::Totals;
use crate::exit::Failure;
use crate::stop::Stop;

/// Names posted at once.
pub(crate) const BATCH_NAMES: usize = 1024;

/// Who tells new names from known ones.
pub(crate) trait Poster {
    /// Adds a name and its data to the batch.
    fn add(&mut self, name: RecordName, data: RecordData);

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
    /// Why no further batch need be posted, if it is so.
    pub(crate) end: Option<Failure>,
}

/// A worker and its buffers.
pub(crate) struct Worker<'a, P> {
    naming: Naming,
    totals: &'a Totals,
    failures: &'a Failures,
    stop: &'a Stop,
    poster: P,
    buffer: Box<[u8; CHUNK_BYTES]>,
}

impl<'a, P: Poster> Worker<'a, P> {
    pub(crate) fn new(
        naming: Naming,
        totals: &'a Totals,
        failures: &'a Failures,
        stop: &'a Stop,
        poster: P,
    ) -> Self {
        // Made on the heap: an array this large must not pass over a thread's stack.
        let buffer = vec![0; CHUNK_BYTES].into_boxed_slice();
        let buffer = buffer.try_into().expect("the buffer was made with this length");
        Self { naming, totals, failures, stop, poster, buffer }
    }

    /// Reads a piece and counts its blocks. A file that cannot be read is noted; only the index
    /// can fail.
    pub(crate) fn read(&mut self, piece: &Piece) -> Result<(), Failure> {
        match PieceReader::open(piece) {
            Ok(mut reader) => loop {
                if self.stop.is_due() {
                    return Ok(());
                }
                match reader.next_chunk(&mut self.buffer) {
                    Ok(Some(Chunk::Hole { bytes })) => {
                        let blocks = bytes.div_ceil(BLOCK_BYTES as u64);
                        self.totals.bytes.add(bytes);
                        self.totals.blocks.add(blocks);
                        self.totals.zero.add(blocks);
                    }
                    Ok(Some(Chunk::Data { first_block, blocks, bytes })) => {
                        let length = blocks.len();
                        self.totals.bytes.add(bytes);
                        self.take_blocks(piece.source.inode, first_block, length)?;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.note_failure(piece, &error);
                        break;
                    }
                }
            },
            Err(error) => self.note_failure(piece, &error),
        }
        if piece.source.finish_piece() == Ending::Complete {
            self.totals.files.add(1);
        }
        Ok(())
    }

    /// Posts what waits; to be called at the end.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.post()
    }

    /// Names the blocks in the first `length` bytes of the buffer.
    fn take_blocks(&mut self, inode: u64, first_block: u64, length: usize) -> Result<(), Failure> {
        let mut zero = 0;
        for (number, block) in (first_block..).zip(self.buffer[..length].chunks(BLOCK_BYTES)) {
            if is_zero(block) {
                zero += 1;
            } else {
                self.poster.add(self.naming.name(block), place(inode, number));
            }
        }
        self.totals.blocks.add((length / BLOCK_BYTES) as u64);
        self.totals.zero.add(zero);
        if self.poster.waiting() >= BATCH_NAMES { self.post() } else { Ok(()) }
    }

    fn post(&mut self) -> Result<(), Failure> {
        let posted = self.poster.post();
        self.totals.unique.add(posted.new);
        self.totals.duplicate.add(posted.known);
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
/// a device) and the block's number in the file, both little-endian.
fn place(inode: u64, block: u64) -> RecordData {
    let mut data = [0; uds_geometry::DATA_BYTES];
    data[..8].copy_from_slice(&inode.to_le_bytes());
    data[8..].copy_from_slice(&block.to_le_bytes());
    RecordData::new(data)
}
