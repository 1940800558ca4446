//! `uds stats`: what is in an index, and how full its parts are. Opens for reading only, and writes
//! nothing.

mod report;
mod text;

use crate::cli::StatsArgs;
use crate::exit::{Exit, Failure};
use crate::look::Look;
use crate::output::print;
use crate::recover;
use crate::stop::{STOPPING, Stop};
use report::Report;

/// Runs the command.
pub(crate) fn run(arguments: &StatsArgs) -> Result<Exit, Failure> {
    let path = &arguments.index.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let look = Look::at(&arguments.index, arguments.quiet, &stop)?;
    if let Some(report) = &look.recovery {
        recover::tell(path, report);
    }
    let report = Report::new(path, &look);
    print(arguments.format, || text::of(&report, &look), &report)?;
    Ok(if look.is_damaged() { Exit::Problem } else { Exit::Done })
}
