//! Reading a file in pieces: opening it safely, and stepping over its holes.
//!
//! # Invariants
//!
//! 1. A file has as many bytes as the walk saw. One that grows is read so far; one that shrinks is
//!    read to its new end.
//! 2. What was not in the page cache before is not there afterwards.
//! 3. Pieces start at multiples of the chunker's piece, which is a multiple of a block; holes and
//!    data start at multiples of a block.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{OFlags, SeekFrom, seek};
use rustix::io::Errno;

use super::breakdown::{Breakdown, FileTally};
use super::footprint::{Footprint, Glance, give_back, glance};
use super::name::BLOCK_BYTES;

/// Bytes read at once: enough to make the system call's cost small, little enough to stay in
/// a core's cache until all blocks are hashed.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// A file that was found, and how its reading went so far.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) inode: u64,
    teller: Teller,
    /// Bytes of its blocks: those that are not zero, about so many that were new, and zero ones.
    bytes: AtomicU64,
    new_bytes: AtomicU64,
    zero_bytes: AtomicU64,
    /// Pieces that no thread has finished.
    pieces_left: AtomicU64,
    failed: AtomicBool,
}

/// The breakdown that files are told to.
pub(crate) type SharedBreakdown = Arc<Mutex<Breakdown>>;

/// What tells a file to the breakdown: where that is, and the given path under which the file was
/// found.
#[derive(Debug)]
pub(crate) struct Teller {
    root: Arc<Path>,
    breakdown: SharedBreakdown,
}

impl Teller {
    pub(crate) fn new(root: Arc<Path>, breakdown: &SharedBreakdown) -> Self {
        Self { root, breakdown: Arc::clone(breakdown) }
    }
}

/// A part of a file for one thread to read.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) source: Arc<Source>,
    pub(crate) range: Range<u64>,
}

/// How a file ended, told to the thread that finished its last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Other pieces are still to be read.
    NotYet,
    /// Every byte was read.
    Complete,
    /// At least one piece could not be read to its end.
    Failed,
}

impl Source {
    /// The pieces of a file of `bytes` bytes, `piece_bytes` bytes each: one at least, so that an
    /// empty file counts too.
    pub(crate) fn pieces(
        path: PathBuf,
        (bytes, inode): (u64, u64),
        teller: Teller,
        piece_bytes: u64,
    ) -> impl Iterator<Item = Piece> {
        let count = bytes.div_ceil(piece_bytes).max(1);
        let source = Arc::new(Self {
            path,
            inode,
            teller,
            bytes: AtomicU64::new(0),
            new_bytes: AtomicU64::new(0),
            zero_bytes: AtomicU64::new(0),
            pieces_left: AtomicU64::new(count),
            failed: AtomicBool::new(false),
        });
        (0..count).map(move |number| {
            let start = number * piece_bytes;
            let range = start..bytes.min(start.saturating_add(piece_bytes));
            Piece { source: Arc::clone(&source), range }
        })
    }

    /// Counts blocks that are not zero: their bytes, and about how many of these were new.
    pub(crate) fn count(&self, bytes: u64, new_bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.new_bytes.fetch_add(new_bytes, Relaxed);
    }

    /// Counts zero blocks.
    pub(crate) fn count_zero(&self, bytes: u64) {
        self.zero_bytes.fetch_add(bytes, Relaxed);
    }

    /// Notes that a piece failed. True for the first that does, which reports it.
    pub(crate) fn fail(&self) -> bool {
        !self.failed.swap(true, Relaxed)
    }

    /// Notes that a piece was finished, well or not.
    pub(crate) fn finish_piece(&self) -> Ending {
        // Pairs with itself in the other workers: the last one sees their `failed`.
        if self.pieces_left.fetch_sub(1, AcqRel) > 1 {
            Ending::NotYet
        } else if self.failed.load(Relaxed) {
            Ending::Failed
        } else {
            Ending::Complete
        }
    }
}

impl Drop for Source {
    /// Tells the breakdown what was counted, also of a file that was read in part: whoever lets go
    /// of it last, and for whatever reason.
    fn drop(&mut self) {
        let (bytes, new_bytes) = (*self.bytes.get_mut(), *self.new_bytes.get_mut());
        let saved_bytes = i64::try_from(i128::from(bytes) - i128::from(new_bytes));
        let file = FileTally {
            path: &self.path,
            root: &self.teller.root,
            bytes,
            zero_bytes: *self.zero_bytes.get_mut(),
            saved_bytes: saved_bytes.unwrap_or(i64::MIN),
        };
        let breakdown = self.teller.breakdown.lock();
        breakdown.unwrap_or_else(PoisonError::into_inner).add(&file);
    }
}

/// What comes next in a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The bytes from `offset` on in the file: so many were read into the buffer.
    Data { offset: u64, bytes: usize },
    /// Bytes that the file system does not store because they are zero.
    Hole { bytes: u64 },
}

