//! Files and devices that hold indexes, and what their errors mean for the exit code.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes};
use uds_index::{ErrorKind as Kind, IndexError};
use uds_volume::{StorageError, VolumeError};

use crate::exit::{Exit, Failure};

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<IndexError>> for Failure {
    fn from(error: Arc<IndexError>) -> Self {
        let error = cause(error);
        Self::new(exit_for_index(&error), error)
    }
}

/// The exit code for a failure of an index.
pub(crate) fn exit_for_index(error: &IndexError) -> Exit {
    match (error, error.kind()) {
        (IndexError::Storage(error), _) => exit_for(error),
        (_, Kind::NotAnIndex | Kind::Damaged) => Exit::BadIndex,
        (_, Kind::UnsupportedVersion | Kind::NotSavedCleanly) => Exit::BadIndex,
        (_, Kind::Abandoned) => Exit::Interrupted,
        (_, Kind::Mismatch | Kind::InvalidArgument) => Exit::Usage,
        _ => Exit::InputOutput,
    }
}

/// The failure that others followed from: what a batch of requests or a poisoned index adds to it
/// tells a user of the command nothing.
fn cause(mut error: Arc<IndexError>) -> Arc<IndexError> {
    loop {
        error = match &*error {
            IndexError::RequestsFailed { source: cause, .. } | IndexError::Poisoned { cause } => {
                Arc::clone(cause)
            }
            _ => return error,
        };
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::new(exit_for(&error), error)
    }
}

/// The exit code for a file or device that was taken for an index, or is to become one.
fn exit_for(error: &StorageError) -> Exit {
    match error {
        // What lies there is no index, whatever else it is.
        StorageError::WrongKind { .. } | StorageError::Truncated { .. } => Exit::BadIndex,
        StorageError::DeviceTooSmall { .. } => Exit::Usage,
        _ => Exit::InputOutput,
    }
}

/// Bytes of a file that holds an index of this configuration from block `offset` on.
pub(crate) fn file_bytes(configuration: &Configuration, offset: u64) -> Result<u64, Failure> {
    let sizes = LayoutSizes::new(&configuration.geometry())
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    offset
        .checked_mul(u64::from(uds_geometry::BLOCK_BYTES))
        .and_then(|start| start.checked_add(sizes.total_bytes()))
        .filter(|&bytes| i64::try_from(bytes).is_ok())
        .ok_or_else(|| {
            Failure::usage(format_args!(
                "an index at block {offset} is beyond the end of every file: give the offset in \
                 blocks of 4 KiB"
            ))
        })
}

/// Why no more bytes could be had for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// Its file system is full, or the user's share of it.
    Full,
    /// It would be larger than is allowed.
    TooLarge,
}

/// What the storage said, if it is the storage that failed.
fn storage_error(failure: &Failure) -> Option<&StorageError> {
    let Some(error) = failure.source::<Arc<IndexError>>() else { return failure.source() };
    match &**error {
        IndexError::Storage(error)
        | IndexError::Volume(
            VolumeError::Storage { source: error, .. } | VolumeError::Sync { source: error, .. },
        ) => Some(error),
        _ => None,
    }
}

/// Whether a failure comes from a shortage, and which.
pub(crate) fn shortage(failure: &Failure) -> Option<Shortage> {
    let error = storage_error(failure).filter(|error| error.is_out_of_space())?;
    let is_too_large = match error {
        StorageError::TooLarge { .. } => true,
        StorageError::Io { source, .. }
        | StorageError::Sync { source }
        | StorageError::Path { source, .. } => source.kind() == ErrorKind::FileTooLarge,
        _ => false,
    };
    Some(if is_too_large { Shortage::TooLarge } else { Shortage::Full })
}

/// Puts the file that a failure is about before it, unless the failure names it itself.
pub(crate) fn about_file(failure: Failure, path: &Path) -> Failure {
    let names_it = storage_error(&failure).is_some_and(|error| {
        matches!(
            error,
            StorageError::InUse { .. }
                | StorageError::AlreadyExists { .. }
                | StorageError::WrongKind { .. }
                | StorageError::NoSpace { .. }
                | StorageError::TooLarge { .. }
                | StorageError::NoDirectory { .. }
                | StorageError::DeviceTooSmall { .. }
                | StorageError::Path { .. }
        )
    });
    if names_it {
        return failure;
    }
    let limit = match shortage(&failure) {
        Some(Shortage::TooLarge) => {
            " would be larger than the limit on the size of files (ulimit -f), or the file \
             system, allows"
        }
        Some(Shortage::Full) | None => "",
    };
    failure.about(format!("{path:?}{limit}"))
}

/// Whether there is nothing at `path`, or an empty file, as `mktemp` makes one. An error other than
/// absence is left to whoever opens it.
pub(crate) fn is_free(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && metadata.len() == 0,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}
