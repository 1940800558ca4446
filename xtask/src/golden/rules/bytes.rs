//! Reading an image: blocks, pages, and little-endian numbers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Subject;

/// Something that has the bytes of an image.
pub(super) trait Bytes {
    fn length(&self) -> io::Result<u64>;
    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Bytes for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }
}

impl Bytes for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let at = usize::try_from(at).map_err(|_| end())?;
        let bytes = self.get(at..).and_then(|rest| rest.get(..buffer.len())).ok_or_else(end)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// An image, and what is known of it.
pub(super) struct Image<'a> {
    pub(super) bytes: &'a dyn Bytes,
    pub(super) subject: &'a Subject,
}

impl Image<'_> {
    /// Blocks of the image, the first one counted from the beginning of the file.
    pub(super) fn blocks(&self, first: u64, count: u64) -> io::Result<Vec<u8>> {
        self.read(4096 * first, 4096 * count)
    }

    /// Page `number` of the volume (specification, section 7.1).
    pub(super) fn page(&self, number: u64) -> io::Result<Vec<u8>> {
        let page = self.subject.shape.page;
        self.read(4096 * (self.subject.offset + 2) + page * number, page)
    }

    fn read(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; length as usize];
        self.bytes.read(at, &mut buffer)?;
        Ok(buffer)
    }
}

/// The little-endian number in so many bytes at an offset; beyond the end there are zeroes.
pub(super) fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let from = bytes.get(at..).unwrap_or_default();
    from.iter().take(width).rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
