//! Unpacking an image, holes and all.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Zeros of this many bytes become a hole; the block size of most file systems.
const HOLE_BYTES: usize = 4096;

/// Unpacks `NAME.zst` into a folder, as `NAME`. Blocks of zeros become holes, so that an image
/// of gigabytes takes no more room than what it holds.
pub(crate) fn unpack(packed: &Path, folder: &Path) -> Result<PathBuf> {
    let image = folder.join(packed.file_stem().unwrap_or_default());
    let doing = || format!("cannot unpack {}", packed.display());
    let source = File::open(packed).with_context(doing)?;
    let decoder = zstd::Decoder::new(source).with_context(doing)?;
    let mut target = File::create(&image).with_context(doing)?;
    let length = copy_sparse(decoder, &mut target).with_context(doing)?;
    // A hole at the end leaves the file too short.
    target.set_len(length).with_context(doing)?;
    Ok(image)
}

/// Copies all bytes, seeking over blocks of zeros, and returns how many there were.
fn copy_sparse(mut source: impl Read, target: &mut (impl Write + Seek)) -> io::Result<u64> {
    let mut block = vec![0; HOLE_BYTES];
    let mut length = 0;
    loop {
        let count = fill(&mut source, &mut block)?;
        if count == 0 {
            return Ok(length);
        }
        if block[..count].iter().all(|&byte| byte == 0) {
            target.seek(SeekFrom::Current(count as i64))?;
        } else {
            target.write_all(&block[..count])?;
        }
        length += count as u64;
    }
}

/// Fills the buffer, and returns how much of it: less only at the end.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the bytes on both sides of a hole, and the length where the end is one.
    #[test]
    fn holes_are_zeros() {
        let mut bytes = vec![0; 10 * HOLE_BYTES + 7];
        bytes[HOLE_BYTES - 1] = 1;
        bytes[5 * HOLE_BYTES] = 2;
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("x.img.zst");
        std::fs::write(&packed, zstd::encode_all(&*bytes, 3).unwrap()).unwrap();
        let image = unpack(&packed, folder.path()).unwrap();
        assert_eq!(image, folder.path().join("x.img"));
        assert!(std::fs::read(&image).unwrap() == bytes);
    }

    // Guards disks: blocks of zeros are passed over, not written.
    #[test]
    fn zeros_are_not_written() {
        struct Counting(u64, io::Cursor<Vec<u8>>);
        impl Write for Counting {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.len() as u64;
                self.1.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                self.1.flush()
            }
        }
        impl Seek for Counting {
            fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
                self.1.seek(position)
            }
        }
        let mut bytes = vec![0; 100 * HOLE_BYTES];
        bytes[50 * HOLE_BYTES + 5] = 1;
        let mut target = Counting(0, io::Cursor::default());
        assert_eq!(copy_sparse(&*bytes, &mut target).unwrap(), bytes.len() as u64);
        assert_eq!(target.0, HOLE_BYTES as u64);
        assert_eq!(target.1.get_ref()[50 * HOLE_BYTES + 5], 1);
    }

    // Guards against half an image that is taken for a whole one.
    #[test]
    fn truncated_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("x.img.zst");
        let whole = zstd::encode_all(&*vec![7; 100_000], 3).unwrap();
        std::fs::write(&packed, &whole[..whole.len() - 3]).unwrap();
        let error = unpack(&packed, folder.path()).unwrap_err();
        assert!(error.to_string().contains("cannot unpack"), "{error}");
        assert!(unpack(&folder.path().join("gone.zst"), folder.path()).is_err());
    }
}
