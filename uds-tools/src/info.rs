//! `uds info`: what an index says about itself. Opens for reading only, and writes nothing.

mod report;

use std::sync::Arc;

use uds_index::IndexInfo;
use uds_volume::{FileStorage, Storage};

use crate::cli::InfoArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::storage::about_file;
use report::Report;

/// Runs the command.
pub(crate) fn run(arguments: &InfoArgs) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let read = || -> Result<_, Failure> {
        let storage = FileStorage::open_read_only(path)?;
        let bytes = storage.len();
        Ok((IndexInfo::read(Arc::new(storage), arguments.offset)?, bytes))
    };
    let (info, file_bytes) = read().map_err(|failure| about_file(failure, path))?;
    let report = Report::new(path, &info, file_bytes);
    print(arguments.format, || report.text(), &report)?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Problem })
}
