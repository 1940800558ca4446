//! `uds verify`: examines a whole index. Opens for reading only, and writes nothing.

mod report;

use std::sync::Arc;
use std::time::Instant;

use uds_index::{
    IndexError, Verification, VerifyControl, VerifyOptions, VerifyPhase, verify as examine,
};
use uds_volume::Storage;

use crate::cli::VerifyArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::source::Source;
use crate::stop::{STOPPING, Stop};
use crate::storage::about_file;
use crate::watch::{Stage, Watch};
use report::Report;

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<Exit, Failure> {
    let path = &arguments.index.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let start = Instant::now();
    let source = Source::open(&arguments.index, arguments.quiet, &stop)?;
    let options = VerifyOptions {
        offset_blocks: source.offset,
        deep: arguments.deep,
        threads: arguments.threads.unwrap_or(0).into(),
    };
    let verification = watched(source.storage(), &options, arguments.quiet, &stop)
        .map_err(|error| about_file(error.into(), path))?;
    let report = Report::new(path, &verification, start.elapsed());
    print(arguments.format, || report.text(), &report)?;
    Ok(if verification.is_sound() { Exit::Done } else { Exit::Problem })
}

/// Verifies an index; a bar on standard error shows how far that is, and Ctrl-C ends it.
fn watched(
    storage: Arc<dyn Storage>,
    options: &VerifyOptions,
    quiet: bool,
    stop: &Stop,
) -> Result<Verification, IndexError> {
    let control = VerifyControl::new();
    Watch { name: "verifying", quiet, stop }.over(
        || stage(&control),
        || control.abandon(),
        || examine(storage, options, &control),
    )
}

fn stage(control: &VerifyControl) -> Option<Stage> {
    let progress = control.progress();
    let what = match progress.phase {
        VerifyPhase::Saves => "save slots",
        VerifyPhase::Chapters => "chapters",
        _ => return None,
    };
    Some(Stage { what, done: progress.done, total: progress.total })
}
