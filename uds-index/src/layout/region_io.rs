//! Reading and writing a region as a stream (specification, section 10.7).
//!
//! # Invariants
//!
//! 1. Neither side leaves its region: beyond its end, reads give the end of the file and
//!    writes fail.
//! 2. Whole blocks are written; the last is filled with zeroes. Blocks of the region behind the
//!    data keep what they held.
//! 3. Nothing is durable before [`RegionWriter::finish`] has returned without an error.

use std::io::{self, Read, Write};

use uds_geometry::BLOCK_BYTES;
use uds_volume::Storage;

use super::save_slot::BlockRange;
use crate::IndexError;

const BUFFER_BYTES: usize = 1 << 18;

/// Reads the bytes of a region in order.
pub(crate) struct RegionReader<'a> {
    storage: &'a dyn Storage,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    consumed: usize,
}

impl<'a> RegionReader<'a> {
    pub(crate) fn new(storage: &'a dyn Storage, region: BlockRange) -> Self {
        let block = u64::from(BLOCK_BYTES);
        let position = region.start * block;
        let end = position + region.blocks * block;
        Self { storage, position, end, buffer: Vec::new(), consumed: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        let bytes = (self.end - self.position).min(BUFFER_BYTES as u64);
        self.buffer.resize(bytes as usize, 0);
        self.consumed = 0;
        if let Err(error) = self.storage.read_at(self.position, &mut self.buffer) {
            self.buffer.clear();
            return Err(io::Error::other(error));
        }
        self.position += bytes;
        Ok(())
    }
}

impl Read for RegionReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.consumed == self.buffer.len() {
            self.fill()?;
        }
        let ready = &self.buffer[self.consumed..];
        let bytes = ready.len().min(out.len());
        out[..bytes].copy_from_slice(&ready[..bytes]);
        self.consumed += bytes;
        Ok(bytes)
    }
}

/// Writes bytes to a region in order.
pub(crate) struct RegionWriter<'a> {
    storage: &'a dyn Storage,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl<'a> RegionWriter<'a> {
    pub(crate) fn new(storage: &'a dyn Storage, region: BlockRange) -> Self {
        let block = u64::from(BLOCK_BYTES);
        let position = region.start * block;
        let end = position + region.blocks * block;
        Self { storage, position, end, buffer: Vec::with_capacity(BUFFER_BYTES) }
    }

    /// Writes what is left, and makes all of it durable.
    pub(crate) fn finish(mut self) -> Result<(), IndexError> {
        let padded = self.buffer.len().next_multiple_of(BLOCK_BYTES as usize);
        self.buffer.resize(padded, 0);
        self.write_buffer()?;
        Ok(self.storage.sync()?)
    }

    fn write_buffer(&mut self) -> Result<(), uds_volume::StorageError> {
        self.storage.write_at(self.position, &self.buffer)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for RegionWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.end - self.position - self.buffer.len() as u64;
        let count = bytes
            .len()
            .min(BUFFER_BYTES - self.buffer.len())
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == BUFFER_BYTES {
            self.write_buffer().map_err(io::Error::other)?;
        }
        Ok(count)
    }

    /// Does nothing: partial blocks are written by [`RegionWriter::finish`] alone.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uds_volume::MemoryStorage;

    use super::*;

    const REGION: BlockRange = BlockRange { start: 3, blocks: 200 };

    fn storage() -> MemoryStorage {
        let storage = MemoryStorage::new(4096 * 300);
        storage.write_at(0, &[0xaa; 4096 * 300]).unwrap();
        storage
    }

    // Guards the padding, and blocks that belong to nobody else (row C37).
    #[test]
    fn the_last_block_is_padded_and_the_rest_left_alone() {
        let storage = storage();
        let mut writer = RegionWriter::new(&storage, REGION);
        let data: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
        for piece in data.chunks(777) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        let mut found = vec![0; 4096 * 300];
        storage.read_at(0, &mut found).unwrap();
        assert!(found[..3 * 4096].iter().all(|&byte| byte == 0xaa));
        assert_eq!(found[3 * 4096..3 * 4096 + 5000], data);
        assert!(found[3 * 4096 + 5000..5 * 4096].iter().all(|&byte| byte == 0));
        assert!(found[5 * 4096..].iter().all(|&byte| byte == 0xaa));
    }

    // Guards against reading or writing a neighbour's blocks (row C36).
    #[test]
    fn neither_side_leaves_the_region() {
        let storage = storage();
        let mut writer = RegionWriter::new(&storage, REGION);
        writer.write_all(&vec![1; 200 * 4096]).unwrap();
        assert!(writer.write_all(&[1]).is_err());
        writer.finish().unwrap();
        for size in [4, 5, 42, 8192, 1 << 20] {
            let mut reader = RegionReader::new(&storage, REGION);
            let mut found = Vec::new();
            let mut piece = vec![0; size];
            loop {
                let count = reader.read(&mut piece).unwrap();
                if count == 0 {
                    break;
                }
                found.extend_from_slice(&piece[..count]);
            }
            assert_eq!(found.len(), 200 * 4096, "in pieces of {size}");
            assert!(found.iter().all(|&byte| byte == 1));
        }
    }

    // Guards the storage's own error on its way through the stream.
    #[test]
    fn a_failed_read_keeps_its_cause() {
        let storage = MemoryStorage::new(4096);
        let mut reader = RegionReader::new(&storage, REGION);
        let error = reader.read(&mut [0; 10]).unwrap_err();
        assert!(matches!(IndexError::from_stream(error), IndexError::Storage(_)));
    }
}
