//! Giving a file its size, with space on the file system for all of it.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::{Errno, retry_on_intr};

use crate::storage::StorageError;
use crate::storage::error::boxed;

/// Bytes of a piece of zeroes where space can be reserved by writing only.
const PIECE: usize = 1 << 20;
/// Bytes that are reserved between two questions whether to go on.
const STEP: u64 = 256 << 20;

/// Makes `file` `bytes` bytes long and, unless `sparse`, reserves space for all of it.
///
/// Bytes that the file had and keeps stay as they are. Where `goes_on` breaks, or after a failure,
/// the file has any length between its old and its new one.
pub(super) fn set_size(
    file: &File,
    path: &Path,
    bytes: u64,
    sparse: bool,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StorageError> {
    let metadata = file.metadata().map_err(|error| StorageError::path("examine", path, error))?;
    if !sparse && bytes > 0 {
        let held = std::os::unix::fs::MetadataExt::blocks(&metadata).saturating_mul(512);
        check_available(file, path, bytes, held)?;
        let reserved = reserve(file, bytes, metadata.len(), goes_on)
            .map_err(|error| describe(file, path, bytes, error))?;
        if reserved.is_break() {
            return Ok(reserved);
        }
    }
    // Reserving never makes a file shorter; and it is all that a sparse file gets.
    file.set_len(bytes).map_err(|error| describe(file, path, bytes, error))?;
    Ok(ControlFlow::Continue(()))
}

/// Makes the size and the name of a new file durable.
pub(super) fn sync_name(file: &File, path: &Path) -> Result<(), StorageError> {
    file.sync_all().map_err(|source| StorageError::Sync { source })?;
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory =
        File::open(parent).map_err(|error| StorageError::path("open", parent, error))?;
    match directory.sync_all() {
        // Some file systems cannot sync a directory; they have nothing to sync there.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map_err(|source| StorageError::Sync { source }),
    }
}

/// Refuses at once what cannot fit: a file system may otherwise fill up before it says no.
fn check_available(file: &File, path: &Path, wanted: u64, held: u64) -> Result<(), StorageError> {
    let Some(available) = available_bytes(file) else { return Ok(()) };
    if wanted.saturating_sub(held) > available {
        return Err(StorageError::NoSpace { path: boxed(path), wanted, available, source: None });
    }
    Ok(())
}

/// Bytes that the file system has for this user, if it says.
fn available_bytes(file: &File) -> Option<u64> {
    let system = fstatvfs(file).ok()?;
    // Some network file systems report no blocks at all rather than none available.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

fn reserve(
    file: &File,
    bytes: u64,
    existing: u64,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut at = 0;
    while at < bytes {
        if goes_on().is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let end = bytes.min(at + STEP);
        match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), at, end - at)) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                write_zeroes(file, existing.clamp(at, end), end)?;
            }
            Err(error) => return Err(error.into()),
        }
        at = end;
    }
    Ok(ControlFlow::Continue(()))
}

/// Reserves space where the file system has no call for it: by writing.
fn write_zeroes(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeroes = vec![0; PIECE];
    let mut at = from;
    while at < to {
        let length = (to - at).min(PIECE as u64);
        file.write_all_at(&zeroes[..length as usize], at)?;
        at += length;
    }
    Ok(())
}

/// The error for a file that did not get its size.
fn describe(file: &File, path: &Path, wanted: u64, source: io::Error) -> StorageError {
    let error = StorageError::path("set the size of", path, source);
    if !error.is_out_of_space() {
        return error;
    }
    let StorageError::Path { path, source, .. } = error else { return error };
    if source.kind() == io::ErrorKind::FileTooLarge {
        return StorageError::TooLarge { path, wanted, source };
    }
    let available = available_bytes(file).unwrap_or(0);
    StorageError::NoSpace { path, wanted, available, source: Some(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against zeroes written over what an overwritten file held, and against gaps.
    #[test]
    fn writing_zeroes_extends_and_keeps() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"kept", 0).unwrap();
        write_zeroes(&file, 4, PIECE as u64 + 100).unwrap();
        assert_eq!(file.metadata().unwrap().len(), PIECE as u64 + 100);
        let mut bytes = [1; 6];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"kept\0\0");
    }
}
