//! `uds create`: makes an empty index, and never half of one.
//!
//! # Invariants
//!
//! 1. Without `--force` nothing is written to a file that is not empty, or to a device that begins
//!    with anything but zeroes.
//! 2. A file that did not exist, or was empty, is that again after a failure.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use uds_geometry::{Configuration, MemorySize, Nonce};
use uds_index::{CreateOptions, Index, IndexInfo};
use uds_volume::{FileOptions, FileStorage, Storage};

use crate::cli::CreateArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Format, print};
use crate::storage::{about_file, exists, file_bytes};
use crate::units;

/// How much of the front of a device must be zero for the device to count as empty.
const PROBED_BYTES: u64 = 1 << 20;

/// How an index is made.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) memory: MemorySize,
    pub(crate) nonce: Nonce,
    pub(crate) offset: u64,
    pub(crate) force: bool,
    pub(crate) sparse_file: bool,
}

/// What lies where an index is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    Nothing,
    Empty,
    Data,
    Index,
}

impl Existing {
    /// Undoes the making of an index, as far as that can be (invariant 2). The failure that calls
    /// for it says more than a failure of this would.
    fn restore(self, path: &Path) {
        match self {
            Self::Nothing => drop(fs::remove_file(path)),
            Self::Empty if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) => {
                let emptied = OpenOptions::new().write(true).open(path);
                drop(emptied.and_then(|file| file.set_len(0)));
            }
            Self::Empty | Self::Data | Self::Index => {}
        }
    }
}

/// A new index, and what lay in its place.
pub(crate) struct Made {
    pub(crate) index: Index,
    existing: Existing,
}

/// Runs the command.
pub(crate) fn run(arguments: &CreateArgs) -> Result<Exit, Failure> {
    let making = Making {
        memory: arguments.memory,
        nonce: arguments.nonce,
        offset: arguments.offset,
        force: arguments.force,
        sparse_file: arguments.sparse_file,
    };
    let path = &arguments.file;
    let Made { index, existing } = make(path, &making)?;
    let window = index.geometry().records_per_volume();
    index.close().map_err(|error| {
        existing.restore(path);
        about_file(error.into(), path)
    })?;
    let bytes = file_bytes(&Configuration::dense(making.memory), making.offset)?;
    let text = || {
        format!(
            "Created {}\nmemory {}, {} on disk, remembers {} records\n({} in blocks of 4 KiB)\n",
            path.display(),
            making.memory,
            units::bytes(bytes),
            units::count(window),
            units::bytes(window * 4096),
        )
    };
    print(Format::Text, text, &())?;
    Ok(Exit::Done)
}

/// Makes an index and opens it.
pub(crate) fn make(path: &Path, making: &Making) -> Result<Made, Failure> {
    let configuration = Configuration::dense(making.memory);
    let bytes = file_bytes(&configuration, making.offset)?;
    let existing = examine(path, making.offset).map_err(|failure| about_file(failure, path))?;
    if !making.force {
        let found = match existing {
            Existing::Nothing | Existing::Empty => None,
            Existing::Data => Some("is not empty"),
            Existing::Index => Some("holds an index"),
        };
        if let Some(found) = found {
            return Err(Failure::usage(format_args!(
                "{}: it {found} and would be lost; choose another file, or add --force to \
                 overwrite it",
                path.display()
            )));
        }
    }
    let index = fill(path, making, &configuration, bytes, existing)
        .map_err(|failure| about_file(failure, path))?;
    Ok(Made { index, existing })
}

fn fill(
    path: &Path,
    making: &Making,
    configuration: &Configuration,
    bytes: u64,
    existing: Existing,
) -> Result<Index, Failure> {
    // What lies behind the index in the same file stays.
    let bytes = fs::metadata(path).map_or(bytes, |metadata| metadata.len().max(bytes));
    // Where this fails, the storage itself leaves everything as it was.
    let storage = FileOptions::new()
        .overwrite(existing != Existing::Nothing)
        .sparse(making.sparse_file)
        .create(path, bytes)
        .map_err(|error| Failure::new(Exit::InputOutput, error))?;
    let options = CreateOptions {
        nonce: making.nonce,
        offset_blocks: making.offset,
        ..CreateOptions::default()
    };
    Index::create(Arc::new(storage), configuration, &options).map_err(|error| {
        existing.restore(path);
        error.into()
    })
}

fn examine(path: &Path, offset: u64) -> Result<Existing, Failure> {
    if !exists(path) {
        return Ok(Existing::Nothing);
    }
    let storage = FileStorage::open_read_only(path)
        .map_err(|error| Failure::new(Exit::InputOutput, error))?;
    if storage.is_empty() {
        return Ok(Existing::Empty);
    }
    let storage: Arc<dyn Storage> = Arc::new(storage);
    if IndexInfo::read(Arc::clone(&storage), offset).is_ok() {
        return Ok(Existing::Index);
    }
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let start = offset.saturating_mul(4096);
    if !is_file && is_zero(&*storage, 0)? && is_zero(&*storage, start)? {
        return Ok(Existing::Empty);
    }
    Ok(Existing::Data)
}

fn is_zero(storage: &dyn Storage, start: u64) -> Result<bool, Failure> {
    let length = storage.len().saturating_sub(start).min(PROBED_BYTES);
    let mut front = vec![0; length as usize];
    storage.read_at(start, &mut front)?;
    Ok(front.iter().all(|&byte| byte == 0))
}
