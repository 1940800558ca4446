//! An index that a command reads: opened for reading only, and looked for where the user does not
//! say where it begins.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use uds_geometry::BLOCK_BYTES;
use uds_index::find_index;
use uds_volume::{FileStorage, Storage};

use crate::cli::IndexArgs;
use crate::exit::{Failure, complain};
use crate::stop::Stop;
use crate::storage::about_file;
use crate::watch::{Stage, Watch};

/// A file or device, open for reading only, and where its index begins.
///
/// Readers share it; a writer has it alone.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) storage: Arc<FileStorage>,
    /// The block where the index begins.
    pub(crate) offset: u64,
}

impl Source {
    /// Opens what the user has named. Where the index has to be looked for, a bar shows how far
    /// that is unless it is to be `quiet`, and Ctrl-C ends it.
    pub(crate) fn open(arguments: &IndexArgs, quiet: bool, stop: &Stop) -> Result<Self, Failure> {
        let path = &arguments.file;
        Self::open_at(path, arguments.offset, quiet, stop)
            .map_err(|failure| about_file(failure, path))
    }

    fn open_at(
        path: &Path,
        offset: Option<u64>,
        quiet: bool,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let storage = Arc::new(FileStorage::open_read_only(path)?);
        let offset = match offset {
            Some(offset) => offset,
            None => Self::find(&(Arc::clone(&storage) as _), quiet, stop)?,
        };
        Ok(Self { storage, offset })
    }

    /// Finds the block where the index begins.
    fn find(storage: &Arc<dyn Storage>, quiet: bool, stop: &Stop) -> Result<u64, Failure> {
        let looked_at = AtomicU64::new(0);
        let total = storage.len();
        let bytes = || looked_at.load(Relaxed) * u64::from(BLOCK_BYTES);
        let offset = Watch { name: "looking for an index", quiet, stop }.over(
            || Some(Stage { what: "bytes", done: bytes(), total }),
            || {},
            || {
                find_index(storage, &mut |blocks| {
                    looked_at.store(blocks, Relaxed);
                    if stop.is_wished() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            },
        )?;
        if offset > 0 && !quiet {
            complain(format_args!("the index begins at block {offset}"));
        }
        Ok(offset)
    }

    /// The storage, as the library wants it.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage) as _
    }
}
