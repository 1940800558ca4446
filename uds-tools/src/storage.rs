//! Files and devices that hold indexes, and what their errors mean for the exit code.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes};
use uds_index::{ErrorKind, IndexError};
use uds_volume::StorageError;

use crate::exit::{Exit, Failure};

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<IndexError>> for Failure {
    fn from(error: Arc<IndexError>) -> Self {
        let error = cause(error);
        let exit = match (&*error, error.kind()) {
            (IndexError::Storage(error), _) => exit_for(error),
            (
                _,
                ErrorKind::NotAnIndex
                | ErrorKind::Damaged
                | ErrorKind::UnsupportedVersion
                | ErrorKind::NotSavedCleanly,
            ) => Exit::BadIndex,
            (_, ErrorKind::Mismatch | ErrorKind::InvalidArgument) => Exit::Usage,
            _ => Exit::InputOutput,
        };
        Self::new(exit, error)
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
                "--offset {offset} is beyond the end of every file: give it in blocks of 4 KiB"
            ))
        })
}

/// Puts the file that a failure is about before it, unless the failure names it itself.
pub(crate) fn about_file(failure: Failure, path: &Path) -> Failure {
    let error = match failure.source::<Arc<IndexError>>().map(|error| &**error) {
        Some(IndexError::Storage(error)) => Some(error),
        _ => failure.source::<StorageError>(),
    };
    let names_it = error.is_some_and(|error| {
        matches!(
            error,
            StorageError::InUse { .. }
                | StorageError::AlreadyExists { .. }
                | StorageError::WrongKind { .. }
                | StorageError::NoSpace { .. }
                | StorageError::DeviceTooSmall { .. }
                | StorageError::Path { .. }
        )
    });
    if names_it { failure } else { failure.about(path.display().to_string()) }
}

/// Whether there is nothing at `path`, or an empty file, as `mktemp` makes one. An error other than
/// absence is left to whoever opens it.
pub(crate) fn is_free(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && metadata.len() == 0,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
