//! `uds verify`: examines a whole index. Opens for reading only, and writes nothing.

mod report;

use std::sync::Arc;
use std::time::Instant;

use uds_index::{
    IndexError, Verification, VerifyControl, VerifyOptions, VerifyPhase, verify as examine,
};
use uds_volume::{FileStorage, Storage};

use crate::cli::VerifyArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::stop::Stop;
use crate::storage::about_file;
use crate::watch::{Stage, Watch};
use report::Report;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping";

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let start = Instant::now();
    let options = VerifyOptions {
        offset_blocks: arguments.offset,
        deep: arguments.deep,
        threads: arguments.threads.unwrap_or(0).into(),
    };
    let verify = || -> Result<Verification, Failure> {
        let storage = Arc::new(FileStorage::open_read_only(path)?);
        Ok(watched(storage, &options, arguments.quiet, &stop)?)
    };
    let verification = verify().map_err(|failure| about_file(failure, path))?;
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
