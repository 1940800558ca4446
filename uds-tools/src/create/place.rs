//! The place of a new index: a file or a block device, in one hand from the first look to the
//! last write.
//!
//! # Invariants
//!
//! 1. What was examined is what is written: there is one handle, and it is locked all the time.
//! 2. [`Place::restore`] removes a file that is new, and gives every other one its length again.
//!    Nothing that lay in it is lost, unless the index was written over it.

use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uds_geometry::BLOCK_BYTES;
use uds_index::IndexInfo;
use uds_volume::{FileOptions, FileStorage, Storage, StorageError};

use crate::exit::{Exit, Failure};
use crate::stop::Stop;

/// How much of the front of a new index's place on a device must be zero for the place to count
/// as free.
const PROBED_BYTES: u64 = 1 << 20;

/// What a new index would be written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Data,
    Index,
}

/// A file or device that nobody else has open.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    path: PathBuf,
    storage: Arc<FileStorage>,
    /// The bytes that it had, or nothing if the file is new.
    found: Option<u64>,
    stop: &'a Stop,
}

impl<'a> Place<'a> {
    /// Opens `path`, as a new file if there is none.
    pub(super) fn take(path: &Path, sparse: bool, stop: &'a Stop) -> Result<Self, Failure> {
        let options = FileOptions::new().sparse(sparse);
        let (storage, found) = match stop.begin_file(path, || options.create(path, 0)) {
            Ok(storage) => (storage, None),
            Err(StorageError::AlreadyExists { .. }) => {
                let storage = options.open(path).map_err(unsuitable)?;
                let found = storage.len();
                (storage, Some(found))
            }
            Err(error) => return Err(unsuitable(error)),
        };
        Ok(Self { path: path.to_path_buf(), storage: Arc::new(storage), found, stop })
    }

    /// What lies in the given bytes, where a new index begins at block `offset`.
    pub(super) fn content(
        &self,
        offset: u64,
        bytes: Range<u64>,
    ) -> Result<Option<Content>, Failure> {
        let is_device = self.storage.is_device()?;
        content(&self.storage(), is_device, offset, bytes)
    }

    /// Whether nothing at all can be lost with it.
    pub(super) fn was_empty(&self) -> bool {
        self.found.is_none_or(|bytes| bytes == 0)
    }

    /// Makes it at least `bytes` bytes long, unless the user stops that.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Failure> {
        let stop = self.stop;
        let mut goes_on = || {
            if stop.is_wished() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let storage = Arc::get_mut(&mut self.storage);
        let storage = storage.expect("before there is an index, only this has the storage");
        match storage.grow(bytes, &mut goes_on)? {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(stopped()),
        }
    }

    /// The storage for the index.
    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage) as _
    }

    /// Leaves it to the index, which is complete.
    pub(crate) fn keep(self) {
        self.stop.end_file();
    }

    /// Undoes what was done to it, once the index is closed. The failure that calls for this says
    /// more than a failure of this would.
    pub(crate) fn restore(self) {
        match self.found {
            // The lock is held until the name is gone.
            None => drop(fs::remove_file(&self.path)),
            Some(bytes) => {
                drop(Arc::into_inner(self.storage).map(|storage| storage.cut_off(bytes)));
            }
        }
        self.stop.end_file();
    }
}

/// What lies in the given bytes of a file or device, where a new index begins at block `offset`.
fn content(
    storage: &Arc<dyn Storage>,
    is_device: bool,
    offset: u64,
    bytes: Range<u64>,
) -> Result<Option<Content>, Failure> {
    let length = storage.len();
    if bytes.start >= length {
        return Ok(None);
    }
    // An index that begins elsewhere is looked for where most of them begin.
    if [offset, 0].into_iter().any(|first| index_has_any_of(storage, first, &bytes)) {
        return Ok(Some(Content::Index));
    }
    if is_device {
        let probed = length.min(bytes.end) - bytes.start;
        let mut front = vec![0; probed.min(PROBED_BYTES) as usize];
        storage.read_at(bytes.start, &mut front)?;
        if front.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
    }
    Ok(Some(Content::Data))
}

/// Whether an index begins at block `first` and has any of the given bytes.
fn index_has_any_of(storage: &Arc<dyn Storage>, first: u64, bytes: &Range<u64>) -> bool {
    IndexInfo::read(Arc::clone(storage), first).is_ok_and(|info| {
        let start = first * u64::from(BLOCK_BYTES);
        start < bytes.end && bytes.start < start + info.sizes.total_bytes()
    })
}

/// The user stopped it, and nothing was lost.
pub(super) fn stopped() -> Failure {
    let message = "stopped before the index was made; what was there is as it was";
    Failure::new(Exit::Interrupted, anyhow::Error::msg(message))
}

/// What cannot hold an index at all was named by mistake: no index in it is damaged.
fn unsuitable(error: StorageError) -> Failure {
    match error {
        StorageError::WrongKind { .. } => Failure::new(Exit::Usage, error),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::{Configuration, LayoutSizes};
    use uds_index::{CreateOptions, Index};
    use uds_volume::MemoryStorage;

    use super::*;

    const BLOCK: u64 = BLOCK_BYTES as u64;

    // Guards data on a device that lies where the index would go, and against a question about
    // data that would stay.
    #[test]
    fn only_the_bytes_of_the_index_count() {
        let memory = MemoryStorage::new(1000 * BLOCK);
        memory.write_at(10 * BLOCK, b"data").unwrap();
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let content = |is_device, blocks: Range<u64>| {
            let bytes = blocks.start * BLOCK..blocks.end * BLOCK;
            content(&storage, is_device, blocks.start, bytes).unwrap()
        };
        assert_eq!(content(true, 0..11), Some(Content::Data));
        assert_eq!(content(true, 0..10), None);
        assert_eq!(content(true, 11..2000), None, "behind the data all is zero");
        assert_eq!(content(false, 11..2000), Some(Content::Data), "in a file zeroes are data");
        assert_eq!(content(false, 1000..2000), None, "behind the end there is nothing");
        assert_eq!(content(false, 999..1000), Some(Content::Data));
    }

    // Guards an index that a new one would overlap although it begins elsewhere.
    #[test]
    fn an_index_counts_as_far_as_it_reaches() {
        let configuration = Configuration::tiny(false);
        let blocks = LayoutSizes::new(&configuration.geometry()).unwrap().total_blocks();
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new(3 * blocks * BLOCK));
        let options = CreateOptions::default();
        drop(Index::create(Arc::clone(&storage), &configuration, &options).unwrap());
        let content = |first: u64| {
            let bytes = first * BLOCK..(first + blocks) * BLOCK;
            content(&storage, true, first, bytes).unwrap()
        };
        assert_eq!(content(0), Some(Content::Index));
        assert_eq!(content(blocks - 1), Some(Content::Index), "its last block");
        assert_eq!(content(blocks), None);
    }
}
