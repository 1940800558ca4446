//! `uds info`: what an index says about itself. Opens for reading only, and writes nothing.

mod report;

use uds_index::IndexInfo;
use uds_volume::Storage;

use crate::cli::InfoArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::source::Source;
use crate::stop::{STOPPING, Stop};
use crate::storage::about_file;
use report::{Report, StorageFacts};

/// Runs the command.
pub(crate) fn run(arguments: &InfoArgs) -> Result<Exit, Failure> {
    let path = &arguments.index.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let source = Source::open(&arguments.index, arguments.quiet, &stop)?;
    let read = || -> Result<_, Failure> {
        let storage = &source.storage;
        let facts = StorageFacts { bytes: storage.len(), is_device: storage.is_device()? };
        Ok((IndexInfo::read(source.storage(), source.offset)?, facts))
    };
    let (info, facts) = read().map_err(|failure| about_file(failure, path))?;
    let report = Report::new(path, &info, &facts);
    print(arguments.format, || report.text(), &report)?;
    Ok(if report.is_sound() { Exit::Done } else { Exit::Problem })
}