/// Reads one piece.
#[derive(Debug)]
pub(crate) struct PieceReader {
    file: File,
    next: u64,
    end: u64,
    /// Where the data that is being read ends; at `next` it is time to look for more.
    data_end: u64,
    has_holes: bool,
    cache: CacheUse,
}

/// How a piece spares the page cache.
#[derive(Debug)]
enum CacheUse {
    /// A whole file of one read, and whether it has to be given back.
    Small { is_cold: bool },
    /// All else.
    Large(Footprint),
}

impl PieceReader {
    /// Opens the file of a piece.
    pub(crate) fn open(piece: &Piece) -> io::Result<Self> {
        let Range { start, end } = piece.range;
        let file = open_for_reading(&piece.source.path)?;
        let metadata = file.metadata()?;
        let is_device = metadata.file_type().is_block_device();
        if !(metadata.is_file() || is_device) {
            return Err(io::Error::other("it was a file when it was found, and is none any more"));
        }
        let has_holes = !is_device && metadata.blocks().saturating_mul(512) < metadata.len();
        let is_small = start == 0 && end <= READ_BYTES as u64;
        let data_end = if has_holes { start } else { end };
        let cache = if is_small {
            CacheUse::Small { is_cold: false }
        } else {
            CacheUse::Large(Footprint::new(start..end))
        };
        Ok(Self { file, next: start, end, data_end, has_holes, cache })
    }

    /// What comes next, at most as many bytes as `buffer` has, or nothing at the end of the piece
    /// or of the file. Data that goes on where the last data ended comes next to it in the file.
    pub(crate) fn next_extent(&mut self, buffer: &mut [u8]) -> io::Result<Option<Extent>> {
        if self.next >= self.end {
            return Ok(None);
        }
        if self.next == self.data_end && self.has_holes {
            let data = self.find_data()?;
            if data.start > self.next {
                let bytes = data.start - self.next;
                self.next = data.start;
                self.data_end = data.start;
                return Ok(Some(Extent::Hole { bytes }));
            }
            self.data_end = data.end;
        }
        let wanted = (self.data_end - self.next).min(buffer.len() as u64) as usize;
        let read = self.read_data(&mut buffer[..wanted])?;
        if read == 0 {
            return Ok(None);
        }
        let offset = self.next;
        // A short read means the file's end, as it is now.
        self.next = if read < wanted { self.end } else { self.next + read as u64 };
        Ok(Some(Extent::Data { offset, bytes: read }))
    }

    /// Fills `buffer` from `next` on, fewer bytes only at the end of the file, and leaves the page
    /// cache as it was.
    fn read_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { file, next, cache, .. } = self;
        match cache {
            CacheUse::Large(footprint) => {
                footprint.begin_read(file, *next);
                let read = read_full(file, buffer, *next)?;
                footprint.end_read(file, *next + read as u64);
                Ok(read)
            }
            // Where the file is cached, this one call is the read itself.
            CacheUse::Small { is_cold } => match glance(file, buffer, *next) {
                Glance::Cached(read) if read == buffer.len() => Ok(read),
                glance => {
                    *is_cold |= glance == Glance::Cold;
                    read_full(file, buffer, *next)
                }
            },
        }
    }

    /// The next range of data at or after `next`, widened to whole blocks and cut to the piece.
    fn find_data(&mut self) -> io::Result<Range<u64>> {
        let block = BLOCK_BYTES as u64;
        let start = match seek(&self.file, SeekFrom::Data(self.next)) {
            Ok(start) => (start - start % block).clamp(self.next, self.end),
            // No data up to the file's end, unless the file has become shorter.
            Err(Errno::NXIO) => {
                let bytes = self.file.metadata()?.len();
                self.end = self.end.min(bytes).max(self.next);
                self.end
            }
            // The file system does not tell where holes are.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                self.has_holes = false;
                return Ok(self.next..self.end);
            }
            Err(error) => return Err(error.into()),
        };
        let end = match seek(&self.file, SeekFrom::Hole(start)) {
            Ok(end) => end.checked_next_multiple_of(block).unwrap_or(end).clamp(start, self.end),
            Err(_) => self.end,
        };
        Ok(start..end)
    }
}

impl Drop for PieceReader {
    fn drop(&mut self) {
        match &mut self.cache {
            CacheUse::Large(footprint) => footprint.finish(&self.file),
            CacheUse::Small { is_cold: true } => give_back(&self.file, &(0..self.end)),
            CacheUse::Small { is_cold: false } => {}
        }
    }
}

/// Opens a file or device that a walk has found. What has taken its place meanwhile must neither
/// be followed nor block, and a device must not be told that it is read by a terminal.
fn open_for_reading(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Fills `buffer` from `offset` on; fewer bytes only at the end of the file.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests;
